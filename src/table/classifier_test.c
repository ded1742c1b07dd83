/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges, the address map and the classifier against the plainest code there is: random sets, random rules
 * and random packets in a small world, so that rules overlap and packets hit them. Bit vectors, summaries,
 * rte_acl and every width of the vector code must name the same rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "table/classifier_lookup.h"
#include "table_random.h"
#ifndef __AVX512F__
#include "avx512.h"
#endif

/* Every width, also those that the build would not choose. */
#undef WEIR_TABLE_CLASSIFIER_WORDS_H
#define class_first_bit_scalar every_scalar
#define class_first_bit_avx2 every_avx2
#define class_first_bit_avx512 every_avx512
#define class_first_bit every_first
#define CLASS_WORDS_ALL
#ifdef __AVX2__
#include "table/classifier_words.h"
#endif

/* --- vector code --- */

static void every_width_finds_the_same_bit(void **state)
{
#ifdef __AVX2__
	static uint64_t row[CLASS_DIMS][32] __rte_cache_aligned;
	const uint64_t *at[CLASS_DIMS];

	for (unsigned round = 0; round < 20000; round++) {
		unsigned rows = 1 + below(CLASS_DIMS), words = 8 * (1 + below(4));
		uint32_t want;

		for (unsigned n = 0; n < rows; n++) {
			at[n] = row[n];
			for (unsigned w = 0; w < words; w++)
				row[n][w] = rnd() << 8 | (rnd() & 255);
			if (below(3) != 0) /* mostly nothing is left */
				memset(row[n], 0, below(words + 1) * 8);
		}
		want = every_scalar(at, rows, words);
		assert_int_equal(every_avx2(at, rows, words), want);
		assert_int_equal(every_avx512(at, rows, words), want);
		assert_int_equal(class_first_bit(at, rows, words), want);
	}
#endif
}

/* --- rules --- */

#define SETS 40
#define RULES_MAX 6000

static struct addr_set sets[SETS];
static struct ranges port_sets[SETS];
static struct addr_set single[2 * RULES_MAX];
static struct ranges single_port[2 * RULES_MAX];
static struct class_rule rules[RULES_MAX];

/* How wild the rules of a list are. */
struct world {
	const char *what;
	unsigned count;
	unsigned spread;  /* bits in which addresses differ */
	unsigned odd;     /* one rule in so many says something of flags, DSCP, fragments ...; 0: none */
	unsigned in_sets; /* one condition in so many is a set; 0: none */
};

static void make_address(struct addr_set *s, unsigned spread)
{
	const bool v4 = below(2) != 0;
	const u128 a = address(v4, spread);
	const unsigned bits = below(4) == 0 ? below(v4 ? 33 : 129) : below(spread + 1);
	const u128 size = bits >= 128 ? 0 : (u128)1 << bits, most = v4 ? UINT32_MAX : ~(u128)0;
	const u128 first = bits >= 128 ? 0 : a & ~(size - 1), last = below(8) == 0 ? a : first + (size - 1);

	ranges_add(v4 ? &s->v4 : &s->v6, RTE_MIN(first, last), RTE_MIN(last, most));
}

static void make_sets(unsigned spread)
{
	for (unsigned i = 0; i < SETS; i++) {
		for (unsigned n = below(i % 8 == 7 ? 300 : 12); n > 0; n--)
			make_address(&sets[i], spread);
		addr_set_merge(&sets[i]);
		for (unsigned n = 1 + below(5); n > 0; n--) {
			unsigned first = below(65536);

			ranges_add(&port_sets[i], first, RTE_MIN(65535u, first + below(200)));
		}
		ranges_merge(&port_sets[i]);
	}
}

static void free_world(void)
{
	for (unsigned i = 0; i < SETS; i++) {
		addr_set_free(&sets[i]);
		ranges_free(&port_sets[i]);
	}
	for (unsigned i = 0; i < 2 * RULES_MAX; i++) {
		addr_set_free(&single[i]);
		ranges_free(&single_port[i]);
	}
}

static const struct addr_set *some_addresses(const struct world *w, unsigned own)
{
	if (below(4) == 0)
		return NULL;
	if (w->in_sets != 0 && below(w->in_sets) == 0)
		return &sets[below(SETS)];
	make_address(&single[own], w->spread);
	return &single[own];
}

