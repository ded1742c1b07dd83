/* SPDX-License-Identifier: BSD-3-Clause */
#include "table/classifier_big.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_acl.h>
#include <rte_byteorder.h>
#include <rte_vect.h>

#include "table/classifier_lookup.h"

#define REST_MAX 31 /* ways in which rules differ besides the key's own fields */
#define MAX_SIZE (UINT64_C(1) << 30)

/* What rte_acl walks, byte by byte, in this order: what tells rules apart best comes first, and the bits
 * last, where few rules are left to be told apart. */
struct key {
	uint8_t proto, pad[3];
	uint16_t src, dst; /* ordinals */
	uint16_t sport, dport;
	uint32_t rest;
};

enum { F_PROTO, F_SRC, F_DST, F_SPORT, F_DPORT, F_REST, FIELDS };

static const struct rte_acl_field_def fields[FIELDS] = {
	{.type = RTE_ACL_FIELD_TYPE_BITMASK,
		.size = 1,
		.field_index = F_PROTO,
		.input_index = 0,
		.offset = offsetof(struct key, proto)},
	{.type = RTE_ACL_FIELD_TYPE_RANGE,
		.size = 2,
		.field_index = F_SRC,
		.input_index = 1,
		.offset = offsetof(struct key, src)},
	{.type = RTE_ACL_FIELD_TYPE_RANGE,
		.size = 2,
		.field_index = F_DST,
		.input_index = 1,
		.offset = offsetof(struct key, dst)},
	{.type = RTE_ACL_FIELD_TYPE_RANGE,
		.size = 2,
		.field_index = F_SPORT,
		.input_index = 2,
		.offset = offsetof(struct key, sport)},
	{.type = RTE_ACL_FIELD_TYPE_RANGE,
		.size = 2,
		.field_index = F_DPORT,
		.input_index = 2,
		.offset = offsetof(struct key, dport)},
	{.type = RTE_ACL_FIELD_TYPE_BITMASK,
		.size = 4,
		.field_index = F_REST,
		.input_index = 3,
		.offset = offsetof(struct key, rest)},
};

RTE_ACL_RULE_DEF(big_rule, FIELDS);

struct big_family {
	struct rte_acl_ctx *acl;   /* NULL: no rule is for this family */
	struct addrmap *src, *dst; /* ordinals */
};

struct classifier_big {
	struct big_family family[2];
	struct classifier *rest; /* a bit per way, by the number of its rule; NULL: there is none */
};

/* --- the ways in which rules differ otherwise --- */

struct rests {
	struct class_rule rule[REST_MAX];
	uint32_t count;
	uint8_t *of_rule; /* number + 1; 0: none */
};

static bool is_single(const struct ranges *r)
{
	return r == NULL || r->count == 1;
}

/* The protocol that is the only one a rule takes, or -1. */
static int single_proto(const struct class_rule *r)
{
	int found = -1;

	for (unsigned v = 0; v < 256; v++)
		if ((r->proto[v / 64] >> v % 64 & 1) != 0) {
			if (found >= 0)
				return -1;
			found = (int)v;
		}
	return found;
}

static bool address_single(const struct addr_set *s)
{
	return s == NULL || (s->v4.count <= 1 && s->v6.count <= 1);
}

/* The rule without what the key says. Packets that come here have known ports and are no later fragments. */
static struct class_rule rest_of(const struct class_rule *r)
{
	struct class_rule x = *r;

	if (address_single(r->src))
		x.src = NULL;
	if (address_single(r->dst))
		x.dst = NULL;
	if (is_single(r->sport))
		x.sport = NULL;
	if (is_single(r->dport))
		x.dport = NULL;
	if (single_proto(r) >= 0)
		memcpy(x.proto, class_rule_any.proto, sizeof x.proto);
	if ((x.fragments & (CLASS_WHOLE | CLASS_FIRST)) == (CLASS_WHOLE | CLASS_FIRST))
		x.fragments = CLASS_ANY_FRAGMENT;
	x.families = CLASS_V4 | CLASS_V6; /* each family has rules of its own */
	x.unknown_matches = false;
	return x;
}

