/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plain packet, recognised at once: untagged, to the port's MAC address from another's, one hop or more
 * to live, its length the frame's (IPv4: or the frame is padded to the minimum), and
 *   IPv4: 20-byte header with a right checksum, not a fragment, neither address martian, loopback or
 *         multicast (RFC 1812 5.2.2, 5.3.7);
 *   IPv6: no extension header, both addresses global unicast or unique local (RFC 4291 2.4, RFC 4193).
 * Anything else is left to the slow stages, which find out what it is; so the implementations (scalar here,
 * AVX2 and AVX-512 beside) only ever say yes or "look closer", and a test holds them to the same answer.
 */
#ifndef WEIR_FEATURE_ETHERNET_PLAIN_H
#define WEIR_FEATURE_ETHERNET_PLAIN_H

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "pipeline/burst.h"
#include "pipeline/simd.h"

#define PLAIN_MIN_FRAME 60
#define PLAIN_TYPE4 0x0008u /* ethertypes as a little-endian CPU reads them */
#define PLAIN_TYPE6 0xdd86u

/* What a pass over slots 0..n-1 found; their dst4 (IPv4), proto, data, len and hop in the burst are filled.
 */
struct plain_found {
	uint64_t v4, v6; /* slots */
	struct lengths frames;
};

static inline uint32_t plain_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* 0xffff when the one's complement sum over the 20-byte header is right. */
static inline uint32_t plain_sum(const uint8_t *ip)
{
	uint64_t s = 0;

	for (unsigned i = 0; i < 20; i += 4)
		s += plain_load32(ip + i);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffffffff) + (s >> 32);
	s = (s & 0xffff) + (s >> 16);
	return (uint32_t)((s & 0xffff) + (s >> 16));
}

/* The frame ends where the packet does, or was padded to the minimum. */
static inline bool plain_length_ok(uint32_t end, uint32_t frame)
{
	return end == frame || (end < frame && frame <= PLAIN_MIN_FRAME);
}

static inline bool plain_octet4_ok(uint8_t o)
{
	return o != 0 && o != 127 && o < 224;
}

static inline bool plain_octet6_ok(uint8_t o)
{
	return (o & 0xe0) == 0x20 || (o & 0xfe) == 0xfc;
}

/* Protocols that are no extension headers and common in transit. */
static inline bool plain_proto6_ok(uint8_t p)
{
	return p == IPPROTO_TCP || p == IPPROTO_UDP || p == IPPROTO_ICMPV6 || p == IPPROTO_ESP ||
	       p == IPPROTO_GRE || p == IPPROTO_IPIP || p == IPPROTO_IPV6;
}

/* Sources that are multicast, or whose last four octets are zero or our own, are looked at more closely. */
static inline bool plain_macs_ok(const uint8_t *p, const uint8_t mac[6])
{
	const uint32_t tail = plain_load32(p + 8);

	return memcmp(p, mac, 6) == 0 && (p[6] & 1) == 0 && tail != 0 && tail != plain_load32(mac + 2);
}

static inline uint16_t plain_load16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline bool plain_is4(const uint8_t *p, uint32_t frame)
{
	const uint8_t *ip = p + RTE_ETHER_HDR_LEN;
	uint32_t len = (uint32_t)ip[2] << 8 | ip[3];

	return ip[0] == 0x45 && len >= 20 && plain_length_ok(len + RTE_ETHER_HDR_LEN, frame) &&
	       (ip[6] & 0x3f) == 0 && ip[7] == 0 && ip[8] > 1 && plain_octet4_ok(ip[12]) &&
	       plain_octet4_ok(ip[16]) && plain_sum(ip) == 0xffff;
}

static inline bool plain_is6(const uint8_t *p, uint32_t frame)
{
	const uint8_t *ip = p + RTE_ETHER_HDR_LEN;
	uint32_t end = RTE_ETHER_HDR_LEN + 40u + ((uint32_t)ip[4] << 8 | ip[5]);

	return ip[0] >> 4 == 6 && end == frame && plain_proto6_ok(ip[6]) && ip[7] > 1 &&
	       plain_octet6_ok(ip[8]) && plain_octet6_ok(ip[24]);
}

