/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of interfaces, drops, stages and the engine's sums. Counters here never go back: 'weir clear
 * counters' moves a baseline, and what it hides is added again.
 */
#include <stdlib.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"
#include "metrics/metrics.h"
#include "pipeline/reason.h"
#include "pipeline/stage.h"
#include "pipeline/weir.h"

typedef uint64_t (*iface_value)(const struct weir *w, const struct iface *i, const struct iface_counters *c);

static uint64_t rx_packets(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return c->rx_packets;
}

static uint64_t rx_bytes(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return c->rx_bytes;
}

static uint64_t tx_packets(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return c->tx_packets;
}

static uint64_t tx_bytes(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return c->tx_bytes;
}

static uint64_t drops(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return c->drops;
}

static uint64_t is_up(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return iface_is_up(w, i);
}

static uint64_t ip6_off(const struct weir *w, const struct iface *i, const struct iface_counters *c)
{
	return i->ip6_off;
}

static const struct {
	const char *name, *help;
	enum metric_type type;
	iface_value value;
} iface_families[] = {
	{"weir_interface_up", "The interface is enabled and its port has link.", METRIC_GAUGE, is_up},
	{"weir_interface_ipv6_off", "IPv6 is off: somebody else has the interface's MAC address.",
		METRIC_GAUGE, ip6_off},
	{"weir_interface_receive_packets_total", "Packets received.", METRIC_COUNTER, rx_packets},
	{"weir_interface_receive_bytes_total", "Bytes received.", METRIC_COUNTER, rx_bytes},
	{"weir_interface_transmit_packets_total", "Packets sent.", METRIC_COUNTER, tx_packets},
	{"weir_interface_transmit_bytes_total", "Bytes sent.", METRIC_COUNTER, tx_bytes},
	{"weir_interface_drop_packets_total", "Packets received here that were dropped.", METRIC_COUNTER,
		drops},
};

static void interfaces(struct metrics *m, const struct weir *w, const struct counters *c)
{
	const struct generation *g = weir_generation(w);

	for (unsigned f = 0; f < sizeof iface_families / sizeof iface_families[0]; f++) {
		metrics_family(m, iface_families[f].name, iface_families[f].type, iface_families[f].help);
		for (unsigned i = 1; i < g->iface_limit; i++)
			if (g->iface[i] != NULL)
				metrics_u64(m, iface_families[f].value(w, g->iface[i], &c->iface[i]),
					"interface", g->iface[i]->name, "vrf", w->vrf[g->iface[i]->vrf].name,
					NULL);
	}
}

static void reasons(struct metrics *m, const struct counters *c)
{
	static const char *const names[] = {
		"weir_done_packets_total", "weir_drop_packets_total", "weir_error_packets_total"};
	static const char *const help[] = {"Packets that arrived here, by what became of them.",
		"Packets dropped because of protocol or policy, by reason.",
		"Packets dropped for want of room, by reason."};
	static const enum reason_kind kinds[] = {REASON_DONE, REASON_DROP, REASON_ERROR};

	for (unsigned k = 0; k < 3; k++) {
		metrics_family(m, names[k], METRIC_COUNTER, help[k]);
		for (unsigned i = 1; i <= reasons_count(); i++) {
			const struct reason *r = reason_get((uint16_t)i);

			if (r != NULL && r->kind == kinds[k])
				metrics_u64(m, c->reason[i], "reason", r->name, NULL);
		}
	}
}

static void stages(struct metrics *m, const struct counters *c)
{
	static const char *const names[] = {"weir_stage_bursts_total", "weir_stage_packets_total",
		"weir_stage_sampled_packets_total", "weir_stage_sampled_cycles_total"};
	static const char *const help[] = {"Times a stage ran.", "Packets a stage saw.",
		"Packets in the bursts whose cycles were measured.",
		"Cycles of the bursts that were measured."};

	for (unsigned k = 0; k < 4; k++) {
		metrics_family(m, names[k], METRIC_COUNTER, help[k]);
		for (unsigned i = 0; i < STAGE_COUNT; i++) {
			const struct stage_counters *s = &c->stage[i];
			const uint64_t v[] = {s->bursts, s->packets, s->sampled_packets, s->sampled_cycles};

			if (stage_get(i) != NULL)
				metrics_u64(m, v[k], "stage", stage_get(i)->name, NULL);
		}
	}
}

