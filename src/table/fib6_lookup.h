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

#include <immintrin.h>

#include <rte_prefetch.h>

#include "table/fib6.h"

#define FIB6_INLINE_VALUES 8
#define FIB6_CHILD 0x80000000u
#define FIB6_UNIT 64u /* bytes; nodes and value arrays are whole units */
#define FIB6_BURST 64

/* Bit 0 of the map is a run start in any case, so it says where the values are: 1 = here, 0 = in an array. */
struct fib6_node {
	uint64_t map[4];
	uint32_t value[FIB6_INLINE_VALUES];
};

/* What readers see of a table; its first part. */
struct fib6_view {
	uint32_t *dir;
	uint8_t *arena; /* unit 0 is never used */
};

static inline struct fib6_node *fib6_node_at(const struct fib6_view *f, uint32_t value)
{
	return (struct fib6_node *)(void *)(f->arena + (size_t)(value & ~FIB6_CHILD) * FIB6_UNIT);
}

static inline uint32_t *fib6_array_at(const struct fib6_view *f, uint32_t unit)
{
	return (uint32_t *)(void *)(f->arena + (size_t)unit * FIB6_UNIT);
}

static inline bool fib6_is_inline(const struct fib6_node *n)
{
	return (n->map[0] & 1) != 0;
}

/* Bits 0..n-1 of x; all of them for n >= 64, none for n <= 0. */
static inline uint64_t fib6_low_bits(uint64_t x, int n)
{
#ifdef __BMI2__
	return _bzhi_u64(x, (unsigned)(n < 0 ? 0 : n > 64 ? 64 : n)); /* looks at the lowest 8 bits of n */
#else
	return n <= 0 ? 0 : n >= 64 ? x : x & ((UINT64_C(1) << n) - 1);
#endif
}

/* Where the value of byte `at` is: the run starts up to it are counted, without a branch on where it lies. */
static inline uint32_t *fib6_value_slot(const struct fib6_view *f, const struct fib6_node *n, unsigned at)
{
	const bool here = fib6_is_inline(n);
	const uint32_t *values = here ? n->value : fib6_array_at(f, n->value[0]);
	unsigned before = 0;

	for (int i = 0; i < 4; i++)
		before += (unsigned)__builtin_popcountll(fib6_low_bits(n->map[i], (int)at + 1 - 64 * i));
	return (uint32_t *)&values[before - here];
}

static inline uint32_t fib6_dir_index(const uint8_t *ip)
{
	return (uint32_t)ip[0] << 16 | (uint32_t)ip[1] << 8 | ip[2];
}

/* Reads a slot; 1 when it leads to another node, which is asked for (else the slot again: no branch here). */
static inline uint64_t fib6_step(const struct fib6_view *f, const uint32_t *slot, uint32_t *value)
{
	const uint32_t v = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

	rte_prefetch0((v & FIB6_CHILD) != 0 ? (const void *)fib6_node_at(f, v) : slot);
	*value = v;
	return v >> 31;
}

/* One level for the packets of `active`: finds their slots, then reads them. Returns who goes deeper. */
static inline uint64_t fib6_descend(const struct fib6_view *f, const uint8_t *const ip[], unsigned byte,
	uint32_t e[FIB6_BURST], uint64_t active)
{
	const uint32_t *slot[FIB6_BURST];
	uint64_t deeper = 0;

	for (uint64_t m = active; m != 0; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		slot[i] = fib6_value_slot(f, fib6_node_at(f, e[i]), ip[i][byte]);
		rte_prefetch0(slot[i]);
	}
	for (uint64_t m = active; m != 0; m &= m - 1) {
		unsigned i = (unsigned)__builtin_ctzll(m);

		deeper |= fib6_step(f, slot[i], &e[i]) << i;
	}
	return deeper;
}

/* Looks up n (<= 64) addresses; nh[i] = next-hop index, 0 = no route. Memory is asked for between levels. */
static inline void fib6_lookup_burst(
	const struct fib6 *table, const uint8_t *const ip[], uint16_t nh[], unsigned n)
{
	const struct fib6_view *f = (const void *)table;
	uint32_t e[FIB6_BURST];
	uint64_t active = 0;

	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(&f->dir[fib6_dir_index(ip[i])]);
	for (unsigned i = 0; i < n; i++) {
		active |= fib6_step(f, &f->dir[fib6_dir_index(ip[i])], &e[i]) << i;
	}
	for (unsigned byte = 3; active != 0; byte++)
		active = fib6_descend(f, ip, byte, e, active);
	for (unsigned i = 0; i < n; i++)
		nh[i] = (uint16_t)e[i];
}

#endif
