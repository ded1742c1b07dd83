/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looking up packets in a classifier; included by the stages that do, which are compiled for each CPU level.
 */
#ifndef WEIR_TABLE_CLASSIFIER_LOOKUP_H
#define WEIR_TABLE_CLASSIFIER_LOOKUP_H

#include <immintrin.h>

#include "table/classifier.h"
#include "table/classifier_big.h"
#include "table/classifier_words.h"

/* Lists of at most so many words are looked at whole, longer ones by their summaries. */
#define CLASSIFIER_SPARSE_WORDS 16

/* Slots as numbers: loops over them do not wait for one bit after the other. */
struct class_slots {
	const uint8_t *at;
	unsigned count;
};

static const uint8_t class_every_slot[CLASSIFIER_BURST] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39,
	40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* The slots of a mask; `room` is used when there are holes in it. */
static inline struct class_slots class_slots_of(uint64_t mask, uint8_t room[CLASSIFIER_BURST])
{
	struct class_slots s = {class_every_slot, (unsigned)__builtin_popcountll(mask)};

	if ((mask & (mask + 1)) == 0)
		return s;
	s.at = room;
	for (unsigned n = 0; mask != 0; mask &= mask - 1)
		room[n++] = (uint8_t)__builtin_ctzll(mask);
	return s;
}

/* for each slot: `i` is its number. */
#define CLASS_SLOTS(i, s) for (unsigned n_##i = 0, i; n_##i < (s).count && (i = (s).at[n_##i], 1); n_##i++)

/* Classes of slots, by dimension. */
struct class_found {
	uint32_t class[CLASS_DIMS][CLASSIFIER_BURST];
};

