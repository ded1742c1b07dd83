/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of sessions and of the firewall.
 */
#include <stdio.h>

#include "feature/firewall/firewall.h"
#include "feature/session/session.h"
#include "metrics/metrics.h"
#include "pipeline/weir.h"

static void gauge(struct metrics *m, const char *name, const char *help, uint64_t v)
{
	metrics_family(m, name, METRIC_GAUGE, help);
	metrics_u64(m, v, NULL);
}

static void totals(struct metrics *m, const struct session_totals *t)
{
	gauge(m, "weir_sessions_max", "Sessions that may be; 0 when no interface keeps sessions.", t->max);
	gauge(m, "weir_sessions_memory_bytes", "Memory of the tables of sessions.", t->memory);
	metrics_family(m, "weir_sessions", METRIC_GAUGE, "Sessions by state.");
	for (unsigned i = 0; i < SESSION_STATE_COUNT; i++)
		metrics_u64(m, t->state[i], "state", session_state_names[i], NULL);
	metrics_family(m, "weir_sessions_created_total", METRIC_COUNTER, "Sessions that began.");
	metrics_u64(m, t->created, NULL);
	metrics_family(m, "weir_sessions_ended_total", METRIC_COUNTER,
		"Sessions that ended before their protocol was done, by cause.");
	metrics_u64(m, t->expired, "cause", "expired", NULL);
	metrics_u64(m, t->cleared, "cause", "cleared", NULL);
	metrics_u64(m, t->evicted, "cause", "evicted", NULL);
	metrics_u64(m, t->denied, "cause", "denied", NULL);
	metrics_family(
		m, "weir_sessions_refused_total", METRIC_COUNTER, "Sessions that could not begin, by cause.");
	metrics_u64(m, t->refused_full, "cause", "table-full", NULL);
	metrics_u64(m, t->refused_source, "cause", "source-limit", NULL);
}

struct walk {
	struct metrics *m;
	const struct firewall_policy_info *policy;
};

static void begin(void *ctx, const struct firewall_policy_info *p)
{
	((struct walk *)ctx)->policy = p;
}

static void rule(void *ctx, const struct firewall_rule_info *r)
{
	struct walk *w = ctx;
	char number[16];

	snprintf(number, sizeof number, "%u", r->number);
	metrics_u64(w->m, r->hits, "from", w->policy->from, "to", w->policy->to, "rule",
		r->name == NULL      ? "default"
		: r->name[0] != '\0' ? r->name
				     : number,
		NULL);
}

static void end(void *ctx)
{
}

static void collect(struct metrics *m, struct weir *w)
{
	struct session_totals t;
	struct walk walk = {m, NULL};

	session_totals(w, &t);
	totals(m, &t);
	metrics_family(m, "weir_firewall_hits_total", METRIC_COUNTER,
		"Decisions about sessions by rule: one when it begins, one more when the policy changes.");
	firewall_walk(w, begin, rule, end, &walk);
}

METRICS_REGISTER(collect)