static const struct ranges *some_ports(const struct world *w, unsigned own)
{
	static const uint16_t known[] = {22, 53, 80, 443, 8080};
	unsigned first = known[below(RTE_DIM(known))];

	if (below(3) == 0)
		return NULL;
	if (w->in_sets != 0 && below(w->in_sets) == 0)
		return &port_sets[below(SETS)];
	ranges_add(&single_port[own], first, below(3) == 0 ? 65535 : first);
	return &single_port[own];
}

static void take_only(uint64_t word[4], unsigned v)
{
	memset(word, 0, 4 * sizeof *word);
	word[v / 64] = UINT64_C(1) << v % 64;
}

static void make_odd(struct class_rule *r)
{
	switch (below(7)) {
	case 0:
		r->any_flags = false;
		for (unsigned i = 0; i < 4; i++)
			r->flags[i] = rnd() & rnd();
		break;
	case 1:
		r->dscp = rnd() & 0x0f0f;
		break;
	case 2:
		r->fragments = (uint8_t)(1 + below(7));
		break;
	case 3:
		r->options = (uint8_t)(1 + below(2));
		break;
	case 4:
		r->vlan_first = r->vlan_last = (uint16_t)below(3);
		break;
	case 5:
		r->length_first = (uint16_t)below(100);
		r->length_last = (uint16_t)(r->length_first + below(1400));
		break;
	default:
		r->families = (uint8_t)(1 + below(2));
	}
}

static void make_rule(struct class_rule *r, const struct world *w, unsigned i)
{
	static const uint8_t protos[] = {6, 17, 1, 58, 47};

	*r = class_rule_any;
	r->src = some_addresses(w, 2 * i);
	r->dst = some_addresses(w, 2 * i + 1);
	if (below(5) != 0)
		take_only(r->proto, protos[below(RTE_DIM(protos))]);
	if (below(4) == 0)
		r->sport = some_ports(w, 2 * i);
	if (below(4) != 0)
		r->dport = some_ports(w, 2 * i + 1);
	r->unknown_matches = below(2) != 0;
	if (w->odd != 0 && below(w->odd) == 0)
		make_odd(r);
}

/* --- packets and the oracle --- */

struct packet {
	u128 src, dst;
	unsigned sport, dport, proto, flags, dscp, vlan, length, state;
	bool v4, unknown, options;
};

/* An address that a rule is about, or any. */
static u128 aimed(const struct addr_set *s, bool v4, unsigned spread)
{
	const struct ranges *r = s == NULL ? NULL : v4 ? &s->v4 : &s->v6;
	const struct range *x = r != NULL && r->count != 0 ? &r->at[below(r->count)] : NULL;

	if (x == NULL || below(5) == 0)
		return address(v4, spread);
	return below(2) ? x->first : x->first + (address(v4, spread) % (x->last - x->first + 1 ?: 1));
}

static unsigned aimed_port(const struct ranges *r)
{
	return r != NULL && r->count != 0 ? (unsigned)r->at[below(r->count)].first : below(65536);
}

static struct packet some_packet(unsigned count, unsigned spread)
{
	static const uint8_t protos[] = {6, 6, 6, 17, 17, 1, 58, 47, 99};
	const struct class_rule *r = &rules[below(count)];
	struct packet p = {.v4 = below(2) != 0,
		.sport = aimed_port(r->sport),
		.dport = aimed_port(r->dport),
		.proto = protos[below(RTE_DIM(protos))],
		.flags = below(256),
		.dscp = below(64),
		.vlan = below(4),
		.length = below(1500),
		.options = below(8) == 0};

	p.src = aimed(r->src, p.v4, spread);
	p.dst = aimed(r->dst, p.v4, spread);
	p.state = below(8) != 0 ? 0 : 1 + below(2);
	p.unknown = p.state == 2 || below(16) == 0;
	return p;
}

static bool takes(const uint64_t *word, unsigned v)
{
	return (word[v / 64] >> v % 64 & 1) != 0;
}

static bool l4_matches(const struct class_rule *r, const struct packet *p)
{
	if (r->sport == NULL && r->dport == NULL && r->any_flags)
		return true;
	if (p->unknown)
		return r->unknown_matches;
	return (r->sport == NULL || ranges_have(r->sport, p->sport)) &&
	       (r->dport == NULL || ranges_have(r->dport, p->dport)) &&
	       (r->any_flags || takes(r->flags, p->flags));
}

