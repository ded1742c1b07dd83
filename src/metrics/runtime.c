/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of ports, workers, memory and the program itself. A family's samples must stand together, so the
 * lists are read once into tables.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "metrics/metrics.h"
#include "pipeline/weir.h"
#include "runtime/runtime.h"

struct port_table {
	struct runtime_port port[PORT_MAX];
	unsigned count;
};
struct worker_table {
	struct runtime_worker worker[WORKER_MAX];
	unsigned count;
};

static void keep_port(void *ctx, const struct runtime_port *p)
{
	struct port_table *t = ctx;

	if (t->count < PORT_MAX)
		t->port[t->count++] = *p;
}

static void keep_worker(void *ctx, const struct runtime_worker *k)
{
	struct worker_table *t = ctx;

	if (t->count < WORKER_MAX)
		t->worker[t->count++] = *k;
}

/* --- ports --- */

#define PORT_FIELD(n, f, t, h)                                                                               \
	{                                                                                                    \
		"weir_port_" n, h, t, offsetof(struct runtime_port, f)                                       \
	}
static const struct {
	const char *name, *help;
	enum metric_type type;
	size_t at; /* of a uint64_t */
} port_families[] = {
	PORT_FIELD("receive_packets_total", rx_packets, METRIC_COUNTER, "Packets the device received."),
	PORT_FIELD("receive_bytes_total", rx_bytes, METRIC_COUNTER, "Bytes the device received."),
	PORT_FIELD("receive_missed_packets_total", rx_missed, METRIC_COUNTER,
		"Packets lost because no worker took them in time."),
	PORT_FIELD("receive_error_packets_total", rx_errors, METRIC_COUNTER, "Broken frames."),
	PORT_FIELD("receive_nobuffer_packets_total", rx_nombuf, METRIC_COUNTER,
		"Packets lost for want of buffers."),
	PORT_FIELD("transmit_packets_total", tx_packets, METRIC_COUNTER, "Packets the device sent."),
	PORT_FIELD("transmit_bytes_total", tx_bytes, METRIC_COUNTER, "Bytes the device sent."),
	PORT_FIELD("transmit_error_packets_total", tx_errors, METRIC_COUNTER,
		"Packets the device did not send."),
};

static void ports(struct metrics *m, const struct weir *w)
{
	static struct port_table t;

	t.count = 0;
	runtime_ports(w, keep_port, &t);
	metrics_family(m, "weir_port_info", METRIC_GAUGE, "What a port is; always 1.");
	for (unsigned i = 0; i < t.count; i++)
		metrics_u64(m, 1, "port", t.port[i].name, "device", t.port[i].device, "driver",
			t.port[i].driver, NULL);
	metrics_family(m, "weir_port_up", METRIC_GAUGE, "The port has link.");
	for (unsigned i = 0; i < t.count; i++)
		metrics_u64(m, t.port[i].link_up, "port", t.port[i].name, NULL);
	metrics_family(m, "weir_port_speed_bytes", METRIC_GAUGE,
		"Bytes per second the link can carry, 0 if unknown.");
	for (unsigned i = 0; i < t.count; i++)
		metrics_u64(m, UINT64_C(125000) * t.port[i].speed_mbit, "port", t.port[i].name, NULL);
	for (unsigned f = 0; f < sizeof port_families / sizeof port_families[0]; f++) {
		metrics_family(m, port_families[f].name, port_families[f].type, port_families[f].help);
		for (unsigned i = 0; i < t.count; i++) {
			uint64_t v;

			memcpy(&v, (const char *)&t.port[i] + port_families[f].at, sizeof v);
			metrics_u64(m, v, "port", t.port[i].name, NULL);
		}
	}
}

/* --- workers --- */

static const char *id_text(unsigned id, char text[static 12])
{
	snprintf(text, 12, "%u", id);
	return text;
}

