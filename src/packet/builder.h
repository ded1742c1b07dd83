/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packets for tests, fuzzers and benchmarks, layer by layer from the outside in. build_end() fills what names
 * the next layer, lengths and checksums, unless a field was overridden by build_set(). Checksums are computed
 * here with the plainest code there is, so that they can serve as an oracle.
 *
 *	build_begin(&b);
 *	build_ether(&b, mac_weir, mac_host);
 *	build_ip(&b, "10.0.0.2", "10.0.1.2");
 *	build_udp(&b, 1000, 53);
 *	build_payload(&b, 100);
 *	build_end(&b);
 *
 * Thread-safety: none; a builder belongs to its caller.
 */
#ifndef WEIR_PACKET_BUILDER_H
#define WEIR_PACKET_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;
struct rte_mempool;

#define BUILD_BYTES 66000
#define BUILD_LAYERS 24
#define BUILD_SETS 16

enum build_kind {
	BUILD_ETHER,
	BUILD_VLAN,
	BUILD_ARP,
	BUILD_IP4,
	BUILD_IP6,
	BUILD_EXT6,
	BUILD_UDP,
	BUILD_TCP,
	BUILD_ICMP,
	BUILD_DATA
};

struct build_layer {
	enum build_kind kind;
	uint32_t at;    /* offset of its first byte */
	uint16_t names; /* what the layer above calls it: ethertype or protocol number */
};

struct build_set {
	uint32_t at;
	uint8_t size; /* 1, 2 or 4 bytes in network order */
	uint32_t value;
};

struct build {
	uint32_t len;
	unsigned layers, sets;
	struct build_layer layer[BUILD_LAYERS];
	struct build_set set[BUILD_SETS];
	uint8_t data[BUILD_BYTES];
};

void build_begin(struct build *b);
void build_ether(struct build *b, const uint8_t dst[6], const uint8_t src[6]);
void build_vlan(struct build *b, uint16_t tpid, uint16_t vlan);
/* Addresses in host order. */
void build_arp(
	struct build *b, uint16_t op, const uint8_t sha[6], uint32_t spa, const uint8_t tha[6], uint32_t tpa);

/* The family follows from the text of the addresses; TTL 64. */
void build_ip(struct build *b, const char *src, const char *dst);
/* IPv4 options (a multiple of 4 bytes), directly behind build_ip(). */
void build_options(struct build *b, const void *options, size_t len);
/* An IPv6 extension header: `body` is what follows its two length bytes, 6 + 8n bytes. */
void build_extension(struct build *b, uint8_t type, const void *body, size_t len);
/* IPv4: identification, offset and flags of the header; IPv6: a fragment header. Offset in 8-byte units. */
void build_fragment(struct build *b, uint32_t id, uint16_t units, bool more);

void build_udp(struct build *b, uint16_t sport, uint16_t dport);
void build_tcp(struct build *b, uint16_t sport, uint16_t dport);
/* ICMP or ICMPv6 by what it is in; `info` are the 4 bytes behind the checksum, host order. */
void build_icmp(struct build *b, uint8_t type, uint8_t code, uint32_t info);
/* Neighbour solicitation (135) or advertisement (136); lladdr may be NULL; hop limit 255. */
void build_nd(struct build *b, uint8_t type, uint8_t flags, const char *target, const uint8_t *lladdr);
/* `len` bytes that depend on their position, from `start`. */
void build_payload(struct build *b, size_t len);
void build_payload_from(struct build *b, size_t start, size_t len);
void build_bytes(struct build *b, const void *p, size_t len);

/* Overrides `size` bytes at `at` of the layer added last; checksums are computed over the new value, but a
 * checksum that is itself overridden stays. */
void build_set(struct build *b, uint32_t at, uint8_t size, uint32_t value);
/* TTL or hop limit of the innermost IP header. */
void build_ttl(struct build *b, uint8_t ttl);

void build_end(struct build *b);

/* Copies the finished packet to an mbuf: the first segment has `first` bytes, the others `rest` (0: as much
 * as fits). NULL when the pool has no buffers left. */
struct rte_mbuf *build_mbuf(const struct build *b, struct rte_mempool *pool, uint16_t first, uint16_t rest);

/* --- oracles --- */
/* Sum of big-endian 16-bit words, folded, not complemented. */
uint16_t build_sum(const void *p, size_t len, uint32_t start);
/* The byte build_payload() writes at a position. */
uint8_t build_pattern(size_t at);

#endif
