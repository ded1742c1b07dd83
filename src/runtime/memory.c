/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packet buffers: how many are needed is computed from what can hold one, printed as a bill, and refused with
 * numbers when memory is short. One pool per NUMA socket that has workers or ports.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "base/log.h"
#include "feature/route/route.h"
#include "pipeline/bill.h"
#include "runtime/priv.h"

#define CACHE 256     /* buffers an lcore keeps to itself */
#define MIN_ROOM 2048 /* bytes of packet per buffer */
#define PER_WORKER                                                                                           \
	(INJECT_SIZE + 2048 + 4096 + 2 * BURST_SIZE) /* re-inject, punt and inbox rings, bursts              \
						      */
#define CONTROL (8192 + 4096) /* neighbour queues, reassembly, what the control thread sends */
#define OVERHEAD 192          /* bytes per buffer besides room and headroom: mbuf, note, mempool header */
#define AF_XDP_RING 2112u     /* entries of the driver's fill and completion rings, and a batch */
#define BASE_BYTES (UINT64_C(48) << 20) /* EAL, rings, counters, ethdev */
#define PER_WORKER_BYTES (UINT64_C(1) << 20)

enum { BILL_RX, BILL_TX, BILL_WORKERS, BILL_CACHES, BILL_CONTROL, BILL_SPARE, BILL_LINES };

static const char *const bill_words[] = {"for receive queues", "for transmit queues",
	"for worker rings and bursts", "for per-core caches",
	"for the control thread (neighbours, reassembly)", "dataplane.spare-buffers"};

/* Known once the port is probed. */
static bool is_af_xdp(const struct port *p)
{
	return p->used && strcmp(p->driver, "net_af_xdp") == 0;
}

uint32_t memory_plan(struct runtime *r)
{
	uint64_t sum = 0;

	memset(r->planned, 0, sizeof r->planned);
	for (unsigned i = 0; i < PORT_MAX; i++) {
		const struct port *p = &r->port[i];
		uint32_t rx = p->rx_queues != 0 ? p->rx_queues : r->set.workers;
		uint32_t tx = p->tx_queues != 0 ? p->tx_queues : r->set.workers;

		if (!p->used)
			continue;
		r->planned[BILL_RX] += (uint64_t)rx * (is_af_xdp(p) ? 2 * AF_XDP_RING : p->rx_desc);
		r->planned[BILL_TX] += (uint64_t)tx * p->tx_desc + (tx < r->set.workers ? SHARED_TX_RING : 0);
	}
	r->planned[BILL_WORKERS] = (uint64_t)r->set.workers * PER_WORKER;
	r->planned[BILL_CACHES] = (uint64_t)(r->set.workers + 1) * CACHE * 3 / 2;
	r->planned[BILL_CONTROL] = CONTROL;
	r->planned[BILL_SPARE] = r->set.spare;
	for (unsigned i = 0; i < BILL_LINES; i++)
		sum += r->planned[i];
	return (uint32_t)sum;
}

/* Room for a whole frame where a driver cannot spread it over several buffers. */
static uint16_t data_room(const struct runtime *r)
{
	uint16_t room = MIN_ROOM;

	for (unsigned i = 0; i < PORT_MAX; i++) {
		const struct port *p = &r->port[i];
		uint16_t frame = (uint16_t)(p->mtu + RTE_ETHER_HDR_LEN + 8 + RTE_ETHER_CRC_LEN);

		if (p->used && !p->scatter && frame > room)
			room = (uint16_t)RTE_ALIGN_CEIL(frame, 64);
		if (p->used && p->min_room > room)
			room = p->min_room;
	}
	return room;
}

static uint64_t buffer_bytes(uint16_t room)
{
	return (uint64_t)room + RTE_PKTMBUF_HEADROOM + sizeof(struct rte_mbuf) + WEIR_MBUF_PRIV + OVERHEAD -
	       128;
}

/* A mempool's ring of 2^n holds 2^n - 1: the whole ring is used unless that is much more than needed. */
static uint32_t round_up(uint32_t need)
{
	uint32_t full = rte_align32pow2(need + 1) - 1;

	return full > need + need / 2 ? need : full;
}

uint64_t memory_bytes(const struct runtime *r, uint32_t buffers)
{
	return BASE_BYTES + r->set.workers * PER_WORKER_BYTES +
	       round_up(buffers) * buffer_bytes(data_room(r));
}

