/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plain_scalar() for 16 packets at a time with AVX-512 (F and BW). As plain_avx2.h, with masks in place of
 * all-ones lanes; see there for the words.
 */
#ifndef WEIR_FEATURE_ETHERNET_PLAIN_AVX512_H
#define WEIR_FEATURE_ETHERNET_PLAIN_AVX512_H

#include <immintrin.h>

#include "feature/ethernet/plain.h"

#define V16(x) _mm512_set1_epi32((int)(x))

/* Bytes off..off+15 of 16 packets: word[k] holds dword k of packets 0..15 in order. */
static inline void plain16_transpose(const uint8_t *const p[16], unsigned off, __m512i word[4])
{
	__m512i z[4], t0, t1, t2, t3;

	for (unsigned j = 0; j < 4; j++) {
		__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const void *)(p[j] + off)));

		v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p[j + 4] + off)), 1);
		v = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p[j + 8] + off)), 2);
		z[j] = _mm512_inserti32x4(v, _mm_loadu_si128((const void *)(p[j + 12] + off)), 3);
	}
	t0 = _mm512_unpacklo_epi32(z[0], z[1]);
	t1 = _mm512_unpackhi_epi32(z[0], z[1]);
	t2 = _mm512_unpacklo_epi32(z[2], z[3]);
	t3 = _mm512_unpackhi_epi32(z[2], z[3]);
	word[0] = _mm512_unpacklo_epi64(t0, t2);
	word[1] = _mm512_unpackhi_epi64(t0, t2);
	word[2] = _mm512_unpacklo_epi64(t1, t3);
	word[3] = _mm512_unpackhi_epi64(t1, t3);
}

static inline __m512i plain16_fold(__m512i v)
{
	return _mm512_add_epi32(_mm512_and_si512(v, V16(0xffff)), _mm512_srli_epi32(v, 16));
}

static inline __mmask16 plain16_sum_ok(const __m512i ip[5])
{
	__m512i s = plain16_fold(ip[0]);

	for (unsigned i = 1; i < 5; i++)
		s = _mm512_add_epi32(s, plain16_fold(ip[i]));
	return _mm512_cmpeq_epi32_mask(plain16_fold(plain16_fold(s)), V16(0xffff));
}

static inline __m512i plain16_number(__m512i v)
{
	return _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(v, V16(0xff)), 8), _mm512_srli_epi32(v, 8));
}

static inline __mmask16 plain16_length_ok(__m512i end, __m512i frame)
{
	return _mm512_cmpeq_epi32_mask(end, frame) |
	       (_mm512_cmpgt_epi32_mask(frame, end) & ~_mm512_cmpgt_epi32_mask(frame, V16(PLAIN_MIN_FRAME)));
}

static inline __mmask16 plain16_macs_ok(const __m512i word[3], const uint8_t mac[6])
{
	const __m512i own = V16(plain_load32(mac + 2)), zero = _mm512_setzero_si512();
	const __m512i tail = _mm512_mask_blend_epi16(
		0xaaaaaaaa, _mm512_srli_epi32(word[1], 16), _mm512_slli_epi32(word[2], 16));

	return _mm512_cmpeq_epi32_mask(word[0], own) &
	       _mm512_cmpeq_epi32_mask(_mm512_and_si512(word[1], V16(1)), zero) &
	       ~(_mm512_cmpeq_epi32_mask(tail, own) | _mm512_cmpeq_epi32_mask(tail, zero));
}

static inline __mmask16 plain16_octets4_ok(__m512i addr)
{
	const __m512i o = _mm512_and_si512(addr, V16(0xff));

	return _mm512_cmpgt_epi32_mask(o, _mm512_setzero_si512()) & _mm512_cmpgt_epi32_mask(V16(224), o) &
	       ~_mm512_cmpeq_epi32_mask(o, V16(127));
}

static inline __mmask16 plain16_is4(const __m512i ip[5], __m512i frame)
{
	const __m512i len = plain16_number(_mm512_srli_epi32(ip[0], 16));

	return _mm512_cmpeq_epi32_mask(_mm512_and_si512(ip[0], V16(0xff)), V16(0x45)) &
	       _mm512_cmpgt_epi32_mask(len, V16(19)) &
	       plain16_length_ok(_mm512_add_epi32(len, V16(RTE_ETHER_HDR_LEN)), frame) &
	       _mm512_cmpeq_epi32_mask(_mm512_and_si512(ip[1], V16(0xff3f0000)), _mm512_setzero_si512()) &
	       _mm512_cmpgt_epi32_mask(_mm512_and_si512(ip[2], V16(0xff)), V16(1)) &
	       plain16_octets4_ok(ip[3]) & plain16_octets4_ok(ip[4]) & plain16_sum_ok(ip);
}

