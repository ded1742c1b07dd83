/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FIBs and the radix tree against a brute-force oracle: random adds, replacements and deletions in a crowded
 * neighbourhood, every answer compared with a linear search.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "packet/addr.h"
#include "table/fib4.h"
#include "table/fib6.h"
#include "table/radix.h"

#define ORACLE_MAX 600

struct entry {
	struct prefix p;
	uint16_t nh;
};

static struct entry oracle[ORACLE_MAX];
static unsigned oracle_count;
static uint64_t seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 8;
}

static struct entry *oracle_find(const struct prefix *p)
{
	for (unsigned i = 0; i < oracle_count; i++)
		if (prefix_equal(&oracle[i].p, p))
			return &oracle[i];
	return NULL;
}

static uint16_t oracle_lookup(const struct ipaddr *a)
{
	int best = -1;
	uint16_t nh = 0;

	for (unsigned i = 0; i < oracle_count; i++)
		if (oracle[i].p.len > best && prefix_contains(&oracle[i].p, a)) {
			best = oracle[i].p.len;
			nh = oracle[i].nh;
		}
	return nh;
}

/* An address in a neighbourhood small enough that prefixes nest and collide. */
static struct ipaddr crowded(uint8_t family)
{
	static const uint8_t fill[4] = {0x00, 0xff, 0x80, 0x0a};
	struct ipaddr a = {.family = family};
	unsigned bytes = family_bits(family) / 8;

	for (unsigned i = 0; i < bytes; i++)
		a.bytes[i] = rnd() % 3 ? fill[(i / 3) % 4] : (uint8_t)(fill[i % 4] ^ (rnd() % 4));
	return a;
}

struct tables {
	struct fib4 *f4;
	struct fib6 *f6;
	struct radix *radix;
	uint8_t family;
};

static int table_add(struct tables *t, const struct prefix *p, uint16_t nh)
{
	void **v = radix_insert(t->radix, p->addr.bytes, p->len);

	*v = (void *)(uintptr_t)nh;
	return t->family == FAMILY_V4 ? fib4_add(t->f4, ipaddr_to_v4(&p->addr), p->len, nh)
				      : fib6_add(t->f6, p->addr.bytes, p->len, nh);
}

static int table_del(struct tables *t, const struct prefix *p)
{
	radix_remove(t->radix, p->addr.bytes, p->len);
	return t->family == FAMILY_V4 ? fib4_del(t->f4, ipaddr_to_v4(&p->addr), p->len)
				      : fib6_del(t->f6, p->addr.bytes, p->len);
}

static uint16_t table_lookup(struct tables *t, const struct ipaddr *a)
{
	return t->family == FAMILY_V4 ? fib4_lookup(t->f4, ipaddr_to_v4(a)) : fib6_lookup(t->f6, a->bytes);
}

static void check_address(struct tables *t, const struct ipaddr *a)
{
	uint16_t want = oracle_lookup(a);
	char text[ADDR_STRLEN];

	if (table_lookup(t, a) != want || (uint16_t)(uintptr_t)radix_match(t->radix, a->bytes, NULL) != want)
		fail_msg("%s: FIB says %u, radix %u, oracle %u", ipaddr_format(a, text), table_lookup(t, a),
			(unsigned)(uintptr_t)radix_match(t->radix, a->bytes, NULL), want);
}

static void step_add(struct tables *t, struct prefix p)
{
	uint16_t nh = (uint16_t)(1 + rnd() % 500);
	struct entry *e = oracle_find(&p);

	if (e == NULL && oracle_count == ORACLE_MAX)
		return;
	if (e == NULL)
		e = &oracle[oracle_count++];
	*e = (struct entry){.p = p, .nh = nh};
	assert_int_equal(table_add(t, &p, nh), 0);
}

static void step_del(struct tables *t)
{
	unsigned i = (unsigned)(rnd() % oracle_count);
	struct prefix p = oracle[i].p;

	oracle[i] = oracle[--oracle_count];
	assert_int_equal(table_del(t, &p), 0);
	assert_int_not_equal(table_del(t, &p), 0);
}

