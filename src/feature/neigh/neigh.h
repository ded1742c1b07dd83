/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Neighbours: ARP (RFC 826, 5227) and IPv6 neighbour discovery (RFC 4861, 4862) as one state machine.
 * See README.md in this folder.
 *
 * Thread-safety: control thread only; workers see ADJ next-hop slots whose `l2` this feature writes.
 */
#ifndef WEIR_FEATURE_NEIGH_H
#define WEIR_FEATURE_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "packet/addr.h"
#include "pipeline/reason.h"

struct iface;
struct weir;

/* Packets to and from addresses that duplicate address detection does not let us use. */
extern struct reason reason_address_unusable;

/* RFC 4861 7.3.2 plus PERMANENT (configured) and FAILED (probing gave up; packets are refused at once). */
enum neigh_nud {
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED,
	NEIGH_PERMANENT,
	NEIGH_STATES
};
extern const char *const neigh_nud_names[NEIGH_STATES]; /* lower case */

/* ADJ slot of a neighbour, created INCOMPLETE if unknown, with one more reference for the caller (routes that
 * use it as their gateway). 0 when a table is full. */
uint16_t neigh_nexthop(struct weir *w, uint16_t iface, const struct ipaddr *a);
/* Gives that reference back; an entry nobody uses is aged as usual. */
void neigh_nexthop_put(struct weir *w, uint16_t nh);
/* A group of several next hops uses the slot, or not any more: while one does, route_nexthop_changed() is
 * called when the neighbour fails and when it is back, and a failed one is asked for again and again, since
 * no packet will. */
void neigh_nexthop_keep(struct weir *w, uint16_t nh, bool keep);
/* Its neighbour did not answer. */
bool neigh_nexthop_failed(const struct weir *w, uint16_t nh);
/* The slot is a neighbour's on `iface`: its address, and its link-layer address when that is known. */
bool neigh_nexthop_is(const struct weir *w, uint16_t nh, uint16_t iface, struct ipaddr *out, uint8_t mac[6],
	bool *mac_known);
/* False when the neighbour of such a slot was removed: the reference is only good for neigh_nexthop_put(). */
bool neigh_nexthop_alive(const struct weir *w, uint16_t nh);
/* Removes entries that are in no subnet of their interface; those a route onto an interface still needs are
 * resolved again. */
void neigh_remove_lost(struct weir *w);

int neigh_add(struct weir *w, uint16_t iface, const struct ipaddr *a, const uint8_t mac[6], bool permanent,
	bool replace, bool from_config, struct err *e);
int neigh_del(struct weir *w, uint16_t iface, const struct ipaddr *a, struct err *e);
/* Permanent neighbours a config that is being prepared has. */
uint32_t neigh_staged(const struct weir *w);
/* Sets aside memory for a commit that makes so many neighbours and addresses. 0 or -ENOMEM. */
int neigh_reserve(struct weir *w, uint32_t neighbors, uint32_t addresses);
void neigh_flush(struct weir *w, uint16_t iface); /* IFACE_NONE: all; permanent entries stay */

/* An interface got / lost an address: announce it (gratuitous ARP, unsolicited NA) after DAD / forget it. */
void neigh_address_added(struct weir *w, uint16_t iface, const struct prefix *p);
void neigh_address_removed(struct weir *w, uint16_t iface, const struct prefix *p);

struct neigh_info {
	uint16_t iface, nh;
	struct ipaddr address;
	uint8_t mac[6];
	uint8_t nud;                   /* enum neigh_nud */
	bool router, permanent, known; /* known: mac is valid */
	bool from_config;
	uint32_t gateway_for; /* next-hop sets that use it */
	uint32_t queued;      /* packets waiting */
	uint64_t age;         /* ns since last confirmation */
};
/* In (interface id, address) order, starting after the given entry (IFACE_NONE = start). */
void neigh_walk(const struct weir *w, uint16_t after_iface, const struct ipaddr *after,
	bool (*fn)(void *ctx, const struct neigh_info *info), void *ctx);
/* Fills in `unready` of an interface that is about to be published. */
void neigh_mark_unready(const struct weir *w, struct iface *ifc);
/* False while duplicate address detection runs or when it found a duplicate: the address must not be used. */
bool neigh_address_usable(const struct weir *w, uint16_t iface, const struct ipaddr *a);
/* Duplicate address detection found this address elsewhere (it is not used): for `show interfaces`. */
bool neigh_address_duplicate(const struct weir *w, uint16_t iface, const struct ipaddr *a);

/* IPv6 is off on the interface: somebody else has the link-local address that this MAC address makes, and so
 * very likely the MAC address itself (RFC 4862 5.4.5). Until its link comes up again, it is enabled again, or
 * the address goes. */
bool neigh_ip6_off(const struct weir *w, uint16_t iface, const uint8_t mac[6]);

/* --- the kernel's own ARP and ND, on the twin of an interface (proxy.c) --- */

/* A frame in which somebody asks for a neighbour's link-layer address: an ARP request or a neighbour
 * solicitation that is neither a probe nor an announcement. Pure; any thread. */
bool neigh_is_solicitation(const uint8_t *frame, size_t len);

#define NEIGH_PROXY_FRAME 86 /* bytes of the longest answer */
enum neigh_proxy {
	NEIGH_PROXY_ANSWER,  /* known: `out` is the answer */
	NEIGH_PROXY_WAIT,    /* we ask the wire; nothing to say yet */
	NEIGH_PROXY_FORWARD, /* not ours to say: such a neighbour is on no subnet of the interface */
};
/* What becomes of a solicitation (see above) that the kernel sent on the interface's twin. *out_len is set
 * with NEIGH_PROXY_ANSWER. */
enum neigh_proxy neigh_proxy(struct weir *w, uint16_t iface, const uint8_t *frame, size_t len,
	uint8_t out[NEIGH_PROXY_FRAME], size_t *out_len);

struct neigh_totals {
	uint32_t entries, limit, held_packets;
	uint64_t solicits_sent, failures, table_full, queue_full, conflicts;
};
void neigh_totals(const struct weir *w, struct neigh_totals *out);

#endif
