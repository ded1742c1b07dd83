/* SPDX-License-Identifier: BSD-3-Clause
 *
 * plain_scalar() for 8 packets at a time with AVX2. 32 bytes of each packet, from the third byte on, hold
 * everything but the first two bytes and the IPv6 destination; transposed, register k holds their k-th dword:
 *   0 MAC 2-5   1 source MAC 0-3   2 source MAC 4-5, ethertype   3..7 the first 20 bytes of the IP header
 */
#ifndef WEIR_FEATURE_ETHERNET_PLAIN_AVX2_H
#define WEIR_FEATURE_ETHERNET_PLAIN_AVX2_H

#include <immintrin.h>

#include "feature/ethernet/plain.h"

#define V8(x) _mm256_set1_epi32((int)(x))
#define X8(x)                                                                                                \
	{                                                                                                    \
		x, x, x, x, x, x, x, x                                                                       \
	}

/* Constants as operands in memory. The compiler is kept from knowing them: it would make each of them anew
 * for every group of packets, with three instructions. */
struct plain8_constants {
	uint32_t low[8], half[8], ones[8], lacking[8], octet[8], highest[8], loopback[8], unused[8], kind[8],
		kind4[8], fragment[8], lifetime[8], header[8], shortest[8], padded[8], carry[8], hop[8],
		number[8], number6[8], kind6_mask[8], kind6[8], lifetime6[8], swap[8], proto[8];
};

static const struct plain8_constants plain8_constants __rte_cache_aligned = {
	.low = X8(0xffff),
	.half = X8(0x80008000),
	.ones = X8(0x00010001),
	.lacking = X8(10 * 0x8000),
	.octet = X8(0x01010101),
	.highest = X8(0xdededede), /* 223 - 1 */
	.loopback = X8(0x7f7f7f7f),
	.unused = X8(0xff00ff00),
	.kind = X8(0xffff00ff),
	.kind4 = X8(PLAIN_TYPE4 << 16 | 0x45),
	.fragment = X8(0xff3f0000),
	.lifetime = X8(2),
	.header = X8(RTE_ETHER_HDR_LEN),
	.shortest = X8(RTE_ETHER_HDR_LEN + 19),
	.padded = X8(PLAIN_MIN_FRAME),
	.carry = X8(0xfffe0000),
	.hop = X8(0x10000 - 1),
	.number = {0x80800203, 0x80800607, 0x80800a0b, 0x80800e0f, 0x80800203, 0x80800607, 0x80800a0b,
		0x80800e0f},
	.number6 = {0x80800001, 0x80800405, 0x80800809, 0x80800c0d, 0x80800001, 0x80800405, 0x80800809,
		0x80800c0d},
	.kind6_mask = X8(0xffff00f0),
	.kind6 = X8((uint32_t)PLAIN_TYPE6 << 16 | 0x60),
	.lifetime6 = X8(0x02000000),
	.swap = {0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f, 0x00010203, 0x04050607, 0x08090a0b,
		0x0c0d0e0f},
	.proto = X8(0x0d090501),
};

#define K8(name) _mm256_load_si256((const __m256i *)(const void *)k->name)

static inline __m256i plain8_pair(const uint8_t *const p[8], unsigned j, unsigned off)
{
	const __m256i v = _mm256_castsi128_si256(_mm_loadu_si128((const void *)(p[j] + off)));

	return _mm256_inserti128_si256(v, _mm_loadu_si128((const void *)(p[j + 4] + off)), 1);
}

/* Bytes off..off+15 of 8 packets: word[k] holds dword k of packets 0..7 in order. */
static inline void plain8_transpose(const uint8_t *const p[8], unsigned off, __m256i word[4])
{
	const __m256i a = plain8_pair(p, 0, off), b = plain8_pair(p, 1, off);
	const __m256i c = plain8_pair(p, 2, off), d = plain8_pair(p, 3, off);
	const __m256i t0 = _mm256_unpacklo_epi32(a, b), t1 = _mm256_unpackhi_epi32(a, b);
	const __m256i t2 = _mm256_unpacklo_epi32(c, d), t3 = _mm256_unpackhi_epi32(c, d);

	word[0] = _mm256_unpacklo_epi64(t0, t2);
	word[1] = _mm256_unpackhi_epi64(t0, t2);
	word[2] = _mm256_unpacklo_epi64(t1, t3);
	word[3] = _mm256_unpackhi_epi64(t1, t3);
}

