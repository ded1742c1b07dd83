/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fragments on their way through: the first one of a packet says which ports the others belong to (virtual
 * reassembly: nothing is put together, everything goes on as it came). Later fragments that come first wait.
 *
 * Thread-safety: a worker's own.
 */
#ifndef WEIR_FEATURE_SESSION_FRAGMENTS_H
#define WEIR_FEATURE_SESSION_FRAGMENTS_H

#include "feature/session/session_priv.h"

#define FRAGMENTS_MAX 1024                           /* packets in fragments at a time, on one worker */
#define FRAGMENTS_WAITING 512                        /* fragments that wait for the first one */
#define FRAGMENTS_EACH 16                            /* of these, of one packet */
#define FRAGMENTS_NS (UINT64_C(30) * 1000000000)     /* a packet is forgotten */
#define FRAGMENTS_WAIT_NS (UINT64_C(2) * 1000000000) /* a fragment that waits is given up */

struct fragment_key {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t vrf;
	uint8_t proto, family;
};

struct fragment_entry {
	struct fragment_key key;
	uint64_t since;
	uint32_t ports;
	uint16_t next; /* in its chain, or of the free ones */
	uint16_t older, newer;
	bool used, known; /* ports are known */
	uint8_t waiting;
	uint8_t proto;                 /* with ports: of the first fragment */
	struct rte_mbuf *first, *last; /* those that wait, linked through their notes */
};

struct fragments {
	uint32_t used, waiting;
	uint16_t free, oldest, newest;
	uint16_t head[FRAGMENTS_MAX];
	struct fragment_entry entry[FRAGMENTS_MAX + 1]; /* 0 is none */
};

/* The entry of this packet, made when there is none (the oldest one goes when all are taken). */
struct fragment_entry *fragments_find(
	struct worker *w, struct fragments *f, const struct fragment_key *k, uint64_t now);
/* Keeps slot i until the first fragment comes; false: too many wait. */
bool fragments_wait(
	struct worker *w, struct fragments *f, struct fragment_entry *e, struct burst *b, unsigned i);
/* The ports are known: those that waited go on at STAGE_SHARD. */
void fragments_release(
	struct worker *w, struct fragments *f, struct fragment_entry *e, uint32_t ports, uint8_t proto);

#endif
