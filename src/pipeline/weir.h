/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One instance of weir: the published generation, the workers, the tables and the control thread's
 * services (clock, timers, punted packets, deferred frees). The daemon, the offline twin and the tests
 * all run the same instance; they differ only in who calls weir_control() and where frames come from.
 *
 * Thread-safety: everything here belongs to the control thread unless said otherwise.
 */
#ifndef WEIR_PIPELINE_WEIR_H
#define WEIR_PIPELINE_WEIR_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>

#include "base/err.h"
#include "pipeline/generation.h"
#include "pipeline/worker.h"

struct weir;
struct node; /* control/tree.h: a validated config tree */
struct bill; /* pipeline/bill.h: bytes by purpose */

/* --- timers: control thread, fire in time order (ties: in the order they were set) --- */
struct timer {
	uint64_t when; /* ns */
	uint64_t serial;
	uint32_t slot; /* heap position + 1, 0 = not pending */
	void (*fn)(struct weir *w, struct timer *t);
};
/* (Re)arms t to fire at `when`. 0 or -ENOMEM. */
int timer_set(struct weir *w, struct timer *t, uint64_t when);
void timer_cancel(struct weir *w, struct timer *t);
/* Room for n more timers than are set now: setting them cannot fail then. 0 or -ENOMEM. */
int timer_room(struct weir *w, uint32_t n);

/* --- features: plug into configuration and life cycle from their own folder --- */
struct feature {
	const char *name;
	int order; /* init and commit run in rising order: iface 10, neigh 20, route 30, icmp 40 ... */
	int (*init)(struct weir *w, struct err *e);
	void (*fini)(struct weir *w);
	/* Adds what the config says to the new generation and stages everything that can fail. `cfg` is the
	 * whole validated tree. Nothing visible may change. */
	int (*prepare)(struct weir *w, const struct node *cfg, struct generation *next, struct err *e);
	/* Everything is prepared and `next` is about to be published. Cannot fail. NULL: nothing to do. */
	void (*ready)(struct weir *w, const struct generation *next);
	/* `next` is published; reconcile dynamic state (routes, neighbours). Cannot fail. */
	void (*commit)(struct weir *w, const struct generation *old, const struct generation *next);
	void (*abort)(struct weir *w);
	/* Adds to the bill what the feature's tables take at most with a config. NULL: nothing to speak of.
	 */
	void (*bill)(const struct weir *w, const struct node *cfg, struct bill *b);
	/* Link state or MTU of a port changed (weir_link_set was called). */
	void (*link)(struct weir *w, uint16_t port, bool up);
	/* An interface got or lost an address, by a commit (before commit() of features behind `iface`) or by
	 * hand. */
	void (*address)(struct weir *w, uint16_t iface, const struct prefix *p, bool added);
	/* Its share of a turn of the control thread: a bounded amount of work that no timer starts. Returns
	 * what was done, 0 = nothing waits. NULL: nothing ever does. */
	unsigned (*turn)(struct weir *w);
	/* Counters are set to zero. NULL: it has none of its own. */
	void (*clear)(struct weir *w);
	struct feature *next;
};
void feature_register(struct feature *f);
#define FEATURE_REGISTER(f)                                                                                  \
	__attribute__((constructor)) static void feature_register_##f(void)                                  \
	{                                                                                                    \
		feature_register(&f);                                                                        \
	}

/* --- punted packets --- */
/* The handler owns the mbuf; iif is in its note. It ends with weir_consume(), weir_send() or keeping it
 * (held). */
typedef void (*punt_handler)(struct weir *w, struct rte_mbuf *m, struct note *n);
void punt_handler_set(struct weir *w, enum punt_class why, punt_handler fn);

#define DEFER_MAX 65536
struct deferred {
	uint64_t token;
	void (*fn)(void *arg);
	void *arg;
};

/* How long others wait for the control thread. Its own; the loop that gives it turns measures. */
#define LONG_TURN_NS UINT64_C(5000000)
struct control_stats {
	uint64_t turns;
	uint64_t over;        /* turns that took more than LONG_TURN_NS of CPU time */
	uint64_t longest;     /* ns, since the counters were cleared */
	uint64_t longest_cpu; /* the same of its CPU time: what others on the CPU did is not in it */
};