/* Cycles as seconds: a rate over it is the load, on any machine. */
static void seconds(struct metrics *m, const struct worker_table *t, double hz)
{
	char id[12];

	metrics_family(
		m, "weir_worker_busy_seconds_total", METRIC_COUNTER, "Time in rounds that found work.");
	for (unsigned i = 0; i < t->count; i++)
		metrics_real(m, (double)t->worker[i].busy_cycles / hz, "worker", id_text(t->worker[i].id, id),
			NULL);
	metrics_family(
		m, "weir_worker_idle_seconds_total", METRIC_COUNTER, "Time in rounds that found nothing.");
	for (unsigned i = 0; i < t->count; i++)
		metrics_real(m, (double)t->worker[i].idle_cycles / hz, "worker", id_text(t->worker[i].id, id),
			NULL);
	metrics_family(m, "weir_worker_busy_ratio", METRIC_GAUGE, "Busy part of its time since the start.");
	for (unsigned i = 0; i < t->count; i++) {
		const struct runtime_worker *k = &t->worker[i];
		const double all = (double)k->busy_cycles + (double)k->idle_cycles;

		metrics_real(
			m, all > 0 ? (double)k->busy_cycles / all : 0, "worker", id_text(k->id, id), NULL);
	}
}

static void workers(struct metrics *m, const struct weir *w, double hz)
{
	static const char *const names[] = {"weir_worker_polls_total", "weir_worker_idle_polls_total",
		"weir_worker_bursts_total", "weir_worker_receive_packets_total"};
	static const char *const help[] = {"Rounds over its queues.", "Rounds that found nothing.",
		"Bursts it ran.", "Packets it received."};
	static struct worker_table t;
	char id[12];

	t.count = 0;
	runtime_workers(w, keep_worker, &t);
	for (unsigned f = 0; f < 4; f++) {
		metrics_family(m, names[f], METRIC_COUNTER, help[f]);
		for (unsigned i = 0; i < t.count; i++) {
			const struct runtime_worker *k = &t.worker[i];
			const uint64_t v[] = {k->polls, k->idle_polls, k->bursts, k->packets};

			metrics_u64(m, v[f], "worker", id_text(k->id, id), NULL);
		}
	}
	seconds(m, &t, hz);
}

/* --- memory --- */

struct bill {
	struct metrics *m;
	unsigned part; /* 0 bytes, 1 entries, 2 entries in use */
};

static void put_memory(void *ctx, const struct runtime_memory *line)
{
	const struct bill *b = ctx;
	const uint64_t v[] = {line->bytes, line->count, line->used};

	if (b->part == 0 || line->count != 0)
		metrics_u64(b->m, v[b->part], "what", line->what, NULL);
}

static void memory(struct metrics *m, const struct weir *w)
{
	static const char *const names[] = {
		"weir_memory_bytes", "weir_memory_entries", "weir_memory_entries_used"};
	static const char *const help[] = {
		"Memory by what it is for.", "Entries there is room for.", "Entries in use."};

	for (unsigned part = 0; part < 3; part++) {
		struct bill b = {.m = m, .part = part};

		metrics_family(m, names[part], METRIC_GAUGE, help[part]);
		runtime_memory(w, put_memory, &b);
	}
}

static void collect(struct metrics *m, struct weir *w)
{
	struct runtime_info info = {0};
	double hz;

	runtime_info(w, &info);
	hz = info.tsc_hz != 0 ? (double)info.tsc_hz : 1;
	metrics_family(m, "weir_build_info", METRIC_GAUGE, "Versions; always 1.");
	metrics_u64(m, 1, "version", WEIR_VERSION, "dpdk", info.dpdk_version, NULL);
	metrics_family(m, "weir_control_longest_turn_seconds", METRIC_GAUGE,
		"Longest turn of the control thread since the counters were cleared.");
	metrics_real(m, (double)w->control.longest / 1e9, NULL);
	metrics_family(m, "weir_control_long_turns_total", METRIC_COUNTER,
		"Turns of the control thread that took more than 5 ms of CPU time.");
	metrics_u64(m, w->control.over, NULL);
	metrics_family(m, "weir_uptime_seconds", METRIC_GAUGE, "Time since the daemon started.");
	metrics_real(m, (double)info.uptime_ns / 1e9, NULL);
	ports(m, w);
	workers(m, w, hz);
	memory(m, w);
}
METRICS_REGISTER(collect)
