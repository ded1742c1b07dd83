/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A worker: runs bursts through the stage table. What a worker may not do: lock, block, allocate from
 * libc, log, make system calls (a build check looks for the symbols).
 *
 * Thread-safety: every field belongs to the worker's thread, except the rings (their documented ends)
 * and `counters`, which other threads may read (monotonic 64-bit words, torn reads impossible on 64-bit).
 */
#ifndef WEIR_PIPELINE_WORKER_H
#define WEIR_PIPELINE_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>
#include <rte_ring.h>

#include "pipeline/burst.h"
#include "pipeline/generation.h"

struct err;

#define INJECT_SIZE 1024      /* slots of a worker's own re-inject ring */
#define STAGE_SAMPLE_EVERY 32 /* stage cycles are measured on one burst in this many */

struct iface_counters {
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t drops; /* packets received here that ended with a REASON_DROP or REASON_ERROR */
	uint64_t pad[3];
};

struct stage_counters {
	uint64_t bursts, packets;
	uint64_t sampled_packets, sampled_cycles; /* TSC cycles */
};

struct counters {
	uint64_t bursts, received, originated, transmitted;
	uint64_t icmp_suppressed; /* ICMP errors not sent because of the rate limit */
	uint64_t reason[REASON_MAX];
	struct stage_counters stage[STAGE_COUNT];
	struct iface_counters *iface; /* [IFACE_MAX] */
};

/* Packets on the way to the control thread, by what it should do with them. */
enum punt_class {
	PUNT_ARP,     /* ARP request or reply for us */
	PUNT_ND,      /* neighbour/router discovery for us, hop limit 255 checked */
	PUNT_RESOLVE, /* next hop (note.nh) is not resolved: hold, probe, send when known. note.nh == 0: the
		       * destination is link-local, its interface is note.oif and no route leads there, so it
		       * continues at STAGE_REWRITE with note.nh = the neighbour's slot */
	PUNT_REASSEMBLE, /* fragment of a packet for us */
	PUNT_LOCAL,      /* for us and nobody here answers it: the kernel's */
	PUNT_REDIRECT,   /* copy of a packet that left by the interface it came by */
	PUNT_COUNT
};

/* Token bucket in packets; refilled from the burst's clock. */
struct bucket {
	uint64_t last; /* ns of the last refill */
	uint32_t tokens_milli;
};
/* Takes one token; `rate` per second, `burst` tokens deep. */
bool bucket_take(struct bucket *t, uint64_t now, uint32_t rate, uint32_t burst);

/* Where packets for one port leave this worker. */
struct tx_path {
	/* Sends up to n packets, takes ownership of those sent; returns how many. NULL: no such port. */
	uint16_t (*send)(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n);
	void *ctx;
	uint16_t queue;
	bool shared; /* another worker sends: the note of each packet must name its interface */
	uint16_t pending;
	uint16_t oif[BURST_SIZE];
	struct rte_mbuf *pkt[BURST_SIZE + 8]; /* vectors are stored whole */
} __rte_cache_aligned;

struct worker {
	unsigned id;
	unsigned lcore, socket;
	bool sampling; /* this burst's stage cycles are measured */
	uint32_t sample_countdown;
	struct rte_mempool *pool; /* of this worker's NUMA socket, for packets it originates */
	struct rte_ring *punt;    /* to the control thread: this worker is the only producer */
	struct rte_ring
		*inbox; /* from the control thread and other workers: this worker is the only consumer */
	/* Whole frames (STAGE_TX) of routing daemons and neighbour discovery, from the control thread and the
	 * twins' thread. Before everything else: no amount of data makes them wait or takes their place. */
	struct rte_ring *urgent;
	bool in_urgent; /* the burst is from there */
	/* Frames that another thread received for this worker, mbuf.port is the port: control packets that
	 * have a way of their own past a port's full ring. */
	struct rte_ring *arrivals;
	struct bucket punt_bucket[PUNT_COUNT];
	struct bucket icmp_bucket;
	uint64_t redirect_at; /* ns; redirects are not thought of before */
	uint64_t wall;        /* ns to add to a burst's clock for UTC since 1970; weir_wall_set() */
	uint64_t random;      /* state of worker_random(), never 0 */
	uint64_t held;        /* packets it keeps outside of bursts (fragments that wait for the first one) */
	uint64_t wake; /* by id: workers that were given something and may sleep; the loop looks after them */
	uint64_t wake_twins; /* the same for the twins' thread: not 0 */
	uint32_t inject_head, inject_tail;
	struct rte_mbuf *inject[INJECT_SIZE];
	/* Observer of every packet that ends here (offline twin, tests); NULL in the daemon. */
	void (*on_drop)(void *ctx, struct rte_mbuf *m, uint16_t reason);
	void *on_drop_ctx;
	/* Observer of rules that decided about a packet; `id` 0: the list's default. NULL in the daemon. */
	void (*on_rule)(void *ctx, struct rte_mbuf *m, const char *list, uint32_t id);
	void *on_rule_ctx;
	struct counters counters;
	struct burst burst;
	struct tx_path tx[PORT_MAX];
};