struct weir {
	struct generation *gen;      /* atomic: load with weir_generation() */
	struct generation *prepared; /* between weir_prepare() and weir_commit() */
	struct rte_rcu_qsbr *qsbr;   /* thread ids = worker ids */
	struct worker *worker[WORKER_MAX];
	unsigned worker_count;
	struct rte_mempool *pool[RTE_MAX_NUMA_NODES];
	struct nh_table nht;
	struct shard_map shard;       /* the flows of the workers; copied to every generation */
	struct vrf_view vrf[VRF_MAX]; /* the master copy that generations are built from */
	uint64_t now;                 /* ns, dataplane clock as of this turn of the control loop */
	bool trial;                   /* weir_prepare() will be followed by weir_abort(): disturb nothing */
	bool link_up[PORT_MAX];       /* written by control, read by anyone */
	struct counters counters;     /* of the control thread */
	struct counters baseline;     /* subtracted by `clear counters` */
	struct counters *twins;       /* of the thread that serves the kernel's twins; NULL without one */
	bool offline;                 /* no peers answer: addresses are usable at once, unknown neighbours
				       * get a made-up MAC address (the offline twin) */
	uint64_t held;                /* packets the control thread keeps (neighbour queues, reassembly) */
	punt_handler punt[PUNT_COUNT];
	struct control_stats control;
	struct bucket icmp_bucket; /* errors the control thread sends */
	struct timer **timer_heap;
	uint32_t timer_count, timer_room;
	uint64_t timer_serial;
	struct deferred *deferred; /* ring */
	uint32_t deferred_head, deferred_tail;
	unsigned next_inbox;             /* round robin for packets the control thread sends */
	struct neigh_state *neigh;       /* feature/neigh */
	struct route_state *route;       /* feature/route */
	struct iface_state *ifaces;      /* feature/iface */
	struct icmp_state *icmp;         /* feature/icmp */
	struct reass_state *reass;       /* feature/ip */
	struct kernel_state *kernel;     /* feature/kernel */
	struct netlink_state *netlink;   /* feature/netlink */
	struct session_service *session; /* feature/session */
	struct firewall_state *firewall; /* feature/firewall */
	unsigned workers_next;           /* while a config is prepared: workers it will have; 0: as now */
	struct set_state *sets;          /* feature/set */
	struct acl_state *acl;           /* feature/acl */
	void *runtime;                   /* runtime/ */
	struct config_service *config;   /* config/; NULL in tools and tests that have none */
	/* Called after a worker was given packets, so that it does not sleep on them; NULL: workers never
	 * sleep. */
	void (*wake)(struct weir *w, unsigned worker);
	/* Called by workers (between two bursts) that gave the twins' thread packets; NULL: there is none. */
	void (*wake_twins)(struct weir *w);
};

/* Creates an instance with `workers` workers whose rings, counters and bursts are ready; `pool` serves
 * every socket until the runtime replaces it. EAL must be initialised. NULL with a sentence on failure. */
struct weir *weir_new(unsigned workers, struct rte_mempool *pool, struct err *e);
void weir_free(struct weir *w);
/* One more worker, which nobody runs yet. It stays until the end: its counters are part of the sums. 0 or a
 * negative errno with a sentence. */
int weir_add_worker(struct weir *w, struct err *e);

static inline const struct generation *weir_generation(const struct weir *w)
{
	return __atomic_load_n(&w->gen, __ATOMIC_ACQUIRE);
}

/* The three steps of a change. weir_prepare(): prepare() of every feature on a clone of the running
 * generation; refused or out of memory: nothing is staged, everything is as it was. After success exactly one
 * of weir_commit(), which publishes the clone, and weir_abort() must follow, before any packet or timer is
 * looked at. */
int weir_prepare(struct weir *w, const struct node *cfg, struct err *e);
void weir_commit(struct weir *w);
void weir_abort(struct weir *w);

/* What the tables of all features take with a config. */
void weir_bill(const struct weir *w, const struct node *cfg, struct bill *b);

/* weir_prepare() and weir_commit(). */
int weir_apply(struct weir *w, const struct node *cfg, struct err *e);

/* Publishes `next` (built by generation_clone + edits) and frees the old one after a grace period. */
void weir_publish(struct weir *w, struct generation *next);

/* One turn of the control thread at time `now`: punted packets, timers, deferred frees. Returns work done. */
unsigned weir_control(struct weir *w, uint64_t now);

/* ns of the next timer, or UINT64_MAX. */
uint64_t weir_next_timer(const struct weir *w);

/* Calls fn(arg) once every worker has passed a quiescent state. */
void weir_defer(struct weir *w, void (*fn)(void *), void *arg);

/* Waits for every registered worker to pass a quiescent state (control thread only; µs to ms). */
void weir_synchronize(struct weir *w);

/* Fresh mbuf with a zeroed note from the control thread, or NULL. */
struct rte_mbuf *weir_alloc(struct weir *w);

/* Sends a packet the control thread owns into a worker at stage `entry` (STAGE_ROUTE for IP packets with
 * note.vrf/family/l3 set, STAGE_REWRITE for ones with note.nh set, STAGE_TX for whole frames with note.oif).
 * `originated`: it was made here, count it. Freed and counted when no inbox has room. */
void weir_send(struct weir *w, struct rte_mbuf *m, enum stage_id entry, bool originated);

/* Ends a packet the control thread owns, with a reason. */
void weir_consume(struct weir *w, struct rte_mbuf *m, const struct reason *r);

/* Link state of a port changed: stores it and tells the features. */
void weir_link_set(struct weir *w, uint16_t port, bool up);

/* What the wall clock is ahead of the dataplane clock, in ns: for the timestamps packets ask for (RFC
 * 791 3.1). 0 until it is set: the dataplane clock is UTC then (offline twin, tests). */
void weir_wall_set(struct weir *w, uint64_t ahead);

/* Tells the features that an interface got or lost an address. */
void weir_address_changed(struct weir *w, uint16_t iface, const struct prefix *p, bool added);

/* Sum over workers and control thread minus the baseline; out->iface must point at IFACE_MAX entries or be
 * NULL. */
void weir_counters(const struct weir *w, struct counters *out);
void weir_counters_clear(struct weir *w);
/* Packets that are neither on their way nor ended: the control thread's and the workers'. */
uint64_t weir_held(const struct weir *w);
/* What features count themselves. */
void weir_features_clear(struct weir *w);
/* The same without the baseline: what was counted since the start, whatever was cleared. */
void weir_counters_total(const struct weir *w, struct counters *out);

#endif
