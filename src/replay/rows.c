/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What became of each packet, for the report and the expectations, while the replay goes on.
 */
#include <errno.h>

#include "feature/iface/iface.h"
#include "packet/parse.h"
#include "replay/priv.h"

uint16_t frame_iface(const struct generation *g, uint16_t port, const uint8_t *frame, uint32_t len)
{
	uint16_t tpid[2] = {0}, vlan[2] = {0};
	unsigned n = 0, at = 12;

	while (n < 2 && len >= at + 6 && (be16_at(frame + at) == 0x8100 || be16_at(frame + at) == 0x88a8)) {
		tpid[n] = be16_at(frame + at);
		vlan[n++] = be16_at(frame + at + 2) & 0xfff;
		at += 4;
	}
	return generation_demux(&g->port[port], n, tpid, vlan);
}

static void hand_over(void *ctx, const struct track_row *end)
{
	struct replay *r = ctx;
	const struct reason *why = reason_get(end->reason);
	const struct iface *ifc = weir_generation(r->w)->iface[end->iface];
	struct row row = {.input = end->input,
		.n = end->n,
		.ns = end->ns,
		.interface = ifc != NULL ? ifc->name : NULL,
		.verdict = "held",
		.rules = end->rules[0] != '\0' ? end->rules : NULL};

	if (end->port_plus_1 != 0) {
		row.verdict = "transmitted";
		row.out = iface_port_name(r->w, (uint16_t)(end->port_plus_1 - 1));
	} else if (why != NULL) {
		row.verdict = why->kind == REASON_DONE ? "consumed" : "dropped";
		row.reason = why->name;
	}
	if (r->report.buffer != NULL)
		report_row(r, &row);
	if (r->expect != NULL)
		expect_row(r->expect, &row);
}

int rows_start(struct replay *r, struct err *e)
{
	if (r->opt.report == NULL && (r->expect == NULL || !expect_wants_rows(r->expect)))
		return 0;
	if (track_start(&r->track, r->pool_free, hand_over, r) != 0)
		return err_set(e, ENOMEM, "not enough memory to follow the packets");
	return 0;
}