static bool rest_equal(const struct class_rule *a, const struct class_rule *b)
{
	return (a->src == b->src || (a->src != NULL && b->src != NULL && addr_set_equal(a->src, b->src))) &&
	       (a->dst == b->dst || (a->dst != NULL && b->dst != NULL && addr_set_equal(a->dst, b->dst))) &&
	       (a->sport == b->sport ||
		       (a->sport != NULL && b->sport != NULL && ranges_equal(a->sport, b->sport))) &&
	       (a->dport == b->dport ||
		       (a->dport != NULL && b->dport != NULL && ranges_equal(a->dport, b->dport))) &&
	       memcmp(a->proto, b->proto, sizeof a->proto) == 0 && a->dscp == b->dscp &&
	       a->vlan_first == b->vlan_first && a->vlan_last == b->vlan_last &&
	       a->length_first == b->length_first && a->length_last == b->length_last &&
	       a->fragments == b->fragments && a->options == b->options && a->any_flags == b->any_flags &&
	       (a->any_flags || memcmp(a->flags, b->flags, sizeof a->flags) == 0);
}

static int find_rests(struct rests *s, const struct class_rule *rule, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct class_rule x = rest_of(&rule[i]);
		uint32_t k = 0;

		if (rest_equal(&x, &class_rule_any))
			continue;
		while (k < s->count && !rest_equal(&x, &s->rule[k]))
			k++;
		if (k == REST_MAX)
			return -E2BIG;
		if (k == s->count)
			s->rule[s->count++] = x;
		s->of_rule[i] = (uint8_t)(k + 1);
	}
	return 0;
}

/* --- ordinals of addresses --- */

struct ordinals {
	u128 *edge; /* sorted, [0] = 0 */
	uint32_t count;
};

static int by_value(const void *a, const void *b)
{
	const u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static const struct range *native(const struct class_rule *r, bool dst, bool v4)
{
	const struct addr_set *s = dst ? r->dst : r->src;
	const struct ranges *x = s == NULL ? NULL : v4 ? &s->v4 : &s->v6;

	return x != NULL && address_single(s) && x->count == 1 ? x->at : NULL;
}

/* Where something begins, among the single ranges of the rules. */
static int find_ordinals(struct ordinals *o, const struct class_rule *rule, uint32_t count, bool dst, bool v4)
{
	const u128 most = v4 ? (u128)UINT32_MAX : ~(u128)0;
	uint32_t n = 0;

	o->edge = malloc((2 * (size_t)count + 1) * sizeof *o->edge);
	if (o->edge == NULL)
		return -ENOMEM;
	o->edge[n++] = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct range *r = native(&rule[i], dst, v4);

		if (r == NULL)
			continue;
		o->edge[n++] = r->first;
		if (r->last != most)
			o->edge[n++] = r->last + 1;
	}
	qsort(o->edge, n, sizeof *o->edge, by_value);
	o->count = 1;
	for (uint32_t i = 1; i < n; i++)
		if (o->edge[i] != o->edge[o->count - 1])
			o->edge[o->count++] = o->edge[i];
	return o->count <= UINT16_MAX ? 0 : -E2BIG;
}

/* Number of the last edge that is not above v. */
static uint16_t ordinal(const struct ordinals *o, u128 v)
{
	uint32_t low = 0, high = o->count;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (o->edge[mid] <= v)
			low = mid;
		else
			high = mid;
	}
	return (uint16_t)low;
}

static struct addrmap *ordinal_map(const struct ordinals *o, bool v4)
{
	struct addrmap_span *s = malloc(o->count * sizeof *s);
	struct addrmap *m;

	if (s == NULL)
		return NULL;
	for (uint32_t i = 0; i < o->count; i++)
		s[i] = (struct addrmap_span){o->edge[i], i};
	m = addrmap_build(v4 ? 32 : 128, s, o->count);
	free(s);
	return m;
}

/* --- rules for rte_acl --- */

static void set_range(struct rte_acl_field *f, const struct ordinals *o, const struct range *r)
{
	f->value.u16 = r != NULL ? ordinal(o, r->first) : 0;
	f->mask_range.u16 = r != NULL ? ordinal(o, r->last) : UINT16_MAX;
}

static void set_ports(struct rte_acl_field *f, const struct ranges *r)
{
	bool one = r != NULL && r->count == 1;

	f->value.u16 = one ? (uint16_t)r->at[0].first : 0;
	f->mask_range.u16 = one ? (uint16_t)r->at[0].last : UINT16_MAX;
}

/* No packet of this family can match. */
static bool never(const struct class_rule *r, bool v4)
{
	const struct addr_set *const set[] = {r->src, r->dst};

	for (unsigned i = 0; i < 2; i++)
		if (set[i] != NULL && (v4 ? set[i]->v4.count : set[i]->v6.count) == 0)
			return true;
	return (r->families & (v4 ? CLASS_V4 : CLASS_V6)) == 0 ||
	       (r->fragments & (CLASS_WHOLE | CLASS_FIRST)) == 0 ||
	       (r->sport != NULL && r->sport->count == 0) || (r->dport != NULL && r->dport->count == 0);
}

