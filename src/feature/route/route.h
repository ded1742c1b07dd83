/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes: the control-side RIB of every VRF, next-hop slots, multipath groups, and what is installed in
 * the FIBs. See README.md in this folder.
 *
 * Thread-safety: control thread only; workers see the FIBs and the next-hop table.
 */
#ifndef WEIR_FEATURE_ROUTE_H
#define WEIR_FEATURE_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "packet/addr.h"
#include "pipeline/nexthop.h"

struct iface;
struct weir;

/* Who wants a route. Lower distance wins. Connected, neighbours and static routes have one candidate per
 * prefix; feeds may have several, see route_feed_add(). */
enum route_source {
	ROUTE_CONNECTED, /* distance 0: subnets, local addresses, broadcasts of interfaces */
	ROUTE_NEIGHBOR,  /* distance 255: host routes of neighbours on connected subnets; any other wins */
	ROUTE_STATIC,    /* distance 1: config file or `weir route add` */
	ROUTE_KERNEL, /* a feed: routes of the kernel's tables; distance 10 unless its protocol says another
		       */
	ROUTE_FPM,    /* a feed: routes that zebra sends us */
	ROUTE_SOURCES
};

enum route_type { ROUTE_UNICAST, ROUTE_TYPE_BLACKHOLE, ROUTE_TYPE_UNREACHABLE, ROUTE_TYPE_PROHIBIT };

#define ROUTE_VIA_MAX 64
#define ROUTE_WEIGHT_MAX 256
#define ROUTE_FEEDS 64 /* of each source: numbers below this */

struct route_via {
	struct ipaddr address; /* FAMILY_NONE: straight onto the interface (destinations are neighbours) */
	uint16_t iface;        /* IFACE_NONE: the connected subnet that contains the address decides */
	uint16_t weight;       /* 1..ROUTE_WEIGHT_MAX, 0 counts as 1 */
	bool onlink;           /* the address is a neighbour on `iface`, whatever its subnets are */
};

struct route_spec {
	struct prefix prefix;
	uint16_t vrf;
	uint8_t source;   /* enum route_source */
	uint8_t type;     /* enum route_type */
	uint8_t distance; /* 0 = the source's default */
	bool from_config; /* owned by the config file: a commit may remove it */
	/* Feeds only. */
	uint8_t feed;     /* number of the feed among those of its source */
	uint8_t protocol; /* as in rtm_protocol, for people */
	uint32_t metric;  /* breaks ties of distance, lower wins */
	uint32_t object;  /* id of the next-hop object the next hops come from, 0 = none */
	uint16_t via_count;
	struct route_via via[ROUTE_VIA_MAX];
};

/* Adds a route; -EEXIST when this source already has the prefix and !replace. A static route whose next hop
 * is on no connected subnet is kept and inactive until one appears. Errors name the prefix. */
int route_add(struct weir *w, const struct route_spec *spec, bool replace, struct err *e);
int route_del(struct weir *w, uint16_t vrf, uint8_t source, const struct prefix *p, struct err *e);

/* --- feeds: many routes of somebody else, who may have several to one prefix --- */

/* Where a route goes among those of its feed with the same prefix and metric; the first usable one counts. */
enum route_place {
	ROUTE_FRONT,
	ROUTE_BACK,    /* behind those with the current mark, before those with an older one */
	ROUTE_REPLACE, /* of the one with the same next-hop object, else of the first */
	ROUTE_MERGE,   /* of the one that shares a next hop; none does: as ROUTE_BACK */
	ROUTE_APPEND,  /* the same, but it stays the protocol's that it was */
};

/* Adds a route of a feed, whose next hops all name their interface. One that is there in this form already
 * (or the one that `place` replaces) is brought up to date and gets the mark. 0 or a negative errno with a
 * sentence; then the route that was to be replaced is gone as well, since its owner has it no more.
 * releases_flush() is the caller's: route_feed_done(). */
int route_feed_add(
	struct weir *w, const struct route_spec *spec, enum route_place place, uint8_t mark, struct err *e);
/* Removes the route with these prefix, feed, metric and next hops (or object); without next hops the first
 * there is. `subtract`: takes only these next hops from the route that has them. 0, 1: done, but whose the
 * rest is must be asked (next hops of several protocols were merged), or -ENOENT. */
int route_feed_del(struct weir *w, const struct route_spec *spec, bool subtract);
/* How the route of a feed with this prefix, metric and next hops (or object) is there. */
enum route_there {
	ROUTE_ABSENT,
	ROUTE_DIFFERS,
	ROUTE_SAME,
	ROUTE_ASTRAY, /* it is there, but the forwarding table does not say what the routes say */
};
/* Looks for the route without changing more than the mark of what it finds. */
enum route_there route_feed_check(struct weir *w, const struct route_spec *spec, uint8_t mark);
/* After a batch of changes. */
void route_feed_done(struct weir *w);

/* The kernel's link of an interface is down: next hops of feeds over it are not used. True when that is news:
 * route_feed_links() must follow, once for all links. */
bool route_feed_link(struct weir *w, uint16_t iface, bool down);
void route_feed_links(struct weir *w);