/* Sign bit set where a frame is not for our address, or its source address is multicast or ends in zeros or
 * as our own; see plain_macs_ok(). */
static inline __m256i plain8_strange(const __m256i word[3], __m256i own)
{
	const __m256i tail =
		_mm256_blend_epi16(_mm256_srli_epi32(word[1], 16), _mm256_slli_epi32(word[2], 16), 0xaa);
	const __m256i known = _mm256_or_si256(
		_mm256_cmpeq_epi32(tail, own), _mm256_cmpeq_epi32(tail, _mm256_setzero_si256()));

	return _mm256_or_si256(_mm256_or_si256(known, _mm256_slli_epi32(word[1], 31)),
		_mm256_xor_si256(_mm256_cmpeq_epi32(word[0], own), V8(-1)));
}

/* All-ones where the header checksum is right: the ten words add up to a multiple of 0xffff. Words are summed
 * in pairs as signed numbers, 0x8000 less each; what they lack is put back. The sum is below 2^20, so one
 * fold is enough. */
static inline __m256i plain8_sum_ok(const struct plain8_constants *k, const __m256i ip[5])
{
	__m256i s = K8(lacking);

	for (unsigned i = 0; i < 5; i++)
		s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_xor_si256(ip[i], K8(half)), K8(ones)));
	s = _mm256_add_epi32(_mm256_and_si256(s, K8(low)), _mm256_srli_epi32(s, 16));
	return _mm256_cmpeq_epi32(s, K8(low));
}

/* All-ones where the packet's length is at least a header's and as the frame's, or the frame is padded. */
static inline __m256i plain8_length_ok(const struct plain8_constants *k, __m256i ip, __m256i frame)
{
	const __m256i end = _mm256_add_epi32(_mm256_shuffle_epi8(ip, K8(number)), K8(header));
	const __m256i rest = _mm256_sub_epi32(frame, end);
	const __m256i most = _mm256_andnot_si256(_mm256_cmpgt_epi32(frame, K8(padded)), K8(padded));

	return _mm256_and_si256(_mm256_cmpeq_epi32(_mm256_min_epu32(rest, most), rest),
		_mm256_cmpgt_epi32(end, K8(shortest)));
}

/* All-ones where the first octet of both addresses is in 1..223 and not 127. */
static inline __m256i plain8_octets4_ok(const struct plain8_constants *k, __m256i src, __m256i dst)
{
	const __m256i o = _mm256_blend_epi16(src, _mm256_slli_epi32(dst, 16), 0xaa);
	const __m256i less = _mm256_sub_epi8(o, K8(octet));
	const __m256i in = _mm256_cmpeq_epi8(_mm256_min_epu8(less, K8(highest)), less);

	return _mm256_or_si256(_mm256_andnot_si256(_mm256_cmpeq_epi8(o, K8(loopback)), in), K8(unused));
}

/* All-ones where a frame's type (upper half of `type`), version, header length, lifetime, addresses, lengths
 * and checksum are those of plain IPv4. */
static inline __m256i plain8_is4(
	const struct plain8_constants *k, __m256i type, const __m256i ip[5], __m256i frame)
{
	const __m256i kind = _mm256_and_si256(_mm256_blend_epi16(ip[0], type, 0xaa), K8(kind));
	__m256i ok = _mm256_cmpeq_epi32(kind, K8(kind4));

	ok = _mm256_and_si256(
		ok, _mm256_cmpeq_epi32(_mm256_and_si256(ip[1], K8(fragment)), _mm256_setzero_si256()));
	ok = _mm256_and_si256(ok, _mm256_cmpeq_epi8(_mm256_max_epu8(ip[2], K8(lifetime)), ip[2]));
	ok = _mm256_and_si256(ok, plain8_octets4_ok(k, ip[3], ip[4]));
	ok = _mm256_and_si256(ok, plain8_length_ok(k, ip[0], frame));
	ok = _mm256_and_si256(ok, plain8_sum_ok(k, ip));
	return _mm256_cmpeq_epi32(ok, _mm256_set1_epi32(-1));
}

