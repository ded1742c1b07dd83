/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The few vector helpers stages share: slot masks from the burst's arrays, in the widest form the build
 * allows (SSE2 is always there). A unit test compares them with plain loops.
 */
#ifndef WEIR_PIPELINE_SIMD_H
#define WEIR_PIPELINE_SIMD_H

#include <stdint.h>

#include <immintrin.h>

#include "pipeline/burst.h"

/* Slots whose 8-bit value equals v. `a` is one of the burst's arrays (64 entries, cache aligned). */
static inline uint64_t mask_eq8(const uint8_t *a, uint8_t v)
{
#ifdef __AVX512BW__
	return _mm512_cmpeq_epi8_mask(_mm512_load_si512(a), _mm512_set1_epi8((char)v));
#else
	const __m128i k = _mm_set1_epi8((char)v), *p = (const void *)a;
	uint64_t m = 0;

	for (unsigned i = 0; i < 4; i++)
		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_load_si128(p + i), k))
		     << 16 * i;
	return m;
#endif
}

/* Slots whose 16-bit value equals v. */
static inline uint64_t mask_eq16(const uint16_t *a, uint16_t v)
{
#ifdef __AVX512BW__
	const __m512i k = _mm512_set1_epi16((short)v);

	return (uint64_t)_mm512_cmpeq_epi16_mask(_mm512_load_si512(a), k) |
	       (uint64_t)_mm512_cmpeq_epi16_mask(_mm512_load_si512(a + 32), k) << 32;
#else
	const __m128i k = _mm_set1_epi16((short)v), *p = (const void *)a;
	uint64_t m = 0;

	for (unsigned i = 0; i < 4; i++) {
		const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(p + 2 * i), k);
		const __m128i high = _mm_cmpeq_epi16(_mm_load_si128(p + 2 * i + 1), k);

		m |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_packs_epi16(low, high)) << 16 * i;
	}
	return m;
#endif
}

struct lengths {
	uint32_t sum;
	uint16_t longest;
};

/* Largest of eight unsigned words: the complement of the smallest complement. */
static inline uint16_t max8(__m128i v)
{
	return (uint16_t)~_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(v, _mm_set1_epi32(-1))));
}

static inline uint32_t sum4(__m128i v)
{
	v = _mm_add_epi32(v, _mm_srli_si128(v, 8));
	return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi32(v, _mm_srli_si128(v, 4)));
}

/* Sum and maximum of the slots' lengths, each below 32 KiB (their products as signed words do not overflow):
 * bits of the mask become lanes, the others count as 0. */
static inline struct lengths lengths_of(const uint16_t len[BURST_SIZE], uint64_t slots)
{
#ifdef __AVX2__
	const __m256i bit = _mm256_set_epi16((short)0x8000, 0x4000, 0x2000, 0x1000, 0x800, 0x400, 0x200,
		0x100, 0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1);
	__m256i sum = _mm256_setzero_si256(), longest = sum;

	for (unsigned i = 0; i < BURST_SIZE; i += 16) {
		const __m256i k = _mm256_and_si256(_mm256_set1_epi16((short)(slots >> i)), bit);
		const __m256i v = _mm256_and_si256(
			_mm256_cmpeq_epi16(k, bit), _mm256_load_si256((const void *)(len + i)));

		sum = _mm256_add_epi32(sum, _mm256_madd_epi16(v, _mm256_set1_epi16(1)));
		longest = _mm256_max_epu16(longest, v);
	}
	return (struct lengths){
		sum4(_mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1))),
		max8(_mm_max_epu16(_mm256_castsi256_si128(longest), _mm256_extracti128_si256(longest, 1)))};
#else
	const __m128i bit = _mm_set_epi16(0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1);
	__m128i sum = _mm_setzero_si128(), longest = sum;

	for (unsigned i = 0; i < BURST_SIZE; i += 8) {
		const __m128i k = _mm_and_si128(_mm_set1_epi16((short)(slots >> i)), bit);
		const __m128i v =
			_mm_and_si128(_mm_cmpeq_epi16(k, bit), _mm_load_si128((const void *)(len + i)));

		sum = _mm_add_epi32(sum, _mm_madd_epi16(v, _mm_set1_epi16(1)));
		longest = _mm_max_epu16(longest, v);
	}
	return (struct lengths){sum4(sum), max8(longest)};
#endif
}

/* Sets all 64 entries. */
static inline void fill8(uint8_t *a, uint8_t v)
{
	for (unsigned i = 0; i < BURST_SIZE; i++)
		a[i] = v;
}

static inline void fill16(uint16_t *a, uint16_t v)
{
	for (unsigned i = 0; i < BURST_SIZE; i++)
		a[i] = v;
}

/* True when the mask is slots 0..n-1 without a hole. */
static inline bool mask_dense(uint64_t mask)
{
	return (mask & (mask + 1)) == 0;
}

#endif
