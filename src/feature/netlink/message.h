/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One message of rtnetlink as a value. Pure: bytes in, value out; nothing is allocated.
 *
 * Thread-safety: none needed.
 */
#ifndef WEIR_FEATURE_NETLINK_MESSAGE_H
#define WEIR_FEATURE_NETLINK_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

#include "packet/addr.h"

#define NL_PATHS 64 /* of a route, and members of a group */
#define NL_NAME 16  /* of a link, with its NUL */

struct nl_path {
	struct ipaddr gateway; /* FAMILY_NONE: straight onto the link */
	uint32_t link;         /* 0: none was named */
	uint16_t weight;       /* 1..256 */
	bool encap;            /* has an encapsulation (MPLS, SRv6 ...) */
};

struct nl_route {
	struct prefix prefix;
	uint32_t table, metric;
	uint32_t object; /* id of a next-hop object, 0 = none */
	uint8_t protocol, type, tos, source_len;
	bool cloned;
	bool truncated; /* had more than NL_PATHS next hops */
	uint16_t path_count;
	struct nl_path path[NL_PATHS];
};

struct nl_object {
	uint32_t id;
	bool blackhole, fdb, group, resilient;
	bool truncated;
	struct nl_path path; /* of a single next hop */
	uint16_t member_count;
	struct nl_member {
		uint32_t id;
		uint32_t weight; /* 1..65536 */
	} member[NL_PATHS];
};

struct nl_link {
	uint32_t index;
	bool admin; /* IFF_UP */
	bool up;    /* and IFF_LOWER_UP */
	char name[NL_NAME];
};

struct nl_address {
	uint32_t link;
	struct prefix prefix; /* host bits kept */
};

enum nl_kind { NL_OTHER, NL_LINK, NL_ADDRESS, NL_ROUTE, NL_OBJECT };

struct nl_message {
	enum nl_kind kind;
	bool gone;      /* RTM_DEL... */
	uint16_t flags; /* NLM_F_... */
	union {
		struct nl_link link;
		struct nl_address address;
		struct nl_route route;
		struct nl_object object;
	};
};

/* Decodes the message at `h`, which is whole and has h->nlmsg_len bytes. 0 (kind NL_OTHER: none of ours) or
 * -EBADMSG. */
int nl_decode(const struct nlmsghdr *h, struct nl_message *out);

/* The first of `len` bytes, when there is a whole message with a sane length; else NULL. */
const struct nlmsghdr *nl_first(const void *bytes, size_t len);
/* Bytes from one message to the next. */
static inline size_t nl_step(const struct nlmsghdr *h, size_t left)
{
	size_t n = NLMSG_ALIGN(h->nlmsg_len);

	return n < left ? n : left;
}

#endif
