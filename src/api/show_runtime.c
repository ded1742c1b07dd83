/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the runtime knows: version, ports, workers, memory.
 */
#include "api/api_priv.h"
#include "runtime/runtime.h"

static void show_version(struct request *r)
{
	struct runtime_info info = {0};

	runtime_info(r->w, &info);
	jw_open(&r->out, NULL, '{');
	jw_text(&r->out, "version", WEIR_VERSION);
	jw_text(&r->out, "api", "v1");
	jw_text(&r->out, "dpdk", info.dpdk_version);
	jw_u64(&r->out, "uptime_ns", info.uptime_ns);
	jw_text(&r->out, "config", info.config_path);
	jw_u64(&r->out, "generation", weir_generation(r->w)->id);
	jw_text(&r->out, "file_prefix", info.file_prefix);
	jw_text(&r->out, "eal_arguments", info.eal_arguments);
	jw_bool(&r->out, "hugepages", info.hugepages);
	jw_u64(&r->out, "tsc_hz", info.tsc_hz);
	jw_close(&r->out, '}');
}

/* --- ports --- */

static void put_xstat(void *ctx, const char *name, uint64_t value)
{
	jw_u64(ctx, name, value);
}

static void put_port_counters(struct jw *j, const struct runtime_port *p)
{
	jw_u64(j, "rx_packets", p->rx_packets);
	jw_u64(j, "rx_bytes", p->rx_bytes);
	jw_u64(j, "rx_missed", p->rx_missed);
	jw_u64(j, "rx_errors", p->rx_errors);
	jw_u64(j, "rx_nombuf", p->rx_nombuf);
	jw_u64(j, "tx_packets", p->tx_packets);
	jw_u64(j, "tx_bytes", p->tx_bytes);
	jw_u64(j, "tx_errors", p->tx_errors);
}

static void put_port(void *ctx, const struct runtime_port *p)
{
	struct request *r = ctx;
	const char *xstats = r->query(r, "xstats");
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_text(j, "name", p->name);
	jw_u64(j, "id", p->id);
	jw_text(j, "device", p->device);
	jw_text(j, "driver", p->driver);
	jw_mac(j, "mac", p->mac);
	jw_u64(j, "mtu", p->mtu);
	jw_text(j, "link", p->link_up ? "up" : "down");
	jw_u64(j, "speed_mbit", p->speed_mbit);
	jw_bool(j, "full_duplex", p->full_duplex);
	jw_u64(j, "rx_queues", p->rx_queues);
	jw_u64(j, "tx_queues", p->tx_queues);
	if (p->socket >= 0)
		jw_u64(j, "socket", (uint64_t)p->socket);
	else
		jw_text(j, "socket", NULL);
	jw_bool(j, "rss", p->rss);
	jw_u64(j, "rss_table", p->rss_table);
	jw_bool(j, "rx_interrupts", p->interrupts);
	jw_bool(j, "promiscuous", p->promiscuous);
	put_port_counters(j, p);
	if (xstats != NULL && xstats[0] != '0') {
		jw_open(j, "xstats", '{');
		runtime_port_xstats(p->id, put_xstat, j);
		jw_close(j, '}');
	}
	jw_close(j, '}');
}

static void show_ports(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "ports", '[');
	runtime_ports(r->w, put_port, r);
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

/* --- workers --- */

