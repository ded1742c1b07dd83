/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/route: next-hop sets, RIB entries, the state behind struct weir's `route`.
 */
#ifndef WEIR_FEATURE_ROUTE_RIB_H
#define WEIR_FEATURE_ROUTE_RIB_H

#include "feature/route/route.h"
#include "pipeline/weir.h"

#define SET_HASH 65536
#define OBJECT_HASH 16384 /* sets by their next-hop object */
#define BUCKET_CLASSES 7  /* groups of 64, 128, ... 4096 buckets */
#define BUCKETS_MIN 64

/* One path of a set. */
struct set_via {
	struct route_via via;
	uint16_t iface; /* resolved, IFACE_NONE while unusable */
	uint16_t nh;    /* ADJ slot of the gateway or GLEAN slot of the interface, 0 while unusable */
	bool usable;
	bool failed; /* path of a group whose neighbour does not answer: it gets no flows while another does
		      */
};

/* A set of paths shared by every route that has the same ones. */
struct nhset {
	struct nhset *next;        /* hash chain */
	struct nhset *object_next; /* the same by object, of those that have one */
	uint32_t refs;             /* candidates */
	uint32_t hash;
	uint16_t vrf;
	uint8_t type; /* enum route_type */
	uint8_t family;
	uint8_t source, feed; /* of feeds; 0 for all others: their sets are nobody's but theirs */
	bool gone;            /* the object is gone; its routes go as they are settled */
	uint32_t object;
	struct nhset *moved; /* its routes go over to this set as they are settled; a reference */
	uint16_t nh;         /* what the FIB points at, 0 while unusable */
	uint16_t group;      /* NH_GROUP slot, 0 for a single path */
	uint8_t class;       /* of the group's buckets */
	uint16_t via_count;
	struct set_via via[];
};

struct candidate {
	struct candidate *next;
	struct nhset *set; /* NULL: `nh` is given */
	uint16_t nh;
	uint8_t source, distance;
	uint8_t rank; /* what the order goes by: the distance, or that of the first of its feed and metric */
	bool from_config;
	uint8_t mark; /* round of the configuration or of the feed that wanted it */
	uint8_t feed, protocol;
	bool mixed; /* has next hops of several protocols */
	uint32_t metric;
};

/* Value of the RIB's radix trees. */
struct entry {
	struct candidate *first; /* by distance, then source */
	struct candidate *active;
	uint16_t nh; /* in the FIB, 0 = none */
};

/* A connected route as it was installed. */
struct connected {
	struct prefix prefix;
	uint16_t vrf, iface;
	uint8_t kind; /* NH_GLEAN, NH_LOCAL, NH_BROADCAST, NH_UNREACHABLE */
};

/* A route of the config file between prepare and commit. */
struct staged {
	struct prefix prefix;
	uint16_t vrf;
	uint8_t type, distance;
	uint16_t via_count;
	uint32_t via_first;
};

/* Routes are brought up to date with their sets (settle.c). */
struct settle {
	bool due;     /* once more from the start, after what runs */
	bool running; /* a walk is on its way */
	struct route_pass pass;
	uint32_t ripe; /* of `release`: let go before the walk began */
};

static inline unsigned family_index(uint8_t family)
{
	return family == FAMILY_V6;
}

