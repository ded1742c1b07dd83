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

/* Who wants a route. Lower distance wins; one candidate per source and prefix. */
enum route_source {
	ROUTE_CONNECTED, /* distance 0: subnets, local addresses, broadcasts of interfaces */
	ROUTE_NEIGHBOR,  /* distance 255: host routes of neighbours on connected subnets; any other wins */
	ROUTE_STATIC,    /* distance 1: config file or `weir route add` */
	ROUTE_KERNEL,    /* distance 10 */
	ROUTE_SOURCES
};

enum route_type { ROUTE_UNICAST, ROUTE_TYPE_BLACKHOLE, ROUTE_TYPE_UNREACHABLE, ROUTE_TYPE_PROHIBIT };

#define ROUTE_VIA_MAX 64
#define ROUTE_WEIGHT_MAX 256

struct route_via {
	struct ipaddr address; /* FAMILY_NONE: straight onto the interface (destinations are neighbours) */
	uint16_t iface;        /* IFACE_NONE: the connected subnet that contains the address decides */
	uint16_t weight;       /* 1..ROUTE_WEIGHT_MAX, 0 counts as 1 */
};

struct route_spec {
	struct prefix prefix;
	uint16_t vrf;
	uint8_t source;   /* enum route_source */
	uint8_t type;     /* enum route_type */
	uint8_t distance; /* 0 = the source's default */
	bool from_config; /* owned by the config file: a commit may remove it */
	uint16_t via_count;
	struct route_via via[ROUTE_VIA_MAX];
};

/* Adds a route; -EEXIST when this source already has the prefix and !replace. A static route whose next hop
 * is on no connected subnet is kept and inactive until one appears. Errors name the prefix. */
int route_add(struct weir *w, const struct route_spec *spec, bool replace, struct err *e);
int route_del(struct weir *w, uint16_t vrf, uint8_t source, const struct prefix *p, struct err *e);

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
