/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes and addresses that others put into the kernel, or send by FPM. See README.md in this folder.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_FEATURE_NETLINK_H
#define WEIR_FEATURE_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/addr.h"

struct weir;

/* Name of a protocol (rtm_protocol), or its number as text in buf. */
const char *netlink_protocol_name(uint8_t protocol, char buf[static 8]);

/* Whether what the kernel had when weir started is in the forwarding tables: true from the first sync of
 * every namespace on, and where no kernel is asked. */
bool netlink_synced(const struct weir *w);

/* The interface has the address because its twin has (netlink.addresses). */
bool netlink_has_address(const struct weir *w, uint16_t iface, const struct prefix *p);

/* Why a route of a feed is none of ours. The first ones are as it should be. */
enum netlink_reason {
	WHY_TABLE,     /* of a table that belongs to no VRF */
	WHY_CONNECTED, /* the kernel's own */
	WHY_SCOPE,     /* multicast, link-local, cloned */
	WHY_UNWANTED,  /* its protocol has distance 255 */
	WHY_REFUSED,   /* from here on */
	WHY_TYPE = WHY_REFUSED,
	WHY_TOS,
	WHY_SOURCE,
	WHY_ENCAP,
	WHY_PATHS,     /* more than 64 */
	WHY_INTERFACE, /* no next hop on an interface of ours */
	WHY_OBJECT,    /* names a next-hop object that is not there */
	WHY_ROOM,      /* a table is full, or memory short */
	WHY_MALFORMED,
	WHY_REASONS
};
extern const char *const netlink_reason_names[WHY_REASONS]; /* lower-case-with-dashes */

/* A feed as the API shows it. */
struct netlink_info {
	const char *name;                     /* "kernel", "fpm" */
	const char *place;                    /* path of its namespace, "" = weir's own */
	const char *state;                    /* waiting, syncing, synced, retrying, stale, listening */
	uint64_t synced_at;                   /* dataplane clock, ns; 0 = never */
	uint64_t messages, syncs, overruns;   /* overruns: the kernel lost notifications */
	uint64_t repeats;                     /* dumps the kernel called inconsistent */
	uint64_t stalls;                      /* times the queue was full */
	uint64_t swept;                       /* routes removed because a sync did not show them */
	uint64_t connections, answers;        /* FPM */
	uint64_t reason[WHY_REASONS];         /* messages */
	uint64_t links, addresses, objects;   /* now */
	uint64_t routes[2], by_protocol[256]; /* now; [0] IPv4 */
};
/* Calls fn for every feed. */
void netlink_feeds(struct weir *w, void (*fn)(void *ctx, const struct netlink_info *i), void *ctx);

/* --- the comparison with the kernel --- */
#define NETLINK_LINES 200
#define NETLINK_LINE 256
struct netlink_diff {
	uint64_t number; /* of the comparison, 0 = there was none */
	bool running;
	const char *error; /* it could not be made; NULL */
	uint64_t compared, missing, different, extra;
	uint64_t astray; /* the forwarding table does not say what the routes say */
	unsigned lines;
	char line[NETLINK_LINES][NETLINK_LINE];
};
/* Asks for a comparison; 0, or -ENOENT when no kernel is read. */
int netlink_diff_start(struct weir *w);
const struct netlink_diff *netlink_diff(const struct weir *w);

#endif
