/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Timers of the control thread: a binary heap ordered by (when, serial), so that runs are deterministic.
 */
#include <errno.h>
#include <stdlib.h>

#include "pipeline/weir.h"

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->when != b->when ? a->when < b->when : a->serial < b->serial;
}

static void place(struct weir *w, uint32_t at, struct timer *t)
{
	w->timer_heap[at] = t;
	t->slot = at + 1;
}

static void sift_up(struct weir *w, uint32_t at, struct timer *t)
{
	while (at > 0 && earlier(t, w->timer_heap[(at - 1) / 2])) {
		place(w, at, w->timer_heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(w, at, t);
}

static void sift_down(struct weir *w, uint32_t at, struct timer *t)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child >= w->timer_count)
			break;
		if (child + 1 < w->timer_count && earlier(w->timer_heap[child + 1], w->timer_heap[child]))
			child++;
		if (!earlier(w->timer_heap[child], t))
			break;
		place(w, at, w->timer_heap[child]);
		at = child;
	}
	place(w, at, t);
}

void timer_cancel(struct weir *w, struct timer *t)
{
	uint32_t at = t->slot - 1;
	struct timer *last;

	if (t->slot == 0)
		return;
	t->slot = 0;
	last = w->timer_heap[--w->timer_count];
	if (last == t)
		return;
	if (at > 0 && earlier(last, w->timer_heap[(at - 1) / 2]))
		sift_up(w, at, last);
	else
		sift_down(w, at, last);
}

int timer_room(struct weir *w, uint32_t n)
{
	uint32_t room = w->timer_room != 0 ? w->timer_room : 256;
	struct timer **heap;

	while (room < w->timer_count + n)
		room *= 2;
	if (room == w->timer_room)
		return 0;
	heap = realloc(w->timer_heap, room * sizeof *heap);
	if (heap == NULL)
		return -ENOMEM;
	w->timer_heap = heap;
	w->timer_room = room;
	return 0;
}

int timer_set(struct weir *w, struct timer *t, uint64_t when)
{
	timer_cancel(w, t);
	if (timer_room(w, 1) != 0)
		return -ENOMEM;
	t->when = when;
	t->serial = w->timer_serial++;
	sift_up(w, w->timer_count++, t);
	return 0;
}

uint64_t weir_next_timer(const struct weir *w)
{
	return w->timer_count != 0 ? w->timer_heap[0]->when : UINT64_MAX;
}
