/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a packet to the key of its session. Ports of protocols without any are 0. Queries of ICMP and ICMPv6
 * have their identifier as source port and the type of the request as destination port, answers the other way
 * round: so the answer's key is the reverse of the question's, and questions from both sides are two
 * sessions.
 *
 * Thread-safety: pure.
 */
#ifndef WEIR_FEATURE_SESSION_KEY_H
#define WEIR_FEATURE_SESSION_KEY_H

#include <netinet/in.h>
#include <string.h>

#include "feature/ip/ip_hdr.h"
#include "feature/session/session.h"
#include "packet/parse.h"

enum key_kind {
	KEY_FLOW,  /* any packet of a flow */
	KEY_QUERY, /* ICMP: may open a session */
	KEY_REPLY, /* ICMP: only answers */
	KEY_ERROR, /* ICMP error: the session is that of the packet inside */
	KEY_NONE,  /* no session can be of it */
	KEY_SHORT, /* the packet ends before its transport header does */
};

/* What identifies a transport: host byte order does not matter here, all is as on the wire. */
struct key_ports {
	uint16_t sport, dport;
};

static inline bool key_has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE;
}

/* Bytes of the transport header a session needs to see. */
static inline uint32_t key_header(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	case IPPROTO_SCTP:
		return 12;
	default:
		return 0;
	}
}

static inline bool key_is_error(uint8_t family, uint8_t type)
{
	return family == FAMILY_V4 ? type == 3 || type == 4 || type == 5 || type == 11 || type == 12
				   : type < 128;
}

/* Requests: 8 echo, 13 timestamp, 15 information, 17 mask; 128 echo. *request is the type of the question. */
static inline enum key_kind key_query(uint8_t family, uint8_t type, uint8_t *request)
{
	bool v4 = family == FAMILY_V4;

	*request = type;
	if (v4 ? type == 8 || type == 13 || type == 15 || type == 17 : type == 128)
		return KEY_QUERY;
	*request = v4 ? (type == 0 ? 8 : (uint8_t)(type - 1)) : 128;
	if (v4 ? type == 0 || type == 14 || type == 16 || type == 18 : type == 129)
		return KEY_REPLY;
	return KEY_NONE;
}

/* `l4`: key_header(proto) bytes of the transport header, or 8 of one inside an error. */
static inline enum key_kind key_ports_of(
	uint8_t family, uint8_t proto, const uint8_t *l4, struct key_ports *p)
{
	uint8_t request;
	enum key_kind k;
	uint16_t id;

	*p = (struct key_ports){0, 0};
	if (key_has_ports(proto)) {
		memcpy(p, l4, 4);
		return KEY_FLOW;
	}
	if (proto != (family == FAMILY_V4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return KEY_FLOW;
	if (key_is_error(family, l4[0]))
		return KEY_ERROR;
	k = key_query(family, l4[0], &request);
	memcpy(&id, l4 + 4, 2);
	if (k == KEY_QUERY)
		*p = (struct key_ports){id, rte_cpu_to_be_16(request)};
	else if (k == KEY_REPLY)
		*p = (struct key_ports){rte_cpu_to_be_16(request), id};
	return k;
}

static inline void key_fill4(
	struct flow_key4 *k, const uint8_t *ip, struct key_ports p, uint8_t proto, uint16_t vrf)
{
	k->src = ip_get32(ip + 12);
	k->dst = ip_get32(ip + 16);
	k->sport = p.sport;
	k->dport = p.dport;
	k->proto = proto;
	k->vrf = (uint8_t)vrf;
	k->kind = 0;
}

static inline void key_fill6(
	struct flow_key6 *k, const uint8_t *ip, struct key_ports p, uint8_t proto, uint16_t vrf)
{
	memcpy(k->src, ip + 8, 32);
	k->sport = p.sport;
	k->dport = p.dport;
	k->proto = proto;
	k->vrf = (uint8_t)vrf;
	k->zero = 0;
}

/* The packet inside an ICMP error, as far as it is there. */
struct key_inner {
	const uint8_t *ip;
	uint8_t proto;
	struct key_ports ports;
	const uint8_t *l4; /* 8 bytes at least */
};

/* `p`: the `len` bytes behind the error's 8-byte header. False when too little of the packet is there, or it
 * is one that no error may be about. */
bool key_read_inner(const uint8_t *p, uint32_t len, uint8_t family, struct key_inner *out);

#endif
