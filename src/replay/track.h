/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which buffer holds which input packet, and how each packet ended. A packet's id is in the last four bytes
 * of its buffer's private area, which nobody else writes and which is zero in packets that weir makes: ids
 * are cleared in every buffer that leaves. The segments of a reassembled packet share its end.
 *
 * Thread-safety: none; one thread.
 */
#ifndef WEIR_REPLAY_TRACK_H
#define WEIR_REPLAY_TRACK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "pipeline/burst.h"

static_assert(sizeof(struct note) <= WEIR_MBUF_PRIV - sizeof(uint32_t), "the id lies behind the note");

/* How a packet ended: by a port, for a reason, or (both 0) it is still held. */
struct track_end {
	uint16_t port_plus_1;
	uint16_t reason;
};

struct track {
	bool on;
	struct track_end *end; /* [id - 1] */
	uint32_t count, room;
};

static inline uint32_t *track_id(struct rte_mbuf *m)
{
	return (uint32_t *)(void *)((uint8_t *)rte_mbuf_to_priv(m) + WEIR_MBUF_PRIV - sizeof(uint32_t));
}

/* Gives a packet that is about to be replayed the next id; 0 or -ENOMEM. */
int track_begin(struct track *t, struct rte_mbuf *m);
void track_sent(struct track *t, struct rte_mbuf *m, uint16_t port);
void track_ended(struct track *t, struct rte_mbuf *m, uint16_t reason);
void track_free(struct track *t);

#endif
