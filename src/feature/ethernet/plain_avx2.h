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

/* All-ones where the header checksum is right: the ten words add up to a multiple of 0xffff. Words are summed
 * in pairs as signed numbers, 0x8000 less each; what they lack is put back at the end. The sum is below 2^20,
 * so one fold is enough. */
static inline __m256i plain8_sum_ok(const __m256i ip[5])
{
	const __m256i half = V8(0x80008000), one = _mm256_set1_epi16(1);
	__m256i s = V8(10 * 0x8000);

	for (unsigned i = 0; i < 5; i++)
		s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_xor_si256(ip[i], half), one));
	s = _mm256_add_epi32(_mm256_and_si256(s, V8(0xffff)), _mm256_srli_epi32(s, 16));
	return _mm256_cmpeq_epi32(s, V8(0xffff));
}

/* Bytes `at` (of each dword) and the next, in wire order, as numbers. */
static inline __m256i plain8_number(__m256i v, unsigned at)
{
	const int k = (int)(at << 8 | (at + 1) | 0x80800000);

	return _mm256_shuffle_epi8(v, _mm256_add_epi32(V8(k), _mm256_set_epi32(0x0c0c, 0x0808, 0x0404, 0,
								      0x0c0c, 0x0808, 0x0404, 0)));
}

/* Values are below 2^17: signed comparisons will do. */
static inline __m256i plain8_length_ok(__m256i end, __m256i frame)
{
	const __m256i padded = _mm256_andnot_si256(
		_mm256_cmpgt_epi32(frame, V8(PLAIN_MIN_FRAME)), _mm256_cmpgt_epi32(frame, end));

	return _mm256_or_si256(_mm256_cmpeq_epi32(end, frame), padded);
}

static inline __m256i plain8_macs_ok(const __m256i word[4], __m256i meta, const uint8_t mac[6])
{
	const __m256i own = V8(plain_load32(mac)), zero = _mm256_setzero_si256();
	const __m256i tail = _mm256_and_si256(word[2], V8(0xffff));
	__m256i ok = _mm256_cmpeq_epi32(word[0], V8(plain_load32(mac + 2)));
	__m256i bad = _mm256_and_si256(_mm256_cmpeq_epi32(word[1], zero), _mm256_cmpeq_epi32(tail, zero));

	ok = _mm256_and_si256(ok, _mm256_cmpeq_epi32(_mm256_srli_epi32(meta, 16), V8(plain_load16(mac))));
	bad = _mm256_or_si256(bad, _mm256_and_si256(_mm256_cmpeq_epi32(word[1], own),
					   _mm256_cmpeq_epi32(tail, V8(plain_load16(mac + 4)))));
	bad = _mm256_or_si256(bad, _mm256_cmpgt_epi32(_mm256_and_si256(word[1], V8(1)), zero));
	return _mm256_andnot_si256(bad, ok);
}

static inline __m256i plain8_octets4_ok(__m256i addr)
{
	const __m256i o = _mm256_and_si256(addr, V8(0xff));
	const __m256i in = _mm256_and_si256(
		_mm256_cmpgt_epi32(o, _mm256_setzero_si256()), _mm256_cmpgt_epi32(V8(224), o));

	return _mm256_andnot_si256(_mm256_cmpeq_epi32(o, V8(127)), in);
}

static inline __m256i plain8_is4(const __m256i ip[5], __m256i frame)
{
	const __m256i len = plain8_number(ip[0], 2);
	__m256i ok = _mm256_cmpeq_epi32(_mm256_and_si256(ip[0], V8(0xff)), V8(0x45));

	ok = _mm256_and_si256(ok, _mm256_cmpgt_epi32(len, V8(19)));
	ok = _mm256_and_si256(ok, plain8_length_ok(_mm256_add_epi32(len, V8(RTE_ETHER_HDR_LEN)), frame));
	ok = _mm256_and_si256(
		ok, _mm256_cmpeq_epi32(_mm256_and_si256(ip[1], V8(0xff3f0000)), _mm256_setzero_si256()));
	ok = _mm256_and_si256(ok, _mm256_cmpgt_epi32(_mm256_and_si256(ip[2], V8(0xff)), V8(1)));
	ok = _mm256_and_si256(ok, _mm256_and_si256(plain8_octets4_ok(ip[3]), plain8_octets4_ok(ip[4])));
	return _mm256_and_si256(ok, plain8_sum_ok(ip));
}

static inline __m256i plain8_protos6_ok(__m256i p)
{
	static const uint8_t known[] = {
		IPPROTO_UDP, IPPROTO_ICMPV6, IPPROTO_ESP, IPPROTO_GRE, IPPROTO_IPIP, IPPROTO_IPV6};
	__m256i ok = _mm256_cmpeq_epi32(p, V8(IPPROTO_TCP));

	for (unsigned i = 0; i < sizeof known; i++)
		ok = _mm256_or_si256(ok, _mm256_cmpeq_epi32(p, V8(known[i])));
	return ok;
}

