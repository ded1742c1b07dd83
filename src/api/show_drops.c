/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How packets ended, and clearing the counters. The document satisfies, once nothing moves:
 *   received + originated = transmitted + ended + held
 */
#include "api/api_priv.h"
#include "control/events.h"
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
	jw_u64(j, "held", weir_held(w));
	jw_u64(j, "icmp_suppressed", c->icmp_suppressed);
	jw_close(j, '}');
}

static void show_drops(struct request *r)
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
static void clear_counters(struct request *r)
{
	struct counters *b = &r->w->baseline;

	weir_counters_clear(r->w);
	b->received = b->transmitted + sum_reasons(b) - b->originated;
	event_publish(r->w, "counters", EV_TEXT("client", r->client));
	reply_ok(r);
}

static const char *const kinds[] = {"done", "drop", "error", NULL};
static const struct doc drop_docs[] = {
	{"reason", DOC_TEXT, "Its name, which never changes."},
	{"kind", DOC_TEXT, "done: arrived. drop: protocol or policy. error: want of room.", .words = kinds},
	{"packets", DOC_U64, "How many ended so."},
	{"help", DOC_TEXT, "What it means."},
	{0},
};
static const struct doc totals_docs[] = {
	{"received", DOC_U64, "Packets received."},
	{"originated", DOC_U64, "Packets made here."},
	{"transmitted", DOC_U64, "Packets sent."},
	{"ended", DOC_U64, "Packets that ended with a reason."},
	{"held", DOC_U64, "Packets that wait inside."},
	{"icmp_suppressed", DOC_U64, "ICMP errors not sent because of the rate limit."},
	{0},
};
static const struct doc drops_docs[] = {
	{"drops", DOC_LIST, "Reasons that occurred.", drop_docs},
	{"totals", DOC_OBJECT, "received + originated = transmitted + ended + held", totals_docs},
	{0},
};
static const struct param params[] = {{"all", "1: also reasons that did not occur.", "^[01]?$"}, {0}};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/drops", "How packets ended, by reason.", show_drops, params, .reply = drops_docs},
	{"POST", "/v1/counters/clear", "Sets every counter to zero.", clear_counters, .reply = doc_ok},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