/* The next-hop object changed: routes of the feed with it have these next hops from now on, or go (`fill`
 * says false). Groups send by them at once, routes follow in later turns (route_settled()). True when there
 * are such routes. */
bool route_feed_object(struct weir *w, uint8_t source, uint8_t feed, uint32_t object,
	bool (*fill)(void *ctx, struct route_spec *spec), void *ctx);

/* All routes of a feed go, in later turns. Its number can be given to another feed when they are gone. */
void route_feed_forget(struct weir *w, uint8_t source, uint8_t feed);
/* They are not gone yet. */
bool route_feed_is_going(const struct weir *w, uint8_t source, uint8_t feed);

/* Routes of a feed. */
struct route_feed_counts {
	uint64_t routes[2]; /* [0] IPv4, [1] IPv6 */
	uint64_t by_protocol[256];
};
const struct route_feed_counts *route_feed_counts(const struct weir *w, uint8_t source, uint8_t feed);

/* A walk over all routes, in parts so that nobody waits for it. Begin with a zeroed one. */
struct route_pass {
	bool sweep; /* remove routes of this feed whose mark is another */
	bool look;  /* only call `fn` for them */
	uint8_t source, feed, mark;
	bool (*fn)(void *ctx, const struct route_spec *spec);
	void *ctx;
	uint32_t removed;
	uint32_t visited; /* routes looked at */
	/* private */
	bool settle; /* every route gets what its candidates have; feeds that are going go */
	uint16_t vrf;
	uint8_t tree;
	bool begun;
	struct prefix last;
};
/* Every route has the next hops that its candidates have now. False for some turns after next hops of many
 * routes changed: until then routes may still go where they went. */
bool route_settled(const struct weir *w);
/* Settles all routes at once; takes as long as it takes. */
void route_settle(struct weir *w);

/* Looks at about `budget` routes more; true when all were seen. */
bool route_pass(struct weir *w, struct route_pass *p, unsigned budget);

/* Words of the enums, as in config and output. */
extern const char *const route_source_names[ROUTE_SOURCES];
extern const char *const route_type_names[4]; /* by enum route_type */

/* Addresses or links changed: connected routes and next-hop sets are brought up to date. */
void route_refresh(struct weir *w);

/* The neighbour of a slot that neigh_nexthop_keep() was called for failed or is back: groups leave it out or
 * take it in again. */
void route_nexthop_changed(struct weir *w, uint16_t nh);

/* --- next-hop slots for other control-side features (neigh) --- */
/* A zeroed slot (kind NH_NONE, refs 1), or 0 when the table is full. */
uint16_t nh_alloc(struct weir *w);
/* Drops one reference; the slot is recycled after a grace period once nobody refers to it. */
void nh_put(struct weir *w, uint16_t nh);
void nh_get(struct weir *w, uint16_t nh);
/* Fills iface/port/mtu/ntags/tag/out and the source MAC of an ADJ/GLEAN slot from the interface. */
void nh_fill_iface(struct weir *w, struct nexthop *nh, const struct iface *ifc);

/* Installs / removes the host route of a neighbour (nh = its ADJ slot). */
int route_neighbor_add(struct weir *w, uint16_t vrf, const struct ipaddr *a, uint16_t nh);
void route_neighbor_del(struct weir *w, uint16_t vrf, const struct ipaddr *a);

/* Subnet of `ifc` (id) that contains a, or of any interface of the vrf when iface is IFACE_NONE: returns the
 * interface id or IFACE_NONE. */
uint16_t route_on_link(const struct weir *w, uint16_t vrf, uint16_t iface, const struct ipaddr *a);

/* --- what `weir show routes`, `route get` and the API read --- */
struct route_info {
	struct route_spec spec; /* via[].iface resolved where it could be */
	bool via_usable[ROUTE_VIA_MAX];
	uint16_t via_asked[ROUTE_VIA_MAX]; /* via[].iface as it was asked for, IFACE_NONE if it was not */
	uint8_t distance;
	bool active;              /* this candidate is in the FIB */
	const char *why_inactive; /* one sentence or NULL */
	uint16_t nh;              /* installed next-hop index, 0 if none */
};
/* Calls fn for every candidate of the VRF and family in prefix order, starting after `after` (NULL = start).
 */
void route_walk(const struct weir *w, uint16_t vrf, uint8_t family, const struct prefix *after,
	bool (*fn)(void *ctx, const struct route_info *info), void *ctx);
/* Best route for an address; false if none. */
bool route_get(const struct weir *w, uint16_t vrf, const struct ipaddr *a, struct route_info *out);
struct route_totals {
	uint32_t routes[2], installed[2]; /* [0] IPv4, [1] IPv6 */
	uint32_t nexthops, groups, buckets;
	uint32_t failed_paths; /* of groups, left out because their neighbour does not answer */
	uint64_t memory;       /* bytes, FIBs and RIBs */
	uint64_t refused;      /* adds refused because a table was full */
};
void route_totals(const struct weir *w, struct route_totals *out);

/* VRF id by name, created if it does not exist; negative errno when VRF_MAX is reached. */
int vrf_intern(struct weir *w, const char *name);
/* id or -ENOENT. */
int vrf_find(const struct weir *w, const char *name);

#endif
