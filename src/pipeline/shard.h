/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which worker owns a flow. Stateful features keep a flow's state on one worker and so need both directions
 * of it there, whatever queue the packets came by. The owner follows from one symmetric hash: the Toeplitz
 * hash of NICs with a key of repeated 16-bit words, so that a NIC that is programmed with the same key and
 * table delivers packets to their owner and nothing has to be moved. STAGE_SHARD computes it again for every
 * packet of an interface that keeps flows, so correctness does not depend on any NIC. See
 * docs/decisions/0008.
 *
 * Thread-safety: a map belongs to a generation and is immutable once published; the hash functions are pure;
 * worker_hand_over() is called by the worker that has the packets.
 */
#ifndef WEIR_PIPELINE_SHARD_H
#define WEIR_PIPELINE_SHARD_H

#include <stdint.h>

#define WORKER_MAX 64
#define SHARD_BUCKETS 128 /* a redirection table of 128, 256 or 512 entries repeats it exactly */
#define SHARD_KEY 0x6d5a  /* both bytes, repeated, are the NIC's key */

struct burst;
struct worker;

struct shard_map {
	uint16_t workers;             /* that packets are spread over; with fewer than 2 nothing moves */
	uint8_t owner[SHARD_BUCKETS]; /* worker id by hash % SHARD_BUCKETS */
	struct worker *worker[WORKER_MAX];
};

/* The flows of `workers` workers (1..WORKER_MAX), evenly; `worker` are the first of all there are. */
void shard_map_fill(struct shard_map *m, struct worker *const *worker, unsigned workers);

/* Upper and lower half of the 32-bit Toeplitz hash (they are equal) of an input whose 16-bit words, in
 * network order, have the exclusive or `fold`. Input bit i, from the left, adds the key rotated by i. */
static inline uint16_t shard_toeplitz(uint16_t fold)
{
	uint16_t h = 0;

	for (unsigned i = 0; i < 16; i++)
		h ^= (uint16_t)(-(fold >> (15 - i) & 1) & (SHARD_KEY << i | SHARD_KEY >> (16 - i)));
	return h;
}

/* Hash of a slot's flow, the same for both directions: addresses, and ports of TCP, UDP, UDP-Lite and SCTP.
 * Fragments: addresses only, so that all of a datagram meet; once their ports are known, as whole packets.
 * ICMP errors: of the packet they are about. Needs family, proto, flags, l3 and l4. */
uint16_t shard_hash(const struct burst *b, unsigned slot);

/* The same of a key: addresses of the family in network order, ports as on the wire; they count for protocols
 * that have some. */
uint16_t shard_hash_key(uint8_t family, uint8_t proto, const uint8_t *src, const uint8_t *dst, uint16_t sport,
	uint16_t dport);

/* Moves slots to another worker, where they enter its next burst at stage `entry` (enum stage_id) in the same
 * order. What does not fit its inbox ends with reason "shard-full"; what moved too often with "inject-loop".
 */
void worker_hand_over(struct worker *w, struct burst *b, uint64_t slots, struct worker *to, unsigned entry);

#endif
