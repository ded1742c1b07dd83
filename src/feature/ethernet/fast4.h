/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plain IPv4 packet, recognised at once: untagged, to the port's MAC address, 20-byte header with a
 * right checksum, not a fragment, TTL > 1, total length = frame (or a padded minimum frame), and neither
 * address martian, loopback or multicast (RFC 1812 5.2.2, 5.3.7). Anything else is left to the slow
 * stages, which find out what it is; so the two implementations below only ever say yes or "look closer",
 * and a test holds them to the same answer.
 */
#ifndef WEIR_FEATURE_ETHERNET_FAST4_H
#define WEIR_FEATURE_ETHERNET_FAST4_H

#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "pipeline/burst.h"
#include "pipeline/simd.h"

#define FAST4_HEADERS 34 /* Ethernet + IPv4 without options */
#define FAST4_MIN_FRAME 60

static inline uint32_t fast4_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* 0xffff when the one's complement sum over the 20-byte header is right. */
static inline uint32_t fast4_sum(const uint8_t *ip)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < 20; i += 4)
		s += fast4_load32(ip + i);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	return (uint32_t)((s & 0xffff) + (s >> 16));
}

/* First octet of an address that a plain packet may carry. */
static inline bool fast4_octet_ok(uint8_t o)
{
	return o != 0 && o != 127 && o < 224;
}

/* One packet; the reference for the vector code. */
static inline bool fast4_check(const uint8_t *p, uint32_t data_len, const uint8_t mac[6])
{
	const uint8_t *ip = p + 14;
	uint32_t len;

	if (data_len < FAST4_HEADERS || memcmp(p, mac, 6) != 0 || p[12] != 8 || p[13] != 0 || ip[0] != 0x45)
		return false;
	len = (uint32_t)ip[2] << 8 | ip[3];
	if (len < 20 || (len + 14 != data_len && (len + 14 > data_len || data_len > FAST4_MIN_FRAME)))
		return false;
	if ((ip[6] & 0x3f) != 0 || ip[7] != 0 || ip[8] <= 1)
		return false;
	return fast4_octet_ok(ip[12]) && fast4_octet_ok(ip[16]) && fast4_sum(ip) == 0xffff;
}

/* TTL, protocol and checksum of the packet one hop later, as one word (compare ip4_decrement_ttl()). */
static inline uint32_t fast4_next_ttl(uint32_t v)
{
	uint32_t sum = (v >> 16) + RTE_BE16(0x0100);

	sum += sum >= 0xffff;
	return ((v & 0xffff) - 1) | sum << 16;
}

/* Slots 0..n-1; fills dst4, proto, data, len and ttl, and b->longest; returns the plain ones and adds their
 * bytes. */
static inline uint64_t fast4_scalar(struct burst *b, unsigned n, const uint8_t mac[6], uint64_t *bytes)
{
	uint64_t ok = 0;

	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = burst_data(b, i);
		uint32_t len = b->pkt[i]->data_len;

		if (!fast4_check(p, len, mac))
			continue;
		ok |= slot_bit(i);
		*bytes += len;
		b->data[i] = burst_data(b, i);
		b->len[i] = (uint16_t)len;
		b->longest = RTE_MAX(b->longest, (uint16_t)len);
		b->ttl[i] = fast4_next_ttl(fast4_load32(p + 22));
		b->dst4[i] = rte_be_to_cpu_32(fast4_load32(p + 30));
		b->proto[i] = p[23];
	}
	return ok;
}

#ifdef __AVX512BW__

/* Bytes off..off+15 of 16 packets, transposed: word[k] holds dword k of packets 0..15 in order. */
static inline void fast4_transpose(const uint8_t *const p[16], unsigned off, __m512i word[4])
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