static bool address_matches(const struct addr_set *s, bool v4, u128 a)
{
	return s == NULL || ranges_have(v4 ? &s->v4 : &s->v6, a);
}

static bool matches(const struct class_rule *r, const struct packet *p)
{
	return address_matches(r->src, p->v4, p->src) && address_matches(r->dst, p->v4, p->dst) &&
	       takes(r->proto, p->proto) && (r->families & (p->v4 ? CLASS_V4 : CLASS_V6)) != 0 &&
	       (r->fragments & 1u << p->state) != 0 &&
	       (r->options & (p->options ? CLASS_WITH : CLASS_WITHOUT)) != 0 &&
	       (r->dscp >> p->dscp & 1) != 0 && p->vlan >= r->vlan_first && p->vlan <= r->vlan_last &&
	       p->length >= r->length_first && p->length <= r->length_last && l4_matches(r, p);
}

static uint32_t oracle_first(unsigned count, const struct packet *p)
{
	for (unsigned i = 0; i < count; i++)
		if (matches(&rules[i], p))
			return i;
	return CLASSIFIER_NONE;
}

static void put_key(struct class_keys *k, unsigned i, const struct packet *p, uint8_t ip[32])
{
	*(p->v4 ? &k->v4 : &k->v6) |= UINT64_C(1) << i;
	k->src4[i] = (uint32_t)p->src;
	k->dst4[i] = (uint32_t)p->dst;
	for (unsigned b = 0; b < 16; b++) {
		ip[b] = (uint8_t)(p->src >> (120 - 8 * b));
		ip[16 + b] = (uint8_t)(p->dst >> (120 - 8 * b));
	}
	k->ip6[i] = ip;
	k->sport[i] = p->unknown ? CLASS_UNKNOWN_PORT : p->sport;
	k->dport[i] = p->unknown ? CLASS_UNKNOWN_PORT : p->dport;
	k->flags[i] = p->unknown ? CLASS_UNKNOWN_FLAGS : (uint16_t)p->flags;
	k->kind[i] = (uint16_t)(p->proto | p->state << 8 | (p->unknown ? CLASS_KIND_UNKNOWN : 0) |
				(p->options ? CLASS_KIND_OPTIONS : 0) | (p->v4 ? 0 : CLASS_KIND_V6));
	k->dscp[i] = (uint16_t)p->dscp;
	k->vlan[i] = (uint16_t)p->vlan;
	k->length[i] = (uint16_t)p->length;
}

static void count_one(void *ctx, unsigned slot, uint32_t rule)
{
	uint32_t *next = ctx;

	assert_true(rule >= *next);
	*next = rule + 1;
}

/* Every rule that matches, one after the other. */
static void check_each(const struct classifier *c, const struct class_keys *k, unsigned i, unsigned count,
	const struct packet *p)
{
	uint32_t last = 0, want = 0;

	for (uint32_t r = 0; r < count; r++)
		if (matches(&rules[r], p))
			want = r + 1;
	classifier_each(c, k, i, count, count_one, &last);
	assert_int_equal(last, want);
}

static unsigned check_burst(const struct classifier *c, const struct world *w)
{
	static uint8_t ip[CLASSIFIER_BURST][32];
	struct packet p[CLASSIFIER_BURST];
	uint32_t first[CLASSIFIER_BURST];
	struct class_keys k = {0};
	const uint64_t slots = below(2) ? ~UINT64_C(0) : rnd() << 20 | rnd();
	unsigned hits = 0, checked;

	for (unsigned i = 0; i < CLASSIFIER_BURST; i++) {
		p[i] = some_packet(w->count, w->spread);
		put_key(&k, i, &p[i], ip[i]);
	}
	classifier_first(c, &k, slots, first);
	CLASS_EACH (s, slots) {
		uint32_t want = oracle_first(w->count, &p[s]);

		hits += want != CLASSIFIER_NONE;
		if (first[s] != want)
			fail_msg("%s: rule %d instead of %d, %s, proto %u, state %u, unknown %d", w->what,
				(int)first[s], (int)want, p[s].v4 ? "IPv4" : "IPv6", p[s].proto, p[s].state,
				p[s].unknown);
	}
	checked = below(CLASSIFIER_BURST);
	check_each(c, &k, checked, w->count, &p[checked]);
	return hits;
}

