/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the runtime knows: version, ports, workers, memory.
 */
#include "api/api_priv.h"
#include "runtime/runtime.h"

void show_version(struct request *r)
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

void show_ports(struct request *r)
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
	jw_u64(j, "cpu", (uint64_t)k->cpu);
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

void show_workers(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "workers", '[');
	runtime_workers(r->w, put_worker, &r->out);
	jw_close(&r->out, ']');
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

void show_memory(struct request *r)
{
	struct bill b = {.j = &r->out};

	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "memory", '[');
	runtime_memory(r->w, put_memory, &b);
	jw_close(&r->out, ']');
	jw_u64(&r->out, "total_bytes", b.bytes);
	jw_close(&r->out, '}');
}