static void sums(struct metrics *m, const struct weir *w, const struct counters *c)
{
	/* Read while workers count, a difference can be a few below zero for a moment. */
	metrics_family(m, "weir_receive_packets_total", METRIC_COUNTER, "Packets received.");
	metrics_u64(m, (int64_t)c->received > 0 ? c->received : 0, NULL);
	metrics_family(m, "weir_originate_packets_total", METRIC_COUNTER, "Packets made here.");
	metrics_u64(m, c->originated, NULL);
	metrics_family(m, "weir_transmit_packets_total", METRIC_COUNTER, "Packets sent.");
	metrics_u64(m, c->transmitted, NULL);
	metrics_family(m, "weir_held_packets", METRIC_GAUGE,
		"Packets that wait for a neighbour or the rest of their fragments.");
	metrics_u64(m, weir_held(w), NULL);
	metrics_family(m, "weir_icmp_suppressed_packets_total", METRIC_COUNTER,
		"ICMP errors not sent because of the rate limit.");
	metrics_u64(m, c->icmp_suppressed, NULL);
}

static void tables(struct metrics *m, const struct weir *w)
{
	struct route_totals r;
	struct neigh_totals n;

	route_totals(w, &r);
	neigh_totals(w, &n);
	metrics_family(m, "weir_routes", METRIC_GAUGE, "Routes, active or not.");
	metrics_u64(m, r.routes[0], "family", "ipv4", NULL);
	metrics_u64(m, r.routes[1], "family", "ipv6", NULL);
	metrics_family(m, "weir_routes_installed", METRIC_GAUGE, "Routes in the forwarding tables.");
	metrics_u64(m, r.installed[0], "family", "ipv4", NULL);
	metrics_u64(m, r.installed[1], "family", "ipv6", NULL);
	metrics_family(m, "weir_route_memory_bytes", METRIC_GAUGE, "Memory of routes and forwarding tables.");
	metrics_u64(m, r.memory, NULL);
	metrics_family(
		m, "weir_route_refused_total", METRIC_COUNTER, "Routes refused because a table was full.");
	metrics_u64(m, r.refused, NULL);
	metrics_family(m, "weir_neighbors", METRIC_GAUGE, "Neighbour entries.");
	metrics_u64(m, n.entries, NULL);
	metrics_family(m, "weir_neighbors_limit", METRIC_GAUGE, "Neighbour entries there may be.");
	metrics_u64(m, n.limit, NULL);
	metrics_family(m, "weir_neighbor_failures_total", METRIC_COUNTER, "Neighbours that did not answer.");
	metrics_u64(m, n.failures, NULL);
	metrics_family(m, "weir_address_conflicts_total", METRIC_COUNTER,
		"Times somebody else used one of our addresses.");
	metrics_u64(m, n.conflicts, NULL);
}

static void collect(struct metrics *m, struct weir *w)
{
	struct counters c = {.iface = calloc(IFACE_MAX, sizeof *c.iface)};

	if (c.iface == NULL) {
		m->out->failed = true;
		return;
	}
	weir_counters_total(w, &c);
	interfaces(m, w, &c);
	reasons(m, &c);
	stages(m, &c);
	sums(m, w, &c);
	tables(m, w);
	metrics_family(m, "weir_generation", METRIC_GAUGE, "Number of the generation that workers use.");
	metrics_u64(m, weir_generation(w)->id, NULL);
	free(c.iface);
}
METRICS_REGISTER(collect)
