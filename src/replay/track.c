/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay/track.h"

#include <errno.h>
#include <stdlib.h>

static int grow(struct track *t)
{
	uint32_t room = t->room != 0 ? t->room * 2 : 1u << 16;
	struct track_end *end = room > t->room ? realloc(t->end, room * sizeof *end) : NULL;

	if (end == NULL)
		return -ENOMEM;
	t->end = end;
	t->room = room;
	return 0;
}

int track_begin(struct track *t, struct rte_mbuf *m)
{
	if (t->count == t->room && grow(t) != 0)
		return -ENOMEM;
	t->end[t->count] = (struct track_end){0};
	*track_id(m) = ++t->count;
	return 0;
}

/* The first end of a packet is its end. */
static void end_segments(struct track *t, struct rte_mbuf *m, struct track_end end)
{
	for (; m != NULL; m = m->next) {
		uint32_t *id = track_id(m);
		struct track_end *at;

		if (*id == 0 || *id > t->count)
			continue;
		at = &t->end[*id - 1];
		if (at->port_plus_1 == 0 && at->reason == 0)
			*at = end;
		*id = 0;
	}
}

void track_sent(struct track *t, struct rte_mbuf *m, uint16_t port)
{
	end_segments(t, m, (struct track_end){.port_plus_1 = (uint16_t)(port + 1)});
}

void track_ended(struct track *t, struct rte_mbuf *m, uint16_t reason)
{
	end_segments(t, m, (struct track_end){.reason = reason});
}

void track_free(struct track *t)
{
	free(t->end);
	*t = (struct track){0};
}