/* Any length; but a prefix of a few bits is up to 2^24 entries of the tables, so most of those draws are
 * repeated. short_prefixes_nest_in_every_order() has them all. */
static uint8_t any_length(uint8_t family)
{
	uint8_t len;

	do {
		len = (uint8_t)(rnd() % (family_bits(family) + 1));
	} while (len < 7 && rnd() % 16 != 0);
	return len;
}

static void step(struct tables *t, bool shrink)
{
	struct prefix p = {.addr = crowded(t->family)};

	p.len = any_length(t->family);
	if (oracle_count != 0 && rnd() % 10 < (shrink ? 8 : 4))
		step_del(t);
	else
		step_add(t, p);
}

static void compare(uint8_t family)
{
	struct tables t = {.family = family, .f4 = fib4_new(4096, NULL, NULL), .f6 = fib6_new(NULL, NULL)};
	uint64_t empty;

	t.radix = radix_new(family_bits(family));
	empty = fib6_memory(t.f6);
	oracle_count = 0;
	for (unsigned round = 0; round < 8000; round++) {
		step(&t, round > 6000);
		for (unsigned i = 0; i < 20; i++) {
			struct ipaddr a = crowded(family);

			check_address(&t, &a);
		}
		if (oracle_count != 0)
			check_address(&t, &oracle[rnd() % oracle_count].p.addr);
	}
	assert_int_equal(radix_count(t.radix), oracle_count);
	while (oracle_count != 0)
		step_del(&t);
	assert_int_equal(radix_count(t.radix), 0);
	assert_int_equal(fib4_groups_used(t.f4), 0);
	assert_int_equal(fib6_memory(t.f6), empty);
	for (unsigned i = 0; i < 100; i++) {
		struct ipaddr a = crowded(family);

		assert_int_equal(table_lookup(&t, &a), 0);
	}
	fib4_free(t.f4);
	fib6_free(t.f6);
	radix_free(t.radix, NULL);
}

static void ipv4_agrees_with_the_oracle(void **state)
{
	compare(FAMILY_V4);
}

static void ipv6_agrees_with_the_oracle(void **state)
{
	compare(FAMILY_V6);
}

/* Every length below 8 over one address, with something longer in it, added and deleted in random order. */
static void short_prefixes(uint8_t family)
{
	struct tables t = {.family = family, .f4 = fib4_new(16, NULL, NULL), .f6 = fib6_new(NULL, NULL)};
	struct prefix p = {.addr = crowded(family), .len = 30};

	t.radix = radix_new(family_bits(family));
	oracle_count = 0;
	step_add(&t, p);
	for (unsigned i = 0; i < 24; i++) {
		p.len = (uint8_t)(i < 8 ? (i * 5 + 3) % 8 : rnd() % 8);
		if (i > 8 && oracle_find(&p) != NULL)
			step_del(&t);
		else
			step_add(&t, p);
		for (unsigned k = 0; k < 50; k++) {
			struct ipaddr a = k % 2 ? p.addr : crowded(family);

			a.bytes[0] ^= (uint8_t)(k < 40 ? 1u << k % 8 : 0);
			check_address(&t, &a);
		}
	}
	fib4_free(t.f4);
	fib6_free(t.f6);
	radix_free(t.radix, NULL);
}

static void short_prefixes_nest_in_every_order(void **state)
{
	short_prefixes(FAMILY_V4);
	short_prefixes(FAMILY_V6);
}

static void bulk_lookup_equals_single(void **state)
{
	struct fib6 *f = fib6_new(NULL, NULL);
	struct ipaddr a[64];
	const uint8_t *ip[64];
	uint16_t nh[64];

	for (unsigned i = 0; i < 3000; i++) {
		struct ipaddr p = crowded(FAMILY_V6);

		fib6_add(f, p.bytes, any_length(FAMILY_V6), (uint16_t)(1 + rnd() % 30000));
	}
	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 64; i++) {
			a[i] = crowded(FAMILY_V6);
			ip[i] = a[i].bytes;
		}
		fib6_lookup_bulk(f, ip, nh, 64);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(nh[i], fib6_lookup(f, ip[i]));
	}
	fib6_free(f);
}