static inline __mmask16 plain16_protos6_ok(__m512i p)
{
	static const uint8_t known[] = {
		IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_ESP, IPPROTO_GRE, IPPROTO_IPIP, IPPROTO_IPV6};
	__mmask16 ok = _mm512_cmpeq_epi32_mask(p, V16(IPPROTO_TCP));

	for (unsigned i = 0; i < sizeof known; i++)
		ok |= _mm512_cmpeq_epi32_mask(p, V16(known[i]));
	return ok;
}

static inline __mmask16 plain16_is6(const __m512i ip[5], __m512i frame)
{
	const __m512i len = plain16_number(_mm512_and_si512(ip[1], V16(0xffff)));
	const __m512i proto = _mm512_and_si512(_mm512_srli_epi32(ip[1], 16), V16(0xff));

	return _mm512_cmpeq_epi32_mask(_mm512_and_si512(ip[0], V16(0xf0)), V16(0x60)) &
	       _mm512_cmpeq_epi32_mask(_mm512_add_epi32(len, V16(RTE_ETHER_HDR_LEN + 40)), frame) &
	       _mm512_cmpgt_epi32_mask(_mm512_srli_epi32(ip[1], 24), V16(1)) &
	       (_mm512_cmpeq_epi32_mask(_mm512_and_si512(ip[2], V16(0xe0)), V16(0x20)) |
		       _mm512_cmpeq_epi32_mask(_mm512_and_si512(ip[2], V16(0xfe)), V16(0xfc))) &
	       plain16_protos6_ok(proto);
}

/* plain_hop4() of 16 packets. */
static inline __m512i plain16_hop4(__m512i v)
{
	__m512i sum = _mm512_add_epi32(_mm512_srli_epi32(v, 16), V16(1));

	sum = _mm512_mask_add_epi32(sum, _mm512_cmpgt_epi32_mask(sum, V16(0xfffe)), sum, V16(1));
	v = _mm512_sub_epi32(_mm512_and_si512(v, V16(0xffff)), V16(1));
	return _mm512_or_si512(v, _mm512_slli_epi32(sum, 16));
}

/* Slots first..first+15, all with the first two bytes of our address; returns the IPv4 ones in bits 0..15 and
 * the IPv6 ones in bits 16..31. */
static __rte_always_inline uint32_t plain16_group(struct burst *b, unsigned first, const uint8_t mac[6])
{
	const __m512i swap =
		_mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
	const __m512i frame = _mm512_cvtepu16_epi32(_mm256_load_si256((const void *)(b->len + first)));
	__m512i w[8], hop, proto, type;
	__mmask16 macs, v4, v6 = 0;

	plain16_transpose((const uint8_t *const *)(b->data + first), 2, w);
	plain16_transpose((const uint8_t *const *)(b->data + first), 18, w + 4);
	macs = plain16_macs_ok(w, mac);
	type = _mm512_srli_epi32(w[2], 16);
	v4 = macs & _mm512_cmpeq_epi32_mask(type, V16(PLAIN_TYPE4)) & plain16_is4(w + 3, frame);
	hop = plain16_hop4(w[5]);
	proto = _mm512_srli_epi32(w[5], 8);
	if (__builtin_expect(v4 != 0xffff, 0)) {
		v6 = macs & _mm512_cmpeq_epi32_mask(type, V16(PLAIN_TYPE6)) & plain16_is6(w + 3, frame);
		hop = _mm512_mask_sub_epi32(hop, v6, w[4], V16(0x01000000));
		proto = _mm512_mask_srli_epi32(proto, v6, w[4], 16);
	}
	_mm512_store_si512(b->hop + first, hop);
	_mm512_store_si512(b->dst4 + first, _mm512_shuffle_epi8(w[7], swap));
	_mm_store_si128((void *)(b->proto + first), _mm512_cvtepi32_epi8(proto));
	return (uint32_t)v4 | (uint32_t)v6 << 16;
}

/* As plain_scalar(). */
static inline struct plain_found plain_avx512(struct burst *b, unsigned n, const uint8_t mac[6])
{
	const uint64_t ours = plain_collect(b, n, 16, mac);
	struct plain_found f = {0};

	for (unsigned first = 0; first < n; first += 16) {
		uint32_t found = plain16_group(b, first, mac);

		f.v4 |= (uint64_t)(found & 0xffff) << first;
		f.v6 |= (uint64_t)(found >> 16) << first;
	}
	f.v4 &= ours;
	f.v6 = plain_keep6(b, f.v6 & ours);
	f.frames = lengths_of(b->len, f.v4 | f.v6);
	return f;
}

#undef V16

#endif
