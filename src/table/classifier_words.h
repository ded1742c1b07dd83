/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first bit that several rows of words (at least one) have in common, as wide as the build allows. A test
 * compares the widths.
 */
#ifndef WEIR_TABLE_CLASSIFIER_WORDS_H
#define WEIR_TABLE_CLASSIFIER_WORDS_H

#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#define CLASS_NO_BIT UINT32_MAX

/* The reference: word by word. */
static inline uint32_t class_first_bit_scalar(const uint64_t *const *row, unsigned rows, uint32_t words)
{
	for (uint32_t w = 0; w < words; w++) {
		uint64_t v = ~UINT64_C(0);

		for (unsigned n = 0; n < rows; n++)
			v &= row[n][w];
		if (v != 0)
			return w * 64 + (uint32_t)__builtin_ctzll(v);
	}
	return CLASS_NO_BIT;
}

#if defined(__AVX2__) || defined(CLASS_WORDS_ALL)
/* Four words at a time; `words` is a multiple of 4. */
static inline uint32_t class_first_bit_avx2(const uint64_t *const *row, unsigned rows, uint32_t words)
{
	for (uint32_t w = 0; w < words; w += 4) {
		__m256i v = _mm256_load_si256((const void *)(row[0] + w));
		uint64_t word[4];
		unsigned some;

		for (unsigned n = 1; n < rows; n++)
			v = _mm256_and_si256(v, _mm256_load_si256((const void *)(row[n] + w)));
		some = 15 & ~(unsigned)_mm256_movemask_pd(
				    _mm256_castsi256_pd(_mm256_cmpeq_epi64(v, _mm256_setzero_si256())));
		if (some == 0)
			continue;
		_mm256_storeu_si256((void *)word, v);
		some = (unsigned)__builtin_ctz(some);
		return (w + some) * 64 + (uint32_t)__builtin_ctzll(word[some]);
	}
	return CLASS_NO_BIT;
}
#endif

#if defined(__AVX512F__) || defined(CLASS_WORDS_ALL)
/* Eight words at a time; `words` is a multiple of 8. */
static inline uint32_t class_first_bit_avx512(const uint64_t *const *row, unsigned rows, uint32_t words)
{
	for (uint32_t w = 0; w < words; w += 8) {
		__m512i v = _mm512_load_si512((const void *)(row[0] + w));
		uint64_t word[8];
		unsigned some;

		for (unsigned n = 1; n < rows; n++)
			v = _mm512_and_si512(v, _mm512_load_si512((const void *)(row[n] + w)));
		some = _mm512_test_epi64_mask(v, v);
		if (some == 0)
			continue;
		_mm512_storeu_si512((void *)word, v);
		some = (unsigned)__builtin_ctz(some);
		return (w + some) * 64 + (uint32_t)__builtin_ctzll(word[some]);
	}
	return CLASS_NO_BIT;
}
#endif

static inline uint32_t class_first_bit(const uint64_t *const *row, unsigned rows, uint32_t words)
{
#if defined(__AVX512F__)
	if (words % 8 == 0)
		return class_first_bit_avx512(row, rows, words);
#endif
#if defined(__AVX2__)
	return class_first_bit_avx2(row, rows, words);
#else
	return class_first_bit_scalar(row, rows, words);
#endif
}

#endif
