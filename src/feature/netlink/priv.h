/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/netlink: settings, the feeds and their tables, the state behind struct weir's `netlink`.
 */
#ifndef WEIR_FEATURE_NETLINK_PRIV_H
#define WEIR_FEATURE_NETLINK_PRIV_H

#include <netinet/in.h>

#include "feature/kernel/kernel.h"
#include "feature/netlink/feed.h"
#include "feature/netlink/message.h"
#include "feature/netlink/netlink.h"
#include "feature/route/route.h"
#include "pipeline/weir.h"

#define OBJECTS_MAX 65536u /* next-hop objects of a feed */
#define TABLES_MAX VRF_MAX
#define PLACES_MAX ROUTE_FEEDS /* namespaces that are mirrored */
#define TABLE_MAIN 254
#define TABLE_LOCAL 255
#define DISTANCE_NEVER 255

/* --- configuration --- */

struct netlink_table {
	uint32_t table;
	uint16_t vrf;
	uint8_t at; /* which of the places */
};

struct netlink_settings {
	bool present, routes, addresses, fpm;
	uint64_t buffer, hold;  /* bytes, ns */
	struct sockaddr_in6 at; /* of FPM; IPv4 as ::ffff: */
	unsigned tables;
	struct netlink_table table[TABLES_MAX];
	unsigned places; /* the first one is weir's own namespace */
	char place[PLACES_MAX][KERNEL_PATH];
	uint8_t vrf_at[VRF_MAX]; /* the place of a VRF's links */
	uint8_t distance[256];   /* by protocol */
};

/* schema.c: what a validated config says. 0 or a negative errno with a sentence. */
int netlink_settings_read(struct weir *w, const struct node *cfg, struct netlink_settings *s, struct err *e);
/* protocol.c */
void netlink_distances_default(uint8_t distance[256]);
/* Sets the distance of every protocol of that name in netlink.distances. */
void netlink_distance_set(uint8_t distance[256], const char *name, uint8_t value);

/* --- the kernel's links --- */
struct link {
	struct link *next;
	uint32_t index;
	uint16_t iface; /* whose twin it is, IFACE_NONE */
	bool up, seen;
	bool loopback; /* the interface is one: nobody is behind the link */
	char name[NL_NAME];
};
#define LINK_CHAINS 1024
struct links {
	struct link *chain[LINK_CHAINS];
	uint32_t count;
};

/* --- next-hop objects --- */
struct membership { /* of an object in a group */
	struct membership *next;
	uint32_t id, group;
};
struct object {
	struct object *next;
	struct nl_object *is;  /* own allocation, as large as its members */
	struct membership *in; /* its members' entries in objects.member, NULL when it is no group */
	uint32_t id;
	bool seen;
};
#define OBJECT_CHAINS 4096
struct objects {
	struct object *chain[OBJECT_CHAINS];
	struct membership *member[OBJECT_CHAINS]; /* by id of the member */
	uint32_t count;
	uint32_t cursor; /* chain in which objects_unseen() goes on */
};

/* --- addresses of twins --- */
struct twin_address {
	const struct source *of; /* feed that tells of it */
	uint32_t link;
	struct prefix prefix;
	bool ours; /* weir has it because of us */
	bool next; /* ... in the next generation */
	bool seen;
};

/* What only the kernel's thread uses. */
struct kernel_feed {
	char path[KERNEL_PATH]; /* of its namespace, "" = weir's own */
	int notify, dump;
	bool routes;
	uint64_t buffer;
	uint32_t sequence;
};

/* What only FPM's thread uses, besides the answers. */
struct fpm_feed {
	int listener, peer;
	pthread_mutex_t lock; /* of the answers */
	uint8_t *answer;
	size_t answers;
	bool broken; /* too many wait: the peer does not read */
};

enum phase {
	PHASE_IDLE,
	PHASE_SYNC,    /* a dump comes */
	PHASE_OBJECTS, /* objects that it did not have go */
	PHASE_SWEEP,   /* routes that it did not have go */
	PHASE_LOOK,    /* a dump comes that is only compared */
	PHASE_TELL     /* routes that it did not have are told */
};

/* A feed as the control thread sees it. */
struct source {
	struct feed feed;
	struct kernel_feed kernel;
	struct fpm_feed fpm;
	uint8_t source; /* enum route_source */
	uint8_t number, mark;
	uint8_t where; /* which of the places of the settings */
	bool running;
	enum phase phase;
	bool synced, ever; /* since it began; since its namespace is mirrored */
	bool connected;
	bool looking; /* the comparison waits for it */
	struct route_pass pass;
	struct block *block;
	size_t at;
	struct links links;
	bool link_lost; /* a link of ours went down: sync */
	bool link_news; /* the state of one changed */
	struct objects objects;
	uint64_t synced_at, stale_at; /* ns; stale_at: sweep then, 0 = no */
	uint64_t retry_at; /* a full table may have room again, not before; 0 = nothing was refused */
	bool removed;      /* ... as routes went since */
	uint64_t begun;    /* number of the sync that runs */
	bool pending;      /* a sync was asked for that has not ended */
	uint64_t messages, syncs, swept;
	uint64_t reason[WHY_REASONS];
	/* FPM: a deletion that waits for what follows it. */
	bool held;
	uint64_t held_at; /* ns */
	struct route_spec held_spec;
};

