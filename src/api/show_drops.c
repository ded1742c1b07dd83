/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How packets ended, and clearing the counters. The document satisfies, once nothing moves:
 *   received + originated = transmitted + ended + held
 */
#include "api/api_priv.h"
#include "pipeline/reason.h"

static const char *const kind_names[] = {
	[REASON_DONE] = "done", [REASON_DROP] = "drop", [REASON_ERROR] = "error"};

static uint64_t sum_reasons(const struct counters *c)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < REASON_MAX; i++)
		sum += c->reason[i];
	return sum;
}

static void put_totals(struct jw *j, const struct weir *w, const struct counters *c)
{
	jw_open(j, "totals", '{');
	/* Read while workers count, a difference can be a few below zero for a moment. */
	jw_u64(j, "received", (int64_t)c->received > 0 ? c->received : 0);
	jw_u64(j, "originated", c->originated);
	jw_u64(j, "transmitted", c->transmitted);
	jw_u64(j, "ended", sum_reasons(c));
	jw_u64(j, "held", w->held);
	jw_u64(j, "icmp_suppressed", c->icmp_suppressed);
	jw_close(j, '}');
}

void show_drops(struct request *r)
{
	const char *all = r->query(r, "all");
	struct counters *c = counters_read(r);

	if (c == NULL)
		return;
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "drops", '[');
	for (unsigned i = 1; i <= reasons_count(); i++) {
		const struct reason *why = reason_get((uint16_t)i);

		if (why == NULL || (c->reason[i] == 0 && (all == NULL || all[0] == '0')))
			continue;
		jw_open(&r->out, NULL, '{');
		jw_text(&r->out, "reason", why->name);
		jw_text(&r->out, "kind", kind_names[why->kind]);
		jw_u64(&r->out, "packets", c->reason[i]);
		jw_text(&r->out, "help", why->help);
		jw_close(&r->out, '}');
	}
	jw_close(&r->out, ']');
	put_totals(&r->out, r->w, c);
	jw_close(&r->out, '}');
	counters_free(c);
}

/* Packets under way at this moment end after it: they count as received after it too, or the sum above would
 * never hold again. */
void clear_counters(struct request *r)
{
	struct counters *b = &r->w->baseline;

	weir_counters_clear(r->w);
	b->received = b->transmitted + sum_reasons(b) - b->originated;
	reply_ok(r);
}