/* Packets per second and depth a worker lets through per punt class. */
#define PUNT_RING 2048 /* packets of one worker on the way to the control thread */
#define PUNT_RATE 20000
#define PUNT_BURST 1024

/* A worker with empty rings and counters; NULL with a sentence. `pool` serves the packets it originates. */
struct worker *worker_new(unsigned id, int socket, struct rte_mempool *pool, struct err *e);
/* Frees every packet it still holds, then the worker. */
void worker_free(struct worker *w);

/* --- runner (runner.c) --- */

/* Runs one burst of n (1..64) frames received on `port` at `now` through the pipeline. */
void worker_receive(struct worker *w, const struct generation *g, uint16_t port, struct rte_mbuf **pkts,
	uint16_t n, uint64_t now);

#define URGENT_RING 1024
/* An urgent frame that a port refuses is tried again for so long: its queue is full of data meanwhile. */
#define URGENT_PATIENCE UINT64_C(20000000) /* ns */

/* What comes before data: sends the urgent frames that wait, and takes the arrivals, at most a burst of each.
 * Returns how many. */
unsigned worker_drain_urgent(struct worker *w, const struct generation *g, uint64_t now);
/* A port refused a frame of the burst that runs, or one whose note says `urgent`: true when it is kept for
 * another try. */
bool worker_keep_urgent(struct worker *w, struct rte_mbuf *m);

/* Runs up to one burst each of urgent frames, of re-injected packets and of packets from the inbox. Returns
 * packets run. */
unsigned worker_drain(struct worker *w, const struct generation *g, uint64_t now);

/* Moves a slot into a later burst at stage `entry`; drops it when it has hopped too often or there is no
 * room. */
void worker_reinject(struct worker *w, struct burst *b, unsigned slot, enum stage_id entry);

/* Queues a packet that is in no burst (generated) for stage `entry`; its note must be filled (not
 * entry/hops). False and freed+counted when there is no room. Counts it as originated. */
bool worker_originate(struct worker *w, struct rte_mbuf *m, enum stage_id entry);

/* Queues a packet that the worker kept outside of bursts and whose note is filled; false and freed+counted
 * when there is no room. It does not count as originated. */
bool worker_requeue(struct worker *w, struct rte_mbuf *m, enum stage_id entry);

/* Packets worker_originate() has room for now. */
static inline unsigned worker_inject_room(const struct worker *w)
{
	return INJECT_SIZE - (w->inject_head - w->inject_tail);
}

/* Hands a slot to the control thread; drops it with a reason when over the class's rate or the ring is full.
 */
void worker_punt(struct worker *w, struct burst *b, unsigned slot, enum punt_class why);

/* Hands a packet that was made here to the control thread, its note filled but for `punt`; counted as
 * originated, and ended with a reason when over the class's rate or the ring is half full. */
void worker_punt_copy(struct worker *w, struct rte_mbuf *m, enum punt_class why, uint64_t now);

/* Fresh mbuf with a zeroed note for a packet this worker originates, or NULL (counted by the caller). */
struct rte_mbuf *worker_alloc(struct worker *w);

/* Fast pseudo-random number (xorshift64*): identifications of fragments, not secrets. */
static inline uint32_t worker_random(struct worker *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (uint32_t)((w->random * UINT64_C(2685821657736338717)) >> 32);
}

/* Milliseconds since midnight UTC at a burst's time. */
static inline uint32_t worker_day_ms(const struct worker *w, uint64_t now)
{
	return (uint32_t)((now + __atomic_load_n(&w->wall, __ATOMIC_RELAXED)) / 1000000 % 86400000);
}

/* Symmetric flow hash of a slot (addresses, protocol, ports where present); cached in b->hash, never 0. */
uint32_t burst_hash(struct burst *b, unsigned slot);

#endif
