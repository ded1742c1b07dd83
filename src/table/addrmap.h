/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses to numbers: every address has one, given as spans (from here on, this number). Made for hundreds
 * of thousands of spans that many or few numbers share, such as the classes of a classifier; immutable.
 *
 * IPv4: a table by the first 16 bits, then one node of one cache line, or in crowded places 256 entries for
 * each of the last two bytes. IPv6: the same nodes along the bytes, and one that ends the walk as soon as
 * three spans are left. Nodes: LIST  up to 8 places where a 16-bit piece (or its second byte) of the address
 * begins something else DIR   256 entries, by one byte FULL  up to 3 whole addresses
 *
 * Thread-safety: built by one thread, then read by any.
 */
#ifndef WEIR_TABLE_ADDRMAP_H
#define WEIR_TABLE_ADDRMAP_H

#include <assert.h>
#include <stdint.h>

#include <smmintrin.h>

#include "table/ranges.h"

#define ADDRMAP_VALUE_MAX 0x7fffffffu

struct addrmap_span {
	u128 first;
	uint32_t value; /* at most ADDRMAP_VALUE_MAX */
};

struct addrmap {
	uint32_t *top; /* IPv4: [65536]; IPv6: [1] */
	uint8_t *line; /* nodes, 64 bytes and multiples; the first one leads nowhere */
	uint32_t lines, room;
};

/* `bits` is 32 or 128. Spans rise, the first one begins at 0. NULL when memory is short. */
struct addrmap *addrmap_build(unsigned bits, const struct addrmap_span *span, uint32_t count);
void addrmap_free(struct addrmap *m);
uint64_t addrmap_memory(const struct addrmap *m);

/* --- lookup --- */

#define ADDRMAP_NODE (1u << 31) /* the entry leads to a node, else it is the number */
#define ADDRMAP_LIST (0u << 29)
#define ADDRMAP_DIR (1u << 29)
#define ADDRMAP_FULL (2u << 29)
#define ADDRMAP_KIND (3u << 29)
#define ADDRMAP_AT 0x1fffffffu /* its first line */

#define ADDRMAP_LIST_MAX 8
struct addrmap_list {
	uint16_t bound[ADDRMAP_LIST_MAX]; /* what is not used is 0xffff and leads to the last entry */
	uint32_t entry[ADDRMAP_LIST_MAX + 1];
	uint32_t pad[3];
};
static_assert(sizeof(struct addrmap_list) == 64, "one cache line");

#define ADDRMAP_FULL_MAX 3
struct addrmap_full {
	u128 bound[ADDRMAP_FULL_MAX];
	uint32_t value[ADDRMAP_FULL_MAX + 1];
};
static_assert(sizeof(struct addrmap_full) == 64, "one cache line");

static inline const void *addrmap_node(const struct addrmap *m, uint32_t entry)
{
	return m->line + (size_t)(entry & ADDRMAP_AT) * 64;
}

/* The entry behind the number of bounds that are not above the key. */
static inline uint32_t addrmap_in_list(const struct addrmap *m, uint32_t entry, uint16_t key)
{
	const struct addrmap_list *n = addrmap_node(m, entry);
	const __m128i bound = _mm_load_si128((const void *)n->bound);
	const __m128i below = _mm_cmpeq_epi16(_mm_min_epu16(bound, _mm_set1_epi16((short)key)), bound);

	return n->entry[(unsigned)__builtin_popcount((unsigned)_mm_movemask_epi8(below)) / 2];
}

static inline uint32_t addrmap_in_dir(const struct addrmap *m, uint32_t entry, uint8_t key)
{
	return ((const uint32_t *)addrmap_node(m, entry))[key];
}

/* The number of an entry that is one, else that behind its list. Which of them cannot be foretold: both are
 * done, a number's list is line 0. */
static inline uint32_t addrmap_settle(const struct addrmap *m, uint32_t e, uint16_t key)
{
	const uint32_t node = (uint32_t)((int32_t)e >> 31);

	return (addrmap_in_list(m, e & node, key) & node) | (e & ~node);
}

static inline bool addrmap_is_dir(uint32_t e)
{
	return (e & (ADDRMAP_NODE | ADDRMAP_KIND)) == (ADDRMAP_NODE | ADDRMAP_DIR);
}

/* Address in host order. */
static inline uint32_t addrmap_find4(const struct addrmap *m, uint32_t a)
{
	uint32_t e = m->top[a >> 16];

	if (__builtin_expect(!addrmap_is_dir(e), 1))
		return addrmap_settle(m, e, (uint16_t)a);
	e = addrmap_in_dir(m, e, (uint8_t)(a >> 8));
	if (__builtin_expect(!addrmap_is_dir(e), 1))
		return addrmap_settle(m, e, (uint8_t)a);
	return addrmap_in_dir(m, e, (uint8_t)a);
}

static inline uint32_t addrmap_in_full(const struct addrmap *m, uint32_t entry, const uint8_t ip[16])
{
	const struct addrmap_full *n = addrmap_node(m, entry);
	uint64_t part[2];
	u128 v;

	__builtin_memcpy(part, ip, sizeof part);
	v = (u128)__builtin_bswap64(part[0]) << 64 | __builtin_bswap64(part[1]);
	return n->value[(v >= n->bound[0]) + (v >= n->bound[1]) + (v >= n->bound[2])];
}

/* Address as in a header. */
static inline uint32_t addrmap_find6(const struct addrmap *m, const uint8_t ip[16])
{
	uint32_t e = m->top[0];
	unsigned at = 0;

	while ((e & ADDRMAP_NODE) != 0) {
		const uint32_t kind = e & ADDRMAP_KIND;

		if (kind == ADDRMAP_FULL)
			return addrmap_in_full(m, e, ip);
		if (kind == ADDRMAP_LIST) {
			uint16_t key = (at & 1) != 0 ? ip[at] : (uint16_t)(ip[at] << 8 | ip[at + 1]);

			e = addrmap_in_list(m, e, key);
			at = (at | 1) + 1;
		} else {
			e = addrmap_in_dir(m, e, ip[at++]);
		}
	}
	return e;
}

#endif