static void put_worker(void *ctx, const struct runtime_worker *k)
{
	struct jw *j = ctx;
	uint64_t cycles = k->busy_cycles + k->idle_cycles + k->sleep_cycles;

	jw_open(j, NULL, '{');
	jw_u64(j, "id", k->id);
	jw_u64(j, "lcore", k->lcore);
	jw_u64(j, "cpu", k->cpu > 0 ? (uint64_t)k->cpu : 0);
	jw_text(j, "polling", k->polling);
	jw_text(j, "idle", k->rest);
	jw_real(j, "load", k->load);
	if (k->socket >= 0)
		jw_u64(j, "socket", (uint64_t)k->socket);
	else
		jw_text(j, "socket", NULL);
	jw_u64(j, "polls", k->polls);
	jw_u64(j, "idle_polls", k->idle_polls);
	jw_u64(j, "bursts", k->bursts);
	jw_u64(j, "packets", k->packets);
	jw_u64(j, "busy_cycles", k->busy_cycles);
	jw_u64(j, "idle_cycles", k->idle_cycles);
	jw_u64(j, "sleep_cycles", k->sleep_cycles);
	jw_u64(j, "sleeps", k->sleeps);
	jw_real(j, "busy_ratio", cycles != 0 ? (double)k->busy_cycles / (double)cycles : 0);
	jw_real(j, "cycles_per_packet", k->packets != 0 ? (double)k->busy_cycles / (double)k->packets : 0);
	jw_open(j, "queues", '[');
	for (unsigned i = 0; i < k->queue_count && i < sizeof k->queue / sizeof k->queue[0]; i++) {
		jw_open(j, NULL, '{');
		jw_text(j, "port", k->queue[i].port);
		jw_u64(j, "queue", k->queue[i].queue);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_close(j, '}');
}

static void put_control(struct jw *j, const struct control_stats *c)
{
	jw_open(j, "control", '{');
	jw_u64(j, "turns", c->turns);
	jw_u64(j, "longest_turn_ns", c->longest);
	jw_u64(j, "longest_turn_cpu_ns", c->longest_cpu);
	jw_u64(j, "long_turns", c->over);
	jw_close(j, '}');
}

static void show_workers(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "workers", '[');
	runtime_workers(r->w, put_worker, &r->out);
	jw_close(&r->out, ']');
	put_control(&r->out, &r->w->control);
	jw_close(&r->out, '}');
}

/* --- memory --- */

struct bill {
	struct jw *j;
	uint64_t bytes;
};

static void put_memory(void *ctx, const struct runtime_memory *m)
{
	struct bill *b = ctx;

	b->bytes += m->bytes;
	jw_open(b->j, NULL, '{');
	jw_text(b->j, "what", m->what);
	jw_u64(b->j, "bytes", m->bytes);
	if (m->count != 0) {
		jw_u64(b->j, "count", m->count);
		jw_u64(b->j, "used", m->used);
	}
	jw_close(b->j, '}');
}

static void show_memory(struct request *r)
{
	struct bill b = {.j = &r->out};

	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "memory", '[');
	runtime_memory(r->w, put_memory, &b);
	jw_close(&r->out, ']');
	jw_u64(&r->out, "total_bytes", b.bytes);
	jw_close(&r->out, '}');
}

