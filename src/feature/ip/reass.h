/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/ip: datagrams to us under reassembly.
 */
#ifndef WEIR_FEATURE_IP_REASS_H
#define WEIR_FEATURE_IP_REASS_H

#include "pipeline/weir.h"

#define REASS_HASH 1024
#define REASS_DATAGRAMS 1024   /* under reassembly at a time */
#define REASS_FRAGMENTS 128    /* per datagram */
#define REASS_BYTES (4u << 20) /* held by all of them */
#define REASS_HELD 4096        /* fragments of all of them: each takes a packet buffer, however small it is */
#define REASS_TIME                                                                                           \
	UINT64_C(30000000000) /* ns; RFC 791 3.2 leaves it open, RFC 8200 4.5 says at most 60 s              \
			       */

struct reass_key {
	struct ipaddr src, dst;
	uint32_t id;
	uint16_t vrf;
	uint16_t link; /* interface of link-local addresses: other links may have the same ones, else 0 */
	uint8_t proto; /* IPv4 only */
	uint8_t pad[3];
};

struct datagram {
	struct timer timer; /* first */
	struct datagram *next;
	struct reass_key key;
	bool poisoned;  /* overlapping fragments: what still comes is dropped as well (RFC 5722 4) */
	uint32_t total; /* payload bytes, 0 while the last fragment is missing */
	uint32_t have, bytes;
	unsigned count;
	struct piece {
		struct rte_mbuf *m;
		uint32_t from, len; /* of the payload */
		uint16_t data;      /* offset of the payload in m */
	} piece[REASS_FRAGMENTS];   /* sorted by from */
};

struct reass_state {
	struct datagram *hash[REASS_HASH];
	uint32_t datagrams, bytes, held;
	uint64_t completed, timeouts, overlaps, refused;
};

/* One fragment as its header says. */
struct fragment {
	struct reass_key key;
	uint32_t from, len; /* of the payload, bytes */
	uint16_t data;      /* offset of the payload in the mbuf */
	bool more;
	bool headless; /* IPv6: the first, and it ends before the transport header does (RFC 7112) */
};

/* False: malformed. */
bool reass_read(const struct rte_mbuf *m, const struct note *n, struct fragment *out);
/* Turns a complete datagram's chain into an unfragmented packet: header of the first fragment, lengths,
 * checksum. */
void reass_header(struct rte_mbuf *m, struct note *n, uint32_t payload);

#endif
