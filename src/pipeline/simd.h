/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The few vector helpers stages share: slot masks from the burst's arrays. Each has a plain loop that the
 * compiler is left to vectorise where AVX-512 is missing; a unit test compares the two.
 */
#ifndef WEIR_PIPELINE_SIMD_H
#define WEIR_PIPELINE_SIMD_H

#include <stdint.h>

#ifdef __AVX512BW__
#include <immintrin.h>
#endif

#include "pipeline/burst.h"

/* Slots whose 8-bit value equals v. `a` is one of the burst's arrays (64 entries, cache aligned). */
static inline uint64_t mask_eq8(const uint8_t *a, uint8_t v)
{
#ifdef __AVX512BW__
	return _mm512_cmpeq_epi8_mask(_mm512_load_si512(a), _mm512_set1_epi8((char)v));
#else
	uint64_t m = 0;

	for (unsigned i = 0; i < BURST_SIZE; i++)
		m |= (uint64_t)(a[i] == v) << i;
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
	uint64_t m = 0;

	for (unsigned i = 0; i < BURST_SIZE; i++)
		m |= (uint64_t)(a[i] == v) << i;
	return m;
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
