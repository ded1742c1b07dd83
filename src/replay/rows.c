/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What became of each packet. The run only keeps four bytes per packet; the rest is read from the captures
 * again, which are merged as they were then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feature/iface/iface.h"
#include "replay/priv.h"

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* The interface that the frame's VLAN tags lead to. */
static const char *interface_of(const struct generation *g, const struct input *in)
{
	const uint8_t *p = in->frame.data;
	uint16_t tpid[2] = {0}, vlan[2] = {0}, id;
	unsigned n = 0, at = 12;

	while (n < 2 && in->frame.len >= at + 6 && (get16(p + at) == 0x8100 || get16(p + at) == 0x88a8)) {
		tpid[n] = get16(p + at);
		vlan[n++] = get16(p + at + 2) & 0xfff;
		at += 4;
	}
	id = generation_demux(&g->port[in->port], n, tpid, vlan);
	return id != IFACE_NONE && g->iface[id] != NULL ? g->iface[id]->name : NULL;
}

static void set_verdict(const struct replay *r, struct row *row, struct track_end end)
{
	const struct reason *why = reason_get(end.reason);

	if (end.port_plus_1 != 0) {
		row->verdict = "transmitted";
		row->out = iface_port_name(r->w, (uint16_t)(end.port_plus_1 - 1));
	} else if (why != NULL) {
		row->verdict = why->kind == REASON_DONE ? "consumed" : "dropped";
		row->reason = why->name;
	} else {
		row->verdict = "held";
	}
}

static void walk(
	const struct replay *r, struct merge *m, void (*fn)(void *ctx, const struct row *row), void *ctx)
{
	const struct generation *g = weir_generation(r->w);
	struct input *in;

	for (uint32_t i = 0; i < r->track.count && (in = merge_next(m)) != NULL; i++) {
		struct row row = {
			.input = (unsigned)(in - m->input), .n = in->packets + 1, .ns = in->frame.ns};

		row.interface = interface_of(g, in);
		set_verdict(r, &row, r->track.end[i]);
		fn(ctx, &row);
		merge_advance(m, in);
	}
}

int rows_walk(const struct replay *r, void (*fn)(void *ctx, const struct row *row), void *ctx, struct err *e)
{
	struct merge *m = calloc(1, sizeof *m);
	int rc;

	if (m == NULL)
		return err_set(e, ENOMEM, "not enough memory for the report");
	rc = merge_open(m, &r->opt, e);
	for (unsigned i = 0; i < m->count; i++)
		m->input[i].port = r->merge.input[i].port;
	if (rc == 0)
		walk(r, m, fn, ctx);
	merge_close(m);
	free(m);
	return rc;
}