struct making {
	const struct class_rule *rule;
	uint32_t count;
	const struct rests *rests;
	struct ordinals src, dst;
	bool v4;
};

static void make_rule(struct big_rule *to, const struct making *m, uint32_t i)
{
	const struct class_rule *r = &m->rule[i];
	const int proto = single_proto(r);
	const uint32_t bit = m->rests->of_rule[i] != 0 ? 1u << (m->rests->of_rule[i] - 1) : 0;

	memset(to, 0, sizeof *to);
	to->data.category_mask = 1;
	to->data.priority = (int32_t)(m->count - i);
	to->data.userdata = i + 1;
	to->field[F_PROTO].value.u8 = proto >= 0 ? (uint8_t)proto : 0;
	to->field[F_PROTO].mask_range.u8 = proto >= 0 ? 0xff : 0;
	set_range(&to->field[F_SRC], &m->src, native(r, false, m->v4));
	set_range(&to->field[F_DST], &m->dst, native(r, true, m->v4));
	set_ports(&to->field[F_SPORT], r->sport);
	set_ports(&to->field[F_DPORT], r->dport);
	to->field[F_REST].value.u32 = bit;
	to->field[F_REST].mask_range.u32 = bit;
}

static enum rte_acl_classify_alg best_alg(void)
{
	const uint16_t bits = rte_vect_get_max_simd_bitwidth();

	if (bits >= 512 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
		return RTE_ACL_CLASSIFY_AVX512X32;
	return bits >= 256 && __builtin_cpu_supports("avx2") ? RTE_ACL_CLASSIFY_AVX2 : RTE_ACL_CLASSIFY_SSE;
}

static int compile(struct big_family *f, const struct making *m, uint32_t rules)
{
	static uint32_t serial; /* names are unique in the process */
	char name[RTE_ACL_NAMESIZE];
	struct rte_acl_param p = {.name = name,
		.socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS),
		.max_rule_num = rules};
	struct rte_acl_config cfg = {.num_categories = 1, .num_fields = FIELDS, .max_size = MAX_SIZE};
	struct big_rule rule;
	int rc = 0;

	snprintf(name, sizeof name, "weir_%u", __atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED));
	memcpy(cfg.defs, fields, sizeof fields);
	f->acl = rte_acl_create(&p);
	if (f->acl == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; rc == 0 && i < m->count; i++) {
		if (never(&m->rule[i], m->v4))
			continue;
		make_rule(&rule, m, i);
		rc = rte_acl_add_rules(f->acl, (const struct rte_acl_rule *)(const void *)&rule, 1);
	}
	if (rc == 0)
		rc = rte_acl_build(f->acl, &cfg);
	if (rc == 0 && rte_acl_set_ctx_classify(f->acl, best_alg()) != 0)
		rte_acl_set_ctx_classify(f->acl, RTE_ACL_CLASSIFY_SCALAR);
	return rc;
}

static int make_family(struct big_family *f, struct making *m)
{
	uint32_t rules = 0;
	int rc;

	for (uint32_t i = 0; i < m->count; i++)
		rules += !never(&m->rule[i], m->v4);
	if (rules == 0)
		return 0;
	rc = find_ordinals(&m->src, m->rule, m->count, false, m->v4);
	if (rc == 0)
		rc = find_ordinals(&m->dst, m->rule, m->count, true, m->v4);
	if (rc == 0) {
		f->src = ordinal_map(&m->src, m->v4);
		f->dst = ordinal_map(&m->dst, m->v4);
		rc = f->src != NULL && f->dst != NULL ? compile(f, m, rules) : -ENOMEM;
	}
	free(m->src.edge);
	free(m->dst.edge);
	return rc;
}

static int make_all(struct classifier_big *b, const struct class_rule *rule, uint32_t count,
	struct rests *rests, struct err *e)
{
	int rc = find_rests(rests, rule, count);

	if (rc == 0 && rests->count != 0) {
		b->rest = classifier_build(rests->rule, rests->count, e);
		rc = b->rest != NULL ? 0 : -ENOMEM;
	}
	for (unsigned family = 0; rc == 0 && family < 2; family++) {
		struct making m = {.rule = rule, .count = count, .rests = rests, .v4 = family == 0};

		rc = make_family(&b->family[family], &m);
	}
	return rc;
}

int classifier_big_build(
	struct classifier_big **out, const struct class_rule *rule, uint32_t count, struct err *e)
{
	struct classifier_big *b = calloc(1, sizeof *b);
	struct rests *rests = calloc(1, sizeof *rests);
	int rc = -ENOMEM;

