/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bounds-checked header walks over a byte range: IPv4 options and IPv6 extension headers. Pure functions, for
 * stages, tests and fuzzers alike.
 */
#ifndef WEIR_PACKET_PARSE_H
#define WEIR_PACKET_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IP6_EXTENSIONS_MAX 8 /* extension headers in one packet; more are refused */

/* The two bytes at p, in wire order, as a number. */
static inline uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

enum parse_result {
	PARSE_OK,
	PARSE_TRUNCATED, /* a header runs past the end */
	PARSE_MALFORMED, /* a length or value the RFC forbids; `pointer` says where */
	PARSE_UNKNOWN,   /* IPv6: an option or header nobody knows whose type demands an answer (RFC 8200 4.2)
			  */
	PARSE_DISCARD,   /* IPv6: an unknown option whose type demands silence */
	PARSE_TOO_MANY,  /* IPv6: more than IP6_EXTENSIONS_MAX extension headers */
};

struct ip4_options {
	bool source_route; /* LSRR or SSRR (RFC 791 3.1) */
	bool router_alert; /* RFC 2113 */
	bool record;       /* record route or timestamp: routers write into it, see options.h */
	uint16_t pointer;  /* PARSE_MALFORMED: offset of the offending byte from the IP header */
};

/* `ip` is the whole header of `header_len` (20..60) bytes. */
enum parse_result parse_ip4_options(const uint8_t *ip, size_t header_len, struct ip4_options *out);

struct ip6_headers {
	uint8_t proto;       /* of the payload behind the extension headers */
	uint16_t l4;         /* its offset from the IPv6 header */
	bool fragment;       /* there is a fragment header */
	bool more;           /* its M flag */
	uint16_t frag_units; /* its offset in 8-byte units */
	uint32_t frag_id;    /* network order */
	uint16_t frag_at;    /* offset of the fragment header from the IPv6 header */
	uint16_t frag_prev;  /* offset of the next-header byte that names the fragment header */
	uint16_t next_at;    /* offset of the next-header byte that names `proto` */
	bool router_alert;   /* RFC 2711 */
	bool source_route;   /* a routing header with segments left */
	uint16_t pointer;    /* PARSE_MALFORMED, PARSE_UNKNOWN: offset of the offending byte */
	bool multicast_too;  /* PARSE_UNKNOWN: answer even when the destination is multicast (option type 10)
			      */
};

/* Walks from the 40-byte header at `ip` through `len` bytes (the packet without link-layer header and
 * padding). `for_us`: destination options and routing headers are looked into as well, as the destination
 * must (RFC 8200 4); a router only looks into the hop-by-hop header. */
enum parse_result parse_ip6(const uint8_t *ip, size_t len, bool for_us, struct ip6_headers *out);

#endif
