/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/neigh: the neighbour table, own addresses, and what ARP and ND share.
 */
#ifndef WEIR_FEATURE_NEIGH_PRIV_H
#define WEIR_FEATURE_NEIGH_PRIV_H

#include "feature/neigh/neigh.h"
#include "pipeline/weir.h"

#define NEIGH_HASH 16384
#define NEIGH_QUEUE_MAX 64
#define NEIGH_HELD_MAX 4096 /* packets that wait for all neighbours together: each takes a buffer */
#define NEIGH_FAILED_TIME UINT64_C(3000000000) /* ns packets are refused after probing gave up */
#define NEIGH_DELAY_TIME UINT64_C(5000000000)  /* RFC 4861 10: DELAY_FIRST_PROBE_TIME */
#define NEIGH_WATCH_TIME UINT64_C(1000000000)  /* how often a STALE neighbour's `used` is looked at */

struct neigh {
	struct timer timer; /* first: the timer's function casts back */
	struct neigh *next; /* hash chain */
	struct ipaddr address;
	uint16_t iface, vrf, nh;
	uint8_t state; /* enum neigh_nud */
	uint8_t mac[6];
	uint8_t probes; /* sent in this state */
	bool known;     /* mac is valid */
	bool router, from_config;
	bool routed;        /* its host route is in the RIB */
	bool orphan;        /* out of the table, only routes still refer to it */
	uint8_t mark;       /* configuration round */
	uint32_t refs;      /* routes that use it as gateway */
	uint32_t kept;      /* groups of next hops it is one of */
	uint64_t confirmed; /* ns; last proof that it is there */
	uint64_t changed;   /* ns; last change of state */
	uint32_t queued;
	struct rte_mbuf *queue[NEIGH_QUEUE_MAX];
};

enum own_state { OWN_TENTATIVE, OWN_USABLE, OWN_DUPLICATE };

/* One of our addresses: DAD and announcements. */
struct own {
	struct timer timer; /* first */
	struct own *next;
	struct prefix prefix;
	uint16_t iface;
	uint8_t state;     /* enum own_state */
	uint64_t defended; /* ns; last announcement against a conflict */
	uint8_t announced; /* announcements sent since the link came up */
};

struct neigh_config {
	uint32_t limit, queue_packets, probes;
	uint64_t reachable, retransmit, stale; /* ns */
};

struct neigh_static {
	uint16_t iface;
	struct ipaddr address;
	uint8_t mac[6];
};

struct neigh_state {
	struct neigh *hash[NEIGH_HASH];
	struct neigh *by_nh[NH_MAX];
	struct own *own;
	struct mld_iface *mld[IFACE_MAX]; /* mld.c; NULL where no groups are joined */
	struct ip6_off {
		bool off;
		uint8_t mac[6];
	} ip6_off[IFACE_MAX]; /* ip6_off.c */
	struct neigh_config config, next_config;
	struct neigh_static *staged;
	uint32_t staged_count;
	uint32_t entries, incomplete, scan, held;
	uint8_t mark;
	uint64_t solicits_sent, failures, table_full, queue_full, conflicts;
};

/* neigh.c */
struct neigh *neigh_find(const struct weir *w, uint16_t iface, const struct ipaddr *a);
/* Found or made (INCOMPLETE, silent); NULL when the table, the next-hop table or memory is full. */
struct neigh *neigh_make(struct weir *w, uint16_t iface, const struct ipaddr *a);
/* The port's link, or what its interfaces carry, changed: which neighbours packets may be sent to. */
void neigh_follow_port(struct weir *w, uint16_t port);
/* Takes it out of the table; freed now, or when the last route lets go of it. */
void neigh_remove(struct weir *w, struct neigh *n);
/* True when the address is in a subnet of the interface (or link-local) and not our own. */
bool neigh_on_link(const struct iface *ifc, const struct ipaddr *a);

/* nud.c: the state machine */
enum neigh_event {
	NEIGH_CONFIRMED, /* an answer to our solicitation */
	NEIGH_HEARD,     /* its link-layer address as we knew it, unasked */
	NEIGH_CHANGED,   /* a link-layer address we did not know, unasked */
	NEIGH_EVENTS
};
void nud_enter(struct weir *w, struct neigh *n, enum neigh_nud state);
void nud_event(struct weir *w, struct neigh *n, enum neigh_event event, const uint8_t mac[6]);
/* A packet waits for this neighbour: queued (oldest dropped when full) and probing starts if it must. */
void nud_packet(struct weir *w, struct neigh *n, struct rte_mbuf *m);
void nud_timeout(struct weir *w, struct timer *t);
/* Ends everything that waits, with a reason. */
void nud_drop_queue(struct weir *w, struct neigh *n, const struct reason *r);
void neigh_resolve_punted(struct weir *w, struct rte_mbuf *m, struct note *note);

/* arp.c */
void arp_punted(struct weir *w, struct rte_mbuf *m, struct note *note);
/* Asks for n->address; unicast when its MAC is known and `unicast`. False when nothing could be sent. */
bool arp_solicit(struct weir *w, const struct iface *ifc, const struct neigh *n, bool unicast);
void arp_announce(struct weir *w, const struct iface *ifc, const struct ipaddr *a);

/* nd.c */
void nd_punted(struct weir *w, struct rte_mbuf *m, struct note *note);
bool nd_solicit(struct weir *w, const struct iface *ifc, const struct neigh *n, bool unicast);
void nd_announce(struct weir *w, const struct iface *ifc, const struct ipaddr *a);
void nd_dad_probe(struct weir *w, const struct iface *ifc, const struct ipaddr *a);

/* frame.c: what both build on */
/* Fresh mbuf with the link-layer header of `ifc` towards dst; *payload points behind it with `len` zeroed
 * bytes. */
struct rte_mbuf *neigh_frame(struct weir *w, const struct iface *ifc, const uint8_t dst[6], uint16_t type,
	uint16_t len, uint8_t **payload);
void neigh_transmit(struct weir *w, struct rte_mbuf *m);
/* MAC address of an IPv6 multicast group (RFC 2464 7); the solicited-node group of an address (RFC
 * 4291 2.7.1). */
void neigh_group_mac(const uint8_t group[16], uint8_t mac[6]);
void neigh_solicited_node(const uint8_t address[16], uint8_t group[16]);
/* Our address that speaks to `a` on this interface: same subnet, else link-local (IPv6) or the first. */
bool neigh_source(const struct weir *w, const struct iface *ifc, const struct ipaddr *a, struct ipaddr *out);

/* own.c */
struct own *own_find(const struct weir *w, uint16_t iface, const struct ipaddr *a);
void own_link(struct weir *w, uint16_t port, bool up);
/* After a commit: what an interface that came up by it announces. */
void own_commit(struct weir *w, const struct generation *old, const struct generation *next);
/* Which addresses of a generation that is being prepared are not in use. */
void own_mark_unready(const struct weir *w, struct generation *next);
void own_free(struct weir *w);
/* ip6_off.c: duplicate address detection failed for `o` / our address `a` begins anew or goes. */
void ip6_off_conflict(struct weir *w, const struct own *o, const char *other);
void ip6_off_end(struct weir *w, uint16_t iface, const struct ipaddr *a);

/* Somebody else uses or wants our address: DAD fails, or the conflict is counted and defended. */
void own_conflict(struct weir *w, struct own *o, const uint8_t mac[6]);

#endif