/* All-ones where the next header is one that plain_proto6_ok() knows: bit p of 64. */
static inline __m256i plain8_protos6_ok(__m256i p)
{
	const uint64_t known = UINT64_C(1) << IPPROTO_TCP | UINT64_C(1) << IPPROTO_UDP |
			       UINT64_C(1) << IPPROTO_ICMPV6 | UINT64_C(1) << IPPROTO_ESP |
			       UINT64_C(1) << IPPROTO_GRE | UINT64_C(1) << IPPROTO_IPIP |
			       UINT64_C(1) << IPPROTO_IPV6;
	const __m256i low = _mm256_srlv_epi32(V8(known & 0xffffffff), p); /* 0 for 32 and more */
	const __m256i high = _mm256_srlv_epi32(V8(known >> 32), _mm256_sub_epi32(p, V8(32)));

	return _mm256_srai_epi32(_mm256_slli_epi32(_mm256_or_si256(low, high), 31), 31);
}

/* All-ones where the first octets of both addresses are those of global unicast or unique local ones. */
static inline __m256i plain8_octets6_ok(const struct plain8_constants *k, __m256i src, __m256i dst)
{
	const __m256i o = _mm256_blend_epi16(src, _mm256_slli_epi32(dst, 16), 0xaa);
	const __m256i global =
		_mm256_cmpeq_epi8(_mm256_and_si256(o, _mm256_set1_epi8((char)0xe0)), _mm256_set1_epi8(0x20));
	const __m256i local = _mm256_cmpeq_epi8(
		_mm256_and_si256(o, _mm256_set1_epi8((char)0xfe)), _mm256_set1_epi8((char)0xfc));

	return _mm256_or_si256(_mm256_or_si256(global, local), K8(unused));
}

static inline __m256i plain8_is6(
	const struct plain8_constants *k, __m256i type, const __m256i ip[3], __m256i dst, __m256i frame)
{
	const __m256i kind = _mm256_and_si256(_mm256_blend_epi16(ip[0], type, 0xaa), K8(kind6_mask));
	const __m256i end =
		_mm256_add_epi32(_mm256_shuffle_epi8(ip[1], K8(number6)), V8(RTE_ETHER_HDR_LEN + 40));
	const __m256i proto = _mm256_and_si256(_mm256_srli_epi32(ip[1], 16), V8(0xff));
	__m256i ok = _mm256_and_si256(_mm256_cmpeq_epi32(kind, K8(kind6)), _mm256_cmpeq_epi32(end, frame));

	ok = _mm256_and_si256(ok, _mm256_cmpeq_epi8(_mm256_max_epu8(ip[1], K8(lifetime6)), ip[1]));
	ok = _mm256_and_si256(ok, plain8_octets6_ok(k, ip[2], dst));
	ok = _mm256_and_si256(ok, plain8_protos6_ok(proto));
	return _mm256_cmpeq_epi32(ok, V8(-1));
}

/* plain_hop4() of 8 packets: TTL less one, one more in the checksum, and its end-around carry. */
static inline __m256i plain8_hop4(const struct plain8_constants *k, __m256i v)
{
	const __m256i carry = _mm256_cmpeq_epi32(_mm256_max_epu32(v, K8(carry)), v);

	return _mm256_sub_epi32(_mm256_add_epi32(v, K8(hop)), _mm256_slli_epi32(carry, 16));
}

static inline unsigned plain8_mask(__m256i v)
{
	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(v));
}

