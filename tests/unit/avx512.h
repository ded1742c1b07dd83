/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AVX-512 code on CPUs and compilers without it: its intrinsics by SIMDe, and the few that SIMDe lacks. So
 * this code is tested everywhere. Include after everything that includes immintrin.h.
 */
#ifndef WEIR_TEST_AVX512_H
#define WEIR_TEST_AVX512_H

#ifndef __AVX512BW__

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <string.h>

/* __m512i is the compiler's own type here: passed by pointer, since passing it needs the registers. */
static inline __m256i emulated_epi16(const void *from)
{
	uint32_t in[16];
	uint16_t out[16];
	__m256i v;

	memcpy(in, from, sizeof in);
	for (unsigned i = 0; i < 16; i++)
		out[i] = (uint16_t)in[i];
	memcpy(&v, out, sizeof v);
	return v;
}

static inline __m128i emulated_epi8(const void *from)
{
	uint32_t in[16];
	uint8_t out[16];
	__m128i v;

	memcpy(in, from, sizeof in);
	for (unsigned i = 0; i < 16; i++)
		out[i] = (uint8_t)in[i];
	memcpy(&v, out, sizeof v);
	return v;
}

#define _mm512_cvtepi32_epi16(v) emulated_epi16(&(v))
#define _mm512_cvtepi32_epi8(v) emulated_epi8(&(v))
#define _mm512_mask_srli_epi32(src, k, v, n) simde_mm512_mask_mov_epi32(src, k, simde_mm512_srli_epi32(v, n))

#endif

#endif