/* Adds both halves of each dword to the running sums. */
static inline __m512i fast4_add16(__m512i sum, __m512i v)
{
	const __m512i low = _mm512_set1_epi32(0xffff);

	return _mm512_add_epi32(sum, _mm512_add_epi32(_mm512_and_si512(v, low), _mm512_srli_epi32(v, 16)));
}

static inline __mmask16 fast4_sum_ok(const __m512i a3, const __m512i b[4])
{
	const __m512i low = _mm512_set1_epi32(0xffff);
	__m512i s = _mm512_setzero_si512();

	s = fast4_add16(s, a3);
	for (unsigned i = 0; i < 4; i++)
		s = fast4_add16(s, b[i]);
	s = fast4_add16(_mm512_setzero_si512(), s);
	s = fast4_add16(_mm512_setzero_si512(), s);
	return _mm512_cmpeq_epi32_mask(s, low);
}

/* First octets (lowest byte of each dword) that a plain packet may carry. */
static inline __mmask16 fast4_octets_ok(__m512i addr)
{
	const __m512i o = _mm512_and_si512(addr, _mm512_set1_epi32(0xff));

	return _mm512_cmplt_epu32_mask(_mm512_sub_epi32(o, _mm512_set1_epi32(1)), _mm512_set1_epi32(223)) &
	       _mm512_cmpneq_epi32_mask(o, _mm512_set1_epi32(127));
}

/* Length rules; `len` is IP total length, `frame` the data length. */
static inline __mmask16 fast4_length_ok(__m512i len, __m512i frame)
{
	const __m512i end = _mm512_add_epi32(len, _mm512_set1_epi32(14));
	__mmask16 exact = _mm512_cmpeq_epi32_mask(end, frame);
	__mmask16 padded = _mm512_cmplt_epu32_mask(end, frame) &
			   _mm512_cmple_epu32_mask(frame, _mm512_set1_epi32(FAST4_MIN_FRAME));

	return (exact | padded) & _mm512_cmpge_epu32_mask(len, _mm512_set1_epi32(20));
}

struct fast4_mac {
	__m512i high, low; /* bytes 2..5 and bytes 0..1 (in the upper half) of the port's address */
};

/* 16 packets from slot `first`; `meta` = data length | first two bytes of the frame << 16. */
/* fast4_next_ttl() of 16 packets. */
static inline __m512i fast4_ttl16(__m512i v)
{
	const __m512i one = _mm512_set1_epi32(1);
	__m512i sum = _mm512_add_epi32(_mm512_srli_epi32(v, 16), one);

	sum = _mm512_mask_add_epi32(sum, _mm512_cmpge_epu32_mask(sum, _mm512_set1_epi32(0xffff)), sum, one);
	v = _mm512_sub_epi32(_mm512_and_si512(v, _mm512_set1_epi32(0xffff)), one);
	return _mm512_or_si512(v, _mm512_slli_epi32(sum, 16));
}

static inline __mmask16 fast4_group(struct burst *b, unsigned first, const uint8_t *const p[16], __m512i meta,
	const struct fast4_mac *mac)
{
	const __m512i swap =
		_mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
	const __m512i low = _mm512_set1_epi32(0xffff);
	__m512i a[4], h[4], len;
	__mmask16 ok;

	fast4_transpose(
		p, 2, a); /* a[0] MAC 2-5, a[2] ethertype in the upper half, a[3] version, TOS, length */
	fast4_transpose(p, 18,
		h); /* h[0] id, fragment; h[1] TTL, protocol, checksum; h[2] source; h[3] destination */
	len = _mm512_and_si512(_mm512_srli_epi32(_mm512_shuffle_epi8(a[3], swap), 0), low);
	ok = _mm512_cmpeq_epi32_mask(a[0], mac->high);
	ok &= _mm512_cmpeq_epi32_mask(_mm512_andnot_si512(low, meta), mac->low);
	ok &= _mm512_cmpeq_epi32_mask(_mm512_srli_epi32(a[2], 16), _mm512_set1_epi32(0x0008));
	ok &= _mm512_cmpeq_epi32_mask(
		_mm512_and_si512(a[3], _mm512_set1_epi32(0xff)), _mm512_set1_epi32(0x45));
	ok &= fast4_length_ok(len, _mm512_and_si512(meta, low));
	ok &= _mm512_testn_epi32_mask(h[0], _mm512_set1_epi32((int)0xff3f0000));
	ok &= _mm512_cmpgt_epu32_mask(_mm512_and_si512(h[1], _mm512_set1_epi32(0xff)), _mm512_set1_epi32(1));
	ok &= fast4_octets_ok(h[2]) & fast4_octets_ok(h[3]) & fast4_sum_ok(a[3], h);
	_mm512_store_si512(b->ttl + first, fast4_ttl16(h[1]));
	_mm512_store_si512(b->dst4 + first, _mm512_shuffle_epi8(h[3], swap));
	_mm_store_si128(
		(__m128i *)(void *)(b->proto + first), _mm512_cvtepi32_epi8(_mm512_srli_epi32(h[1], 8)));
	return ok;
}