struct netlink_state {
	struct netlink_settings now, next;
	struct source *kernel[PLACES_MAX], *fpm;           /* by number; NULL: not configured */
	struct source *next_kernel[PLACES_MAX], *next_fpm; /* between prepare and commit */
	uint64_t keep_kernel;                              /* bit: of these numbers */
	bool keep_fpm;
	unsigned turn;                           /* who is first in the next turn */
	bool remap;                              /* twins may be others since the last commit */
	const struct source *link_of[IFACE_MAX]; /* the feed that tells of the interface's link */
	bool link_down[IFACE_MAX];  /* of the twin; route_feed_link() follows when a sync ended */
	bool link_known[IFACE_MAX]; /* it was up before */
	struct twin_address *address;
	uint32_t addresses, address_room;
	struct netlink_diff diff;
	struct netlink_diff diff_base; /* what it was before the feed whose turn it is */
	unsigned diff_at;              /* number of that feed */
	struct nl_message message;     /* scratch */
};

/* feeds.c */
int feeds_prepare(struct weir *w, struct err *e);
void feeds_abort(struct netlink_state *s);
/* `other`: what becomes of routes changed, so that all are read again. */
void feeds_commit(struct weir *w, bool other);
void feeds_free(struct netlink_state *s);
/* The feed of weir's own namespace, whose numbers of links FPM uses; NULL when none is configured. */
struct source *feeds_own(const struct netlink_state *s);

/* links.c: the links of a feed */
uint16_t links_iface(const struct source *s, uint32_t index);
/* The same where packets can go by it. */
uint16_t links_way(const struct source *s, uint32_t index);
void links_change(struct weir *w, struct source *s, const struct nl_link *l, bool gone);
/* A sync begins / ended: those not seen in it are gone. */
void links_unsee(struct source *s);
void links_sweep(struct weir *w, struct source *s);
/* Interfaces changed; true when a link is another one's twin now. */
bool links_remap(struct weir *w, struct source *s);
/* Brings route_feed_link() up to date; `ups`: also for links that came up. */
void links_tell(struct weir *w, const struct source *s, bool ups);
/* `to` goes on with the links of `from`. */
void links_take_over(struct netlink_state *st, struct source *to, struct source *from);
/* The feed ends: its links are no reason to use or not to use anything. */
void links_end(struct weir *w, struct source *s);
void links_free(struct source *s);

/* objects.c */
const struct nl_object *objects_get(const struct objects *o, uint32_t id);
/* 0, -ENOSPC or -ENOMEM. */
int objects_put(struct objects *o, const struct nl_object *n);
void objects_del(struct objects *o, uint32_t id);
void objects_see(struct objects *o, uint32_t id);
void objects_unsee(struct objects *o);
/* An object that the sync did not show, 0 when there is none. Objects that come meanwhile are seen. */
uint32_t objects_unseen(struct objects *o);
void objects_free(struct objects *o);
/* Next hops of an object into spec->type and spec->via; WHY_REASONS when it can be used, else why not. */
enum netlink_reason objects_fill(
	const struct source *links, const struct objects *o, uint32_t id, struct route_spec *spec);
/* Calls fn for the groups that have the object as a member. */
void objects_groups(const struct objects *o, uint32_t id, void (*fn)(void *ctx, uint32_t group), void *ctx);

/* apply.c */
void apply_message(struct weir *w, struct source *s, const struct nlmsghdr *h);
void apply_held(struct weir *w, struct source *s);
/* One path into spec; false: it is on no interface of ours. */
bool apply_path(const struct source *links, const struct nl_path *p, struct route_spec *spec);
void apply_object_changed(struct weir *w, struct source *s, uint32_t id);
void count_reason(struct weir *w, struct source *s, enum netlink_reason why, const char *what);

/* address.c */
void address_change(struct weir *w, struct source *s, const struct nl_address *a, bool gone);
void address_unsee(struct netlink_state *st, const struct source *s);
void address_sweep(struct weir *w, const struct source *s);
/* Those of a feed are another one's (NULL: nobody's) from now on. */
void address_take_over(struct netlink_state *st, const struct source *to, const struct source *from);
uint32_t address_count(const struct netlink_state *st, const struct source *s);
/* What runs now, put into the next generation. */
void address_stage(struct weir *w, const struct netlink_settings *now, struct generation *next);
/* That generation runs. */
void address_commit(struct netlink_state *s);
void address_free(struct netlink_state *s);

/* sync.c */
/* A part of what waits, until the time `end` of netlink_clock(); returns the work done. */
unsigned source_turn(struct weir *w, struct source *s, uint64_t end);
void source_sync(struct source *s);
uint64_t netlink_clock(void); /* ns, of the machine */

/* diff.c: the comparison with the kernel, one feed after the other */
/* Its dump begins, also once more. */
void diff_begin(struct weir *w, struct source *s);
/* It is through; `error`: it could not be made. */
void diff_end(struct weir *w, struct source *s, const char *error);
/* A route that is here only. */
bool diff_extra(void *ctx, const struct route_spec *spec);
void diff_route(struct weir *w, struct source *s, const struct route_spec *spec);

/* kernel.c */
/* k->path is set. */
int kernel_feed_open(struct kernel_feed *k, const struct netlink_settings *s, struct err *e);
void kernel_feed_close(struct kernel_feed *k);
void kernel_feed_run(struct feed *f);

/* fpm.c */
int fpm_feed_open(struct fpm_feed *p, const struct netlink_settings *s, struct err *e);
void fpm_feed_close(struct fpm_feed *p);
void fpm_feed_run(struct feed *f);
/* Queues the answer to a route. Control thread. */
void fpm_answer(struct source *s, const struct nlmsghdr *h, bool taken);

#endif
