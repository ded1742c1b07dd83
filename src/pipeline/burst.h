/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A burst: up to 64 packets travelling together, structure of arrays, one bit per slot. All per-packet
 * state lives here while a packet is inside a worker's loop; when it leaves the burst (to the control
 * thread, to another worker, to be re-injected or held) what must survive goes to its `struct note`.
 *
 * Thread-safety: owned by one worker.
 */
#ifndef WEIR_PIPELINE_BURST_H
#define WEIR_PIPELINE_BURST_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "packet/addr.h"
#include "pipeline/reason.h"
#include "pipeline/stage.h"

#define BURST_SIZE 64
/* Where in a plain frame burst.hop goes: TTL, protocol, checksum; or payload length, next header, hop limit.
 */
#define BURST_HOP4 22
#define BURST_HOP6 18
#define BURST_DST6 38 /* IPv6 destination in a plain frame */

/* Flags of a slot. */
enum {
	SLOT_ORIGINATED = 1 << 0,     /* made by weir: no TTL decrement, no ICMP errors about it */
	SLOT_LINK_BROADCAST = 1 << 1, /* came as link-layer broadcast or multicast: no ICMP errors about it */
	SLOT_OPTIONS = 1 << 2,        /* IPv4 options present (l4 - l3 > 20) */
	SLOT_FRAGMENT = 1 << 3,       /* any fragment; l4 is only valid in the first one */
	SLOT_LATER_FRAGMENT = 1 << 4, /* not the first fragment: no L4 header in it */
	SLOT_ROUTER_ALERT = 1 << 5,   /* IPv4 or IPv6 router-alert option */
	SLOT_NO_FORWARD = 1 << 6,  /* host-only interface or link-local source: may only be delivered here */
	SLOT_REASSEMBLED = 1 << 7, /* came in fragments or with a fragment header */
};

/* What STAGE_ICMP_ERROR sends about a slot; the packet itself is already dropped with its own reason. */
struct icmp_error {
	uint8_t type, code;
	uint8_t pad[2];
	uint32_t info; /* host order: MTU, pointer or 0 */
};

struct burst {
	uint64_t alive; /* still travelling */
	uint64_t dead;  /* to be freed and counted by STAGE_DROP, reason[] set */
	uint64_t traced, captured;
	/* Slots that are as STAGE_PARSE saw them: plain IPv4 or (also in plain6) IPv6, one segment, l3 = 14.
	 * For them data, len and hop below are valid. A stage that changes the header or the start of a
	 * packet takes its bit out. */
	uint64_t plain, plain6;
	uint64_t hashed; /* slots whose hash[] is valid */
	uint64_t ported; /* fragments whose ports[] is valid: the first one of their packet was seen */
	uint64_t marked; /* slots whose mark[] is valid: a rule set it */
	uint64_t now;    /* ns on the dataplane clock, read once per burst */
	uint64_t need[STAGE_COUNT];
	struct rte_mbuf *pkt[BURST_SIZE] __rte_cache_aligned;
	uint32_t
		dst4[BURST_SIZE] __rte_cache_aligned; /* IPv4 destination in host order; valid for family 4 */
	uint16_t nh[BURST_SIZE] __rte_cache_aligned;  /* next-hop index after ROUTE, see table/nexthop.h */
	uint16_t iif[BURST_SIZE] __rte_cache_aligned; /* ingress interface id; IFACE_NONE for originated */
	uint16_t oif[BURST_SIZE] __rte_cache_aligned; /* egress interface id after ROUTE */
	uint16_t vrf[BURST_SIZE] __rte_cache_aligned;
	uint16_t reason[BURST_SIZE] __rte_cache_aligned;
	uint16_t l3[BURST_SIZE] __rte_cache_aligned;    /* offset of the IP header from the data start */
	uint16_t l4[BURST_SIZE] __rte_cache_aligned;    /* offset of the transport header */
	uint8_t family[BURST_SIZE] __rte_cache_aligned; /* enum family; FAMILY_NONE before parsing */
	uint8_t proto[BURST_SIZE] __rte_cache_aligned;  /* transport protocol behind all extension headers */
	uint8_t flags[BURST_SIZE] __rte_cache_aligned;  /* SLOT_* */
	uint8_t hops[BURST_SIZE] __rte_cache_aligned;   /* times re-injected */
	uint32_t hash[BURST_SIZE] __rte_cache_aligned;  /* flow hash, see burst_hash() */
	uint8_t *data[BURST_SIZE] __rte_cache_aligned;  /* plain slots: start of the frame */
	uint32_t hop[BURST_SIZE] __rte_cache_aligned;   /* plain slots: four bytes of the header as they will
							 * be one hop later, see BURST_HOP4 */
	uint16_t len[BURST_SIZE] __rte_cache_aligned;   /* plain slots: bytes of the frame */
	uint32_t flow[BURST_SIZE];  /* session, as SESSION found it: see feature/session */
	uint32_t ports[BURST_SIZE]; /* fragments: source and destination port as in the first one */
	uint32_t mark[BURST_SIZE] __rte_cache_aligned; /* of a rule, for later features */
	struct icmp_error error[BURST_SIZE];
	uint16_t port;    /* port of a received burst; UINT16_MAX for re-injected ones */
	uint16_t count;   /* slots filled at the start */
	uint16_t longest; /* bytes of the longest plain frame */
};

