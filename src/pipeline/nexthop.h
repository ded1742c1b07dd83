/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Next hops: what a FIB entry points at. One table of NH_MAX entries of one cache line each, shared by
 * all VRFs; index 0 is "no route". A multipath route points at an NH_GROUP entry whose power-of-two
 * number of buckets (indices of NH_ADJ entries) lives in the bucket array; buckets of a next hop that
 * goes away are the only ones that change (resilient).
 *
 * Thread-safety: one writer (control thread), readers are the workers, no locks.
 *  - An entry is filled before any FIB entry or bucket points at it and reused only after a grace period.
 *  - `l2` may change under readers: it is one 16-byte aligned vector, written and read by one aligned
 *    SSE access, which CPUs with AVX do atomically. So a worker sees the old or the new address, never half.
 *  - `mtu` and `flags` are single naturally aligned words.
 */
#ifndef WEIR_PIPELINE_NEXTHOP_H
#define WEIR_PIPELINE_NEXTHOP_H

#include <assert.h>
#include <emmintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_common.h>

#include "base/race.h"

#define NH_MAX 32768             /* fits the 15 bits of a 2-byte FIB entry */
#define NH_BUCKETS_MAX (1 << 20) /* all groups together */
#define NH_NO_ROUTE 0

enum nh_kind {
	NH_NONE,        /* no route: destination unreachable */
	NH_ADJ,         /* a neighbour: forward */
	NH_GLEAN,       /* connected subnet: each destination is its own neighbour */
	NH_LOCAL,       /* one of our addresses */
	NH_BROADCAST,   /* directed broadcast of a connected subnet: delivered to us, never forwarded */
	NH_BLACKHOLE,   /* dropped silently */
	NH_UNREACHABLE, /* dropped with ICMP host unreachable / no route to destination */
	NH_PROHIBIT,    /* dropped with ICMP administratively prohibited */
	NH_GROUP,       /* multipath */
};

/* What a worker may do with an NH_ADJ slot. */
enum nh_ready {
	NH_UNKNOWN, /* dst is not known: STAGE_RESOLVE */
	NH_READY,   /* send */
	NH_WATCHED, /* send, and set `used` so that the neighbour is probed (RFC 4861 STALE) */
};

struct nh_l2 {
	uint8_t dst[6], src[6];
	uint8_t ready; /* enum nh_ready */
	uint8_t pad[3];
};
static_assert(sizeof(struct nh_l2) == 16, "one vector access");

struct nexthop {
	struct nh_l2 l2;      /* NH_ADJ */
	uint8_t kind;         /* enum nh_kind */
	uint8_t used;         /* set by workers that sent through a NH_WATCHED slot */
	uint8_t ntags;        /* VLAN tags of the egress interface, 0..2 */
	uint16_t iface;       /* egress interface id (ADJ, GLEAN, LOCAL, BROADCAST) */
	uint16_t port;        /* egress port id */
	uint16_t mtu;         /* bytes of IP packet */
	uint32_t tag[2];      /* outer first, as the 4 bytes on the wire (TPID, TCI) read as one word */
	uint64_t out;         /* STAGE_BIT()s of the egress interface's features; 0 = plain */
	uint32_t bucket_base; /* NH_GROUP: first bucket */
	uint32_t bucket_mask; /* NH_GROUP: buckets - 1 */
	uint32_t refs;        /* control side: routes and buckets that point here */
} __rte_cache_aligned;
static_assert(sizeof(struct nexthop) == 64, "one cache line per next hop");

/* The next hop in one word, for looking at 16 slots at once: NH_PLAIN and the egress interface. */
#define NH_PLAIN (1u << 31) /* a neighbour that may be sent to at once: untagged, no output features */

struct nh_table {
	struct nexthop *nh; /* [NH_MAX] */
	uint16_t *bucket;   /* [NH_BUCKETS_MAX] */
	uint32_t *word;     /* [NH_MAX] NH_PLAIN | iface; follows nh[] by nh_update() */
};

static inline __m128i nh_l2_vector(const struct nexthop *nh)
{
	return _mm_load_si128((const __m128i *)(const void *)&nh->l2);
}

static inline struct nh_l2 nh_l2_load(const struct nexthop *nh)
{
	struct nh_l2 v;

	_mm_storeu_si128((__m128i *)&v, nh_l2_vector(nh));
	return v;
}

/* One vector store: see above. */
SHARED_ON_PURPOSE static inline void nh_l2_store(struct nexthop *nh, struct nh_l2 v)
{
	_mm_store_si128((__m128i *)(void *)&nh->l2, _mm_loadu_si128((const __m128i *)&v));
}

/* Brings the word of a slot up to date; after every change of it. Control thread. Workers read single aligned
 * words. */
SHARED_ON_PURPOSE static inline void nh_update(struct nh_table *t, uint16_t slot)
{
	const struct nexthop *nh = &t->nh[slot];
	bool plain = nh->kind == NH_ADJ && nh_l2_load(nh).ready == NH_READY && nh->ntags == 0 && nh->out == 0;

	__atomic_store_n(&t->word[slot], nh->iface | (plain ? NH_PLAIN : 0), __ATOMIC_RELEASE);
}

/* Changes the kind of a filled slot. Workers that still see the old word use the old link-layer address. */
SHARED_ON_PURPOSE static inline void nh_set_kind(struct nh_table *t, uint16_t slot, enum nh_kind kind)
{
	__atomic_store_n(&t->nh[slot].kind, (uint8_t)kind, __ATOMIC_RELEASE);
	nh_update(t, slot);
}

#endif