#define CLASS_EACH(i, mask)                                                                                  \
	for (uint64_t each_##i = (mask), i; each_##i != 0 && (i = (uint64_t)__builtin_ctzll(each_##i), 1);   \
		each_##i &= each_##i - 1)

static inline void class_of16(
	const uint16_t *table, const uint16_t *key, uint32_t *class, struct class_slots slots)
{
	CLASS_SLOTS (i, slots)
		class[i] = table[key[i]];
}

static inline void class_of32(
	const uint16_t *table, const uint32_t *key, uint32_t *class, struct class_slots slots)
{
	CLASS_SLOTS (i, slots)
		class[i] = table[key[i]];
}

static inline void class_of_address(const struct addrmap *m, const struct class_keys *k, bool dst, bool v4,
	uint32_t *class, struct class_slots slots)
{
	const uint32_t *a = dst ? k->dst4 : k->src4;

	if (v4)
		CLASS_SLOTS (i, slots)
			class[i] = addrmap_find4(m, a[i]);
	else
		CLASS_SLOTS (j, slots)
			class[j] = addrmap_find6(m, k->ip6[j] + (dst ? 16 : 0));
}

/* Classes of slots of one family. */
static inline void class_find(const struct classifier *c, const struct class_keys *k, bool v4,
	struct class_slots slots, struct class_found *f)
{
	const struct class_dim *d = c->dim[!v4];

	for (unsigned n = 0; n < c->dims[!v4]; n++, d++) {
		uint32_t *class = f->class[n];

		switch (d->id) {
		case CLASS_SRC:
			class_of_address(d->map, k, false, v4, class, slots);
			break;
		case CLASS_DST:
			class_of_address(d->map, k, true, v4, class, slots);
			break;
		case CLASS_SPORT:
			class_of32(d->table, k->sport, class, slots);
			break;
		case CLASS_DPORT:
			class_of32(d->table, k->dport, class, slots);
			break;
		default:
			class_of16(d->table,
				d->id == CLASS_KIND    ? k->kind
				: d->id == CLASS_FLAGS ? k->flags
				: d->id == CLASS_DSCP  ? k->dscp
				: d->id == CLASS_VLAN  ? k->vlan
						       : k->length,
				class, slots);
		}
	}
}

/* Conjunction of one word of a slot's classes. */
static inline uint64_t class_word(const struct class_dim *d, unsigned dims, const struct class_found *f,
	unsigned i, uint32_t words, uint32_t at)
{
	uint64_t v = ~UINT64_C(0);

	for (unsigned n = 0; n < dims; n++)
		v &= d[n].bits[(size_t)f->class[n][i] * words + at];
	return v;
}

/* First rule of a long list from word `from` on: summaries say where to look. */
static inline uint32_t class_sparse(const struct classifier *c, const struct class_dim *d, unsigned dims,
	const struct class_found *f, unsigned i)
{
	uint64_t sum = ~UINT64_C(0);

	for (unsigned n = 0; n < dims; n++)
		sum &= d[n].sum[f->class[n][i]];
	for (; sum != 0; sum &= sum - 1) {
		uint32_t at = (uint32_t)__builtin_ctzll(sum) * c->sum_words;

		for (uint32_t w = at; w < at + c->sum_words && w < c->words; w++) {
			uint64_t v = class_word(d, dims, f, i, c->words, w);

			if (v != 0)
				return w * 64 + (uint32_t)__builtin_ctzll(v);
		}
	}
	return CLASSIFIER_NONE;
}

/* First rule of a short list. */
static inline uint32_t class_whole(
	const struct class_dim *d, unsigned dims, uint32_t words, const struct class_found *f, unsigned i)
{
	const uint64_t *row[CLASS_DIMS];

	for (unsigned n = 0; n < dims; n++)
		row[n] = d[n].bits + (size_t)f->class[n][i] * words;
	return class_first_bit(row, dims, words);
}

static inline void class_first_family(const struct classifier *c, const struct class_keys *k, bool v4,
	uint64_t mask, uint32_t first[CLASSIFIER_BURST])
{
	uint8_t room[CLASSIFIER_BURST];
	const struct class_slots slots = class_slots_of(mask, room);
	const struct class_dim *d = c->dim[!v4];
	const unsigned dims = c->dims[!v4];
	struct class_found f;

	class_find(c, k, v4, slots, &f);
	if (c->words > CLASSIFIER_SPARSE_WORDS)
		CLASS_SLOTS (i, slots)
			first[i] = class_sparse(c, d, dims, &f, i);
	else
		CLASS_SLOTS (j, slots)
			first[j] = class_whole(d, dims, c->words, &f, j);
}

/* The first rule that matches each slot, or CLASSIFIER_NONE. */
static inline void classifier_first(const struct classifier *c, const struct class_keys *k, uint64_t slots,
	uint32_t first[CLASSIFIER_BURST])
{
	const struct classifier_big *big = __atomic_load_n(&c->big, __ATOMIC_ACQUIRE);

	if (big != NULL)
		slots &= ~classifier_big_first(big, k, slots, first);
	if ((slots & k->v4) != 0)
		class_first_family(c, k, true, slots & k->v4, first);
	if ((slots & k->v6) != 0)
		class_first_family(c, k, false, slots & k->v6, first);
}

/* Calls fn(ctx, rule) for each rule that matches a slot, in their order, while they are below `end`. */
static inline void classifier_each(const struct classifier *c, const struct class_keys *k, unsigned i,
	uint32_t end, void (*fn)(void *ctx, unsigned slot, uint32_t rule), void *ctx)
{
	const bool v4 = (k->v4 >> i & 1) != 0;
	const struct class_dim *d = c->dim[!v4];
	const uint8_t slot = (uint8_t)i;
	struct class_found f;

	class_find(c, k, v4, (struct class_slots){&slot, 1}, &f);
	for (uint32_t w = 0; w < c->words && w * 64 < end; w++)
		CLASS_EACH (bit, class_word(d, c->dims[!v4], &f, i, c->words, w)) {
			if (w * 64 + bit >= end)
				return;
			fn(ctx, i, (uint32_t)(w * 64 + bit));
		}
}

#endif