/* Data length | first two bytes of the frame << 16 of every slot, and b->data. A pass of its own: what it
 * stores one by one is loaded as vectors later, when the stores are done. Slots beyond n repeat packet 0. */
static inline void fast4_collect(struct burst *b, unsigned n, uint32_t *meta)
{
	const unsigned end = RTE_ALIGN_CEIL(n, 16u);

	for (unsigned i = 0; i < end; i++) {
		const struct rte_mbuf *pkt = b->pkt[i < n ? i : 0];
		uint8_t *p = rte_pktmbuf_mtod(pkt, uint8_t *);
		uint16_t start;

		memcpy(&start, p, sizeof start);
		b->data[i] = p;
		meta[i] = pkt->data_len | (uint32_t)start << 16;
	}
}

/* As fast4_scalar(). */
static inline uint64_t fast4_avx512(struct burst *b, unsigned n, const uint8_t mac[6], uint64_t *bytes)
{
	const __m512i low = _mm512_set1_epi32(0xffff);
	__m512i longest = _mm512_setzero_si512(), sum = _mm512_setzero_si512();
	uint32_t *meta = b->ttl; /* room until each group's own words go there */
	struct fast4_mac m;
	uint64_t ok = 0;
	uint16_t mac01;

	memcpy(&mac01, mac, sizeof mac01);
	m.high = _mm512_set1_epi32((int)fast4_load32(mac + 2));
	m.low = _mm512_set1_epi32((int)((uint32_t)mac01 << 16));
	fast4_collect(b, n, meta);
	for (unsigned first = 0; first < n; first += 16) {
		__mmask16 good, real = (__mmask16)(n - first >= 16 ? 0xffff : (1u << (n - first)) - 1);
		__m512i v = _mm512_load_si512(meta + first), len = _mm512_and_si512(v, low);

		good = real & fast4_group(b, first, (const uint8_t *const *)(b->data + first), v, &m);
		good &= _mm512_cmpge_epu32_mask(len, _mm512_set1_epi32(FAST4_HEADERS));
		ok |= (uint64_t)good << first;
		_mm256_store_si256((__m256i *)(void *)(b->len + first), _mm512_cvtepi32_epi16(len));
		longest = _mm512_mask_max_epu32(longest, good, longest, len);
		sum = _mm512_mask_add_epi32(sum, good, sum, len);
	}
	*bytes += (uint32_t)_mm512_reduce_add_epi32(sum);
	b->longest = (uint16_t)_mm512_reduce_max_epu32(longest);
	return ok;
}
#endif

static inline uint64_t fast4_burst(struct burst *b, unsigned n, const uint8_t mac[6], uint64_t *bytes)
{
#ifdef __AVX512BW__
	return fast4_avx512(b, n, mac, bytes);
#else
	return fast4_scalar(b, n, mac, bytes);
#endif
}

#endif
