/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random numbers and addresses for the tests of tables: the same in every run.
 */
#ifndef WEIR_TESTS_TABLE_RANDOM_H
#define WEIR_TESTS_TABLE_RANDOM_H

#include <stdint.h>

#include "table/ranges.h"

static uint64_t random_state = 88172645463325252ull;

static inline uint64_t rnd(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 8;
}

static inline unsigned below(unsigned n)
{
	return (unsigned)(rnd() % n);
}

/* An address from a neighbourhood; the wider `bits`, the more crowded the rest. */
static inline u128 address(bool v4, unsigned spread)
{
	u128 a = v4 ? 0x0a000000 : (u128)0x20010db8 << 96;
	u128 host = v4 ? rnd() & 0xffffff : (u128)rnd() << 64 | rnd() << 8 | (rnd() & 255);

	switch (below(4)) {
	case 0:
		return a + (host & (((u128)1 << spread) - 1));
	case 1:
		return v4 ? rnd() & 0xffffffff : host;
	case 2:
		return a + ((host & 0xff) << (v4 ? 16 : 64));
	default:
		return v4 ? a + (host & 0xffff) : a + (host & 0xffff) + ((u128)(rnd() & 3) << 80);
	}
}

#endif
