/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which buffer holds which input packet, when it came, and how each packet ended. A packet's id and time are
 * at the end of its buffer's private area, which nobody else writes and which is zero in packets that weir
 * makes: it is cleared in every buffer that leaves. The segments of a reassembled packet share its end.
 *
 * Packets are handed over in the order they came once they ended, so that memory does not grow with the
 * capture. One that is still held when TRACK_WINDOW others came after it stands aside and is handed over when
 * it ends; there are never more of those than buffers.
 *
 * Thread-safety: none; one thread.
 */
#ifndef WEIR_REPLAY_TRACK_H
#define WEIR_REPLAY_TRACK_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "pipeline/burst.h"

struct arrival {
	uint64_t id; /* 0: not followed */
	uint64_t ns; /* 0: weir made it */
};

static_assert(sizeof(struct note) <= WEIR_MBUF_PRIV - sizeof(struct arrival), "it lies behind the note");

#define TRACK_WINDOW 32768u
#define TRACK_RULES 160

/* An input packet and how it ended: by a port, for a reason, or (both 0) it is still held. */
struct track_row {
	uint64_t n;     /* 1-based per input */
	uint64_t ns;    /* as captured */
	uint16_t input; /* index */
	uint16_t iface; /* it came in by; IFACE_NONE */
	uint16_t port_plus_1, reason;
	char rules[TRACK_RULES]; /* that decided about it, in their order: "LIST/ID", with commas; may end
				    early */
};

struct late_row {
	uint64_t id;
	struct track_row row;
};

struct track {
	bool on;
	uint64_t first, next;  /* ids of the window [first, next) */
	struct track_row *row; /* [id % TRACK_WINDOW] */
	struct late_row *late; /* by id */
	uint32_t late_count, late_room;
	void (*fn)(void *ctx, const struct track_row *row);
	void *ctx;
};

/* `held_max`: most packets that may be held at a time. Calls fn once per packet. 0 or -ENOMEM. */
int track_start(
	struct track *t, uint32_t held_max, void (*fn)(void *ctx, const struct track_row *row), void *ctx);
/* A packet is about to be replayed in m. */
void track_begin(struct track *t, struct rte_mbuf *m, const struct track_row *row);
void track_sent(struct track *t, struct rte_mbuf *m, uint16_t port);
void track_ended(struct track *t, struct rte_mbuf *m, uint16_t reason);
/* A rule of a list decided about a packet; id 0: the list's default. */
void track_rule(struct track *t, struct rte_mbuf *m, const char *list, uint32_t id);
/* Hands over what ended, as far as it can. Once per burst. */
void track_turn(struct track *t);
/* Hands over all the others, which are held. */
void track_finish(struct track *t);
void track_free(struct track *t);

static inline struct arrival *arrival_of(struct rte_mbuf *m)
{
	return (struct arrival *)(void *)((uint8_t *)rte_mbuf_to_priv(m) + WEIR_MBUF_PRIV -
					  sizeof(struct arrival));
}

/* Before the packet's buffers go back. */
static inline void arrival_clear(struct rte_mbuf *m)
{
	for (; m != NULL; m = m->next)
		*arrival_of(m) = (struct arrival){0};
}

#endif
