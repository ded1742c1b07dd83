/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lookups in the IPv6 forwarding table, and so the layout of its nodes (fib6.c explains it). Inline, so that
 * a stage built for a wider CPU takes them along.
 *
 * Thread-safety: as fib6.h.
 */
#ifndef WEIR_TABLE_FIB6_LOOKUP_H
#define WEIR_TABLE_FIB6_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#include <rte_common.h>
#include <rte_prefetch.h>

#include "table/fib6.h"

#define FIB6_INLINE_VALUES 6
#define FIB6_CHILD 0x80000000u
#define FIB6_UNIT 64u /* bytes; nodes and value arrays are whole units */
#define FIB6_UNIT_VALUES (FIB6_UNIT / sizeof(uint32_t))
#define FIB6_BURST 64
#define FIB6_NEAR (256u << 10) /* bytes that a CPU has at hand: its second-level cache is not smaller */

/* One cache line. `values` is where the node's values are, here or in an array: their place in the arena
 * counted in values, less one, since the first run start is counted as one before it is used. */
struct fib6_node {
	uint64_t map[4];   /* run starts; bit 0 always is one */
	uint8_t before[4]; /* run starts in the words of the map before this one */
	uint32_t values;
	uint32_t value[FIB6_INLINE_VALUES];
};

/* What readers see of a table; its first part. */
struct fib6_view {
	uint32_t *dir;
	uint8_t *arena; /* unit 0 is never used */
	bool far;       /* atomic: larger than FIB6_NEAR */
};

static inline struct fib6_node *fib6_node_at(const struct fib6_view *f, uint32_t value)
{
	return (struct fib6_node *)(void *)(f->arena + (size_t)(value & ~FIB6_CHILD) * FIB6_UNIT);
}

/* Where the value of byte `at` is: the run starts up to it are counted. */
static inline uint32_t *fib6_value_slot(const struct fib6_view *f, const struct fib6_node *n, unsigned at)
{
	const uint64_t starts = n->map[at / 64] << (~at % 64);

	return (uint32_t *)(void *)f->arena + n->values + n->before[at / 64] +
	       (unsigned)__builtin_popcountll(starts);
}

static inline uint32_t fib6_dir_index(const uint8_t *ip)
{
	uint32_t v;

	memcpy(&v, ip, sizeof v);
	return __builtin_bswap32(v) >> 8;
}

/* Those of the first n values that lead to a node; n is rounded up to a multiple of 4. */
static inline uint64_t fib6_children(const uint32_t e[FIB6_BURST], unsigned n)
{
	uint64_t children = 0;

	for (unsigned i = 0; i < n; i += 4)
		children |= (uint64_t)(unsigned)_mm_movemask_ps(_mm_load_ps((const float *)(e + i))) << i;
	return children;
}

/* Asks for the node a value leads to; for a next hop, without a branch, for the first line of the arena. */
static inline uint32_t fib6_ask(const struct fib6_view *f, uint32_t value)
{
	const uint32_t unit = value & ((uint32_t)((int32_t)value >> 31) >> 1);

	rte_prefetch0(f->arena + (size_t)unit * FIB6_UNIT);
	return value;
}

/* One level for the packets of `active` in a small table. */
static inline void fib6_descend_near(const struct fib6_view *f, const uint8_t *const ip[], unsigned byte,
	uint32_t e[FIB6_BURST], uint64_t active)
{
	for (uint64_t m = active; m != 0; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);
		const uint32_t *slot = fib6_value_slot(f, fib6_node_at(f, e[i]), ip[i][byte]);

		e[i] = fib6_ask(f, __atomic_load_n(slot, __ATOMIC_ACQUIRE));
	}
}

/* The same in a large one: slots in arrays are asked for, then read. */
static inline void fib6_descend_far(const struct fib6_view *f, const uint8_t *const ip[], unsigned byte,
	uint32_t e[FIB6_BURST], uint64_t active)
{
	const uint32_t *slot[FIB6_BURST];

	for (uint64_t m = active; m != 0; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		slot[i] = fib6_value_slot(f, fib6_node_at(f, e[i]), ip[i][byte]);
		rte_prefetch0(slot[i]);
	}
	for (uint64_t m = active; m != 0; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		e[i] = fib6_ask(f, __atomic_load_n(slot[i], __ATOMIC_ACQUIRE));
	}
}

/* Looks up n (<= 64) addresses, each `at` bytes behind ip[i]: the lower 16 bits of e[i] = next-hop index, 0 =
 * no route. Memory is asked for between levels. */
static inline void fib6_lookup_values(
	const struct fib6 *table, const uint8_t *const ip[], unsigned at, uint32_t e[FIB6_BURST], unsigned n)
{
	const struct fib6_view *t = (const void *)table;
	const struct fib6_view view = {.dir = t->dir, .arena = t->arena}, *f = &view;
	const bool far = __atomic_load_n(&t->far, __ATOMIC_RELAXED);
	const uint64_t all = n >= FIB6_BURST ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
	uint64_t active;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		e[i] = fib6_dir_index(ip[i] + at);
		rte_prefetch0(&f->dir[e[i]]);
	}
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		e[i] = fib6_ask(f, __atomic_load_n(&f->dir[e[i]], __ATOMIC_ACQUIRE));
	active = fib6_children(e, n) & all;
	for (unsigned byte = at + 3; active != 0; byte++) {
		if (far)
			fib6_descend_far(f, ip, byte, e, active);
		else
			fib6_descend_near(f, ip, byte, e, active);
		active &= fib6_children(e, n);
	}
}

/* The same with the indices as words. */
static inline void fib6_lookup_burst(
	const struct fib6 *table, const uint8_t *const ip[], uint16_t nh[], unsigned n)
{
	uint32_t e[FIB6_BURST] __rte_cache_aligned;

	fib6_lookup_values(table, ip, 0, e, n);
	for (unsigned i = 0; i < n; i++)
		nh[i] = (uint16_t)e[i];
}

#endif