	if (b != NULL && rests != NULL)
		rests->of_rule = calloc(count + 1, 1);
	if (b != NULL && rests != NULL && rests->of_rule != NULL)
		rc = make_all(b, rule, count, rests, e);
	if (rests != NULL)
		free(rests->of_rule);
	free(rests);
	if (rc == 0) {
		*out = b;
		return 0;
	}
	classifier_big_free(b);
	return err_set(e, -rc,
		rc == -E2BIG ? "%u rules differ in too many ways for rte_acl"
			     : "not enough memory to compile %u rules for rte_acl",
		count);
}

void classifier_big_free(struct classifier_big *b)
{
	if (b == NULL)
		return;
	for (unsigned family = 0; family < 2; family++) {
		rte_acl_free(b->family[family].acl);
		addrmap_free(b->family[family].src);
		addrmap_free(b->family[family].dst);
	}
	classifier_free(b->rest);
	free(b);
}

uint64_t classifier_big_memory(const struct classifier_big *b)
{
	uint64_t bytes = 0;

	for (unsigned family = 0; b != NULL && family < 2; family++)
		if (b->family[family].acl != NULL)
			bytes +=
				addrmap_memory(b->family[family].src) + addrmap_memory(b->family[family].dst);
	return b != NULL && b->rest != NULL ? bytes + classifier_memory(b->rest) : bytes;
}

/* --- lookup --- */

static void fill_rest(
	const struct classifier_big *b, const struct class_keys *k, bool v4, uint64_t slots, struct key *key)
{
	const struct class_dim *d = b->rest->dim[!v4];
	uint8_t room[CLASSIFIER_BURST];
	struct class_found f;

	class_find(b->rest, k, v4, class_slots_of(slots, room), &f);
	CLASS_EACH (i, slots)
		key[i].rest = rte_cpu_to_be_32(
			(uint32_t)class_word(d, b->rest->dims[!v4], &f, (unsigned)i, b->rest->words, 0));
}

static void fill_keys(
	const struct classifier_big *b, const struct class_keys *k, bool v4, uint64_t slots, struct key *key)
{
	const struct big_family *f = &b->family[!v4];

	CLASS_EACH (i, slots) {
		uint32_t src = v4 ? addrmap_find4(f->src, k->src4[i]) : addrmap_find6(f->src, k->ip6[i]);
		uint32_t dst = v4 ? addrmap_find4(f->dst, k->dst4[i]) : addrmap_find6(f->dst, k->ip6[i] + 16);

		key[i] = (struct key){.proto = (uint8_t)k->kind[i],
			.src = rte_cpu_to_be_16((uint16_t)src),
			.dst = rte_cpu_to_be_16((uint16_t)dst),
			.sport = rte_cpu_to_be_16((uint16_t)k->sport[i]),
			.dport = rte_cpu_to_be_16((uint16_t)k->dport[i])};
	}
	if (b->rest != NULL)
		fill_rest(b, k, v4, slots, key);
}

static void first_family(const struct classifier_big *b, const struct class_keys *k, bool v4, uint64_t slots,
	uint32_t first[CLASSIFIER_BURST])
{
	const uint8_t *data[CLASSIFIER_BURST];
	uint32_t result[CLASSIFIER_BURST];
	struct key key[CLASSIFIER_BURST];
	unsigned n = 0;

	if (b->family[!v4].acl == NULL) {
		CLASS_EACH (i, slots)
			first[i] = CLASSIFIER_NONE;
		return;
	}
	fill_keys(b, k, v4, slots, key);
	CLASS_EACH (i, slots)
		data[n++] = (const uint8_t *)&key[i];
	rte_acl_classify(b->family[!v4].acl, data, result, n, 1);
	n = 0;
	CLASS_EACH (j, slots)
		first[j] = result[n++] - 1; /* 0, no rule, becomes CLASSIFIER_NONE */
}

uint64_t classifier_big_first(const struct classifier_big *b, const struct class_keys *k, uint64_t slots,
	uint32_t first[CLASSIFIER_BURST])
{
	uint64_t known = 0;

	CLASS_EACH (i, slots)
		known |= (uint64_t)((k->kind[i] & (CLASS_KIND_UNKNOWN | CLASS_KIND_LATER)) == 0) << i;
	if ((known & k->v4) != 0)
		first_family(b, k, true, known & k->v4, first);
	if ((known & k->v6) != 0)
		first_family(b, k, false, known & k->v6, first);
	return known;
}
