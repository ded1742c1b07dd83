/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From rules to dimensions. What a rule says of a field becomes a set of the field's values (ranges); fields
 * about which no rule says anything are left out.
 */
#include "table/classifier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/classifier_big.h"
#include "table/classifier_priv.h"

#define ALL_PROTOCOLS                                                                                        \
	{                                                                                                    \
		~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0)                                       \
	}

const struct class_rule class_rule_any = {
	.proto = ALL_PROTOCOLS,
	.flags = ALL_PROTOCOLS,
	.dscp = ~UINT64_C(0),
	.vlan_last = 4095,
	.length_last = UINT16_MAX,
	.families = CLASS_V4 | CLASS_V6,
	.fragments = CLASS_ANY_FRAGMENT,
	.options = CLASS_WITHOUT | CLASS_WITH,
	.any_flags = true,
};

/* Sizes of the tables; 0: addresses. */
static const uint32_t table_size[CLASS_DIMS] = {
	[CLASS_SPORT] = CLASS_UNKNOWN_PORT + 1,
	[CLASS_DPORT] = CLASS_UNKNOWN_PORT + 1,
	[CLASS_KIND] = CLASS_KINDS,
	[CLASS_FLAGS] = CLASS_UNKNOWN_FLAGS + 1,
	[CLASS_DSCP] = 64,
	[CLASS_VLAN] = 4096,
	[CLASS_LENGTH] = 65536,
};

/* --- values that a rule takes, where they are not ranges already --- */

/* What a set of values was made of, so that it is made once. */
struct source {
	uint64_t word[4], more;
};

struct made {
	struct made *next;
	struct source from;
	struct ranges values;
};

static bool has_bit(const uint64_t *word, unsigned v)
{
	return (word[v / 64] >> v % 64 & 1) != 0;
}

static bool is_l4(const struct class_rule *r)
{
	return r->sport != NULL || r->dport != NULL || !r->any_flags;
}

/* more: families, fragments << 8, options << 16, l4 << 24, unknown_matches << 25 */
static struct source kind_source(const struct class_rule *r)
{
	struct source s = {.more = r->families | (uint64_t)r->fragments << 8 | (uint64_t)r->options << 16 |
				   (uint64_t)is_l4(r) << 24 |
				   (uint64_t)(is_l4(r) && r->unknown_matches) << 25};

	memcpy(s.word, r->proto, sizeof s.word);
	return s;
}

static bool kind_takes(const struct source *s, uint32_t v)
{
	const unsigned families = s->more & 3, fragments = s->more >> 8 & 7, options = s->more >> 16 & 3;
	const bool l4 = (s->more >> 24 & 1) != 0, unknown_matches = (s->more >> 25 & 1) != 0;
	const unsigned state = v >> 8 & 3;

	return has_bit(s->word, v & 255) && state < 3 && (fragments >> state & 1) != 0 &&
	       (options & ((v & CLASS_KIND_OPTIONS) != 0 ? CLASS_WITH : CLASS_WITHOUT)) != 0 &&
	       (families & ((v & CLASS_KIND_V6) != 0 ? CLASS_V6 : CLASS_V4)) != 0 &&
	       ((v & CLASS_KIND_UNKNOWN) == 0 || !l4 || unknown_matches);
}

static bool bit_takes(const struct source *s, uint32_t v)
{
	return v < 256 && has_bit(s->word, v);
}

struct builder {
	const struct class_rule *rule;
	uint32_t count, words;
	struct made *made;
	bool failed;
};

static int make_values(struct made *m, uint8_t id)
{
	bool (*takes)(const struct source *s, uint32_t v) = id == CLASS_KIND ? kind_takes : bit_takes;
	const uint32_t size = table_size[id];

	for (uint32_t v = 0; v < size; v++) {
		uint32_t first = v;

		while (v < size && takes(&m->from, v))
			v++;
		if (v != first && ranges_add(&m->values, first, v - 1) != 0)
			return -ENOMEM;
	}
	return 0;
}