struct route_state {
	struct radix *rib[VRF_MAX][2]; /* [0] IPv4, [1] IPv6 */
	struct nhset *set[SET_HASH];
	struct nhset *by_object[OBJECT_HASH];
	uint32_t set_count, groups;
	uint32_t set_vias; /* of all sets */
	uint32_t failed_paths;
	uint16_t *free_nh;
	uint32_t nh_used, nh_free;            /* bump, recycled */
	uint32_t free_bucket[BUCKET_CLASSES]; /* first free array: base / BUCKETS_MIN + 1, 0 = none */
	uint32_t buckets_used;
	uint16_t fixed[NH_GROUP]; /* shared slots of blackhole, unreachable, prohibit */
	uint16_t local[IFACE_MAX], broadcast[IFACE_MAX], glean[IFACE_MAX], nobody[IFACE_MAX];
	struct connected *connected;
	uint32_t connected_count;
	struct staged *staged; /* config routes between prepare and commit */
	struct route_via *staged_via;
	uint32_t staged_count, staged_room, staged_via_count, staged_via_room;
	uint16_t *release; /* slots to give back once no FIB entry points at them */
	uint32_t release_count, release_room;
	bool vrf_new[VRF_MAX]; /* made while a config was prepared: no worker knows them yet */
	bool link_released;    /* a route onto an interface went away: so do neighbours only it led to */
	uint8_t mark;
	bool kernel_down[IFACE_MAX]; /* route_feed_link() */
	struct route_feed_counts feed[ROUTE_SOURCES - ROUTE_KERNEL][ROUTE_FEEDS];
	uint64_t forget[ROUTE_SOURCES - ROUTE_KERNEL]; /* bit: a feed whose routes go */
	uint64_t going[ROUTE_SOURCES - ROUTE_KERNEL];  /* of these, those the walk that runs takes along */
	struct settle settle;
	uint64_t refused;
};

static inline bool route_is_feed(uint8_t source)
{
	return source >= ROUTE_KERNEL;
}

/* set.c */
/* An existing set for these paths, NULL if there is none. */
struct nhset *set_find(struct weir *w, const struct route_spec *spec);
/* Class of the bucket arrays of a set with these paths. */
unsigned set_class(const struct route_spec *spec);
/* Whether the set has just these paths. */
bool set_same(const struct nhset *s, const struct route_spec *spec);
/* Finds or creates the set a spec asks for, with one more reference; NULL with a sentence. A new one spreads
 * flows as `like` does (may be NULL), the set it takes the place of, where the next hops are the same. */
struct nhset *set_get(struct weir *w, const struct route_spec *spec, const struct nhset *like, struct err *e);
void set_put(struct weir *w, struct nhset *s);
/* Resolves every set anew; true when some set's `nh` changed (its routes must be settled). */
bool sets_refresh(struct weir *w);
/* First of the sets with an object; object_next leads on. Others may be among them. */
struct nhset *set_of_object(const struct weir *w, uint32_t object);
/* Flows over the group of a set that moved take the next hops of the set it became, before any route is
 * settled. Nothing happens where one of them is no group. */
void set_lead(struct weir *w, struct nhset *s);

/* nexthop.c */
int nexthop_init(struct weir *w, struct err *e);
void nexthop_fini(struct weir *w);
/* GLEAN / LOCAL / BROADCAST / UNREACHABLE slot of an interface, made on first use; 0 when the table is full.
 */
uint16_t nh_of_iface(struct weir *w, uint16_t iface, enum nh_kind kind);
uint16_t nh_fixed(struct weir *w, enum nh_kind kind);
/* Brings the link-layer parts of all slots up to date with the running generation. */
void nh_refresh_ifaces(struct weir *w);
uint32_t buckets_alloc(struct weir *w, unsigned class);      /* first bucket or UINT32_MAX */
uint32_t buckets_room(const struct weir *w, unsigned class); /* how many arrays there still are */
void buckets_free(struct weir *w, uint32_t base, unsigned class);

/* Gives a neighbour's slot back at the next releases_flush(): first the FIB must have let go of it. */
void release_later(struct weir *w, uint16_t nh);
/* Makes room for so many. 0 or -ENOMEM. */
int releases_room(struct weir *w, uint32_t n);
/* ... unless routes are being settled: then after them. */
void releases_flush(struct weir *w);
/* Gives back the first n whatever else goes on. */
void releases_first(struct weir *w, uint32_t n);

/* rib.c */
int rib_add(struct weir *w, uint16_t vrf, const struct prefix *p, const struct candidate *c, bool replace,
	struct err *e);
