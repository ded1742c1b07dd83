/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the API shows of ports and workers.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_version.h>

#include "runtime/priv.h"

static void fill_stats(uint16_t id, struct runtime_port *out)
{
	struct rte_eth_stats s = {0};

	if (rte_eth_stats_get(id, &s) != 0)
		return;
	out->rx_packets = s.ipackets;
	out->rx_bytes = s.ibytes;
	out->rx_missed = s.imissed;
	out->rx_errors = s.ierrors;
	out->rx_nombuf = s.rx_nombuf;
	out->tx_packets = s.opackets;
	out->tx_bytes = s.obytes;
	out->tx_errors = s.oerrors;
}

static void fill_link(const struct weir *w, const struct port *p, struct runtime_port *out)
{
	struct rte_eth_link link = {0};

	out->link_up = w->link_up[p->slot];
	if (p->netdev[0] != '\0' || rte_eth_link_get_nowait(p->id, &link) != 0)
		return;
	out->full_duplex = link.link_duplex == RTE_ETH_LINK_FULL_DUPLEX;
	out->speed_mbit = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN ? link.link_speed : 0;
}

void runtime_ports(const struct weir *w, void (*fn)(void *ctx, const struct runtime_port *p), void *ctx)
{
	const struct runtime *r = runtime_of(w);

	PORT_EACH(p, &r->now)
	{
		struct runtime_port out = {.name = p->wish.name,
			.device = p->wish.device,
			.driver = p->driver,
			.id = p->id,
			.mtu = p->wish.mtu,
			.rx_queues = p->rx_queues,
			.tx_queues = p->tx_queues,
			.socket = p->socket,
			.rss = p->rss,
			.interrupts = p->interrupts,
			.rss_table = p->table_size,
			.promiscuous = p->promiscuous};

		memcpy(out.mac, p->mac, 6);
		if (p->started) {
			fill_link(w, p, &out);
			fill_stats(p->id, &out);
		}
		fn(ctx, &out);
	}
}

void runtime_port_xstats(uint16_t port, void (*fn)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	int n = rte_eth_xstats_get_names(port, NULL, 0);
	struct rte_eth_xstat_name *name = n > 0 ? calloc((size_t)n, sizeof *name) : NULL;
	struct rte_eth_xstat *stat = n > 0 ? calloc((size_t)n, sizeof *stat) : NULL;

	if (name != NULL && stat != NULL && rte_eth_xstats_get_names(port, name, (unsigned)n) == n &&
		rte_eth_xstats_get(port, stat, (unsigned)n) == n)
		for (int i = 0; i < n; i++)
			if (stat[i].id < (uint64_t)n)
				fn(ctx, name[stat[i].id].name, stat[i].value);
	free(name);
	free(stat);
}

static const char *const polling_words[] = {"busy", "adaptive", "interrupt"}; /* enum polling */

void runtime_workers(const struct weir *w, void (*fn)(void *ctx, const struct runtime_worker *k), void *ctx)
{
	const struct runtime *r = runtime_of(w);

	for (unsigned i = 0; i < r->now.set.workers; i++) {
		const struct poller *p = r->poller[i];
		struct runtime_worker k = {.id = i,
			.lcore = p->worker->lcore,
			.cpu = p->plan->cpu,
			.polling = polling_words[p->plan->polling],
			.rest = poller_rest_word(p),
			.load = poller_load(p),
			.sleeps = p->sleeps,
			.sleep_cycles = p->sleep_cycles,
			.socket = (int)p->worker->socket,
			.polls = p->polls,
			.idle_polls = p->idle_polls,
			.bursts = p->worker->counters.bursts,
			.packets = p->worker->counters.received,
			.busy_cycles = p->busy_cycles,
			.idle_cycles = p->idle_cycles};

		for (unsigned q = 0; q < p->plan->rx_count && q < RTE_DIM(k.queue); q++) {
			k.queue[q].port = r->now.port[p->plan->rx[q].port]->wish.name;
			k.queue[q].queue = p->plan->rx[q].queue;
			k.queue_count++;
		}
		fn(ctx, &k);
	}
}

void runtime_info(const struct weir *w, struct runtime_info *out)
{
	const struct runtime *r = runtime_of(w);

	*out = (struct runtime_info){.uptime_ns = runtime_clock(),
		.config_path = r->config_path,
		.file_prefix = r->file_prefix,
		.dpdk_version = rte_version(),
		.eal_arguments = r->eal_text,
		.hugepages = r->hugepages,
		.tsc_hz = rte_get_tsc_hz()};
}