/* The values of a field that a source describes. NULL when memory is short. */
static const struct ranges *values_of(struct builder *b, uint8_t id, const struct source *s)
{
	struct made *m;

	for (m = b->made; m != NULL; m = m->next)
		if (memcmp(&m->from, s, sizeof *s) == 0)
			return &m->values;
	m = calloc(1, sizeof *m);
	if (m == NULL)
		return NULL;
	m->from = *s;
	m->next = b->made;
	b->made = m;
	return make_values(m, id) == 0 ? &m->values : NULL;
}

static void forget_made(struct builder *b)
{
	struct made *m;

	while ((m = b->made) != NULL) {
		b->made = m->next;
		ranges_free(&m->values);
		free(m);
	}
}

/* A range as a set of its own; NULL for all there are. */
static const struct ranges *interval(struct builder *b, uint16_t first, uint16_t last, uint16_t most)
{
	const struct source s = {.word = {first, last}, .more = UINT64_C(1) << 63};
	struct made *m;

	if (first == 0 && last == most)
		return NULL;
	for (m = b->made; m != NULL; m = m->next)
		if (memcmp(&m->from, &s, sizeof s) == 0)
			return &m->values;
	m = calloc(1, sizeof *m);
	if (m == NULL || ranges_add(&m->values, first, last) != 0) {
		free(m);
		b->failed = true;
		return NULL;
	}
	m->from = s;
	m->next = b->made;
	b->made = m;
	return &m->values;
}

static const struct ranges *made_field(struct builder *b, uint8_t id, const struct source *s)
{
	const struct ranges *r = values_of(b, id, s);

	b->failed |= r == NULL;
	return r;
}

static const struct ranges *flags_values(struct builder *b, const struct class_rule *r)
{
	struct source s = {0};

	if (r->any_flags)
		return NULL;
	memcpy(s.word, r->flags, sizeof s.word);
	return made_field(b, CLASS_FLAGS, &s);
}

/* What rule r takes of a field; NULL: any value. */
static const struct ranges *field_values(struct builder *b, uint8_t id, bool v4, const struct class_rule *r)
{
	const struct source dscp = {.word = {r->dscp}}, kind = kind_source(r);
	const struct addr_set *set = id == CLASS_SRC ? r->src : r->dst;

	switch (id) {
	case CLASS_SRC:
	case CLASS_DST:
		return set == NULL ? NULL : v4 ? &set->v4 : &set->v6;
	case CLASS_SPORT:
		return r->sport;
	case CLASS_DPORT:
		return r->dport;
	case CLASS_KIND:
		return made_field(b, id, &kind);
	case CLASS_FLAGS:
		return flags_values(b, r);
	case CLASS_DSCP:
		return r->dscp == ~UINT64_C(0) ? NULL : made_field(b, id, &dscp);
	case CLASS_VLAN:
		return interval(b, r->vlan_first, r->vlan_last, 4095);
	default:
		return interval(b, r->length_first, r->length_last, UINT16_MAX);
	}
}

/* --- dimensions --- */

static struct class_domain domain_of(uint8_t id, bool v4)
{
	return (struct class_domain){.id = id,
		.bits = !class_is_address(id) ? 0
			: v4                  ? 32
					      : 128,
		.size = table_size[id],
		.has_unknown = id == CLASS_SPORT || id == CLASS_DPORT || id == CLASS_FLAGS};
}