static inline __m256i plain8_is6(const __m256i ip[5], __m256i frame)
{
	const __m256i len = plain8_number(ip[1], 0);
	const __m256i proto = _mm256_and_si256(_mm256_srli_epi32(ip[1], 16), V8(0xff));
	__m256i global = _mm256_cmpeq_epi32(_mm256_and_si256(ip[2], V8(0xe0)), V8(0x20));
	__m256i ok = _mm256_cmpeq_epi32(_mm256_and_si256(ip[0], V8(0xf0)), V8(0x60));

	global = _mm256_or_si256(global, _mm256_cmpeq_epi32(_mm256_and_si256(ip[2], V8(0xfe)), V8(0xfc)));
	ok = _mm256_and_si256(
		ok, _mm256_cmpeq_epi32(_mm256_add_epi32(len, V8(RTE_ETHER_HDR_LEN + 40)), frame));
	ok = _mm256_and_si256(ok, _mm256_cmpgt_epi32(_mm256_srli_epi32(ip[1], 24), V8(1)));
	return _mm256_and_si256(_mm256_and_si256(ok, global), plain8_protos6_ok(proto));
}

/* plain_hop4() of 8 packets: TTL less one, one more in the checksum, and its end-around carry. */
static inline __m256i plain8_hop4(__m256i v)
{
	const __m256i carry = _mm256_cmpeq_epi32(_mm256_max_epu32(v, V8(0xfffe0000)), v);

	return _mm256_add_epi32(_mm256_add_epi32(v, V8(0x10000 - 1)), _mm256_and_si256(carry, V8(0x10000)));
}

static inline unsigned plain8_mask(__m256i v)
{
	return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(v));
}

/* The lowest byte of each dword, in order. */
static inline void plain8_store_bytes(uint8_t *to, __m256i v)
{
	const __m256i low = _mm256_shuffle_epi8(v, V8(0x0c080400));
	const __m128i both =
		_mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));

	_mm_storel_epi64((void *)to, both);
}

static inline void plain8_store_halves(uint16_t *to, __m256i v)
{
	_mm_store_si128(
		(void *)to, _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1)));
}

/* IPv6 candidates among 8 packets: fills hop and proto of their lanes. */
static inline unsigned plain8_take6(
	const __m256i ip[5], __m256i type, __m256i frame, __m256i *hop, __m256i *proto)
{
	const __m256i v6 = _mm256_and_si256(_mm256_cmpeq_epi32(type, V8(PLAIN_TYPE6)), plain8_is6(ip, frame));

	*hop = _mm256_blendv_epi8(*hop, _mm256_sub_epi32(ip[1], V8(0x01000000)), v6);
	*proto = _mm256_blendv_epi8(*proto, _mm256_srli_epi32(ip[1], 16), v6);
	return plain8_mask(v6);
}

/* Slots first..first+7; returns the IPv4 ones in bits 0..7 and the IPv6 ones in bits 8..15. Inlined whatever
 * the compiler thinks of its size: constants stay in registers between groups. */
static __rte_always_inline unsigned plain8_group(
	struct burst *b, unsigned first, __m256i meta, const uint8_t mac[6])
{
	const __m256i swap = _mm256_broadcastsi128_si256(
		_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
	const __m256i frame = _mm256_and_si256(meta, V8(0xffff));
	__m256i w[8], hop, proto, v4, type, macs;
	unsigned six = 0, four;

	plain8_transpose((const uint8_t *const *)(b->data + first), 2, w);
	plain8_transpose((const uint8_t *const *)(b->data + first), 18, w + 4);
	macs = plain8_macs_ok(w, meta, mac);
	type = _mm256_and_si256(_mm256_srli_epi32(w[2], 16), macs);
	v4 = _mm256_and_si256(_mm256_cmpeq_epi32(type, V8(PLAIN_TYPE4)), plain8_is4(w + 3, frame));
	four = plain8_mask(v4);
	hop = plain8_hop4(w[5]);
	proto = _mm256_srli_epi32(w[5], 8);
	if (__builtin_expect(four != 0xff, 0))
		six = plain8_take6(w + 3, type, frame, &hop, &proto);
	_mm256_store_si256((void *)(b->hop + first), hop);
	_mm256_store_si256((void *)(b->dst4 + first), _mm256_shuffle_epi8(w[7], swap));
	plain8_store_bytes(b->proto + first, proto);
	plain8_store_halves(b->len + first, frame);
	return four | six << 8;
}

/* As plain_scalar(). */
static inline struct plain_found plain_avx2(struct burst *b, unsigned n, const uint8_t mac[6])
{
	const uint64_t real = n >= BURST_SIZE ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
	struct plain_found f = {0};
	uint32_t *meta = b->hop; /* room until each group's own words go there */

	plain_collect(b, n, 8, meta);
	for (unsigned first = 0; first < n; first += 8) {
		unsigned found = plain8_group(b, first, _mm256_load_si256((const void *)(meta + first)), mac);

		f.v4 |= (uint64_t)(found & 0xff) << first;
		f.v6 |= (uint64_t)(found >> 8) << first;
	}
	f.v4 &= real;
	f.v6 = plain_keep6(b, f.v6 & real);
	f.frames = lengths_of(b->len, f.v4 | f.v6);
	return f;
}

#undef V8

#endif