int rib_del(struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source);
/* The parts of those that feed.c builds upon. Prefixes are masked. */
struct entry *rib_entry(const struct weir *w, uint16_t vrf, const struct prefix *p);
struct entry *rib_entry_get(struct weir *w, uint16_t vrf, const struct prefix *p);
/* The forwarding table says what the candidates say. */
bool rib_is_right(const struct weir *w, uint16_t vrf, const struct prefix *p, const struct entry *en);
void rib_entry_drop(struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en);
int rib_install(struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en);
int rib_refuse(struct weir *w, const struct prefix *p, int rc, struct err *e);
void rib_remove(
	struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en, struct candidate **at);
/* c comes before other, by distance, source, feed and metric: <0, 0, >0. */
int rib_order(const struct candidate *c, const struct candidate *other);
/* A candidate of a feed came (1) or went (-1). */
static inline void rib_count(struct weir *w, const struct candidate *c, uint8_t family, int change)
{
	struct route_feed_counts *f;

	if (!route_is_feed(c->source))
		return;
	f = &w->route->feed[c->source - ROUTE_KERNEL][c->feed];
	f->routes[family_index(family)] += (uint64_t)(int64_t)change;
	f->by_protocol[c->protocol] += (uint64_t)(int64_t)change;
}
struct prefix rib_key(uint8_t family, const uint8_t *key, unsigned len);
/* Next-hop set of this source's route, NULL if there is none. */
struct nhset *rib_set(const struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source);
/* The forwarding table does not yet have what the best candidate has. */
bool rib_is_stale(const struct entry *en);
/* The route of that source there, NULL if there is none. */
const struct candidate *rib_find(const struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source);
/* Removes config routes whose mark is not `mark`. */
void rib_sweep(struct weir *w, uint8_t mark);
void rib_free(struct weir *w);

/* feed.c */
/* Final set of a candidate: what its object has become meanwhile. */
struct nhset *feed_set_now(struct nhset *s);
/* Among routes of one metric the kernel's order counts, and its first one's distance is that of all: after a
 * change among those of the spec's feed and metric. */
void feed_regroup(struct entry *en, const struct route_spec *s);

/* pass.c */
/* The candidate is of a feed whose routes go. */
static inline bool route_is_forgotten(const uint64_t going[], const struct candidate *c)
{
	return route_is_feed(c->source) && (going[c->source - ROUTE_KERNEL] >> c->feed & 1) != 0;
}

/* settle.c */
/* Next hops of sets changed: the first routes follow now, all others in later turns. */
void settle_begin(struct weir *w);
/* Some more; the work done, 0 = nothing waits. */
unsigned settle_turn(struct weir *w);

/* connected.c */
#define CONNECTED_PER_ADDRESS 5 /* itself, subnet, two broadcasts or the anycast address */
void connected_sync(struct weir *w);
/* Most routes the addresses of a generation make. */
uint32_t connected_most(const struct generation *g);

/* staged.c: the `routes:` of a config file. */
int routes_stage(struct weir *w, const struct node *cfg, const struct generation *next, struct err *e);
/* Sets aside what the commit of the staged routes and of the addresses of `next` takes, and refuses what the
 * tables have no room for. */
int routes_reserve(struct weir *w, const struct generation *next, struct err *e);
void routes_commit(struct weir *w);
void routes_unstage(struct weir *w);

/* bill.c: memory of the routes of a config. */
void routes_bill(const struct weir *w, const struct node *cfg, struct bill *b);

/* The spec makes sense. 0 or a negative errno with a sentence. */
int route_check(const struct weir *w, const struct route_spec *spec, struct err *e);

/* Adds one route; the shared part of route_add() and routes_commit(). */
int route_install(struct weir *w, const struct route_spec *spec, bool replace, uint8_t mark, struct err *e);

#endif