static const struct doc version_docs[] = {
	{"version", DOC_TEXT, "Of weir."},
	{"api", DOC_TEXT, "Of this API."},
	{"dpdk", DOC_TEXT, "Of DPDK."},
	{"uptime_ns", DOC_U64, "Since the daemon started."},
	{"config", DOC_TEXT, "File of the configuration.", .flags = DOC_NULL},
	{"generation", DOC_U64, "Counts what workers were given: each change is one more."},
	{"file_prefix", DOC_TEXT, "Name under which DPDK's tools find the daemon."},
	{"eal_arguments", DOC_TEXT, "What EAL was started with."},
	{"hugepages", DOC_BOOL, "Buffers are in hugepages."},
	{"tsc_hz", DOC_U64, "Cycles per second, for everything counted in cycles."},
	{0},
};
static const struct doc port_docs[] = {
	{"name", DOC_TEXT, "As in the configuration."},
	{"id", DOC_U64, "DPDK's number."},
	{"device", DOC_TEXT, "As in the configuration."},
	{"driver", DOC_TEXT, "DPDK's driver."},
	{"mac", DOC_TEXT, "MAC address."},
	{"mtu", DOC_U64, "Largest packet in bytes without the Ethernet header."},
	{"link", DOC_TEXT, "up or down."},
	{"speed_mbit", DOC_U64, "0: unknown."},
	{"full_duplex", DOC_BOOL, "As the device says."},
	{"rx_queues", DOC_U64, "Receive queues."},
	{"tx_queues", DOC_U64, "Transmit queues."},
	{"socket", DOC_U64, "NUMA socket; null: unknown.", .flags = DOC_NULL},
	{"rss", DOC_BOOL, "The device spreads flows over the queues."},
	{"rss_table", DOC_U64,
		"Entries of the device's table of queues that follow the owners of flows; 0: none."},
	{"rx_interrupts", DOC_BOOL, "It can wake a worker that sleeps."},
	{"promiscuous", DOC_BOOL, "It takes frames for any address."},
	{"rx_packets", DOC_U64, "Received."},
	{"rx_bytes", DOC_U64, "Received."},
	{"rx_missed", DOC_U64, "Lost because no worker took them in time."},
	{"rx_errors", DOC_U64, "Broken frames."},
	{"rx_nombuf", DOC_U64, "Lost for want of buffers."},
	{"tx_packets", DOC_U64, "Sent."},
	{"tx_bytes", DOC_U64, "Sent."},
	{"tx_errors", DOC_U64, "Not sent."},
	{"xstats", DOC_MAP, "Counters of the driver under its names.", .flags = DOC_OPTIONAL},
	{0},
};
static const struct doc ports_docs[] = {{"ports", DOC_LIST, "By id.", port_docs}, {0}};
static const struct doc queue_docs[] = {
	{"port", DOC_TEXT, "Name of the port."},
	{"queue", DOC_U64, "Number of the queue."},
	{0},
};
static const struct doc worker_docs[] = {
	{"id", DOC_U64, "Number from 0."},
	{"lcore", DOC_U64, "DPDK's logical core."},
	{"cpu", DOC_U64, "CPU it runs on."},
	{"polling", DOC_TEXT, "busy, adaptive or interrupt."},
	{"idle", DOC_TEXT, "What it does without work: spin, sleep, rx-interrupt, or wait."},
	{"load", DOC_REAL, "Busy part of its time in the last one or two seconds."},
	{"socket", DOC_U64, "NUMA socket; null: unknown.", .flags = DOC_NULL},
	{"polls", DOC_U64, "Rounds over its queues."},
	{"idle_polls", DOC_U64, "Rounds that found nothing."},
	{"bursts", DOC_U64, "Bursts it ran."},
	{"packets", DOC_U64, "Packets it received."},
	{"busy_cycles", DOC_U64, "Cycles in rounds that found work."},
	{"idle_cycles", DOC_U64, "Cycles in rounds that found nothing."},
	{"sleep_cycles", DOC_U64, "Cycles asleep."},
	{"sleeps", DOC_U64, "Times it slept."},
	{"busy_ratio", DOC_REAL, "Busy part of its time since the start."},
	{"cycles_per_packet", DOC_REAL, "Busy cycles per packet."},
	{"queues", DOC_LIST, "Receive queues it polls.", queue_docs},
	{0},
};
static const struct doc control_docs[] = {
	{"turns", DOC_U64, "Turns of the control thread since the start."},
	{"longest_turn_ns", DOC_U64,
		"The longest one since the counters were cleared: what timers and packets for it waited."},
	{"longest_turn_cpu_ns", DOC_U64, "The same of its CPU time."},
	{"long_turns", DOC_U64, "Turns since the start that took more than 5 ms of CPU time."},
	{0},
};
static const struct doc workers_docs[] = {
	{"workers", DOC_LIST, "By id.", worker_docs},
	{"control", DOC_OBJECT, "The control thread.", control_docs},
	{0},
};
static const struct doc bill_docs[] = {
	{"what", DOC_TEXT, "What it is for."},
	{"bytes", DOC_U64, "Bytes."},
	{"count", DOC_U64, "Entries, where they can be counted.", .flags = DOC_OPTIONAL},
	{"used", DOC_U64, "Entries in use.", .flags = DOC_OPTIONAL},
	{0},
};
static const struct doc memory_docs[] = {
	{"memory", DOC_LIST, "Lines of the bill.", bill_docs},
	{"total_bytes", DOC_U64, "Their sum."},
	{0},
};
static const struct param port_params[] = {{"xstats", "1: with the driver's own counters.", "^[01]?$"}, {0}};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/version", "Version and uptime of the daemon.", show_version, .reply = version_docs},
	{"GET", "/v1/ports", "Ports: link, queues, counters of the device.", show_ports, port_params,
		.reply = ports_docs},
	{"GET", "/v1/workers", "Worker threads: load and queues.", show_workers, .reply = workers_docs},
	{"GET", "/v1/memory", "Where the memory went.", show_memory, .reply = memory_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