/* 1: built; 0: no rule says anything about the field. */
static int build_dim(struct builder *b, uint8_t id, bool v4, struct class_dim *d)
{
	const struct class_domain domain = domain_of(id, v4);
	struct class_conds t;
	int rc = class_conds_init(&t, b->count);

	b->failed = false;
	for (uint32_t i = 0; rc == 0 && i < b->count; i++)
		class_conds_set(&t, i, field_values(b, id, v4, &b->rule[i]));
	if (rc == 0 && b->failed)
		rc = -ENOMEM;
	if (rc == 0 && (t.count != 0 || id == CLASS_KIND))
		rc = class_dim_build(d, &domain, &t, b->count, b->words);
	else if (rc == 0)
		rc = 1;
	class_conds_free(&t);
	forget_made(b);
	return rc < 0 ? rc : rc == 0;
}

static int build_dims(struct classifier *c, struct builder *b)
{
	for (uint8_t id = 0; id < CLASS_DIMS; id++) {
		for (unsigned family = 0; family < (class_is_address(id) ? 2 : 1); family++) {
			int rc = build_dim(b, id, family == 0, &c->dim[family][c->dims[family]]);

			if (rc < 0)
				return rc;
			c->dims[family] += (unsigned)rc;
			c->fields |= (uint32_t)rc << id;
			if (!class_is_address(id) && rc == 1)
				c->dim[1][c->dims[1]++] = c->dim[0][c->dims[0] - 1];
		}
	}
	return 0;
}

struct classifier *classifier_build(const struct class_rule *rule, uint32_t count, struct err *e)
{
	struct classifier *c = calloc(1, sizeof *c);
	struct builder b = {.rule = rule, .count = count};
	int rc = c != NULL ? 0 : -ENOMEM;

	if (rc == 0) {
		c->rules = count;
		c->words = count <= 256 ? 4 : (count + 511) / 512 * 8;
		c->sum_words = (c->words + 63) / 64;
		b.words = c->words;
		rc = build_dims(c, &b);
	}
	if (rc == 0)
		return c;
	classifier_free(c);
	err_set(e, -rc,
		rc == -E2BIG ? "%u rules differ in too many ways" : "not enough memory to compile %u rules",
		count);
	return NULL;
}

void classifier_free(struct classifier *c)
{
	if (c == NULL)
		return;
	classifier_big_free(c->big);
	for (unsigned family = 2; family-- > 0;)
		for (unsigned i = 0; i < c->dims[family]; i++)
			class_dim_free(&c->dim[family][i], family == 1);
	free(c);
}

uint64_t classifier_memory(const struct classifier *c)
{
	uint64_t bytes = sizeof *c;

	for (unsigned family = 0; family < 2; family++)
		for (unsigned i = 0; i < c->dims[family]; i++)
			if (family == 0 || class_is_address(c->dim[family][i].id))
				bytes += class_dim_memory(
					&c->dim[family][i], c->words, table_size[c->dim[family][i].id]);
	return bytes + classifier_big_memory(__atomic_load_n(&c->big, __ATOMIC_ACQUIRE));
}

/* Classes of an address dimension: one per span at most, and one per set of rules. Of the others: where the
 * at most one range of each rule begins and ends. */
uint64_t classifier_bound(uint32_t rules, uint64_t ranges)
{
	const uint64_t row = (rules <= 256 ? 4 : (rules + 511) / 512 * 8) * 8 + 8, spans = 2 * ranges + 1;
	const uint64_t sets = rules < 40 ? UINT64_C(1) << rules : UINT64_MAX;
	const uint64_t addresses = 2 * (spans < sets ? spans : sets), others = 2 * (2 * (uint64_t)rules + 2);

	return (addresses + others) * row + spans * 2 * 64 + 8 * 65536 * sizeof(uint32_t);
}

int classifier_tune(struct classifier *c, const struct class_rule *rule, struct err *e)
{
	struct classifier_big *big = NULL;
	int rc = classifier_big_build(&big, rule, c->rules, e);

	if (rc == 0)
		__atomic_store_n(&c->big, big, __ATOMIC_RELEASE);
	return rc;
}

bool classifier_tuned(const struct classifier *c)
{
	return __atomic_load_n(&c->big, __ATOMIC_ACQUIRE) != NULL;
}
