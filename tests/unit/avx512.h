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
static inline void emulated_epu16(void *to, __m256i from)
{
	uint16_t in[16];
	uint32_t out[16];

	memcpy(in, &from, sizeof in);
	for (unsigned i = 0; i < 16; i++)
		out[i] = in[i];
	memcpy(to, out, sizeof out);
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

#define _mm512_cvtepu16_epi32(v)                                                                             \
	__extension__({                                                                                      \
		__m512i wide;                                                                                \
		emulated_epu16(&wide, v);                                                                    \
		wide;                                                                                        \
	})
#define _mm512_cvtepi32_epi8(v) emulated_epi8(&(v))
#define _mm512_mask_srli_epi32(src, k, v, n) simde_mm512_mask_mov_epi32(src, k, simde_mm512_srli_epi32(v, n))

#endif

#endif
