/* SPDX-License-Identifier: BSD-3-Clause */
#include "replay/track.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool ended(const struct track_row *row)
{
	return row->port_plus_1 != 0 || row->reason != 0;
}

static struct track_row *slot(struct track *t, uint64_t id)
{
	return &t->row[id % TRACK_WINDOW];
}

int track_start(
	struct track *t, uint32_t held_max, void (*fn)(void *ctx, const struct track_row *row), void *ctx)
{
	*t = (struct track){.on = true, .first = 1, .next = 1, .late_room = held_max, .fn = fn, .ctx = ctx};
	t->row = calloc(TRACK_WINDOW, sizeof *t->row);
	t->late = calloc(held_max, sizeof *t->late);
	if (t->row != NULL && t->late != NULL)
		return 0;
	track_free(t);
	return -ENOMEM;
}

/* The oldest packet has to make room. */
static void stand_aside(struct track *t)
{
	assert(t->late_count < t->late_room);
	t->late[t->late_count++] = (struct late_row){.id = t->first, .row = *slot(t, t->first)};
	t->first++;
}

void track_begin(struct track *t, struct rte_mbuf *m, const struct track_row *row)
{
	track_turn(t);
	if (t->next - t->first == TRACK_WINDOW)
		stand_aside(t);
	*slot(t, t->next) = *row;
	arrival_of(m)->id = t->next++;
}

static int order(const void *a, const void *b)
{
	uint64_t x = ((const struct late_row *)a)->id, y = ((const struct late_row *)b)->id;

	return x < y ? -1 : x > y;
}

static void end_late(struct track *t, uint64_t id, uint16_t port_plus_1, uint16_t reason)
{
	struct late_row key = {.id = id};
	struct late_row *at = bsearch(&key, t->late, t->late_count, sizeof *at, order);

	if (at == NULL)
		return;
	at->row.port_plus_1 = port_plus_1;
	at->row.reason = reason;
	t->fn(t->ctx, &at->row);
	t->late_count--;
	memmove(at, at + 1, (size_t)(t->late + t->late_count - at) * sizeof *at);
}

/* The first end of a packet is its end. */
static void end_segments(struct track *t, struct rte_mbuf *m, uint16_t port_plus_1, uint16_t reason)
{
	for (; m != NULL; m = m->next) {
		uint64_t id = arrival_of(m)->id;
		struct track_row *row = slot(t, id);

		arrival_of(m)->id = 0; /* a packet ends once */
		if (id < t->first) {
			if (id != 0)
				end_late(t, id, port_plus_1, reason);
		} else if (id < t->next && !ended(row)) {
			row->port_plus_1 = port_plus_1;
			row->reason = reason;
		}
	}
}

static struct track_row *row_of(struct track *t, uint64_t id)
{
	struct late_row key = {.id = id}, *late;

	if (id >= t->first)
		return id < t->next ? slot(t, id) : NULL;
	late = bsearch(&key, t->late, t->late_count, sizeof *late, order);
	return late != NULL ? &late->row : NULL;
}

void track_rule(struct track *t, struct rte_mbuf *m, const char *list, uint32_t id)
{
	struct track_row *row = row_of(t, arrival_of(m)->id);
	const size_t len = row != NULL ? strlen(row->rules) : 0;
	char text[64];

	if (row == NULL)
		return;
	if (id != 0)
		snprintf(text, sizeof text, "%s%.31s/%u", len != 0 ? "," : "", list, id);
	else
		snprintf(text, sizeof text, "%s%.31s/default", len != 0 ? "," : "", list);
	if (len + strlen(text) < sizeof row->rules)
		memcpy(row->rules + len, text, strlen(text) + 1);
}

void track_sent(struct track *t, struct rte_mbuf *m, uint16_t port)
{
	end_segments(t, m, (uint16_t)(port + 1), 0);
}

void track_ended(struct track *t, struct rte_mbuf *m, uint16_t reason)
{
	end_segments(t, m, 0, reason);
}

void track_turn(struct track *t)
{
	while (t->first != t->next && ended(slot(t, t->first)))
		t->fn(t->ctx, slot(t, t->first++));
}

void track_finish(struct track *t)
{
	for (uint32_t i = 0; i < t->late_count; i++)
		t->fn(t->ctx, &t->late[i].row);
	t->late_count = 0;
	while (t->first != t->next)
		t->fn(t->ctx, slot(t, t->first++));
}

void track_free(struct track *t)
{
	free(t->row);
	free(t->late);
	*t = (struct track){0};
}