/* TTL, protocol and checksum of an IPv4 packet one hop later, as one word (compare ip4_decrement_ttl()). */
static inline uint32_t plain_hop4(uint32_t v)
{
	uint32_t sum = (v >> 16) + RTE_BE16(0x0100);

	sum += sum >= 0xffff;
	return ((v & 0xffff) - 1) | sum << 16;
}

/* Payload length, next header and hop limit of an IPv6 packet one hop later. */
static inline uint32_t plain_hop6(uint32_t v)
{
	return v - 0x01000000;
}

/* One packet; the reference for the vector code. */
static inline void plain_one(struct burst *b, unsigned i, const uint8_t mac[6], struct plain_found *f)
{
	uint8_t *p = burst_data(b, i);
	uint16_t frame = b->pkt[i]->data_len, type;

	memcpy(&type, p + 12, sizeof type);
	if (!plain_macs_ok(p, mac))
		return;
	if (type == PLAIN_TYPE4 && plain_is4(p, frame)) {
		f->v4 |= slot_bit(i);
		b->hop[i] = plain_hop4(plain_load32(p + BURST_HOP4));
		b->dst4[i] = rte_be_to_cpu_32(plain_load32(p + 30));
		b->proto[i] = p[23];
	} else if (type == PLAIN_TYPE6 && plain_is6(p, frame)) {
		f->v6 |= slot_bit(i);
		b->hop[i] = plain_hop6(plain_load32(p + BURST_HOP6));
		b->proto[i] = p[20];
	} else {
		return;
	}
	b->data[i] = p;
	b->len[i] = frame;
	f->frames.sum += frame;
	f->frames.longest = RTE_MAX(f->frames.longest, frame);
}

static inline struct plain_found plain_scalar(struct burst *b, unsigned n, const uint8_t mac[6])
{
	struct plain_found f = {0};

	for (unsigned i = 0; i < n; i++)
		plain_one(b, i, mac, &f);
	return f;
}

/* Slots of n frames that start with these two bytes. */
static inline uint64_t plain_starting(const struct burst *b, unsigned n, uint16_t start)
{
	uint64_t slots = 0;

	for (unsigned i = 0; i < n; i++)
		slots |= (uint64_t)(plain_load16(b->data[i]) == start) << i;
	return slots;
}

/* Fills data and len of all slots, and says which ones start with the first two bytes of `mac`: the vector
 * code looks from the third byte on. A pass of its own: what it stores one by one is loaded as vectors later,
 * when the stores are done. Slots from n up to the next multiple of `group` repeat packet 0. */
static inline uint64_t plain_collect(struct burst *b, unsigned n, unsigned group, const uint8_t mac[6])
{
	const uint16_t start = plain_load16(mac);
	unsigned other = 0;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++) {
		const struct rte_mbuf *pkt = b->pkt[i];
		uint8_t *p = rte_pktmbuf_mtod(pkt, uint8_t *);

		other |= plain_load16(p) ^ start;
		b->data[i] = p;
		b->len[i] = pkt->data_len;
	}
	for (unsigned i = n; i < RTE_ALIGN_CEIL(n, group); i++) {
		b->data[i] = b->data[0];
		b->len[i] = b->len[0];
	}
	return __builtin_expect(other == 0, 1) ? first_slots(n) : plain_starting(b, n, start);
}

/* The vector code sees no further than byte 33: the first octet of an IPv6 destination is looked at here. */
static inline uint64_t plain_keep6(const struct burst *b, uint64_t slots)
{
	uint64_t keep = 0;

	BURST_EACH (i, slots)
		keep |= (uint64_t)plain_octet6_ok(b->data[i][BURST_DST6]) << i;
	return keep;
}

#endif