static void full_group_table_refuses_and_changes_nothing(void **state)
{
	struct fib4 *f = fib4_new(2, NULL, NULL);

	assert_int_equal(fib4_add(f, 0x0a000000, 8, 7), 0);
	assert_int_equal(fib4_add(f, 0x0a000001, 32, 1), 0);
	assert_int_equal(fib4_add(f, 0x0a000101, 32, 2), 0);
	assert_int_equal(fib4_add(f, 0x0a000201, 32, 3), -ENOSPC);
	assert_int_equal(fib4_lookup(f, 0x0a000201), 7);
	assert_int_equal(fib4_count(f), 3);
	assert_int_equal(fib4_del(f, 0x0a000001, 32), 0);
	assert_int_equal(fib4_add(f, 0x0a000201, 32, 3), 0);
	assert_int_equal(fib4_lookup(f, 0x0a000201), 3);
	fib4_free(f);
}

static void bad_arguments_are_refused(void **state)
{
	static const uint8_t ip[16];
	struct fib4 *f4 = fib4_new(2, NULL, NULL);
	struct fib6 *f6 = fib6_new(NULL, NULL);

	assert_int_equal(fib4_add(f4, 0, 33, 1), -EINVAL);
	assert_int_equal(fib4_add(f4, 0, 8, 0), -EINVAL);
	assert_int_equal(fib4_add(f4, 0, 8, 32768), -EINVAL);
	assert_int_equal(fib6_add(f6, ip, 129, 1), -EINVAL);
	assert_int_equal(fib6_add(f6, ip, 8, 0), -EINVAL);
	assert_int_equal(fib6_del(f6, ip, 0), -ENOENT);
	fib4_free(f4);
	fib6_free(f6);
}

struct seen {
	struct prefix last;
	unsigned count;
	uint8_t family;
};

static bool in_order(void *ctx, const uint8_t *key, unsigned len, void *value)
{
	struct seen *s = ctx;
	struct prefix p = {.addr.family = s->family, .len = (uint8_t)len};
	int order;

	memcpy(p.addr.bytes, key, family_bits(s->family) / 8);
	order = memcmp(s->last.addr.bytes, p.addr.bytes, 16);
	if (s->count++ != 0)
		assert_true(order < 0 || (order == 0 && s->last.len < p.len));
	s->last = p;
	return s->count % 7 != 0;
}

/* Walks in slices of 7, as the API does, and sees each prefix once in order. */
static void radix_walk_resumes_where_it_stopped(void **state)
{
	struct radix *r = radix_new(128);
	struct seen s = {.family = FAMILY_V6};
	unsigned before;

	for (unsigned i = 0; i < 1000; i++) {
		struct ipaddr a = crowded(FAMILY_V6);

		*radix_insert(r, a.bytes, (unsigned)(rnd() % 129)) = r;
	}
	radix_walk(r, NULL, 0, in_order, &s);
	do {
		struct prefix after = s.last;

		before = s.count;
		radix_walk(r, after.addr.bytes, after.len, in_order, &s);
	} while (s.count != before);
	assert_int_equal(s.count, radix_count(r));
	radix_free(r, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_agrees_with_the_oracle),
		cmocka_unit_test(ipv6_agrees_with_the_oracle),
		cmocka_unit_test(short_prefixes_nest_in_every_order),
		cmocka_unit_test(bulk_lookup_equals_single),
		cmocka_unit_test(full_group_table_refuses_and_changes_nothing),
		cmocka_unit_test(bad_arguments_are_refused),
		cmocka_unit_test(radix_walk_resumes_where_it_stopped),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