/* for each set bit: `i` is the slot. The mask is evaluated once. */
#define BURST_EACH(i, mask)                                                                                  \
	for (uint64_t each_##i = (mask), i; each_##i != 0 && (i = (uint64_t)__builtin_ctzll(each_##i), 1);   \
		each_##i &= each_##i - 1)

static inline uint64_t slot_bit(unsigned slot)
{
	return UINT64_C(1) << slot;
}

/* Slots 0..n-1. */
static inline uint64_t first_slots(unsigned n)
{
	return n >= BURST_SIZE ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
}

/* Start of the frame / of the IP header / of the transport header of a slot. */
static inline uint8_t *burst_data(const struct burst *b, unsigned slot)
{
	return rte_pktmbuf_mtod(b->pkt[slot], uint8_t *);
}

static inline uint8_t *burst_l3(const struct burst *b, unsigned slot)
{
	return burst_data(b, slot) + b->l3[slot];
}

static inline uint8_t *burst_l4(const struct burst *b, unsigned slot)
{
	return burst_data(b, slot) + b->l4[slot];
}

/* The packet ends here; STAGE_DROP frees and counts it. */
static inline void burst_drop(struct burst *b, unsigned slot, const struct reason *r)
{
	b->reason[slot] = r->id;
	b->alive &= ~slot_bit(slot);
	b->dead |= slot_bit(slot);
}

/* The packet ends here and its sender is told (STAGE_ICMP_ERROR decides whether it may be). */
static inline void burst_drop_error(
	struct burst *b, unsigned slot, const struct reason *r, uint8_t type, uint8_t code, uint32_t info)
{
	b->error[slot] = (struct icmp_error){.type = type, .code = code, .info = info};
	b->need[STAGE_ICMP_ERROR] |= slot_bit(slot);
	burst_drop(b, slot, r);
}

/* The mbuf leaves the burst (somebody else owns it now) without being counted as dropped. */
static inline void burst_take(struct burst *b, unsigned slot)
{
	b->alive &= ~slot_bit(slot);
}

/* What survives of a slot outside a burst; in the mbuf's private area (WEIR_MBUF_PRIV bytes). */
struct note {
	uint8_t entry; /* enum stage_id where the packet enters its next burst */
	uint8_t punt;  /* enum punt_class on the way to the control thread */
	uint8_t family, proto, flags;
	uint8_t hops;   /* times re-injected; bounded by NOTE_MAX_HOPS */
	uint8_t urgent; /* with STAGE_TX: see worker.urgent */
	uint8_t ported; /* `ports` is valid */
	uint16_t iif, oif, vrf, nh;
	uint16_t l3, l4;
	uint16_t reason; /* with entry == STAGE_DROP */
	uint32_t dst4, hash;
	uint32_t mark; /* 0: none */
	uint32_t ports;
	uint64_t when; /* ns, clock of the burst it left; urgent: of its first try, 0 = none yet */
};

#define NOTE_MAX_HOPS 8
#define WEIR_MBUF_PRIV 64
static_assert(sizeof(struct note) <= WEIR_MBUF_PRIV, "the note must fit the mbuf's private area");

static inline struct note *note_of(struct rte_mbuf *m)
{
	return (struct note *)rte_mbuf_to_priv(m);
}

/* Saves a slot's state in its mbuf's note (entry, punt and reason are left to the caller). */
static inline struct note *burst_save_note(struct burst *b, unsigned slot)
{
	struct note *n = note_of(b->pkt[slot]);

	n->family = b->family[slot];
	n->proto = b->proto[slot];
	n->flags = b->flags[slot];
	n->iif = b->iif[slot];
	n->oif = b->oif[slot];
	n->vrf = b->vrf[slot];
	n->nh = b->nh[slot];
	n->l3 = b->l3[slot];
	n->l4 = b->l4[slot];
	n->dst4 = b->dst4[slot];
	n->hash = (b->hashed & slot_bit(slot)) != 0 ? b->hash[slot] : 0;
	n->mark = (b->marked & slot_bit(slot)) != 0 ? b->mark[slot] : 0;
	n->hops = b->hops[slot];
	n->ported = (b->ported & slot_bit(slot)) != 0;
	n->ports = n->ported ? b->ports[slot] : 0;
	n->when = b->now;
	return n;
}

#endif