static void check_world(const struct world *w, bool tune)
{
	struct err e = {0};
	struct classifier *c;
	unsigned hits = 0;

	make_sets(w->spread);
	for (unsigned i = 0; i < w->count; i++)
		make_rule(&rules[i], w, i);
	c = classifier_build(rules, w->count, &e);
	assert_non_null(c);
	if (tune && classifier_tune(c, rules, &e) != 0)
		fail_msg("%s: %s", w->what, e.text);
	assert_int_equal(classifier_tuned(c), tune);
	for (unsigned i = 0; i < (w->count > 1000 ? 40 : 200); i++)
		hits += check_burst(c, w);
	if (w->count > 1)
		assert_true(hits > 100);
	assert_true(classifier_memory(c) > 0);
	classifier_free(c);
	free_world();
}

static void the_first_rule_that_matches_is_found(void **state)
{
	static const struct world worlds[] = {
		{"one rule", 1, 24, 0, 0},
		{"a dozen rules", 12, 20, 3, 3},
		{"rules of every kind", 60, 16, 1, 4},
		{"a word and one", 65, 20, 5, 0},
		{"half a burst of words", 300, 20, 4, 6},
		{"a crowded place", 500, 8, 6, 6},
		{"summaries", 1100, 24, 8, 8},
		{"several words behind a bit of a summary", 5000, 24, 50, 20},
	};

	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < RTE_DIM(worlds); i++)
			check_world(&worlds[i], false);
}

static void rte_acl_finds_the_same_rule(void **state)
{
	static const struct world worlds[] = {
		{"rte_acl, one rule", 1, 24, 0, 0},
		{"rte_acl, plain rules", 200, 20, 0, 0},
		{"rte_acl, some sets", 100, 20, 12, 12},
		{"rte_acl, many rules", 1500, 24, 120, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(worlds); i++)
		check_world(&worlds[i], true);
}

static void no_rules_match_nothing(void **state)
{
	struct classifier *c = classifier_build(rules, 0, NULL);
	uint32_t first[CLASSIFIER_BURST] = {0};
	struct class_keys k = {.v4 = 5, .v6 = 2};

	assert_non_null(c);
	k.ip6[1] = (const uint8_t[32]){0};
	classifier_first(c, &k, 7, first);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(first[i], CLASSIFIER_NONE);
	classifier_free(c);
}

static void large_sets_add_no_rules(void **state)
{
	struct err e = {0};
	struct addr_set big = {0};
	struct class_rule rule = class_rule_any;
	struct classifier *c;

	for (uint32_t i = 0; i < 100000; i++)
		ranges_add(&big.v4, i * 40009u & ~1u, i * 40009u & ~1u);
	for (uint32_t i = 0; i < 100000; i++)
		ranges_add(&big.v6, (u128)i << 66, ((u128)i << 66) + 5);
	addr_set_merge(&big);
	rule.src = &big;
	c = classifier_build(&rule, 1, &e);
	assert_non_null(c);
	assert_int_equal(c->dim[0][0].classes, 2);
	assert_int_equal(c->dim[1][0].classes, 2);
	if (classifier_memory(c) > 64u << 20)
		fail_msg("%lu MB", classifier_memory(c) >> 20);
	assert_true(classifier_memory(c) <= classifier_bound(1, big.v4.count + big.v6.count));
	classifier_free(c);
	addr_set_free(&big);
}

static int start_eal(void **state)
{
	char *eal[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-class", "-m",
		"256", "--no-telemetry", "--log-level", "error", "--force-max-simd-bitwidth=512"};

	return rte_eal_init(RTE_DIM(eal), eal) < 0 ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_finds_the_same_bit),
		cmocka_unit_test(no_rules_match_nothing),
		cmocka_unit_test(the_first_rule_that_matches_is_found),
		cmocka_unit_test(rte_acl_finds_the_same_rule),
		cmocka_unit_test(large_sets_add_no_rules),
	};

	return cmocka_run_group_tests_name("classifier", tests, start_eal, NULL);
}