/* The second byte of each dword, in order. */
static inline void plain8_store_protos(const struct plain8_constants *k, uint8_t *to, __m256i v)
{
	const __m256i low = _mm256_shuffle_epi8(v, K8(proto));

	_mm_storel_epi64((void *)to,
		_mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
}

/* The first four bytes of the IPv6 destinations of 8 packets, in order. */
static inline __m256i plain8_dst6(const uint8_t *const p[8])
{
	int32_t v[8];

	for (unsigned j = 0; j < 8; j++)
		memcpy(&v[j], p[j] + BURST_DST6, sizeof v[j]);
	return _mm256_set_epi32(v[7], v[6], v[5], v[4], v[3], v[2], v[1], v[0]);
}

/* What a group of 8 packets has for the burst: its words of hop, and protocols in their second bytes. */
struct plain8 {
	__m256i hop, proto;
};

static inline unsigned plain8_take4(const struct plain8_constants *k, const __m256i w[8], __m256i strange,
	__m256i frame, struct plain8 *out)
{
	out->hop = plain8_hop4(k, w[5]);
	out->proto = w[5];
	return plain8_mask(_mm256_andnot_si256(strange, plain8_is4(k, w[2], w + 3, frame)));
}

/* Only the lanes of the packets it returns are written. */
static inline unsigned plain8_take6(const struct plain8_constants *k, const __m256i w[8], __m256i strange,
	__m256i dst, __m256i frame, struct plain8 *out)
{
	const __m256i v6 =
		_mm256_andnot_si256(_mm256_srai_epi32(strange, 31), plain8_is6(k, w[2], w + 3, dst, frame));

	out->hop = _mm256_blendv_epi8(out->hop, _mm256_sub_epi32(w[4], V8(0x01000000)), v6);
	out->proto = _mm256_blendv_epi8(out->proto, _mm256_srli_epi32(w[4], 8), v6);
	return plain8_mask(v6);
}

/* Slots first..first+7, all with the first two bytes of our address; returns the IPv4 ones in bits 0..7 and
 * the IPv6 ones in bits 8..15. Inlined whatever the compiler thinks of its size. */
static __rte_always_inline unsigned plain8_group(
	const struct plain8_constants *k, struct burst *b, unsigned first, __m256i own)
{
	const uint8_t *const *p = (const uint8_t *const *)(b->data + first);
	const __m256i frame = _mm256_cvtepu16_epi32(_mm_load_si128((const void *)(b->len + first)));
	struct plain8 out = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	unsigned four = 0, six = 0, high;
	__m256i w[8], strange;

	plain8_transpose(p, 2, w);
	plain8_transpose(p, 18, w + 4);
	strange = plain8_strange(w, own);
	high = plain8_mask(w[2]); /* of their ethertypes: 86dd has the sign bit, 0800 does not */
	if (high != 0xff)
		four = plain8_take4(k, w, strange, frame, &out);
	if (__builtin_expect(high != 0, 0))
		six = plain8_take6(k, w, strange, plain8_dst6(p), frame, &out);
	_mm256_store_si256((void *)(b->hop + first), out.hop);
	_mm256_store_si256((void *)(b->dst4 + first), _mm256_shuffle_epi8(w[7], K8(swap)));
	plain8_store_protos(k, b->proto + first, out.proto);
	return four | six << 8;
}

/* As plain_scalar(). */
static inline struct plain_found plain_avx2(struct burst *b, unsigned n, const uint8_t mac[6])
{
	const struct plain8_constants *k = &plain8_constants;
	const uint64_t ours = plain_collect(b, n, 8, mac);
	const __m256i own = V8(plain_load32(mac + 2));
	struct plain_found f = {0};

	__asm__("" : "+r"(k));
	for (unsigned first = 0; first < n; first += 8) {
		unsigned found = plain8_group(k, b, first, own);

		f.v4 |= (uint64_t)(found & 0xff) << first;
		f.v6 |= (uint64_t)(found >> 8) << first;
	}
	f.v4 &= ours;
	f.v6 &= ours;
	f.frames = lengths_of(b->len, f.v4 | f.v6);
	return f;
}

#undef V8
#undef X8
#undef K8

#endif