static void print_bill(const struct runtime *r, uint32_t need)
{
	for (unsigned i = 0; i < BILL_LINES; i++)
		log_info("packet buffers: %8llu  %s", (unsigned long long)r->planned[i], bill_words[i]);
	log_notice("packet buffers: %u needed, %u per pool, %u bytes of packet each, %llu MB", need,
		r->pool_size, r->data_room,
		(unsigned long long)(r->pool_size * buffer_bytes(r->data_room)) >> 20);
}

void memory_bill(const struct runtime *r, struct bill *b)
{
	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++)
		if (r->pool[s] != NULL)
			bill_add(b, "packet buffers", r->pool[s]->size,
				r->pool[s]->size * buffer_bytes(r->data_room));
}

static bool socket_used(const struct runtime *r, int socket)
{
	for (unsigned i = 0; i < r->set.workers; i++)
		if ((int)rte_lcore_to_socket_id(i + 1) == socket)
			return true;
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (r->port[i].used && r->port[i].socket == socket)
			return true;
	return socket == 0;
}

int memory_create_pools(struct runtime *r, struct err *e)
{
	uint32_t need = memory_plan(r);
	char name[32];

	r->data_room = data_room(r);
	r->pool_size = round_up(need);
	if (r->set.memory != 0 && r->pool_size * buffer_bytes(r->data_room) > r->set.memory)
		return err_set(e, ENOMEM,
			"%u packet buffers take %llu MB but dataplane.memory is %llu MB; raise it, or use "
			"fewer queues, "
			"descriptors or workers",
			r->pool_size, (unsigned long long)(r->pool_size * buffer_bytes(r->data_room)) >> 20,
			(unsigned long long)r->set.memory >> 20);
	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++) {
		if (!socket_used(r, s))
			continue;
		snprintf(name, sizeof name, "weir_mbufs_%d", s);
		r->pool[s] = rte_pktmbuf_pool_create(name, r->pool_size, CACHE, WEIR_MBUF_PRIV,
			(uint16_t)(r->data_room + RTE_PKTMBUF_HEADROOM), s);
		if (r->pool[s] == NULL)
			return err_set(e, ENOMEM,
				"%u packet buffers (%llu MB) for NUMA node %d do not fit: %s. Reserve more "
				"hugepages "
				"(now: cat /proc/meminfo | grep Huge), or use fewer queues, descriptors or "
				"workers",
				r->pool_size,
				(unsigned long long)(r->pool_size * buffer_bytes(r->data_room)) >> 20, s,
				rte_strerror(rte_errno));
	}
	print_bill(r, need);
	return 0;
}

static unsigned in_use(const struct runtime *r)
{
	unsigned n = 0;

	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++)
		if (r->pool[s] != NULL)
			n += rte_mempool_in_use_count(r->pool[s]);
	return n;
}

/* The AF_XDP driver of DPDK 22.11 gives back neither what waits in its fill rings nor what its completion
 * rings still hold when a port is closed. */
static unsigned kept_by_drivers(const struct runtime *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PORT_MAX; i++)
		if (is_af_xdp(&r->port[i]))
			n += r->port[i].rx_queues * AF_XDP_RING + r->port[i].tx_queues * AF_XDP_RING;
	return n;
}

bool memory_all_back(const struct runtime *r)
{
	unsigned missing = in_use(r), kept = kept_by_drivers(r);

	if (missing > kept)
		log_error("%u packet buffers are missing from their pools", missing);
	else if (missing != 0)
		log_notice("all packet buffers are back but for %u that the AF_XDP driver keeps", missing);
	else
		log_notice("all packet buffers are back in their pools");
	return missing <= kept;
}

void memory_free_pools(struct runtime *r)
{
	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++) {
		rte_mempool_free(r->pool[s]);
		r->pool[s] = NULL;
	}
}

void runtime_memory(const struct weir *w, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx)
{
	const struct runtime *r = runtime_of(w);
	struct runtime_memory m = {0};
	struct route_totals routes;

	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++) {
		if (r->pool[s] == NULL)
			continue;
		m.what = r->pool[s]->name;
		m.count = r->pool[s]->size;
		m.used = rte_mempool_in_use_count(r->pool[s]);
		m.bytes = r->pool[s]->size * buffer_bytes(r->data_room);
		fn(ctx, &m);
	}
	/* What the pool's size was computed from has no bytes of its own. */
	for (unsigned i = 0; i < BILL_LINES; i++) {
		m = (struct runtime_memory){.what = bill_words[i], .count = r->planned[i]};
		fn(ctx, &m);
	}
	route_totals(w, &routes);
	m = (struct runtime_memory){.what = "routing tables (next hops)",
		.bytes = routes.memory,
		.count = NH_MAX - 1,
		.used = routes.nexthops};
	fn(ctx, &m);
}
