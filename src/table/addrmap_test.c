/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges and the address map against a linear search: random spans in crowded and in wide places.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rte_common.h>

#include "table/addrmap.h"
#include "table_random.h"

/* --- ranges --- */

static void overlapping_and_touching_ranges_become_one(void **state)
{
	struct ranges r = {0};

	ranges_add(&r, 10, 20);
	ranges_add(&r, 21, 30);
	ranges_add(&r, 40, 50);
	ranges_add(&r, 0, 3);
	ranges_add(&r, 45, 60);
	ranges_add(&r, 41, 42);
	ranges_merge(&r);
	assert_int_equal(r.count, 3);
	assert_true(r.at[0].first == 0 && r.at[0].last == 3);
	assert_true(r.at[1].first == 10 && r.at[1].last == 30);
	assert_true(r.at[2].first == 40 && r.at[2].last == 60);
	assert_true(ranges_have(&r, 0) && ranges_have(&r, 3) && ranges_have(&r, 30) && ranges_have(&r, 55));
	assert_false(ranges_have(&r, 4) || ranges_have(&r, 31) || ranges_have(&r, 61));
	ranges_free(&r);
}

static void prefixes_of_every_length_are_ranges(void **state)
{
	struct prefix p;
	struct addr_set s = {0};

	assert_int_equal(prefix_parse("::/0", &p), 0);
	assert_int_equal(addr_set_add_prefix(&s, &p), 0);
	assert_true(s.v6.at[0].first == 0 && s.v6.at[0].last == ~(u128)0);
	assert_int_equal(prefix_parse("10.1.2.3/8", &p), 0);
	assert_int_equal(addr_set_add_prefix(&s, &p), 0);
	assert_true(s.v4.at[0].first == 0x0a000000 && s.v4.at[0].last == 0x0affffff);
	addr_set_free(&s);
}

/* --- address map --- */

static int by_first(const void *a, const void *b)
{
	const struct addrmap_span *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static uint32_t oracle_span(const struct addrmap_span *s, uint32_t n, u128 a)
{
	uint32_t i = 0;

	while (i + 1 < n && s[i + 1].first <= a)
		i++;
	return s[i].value;
}

static uint32_t find(const struct addrmap *m, bool v4, u128 a)
{
	uint8_t ip[16];

	if (v4)
		return addrmap_find4(m, (uint32_t)a);
	for (unsigned i = 0; i < 16; i++)
		ip[i] = (uint8_t)(a >> (120 - 8 * i));
	return addrmap_find6(m, ip);
}

static void check_map(bool v4, uint32_t n, unsigned spread)
{
	struct addrmap_span *s = calloc(n, sizeof *s);
	struct addrmap *m;
	uint32_t k = 1;

	for (uint32_t i = 1; i < n; i++)
		s[i].first = address(v4, spread);
	qsort(s, n, sizeof *s, by_first);
	for (uint32_t i = 1; i < n; i++)
		if (s[i].first != s[k - 1].first)
			s[k++] = s[i];
	for (uint32_t i = 0; i < k; i++)
		s[i].value = (uint32_t)(rnd() & ADDRMAP_VALUE_MAX);
	m = addrmap_build(v4 ? 32 : 128, s, k);
	assert_non_null(m);
	for (uint32_t i = 0; i < 2000; i++) {
		const u128 edge = s[below(k)].first, a = below(2) ? address(v4, spread) : edge - below(2);
		const u128 in = v4 ? (uint32_t)a : a;

		assert_int_equal(find(m, v4, in), oracle_span(s, k, in));
	}
	addrmap_free(m);
	free(s);
}

static void every_address_finds_its_span(void **state)
{
	static const uint32_t sizes[] = {1, 2, 3, 4, 9, 10, 40, 300, 3000};

	for (unsigned round = 0; round < 6; round++)
		for (unsigned i = 0; i < RTE_DIM(sizes); i++)
			for (unsigned v4 = 0; v4 < 2; v4++)
				check_map(v4 != 0, sizes[i], 4 + 5 * round);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(overlapping_and_touching_ranges_become_one),
		cmocka_unit_test(prefixes_of_every_length_are_ranges),
		cmocka_unit_test(every_address_finds_its_span),
	};

	return cmocka_run_group_tests_name("address map", tests, NULL, NULL);
}
