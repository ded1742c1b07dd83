/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of the feeds of routes.
 */
#include <stdlib.h>

#include "feature/netlink/netlink.h"
#include "metrics/metrics.h"
#include "pipeline/weir.h"

struct list {
	struct netlink_info *info;
	unsigned count;
	bool failed;
};

static void add(void *ctx, const struct netlink_info *i)
{
	struct list *l = ctx;
	struct netlink_info *more = realloc(l->info, (l->count + 1) * sizeof *more);

	if (more == NULL) {
		l->failed = true;
		return;
	}
	l->info = more;
	l->info[l->count++] = *i;
}

static void counter(
	struct metrics *m, const struct list *l, const char *name, const char *help, size_t offset)
{
	metrics_family(m, name, METRIC_COUNTER, help);
	for (unsigned i = 0; i < l->count; i++)
		metrics_u64(m, *(const uint64_t *)(const void *)((const char *)&l->info[i] + offset),
			"source", l->info[i].name, "namespace", l->info[i].place, NULL);
}

static void routes(struct metrics *m, const struct list *l)
{
	char buf[8];

	metrics_family(m, "weir_netlink_routes", METRIC_GAUGE, "Routes of a source by protocol.");
	for (unsigned i = 0; i < l->count; i++)
		for (unsigned p = 0; p < 256; p++)
			if (l->info[i].by_protocol[p] != 0)
				metrics_u64(m, l->info[i].by_protocol[p], "source", l->info[i].name,
					"namespace", l->info[i].place, "protocol",
					netlink_protocol_name((uint8_t)p, buf), NULL);
}

static void reasons(struct metrics *m, const struct list *l, bool refused)
{
	metrics_family(m,
		refused ? "weir_netlink_refused_messages_total" : "weir_netlink_ignored_messages_total",
		METRIC_COUNTER,
		refused ? "Routes that weir could not take." : "Routes that are none of weir's.");
	for (unsigned i = 0; i < l->count; i++)
		for (unsigned k = refused ? WHY_REFUSED : 0; k < (refused ? WHY_REASONS : WHY_REFUSED); k++)
			metrics_u64(m, l->info[i].reason[k], "source", l->info[i].name, "namespace",
				l->info[i].place, "reason", netlink_reason_names[k], NULL);
}

static void age(struct metrics *m, struct weir *w, const struct list *l)
{
	metrics_family(
		m, "weir_netlink_sync_age_seconds", METRIC_GAUGE, "Since everything was read the last time.");
	for (unsigned i = 0; i < l->count; i++)
		if (l->info[i].synced_at != 0)
			metrics_real(m, (double)(w->now - l->info[i].synced_at) / 1e9, "source",
				l->info[i].name, "namespace", l->info[i].place, NULL);
}

static void put_all(struct metrics *m, struct weir *w, const struct list *l)
{
	routes(m, l);
	age(m, w, l);
	counter(m, l, "weir_netlink_messages_total", "Messages looked at.",
		offsetof(struct netlink_info, messages));
	counter(m, l, "weir_netlink_syncs_total", "Times everything was read.",
		offsetof(struct netlink_info, syncs));
	counter(m, l, "weir_netlink_overruns_total", "Times the kernel lost notifications.",
		offsetof(struct netlink_info, overruns));
	counter(m, l, "weir_netlink_stalls_total", "Times messages had to wait for the control thread.",
		offsetof(struct netlink_info, stalls));
	counter(m, l, "weir_netlink_swept_routes_total", "Routes removed because a sync did not show them.",
		offsetof(struct netlink_info, swept));
	reasons(m, l, false);
	reasons(m, l, true);
}

static void collect(struct metrics *m, struct weir *w)
{
	struct list l = {.count = 0};

	netlink_feeds(w, add, &l);
	if (l.failed)
		m->out->failed = true;
	else if (l.count != 0)
		put_all(m, w, &l);
	free(l.info);
}
METRICS_REGISTER(collect)
