/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packet buffers: how many are needed is computed from what can hold one, printed as a bill, and refused with
 * numbers when memory is short. At the start one pool per NUMA node that has workers or ports is made, large
 * enough for everything. What ports and workers that come later need and the pools do not have is made as
 * another pool: receive queues of the new port take from it, and so does what weir sends itself. See
 * docs/decisions/0007.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_lcore.h>

#include "base/log.h"
#include "feature/kernel/punt.h"
#include "feature/route/route.h"
#include "pipeline/bill.h"
#include "runtime/priv.h"

#define CACHE 256     /* buffers an lcore keeps to itself */
#define MIN_ROOM 2048 /* bytes of packet per buffer */
/* Of a worker: re-inject, punt, inbox, urgent and arrivals rings, bursts. */
#define PER_WORKER (INJECT_SIZE + PUNT_RING + 4096 + 2 * URGENT_RING + 2 * BURST_SIZE)
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
	return strcmp(p->driver, "net_af_xdp") == 0;
}

unsigned memory_kept_by(const struct port *p)
{
	return is_af_xdp(p) ? p->rx_queues * AF_XDP_RING + p->tx_queues * AF_XDP_RING : 0;
}

/* --- the bill --- */

/* Buffers in the receive queues of a port; before it is probed, as many queues as it may want. */
static uint64_t rx_buffers(const struct layout *l, const struct port *p)
{
	uint32_t queues = p->rx_queues != 0 ? p->rx_queues : l->set.workers;

	return (uint64_t)queues * (is_af_xdp(p)             ? 2 * AF_XDP_RING
					  : p->rx_desc != 0 ? p->rx_desc
							    : p->wish.rx_desc);
}

static uint64_t tx_buffers(const struct layout *l, const struct port *p)
{
	uint32_t queues = p->tx_queues != 0 ? p->tx_queues : l->set.workers;

	return (uint64_t)queues * (p->tx_desc != 0 ? p->tx_desc : p->wish.tx_desc) +
	       (queues < l->set.workers ? SHARED_TX_RING : 0);
}

static uint64_t make_bill(const struct layout *l, uint64_t line[BILL_LINES])
{
	uint64_t sum = 0;

	memset(line, 0, BILL_LINES * sizeof *line);
	PORT_EACH(p, l)
	{
		line[BILL_RX] += rx_buffers(l, p);
		line[BILL_TX] += tx_buffers(l, p);
	}
	line[BILL_WORKERS] =
		(uint64_t)l->set.workers * (PER_WORKER + (l->set.twins ? KERNEL_WAYS * KERNEL_RING : 0));
	line[BILL_CACHES] = (uint64_t)(l->set.workers + 1) * CACHE * 3 / 2;
	line[BILL_CONTROL] = CONTROL;
	line[BILL_SPARE] = l->set.spare;
	for (unsigned i = 0; i < BILL_LINES; i++)
		sum += line[i];
	return sum;
}

static void print_bill(const uint64_t line[BILL_LINES])
{
	for (unsigned i = 0; i < BILL_LINES; i++)
		log_info("packet buffers: %8" PRIu64 "  %s", line[i], bill_words[i]);
}

/* Bytes of packet a buffer must hold for a port: a whole frame where its driver cannot spread it over
 * several. */
static uint16_t port_room(const struct port *p)
{
	uint32_t frame = p->wish.mtu + RTE_ETHER_HDR_LEN + 8u + RTE_ETHER_CRC_LEN;
	uint32_t room = p->scatter || frame <= MIN_ROOM ? MIN_ROOM : RTE_ALIGN_CEIL(frame, 64u);

	return (uint16_t)RTE_MAX(room, p->min_room);
}

static uint64_t buffer_bytes(uint16_t room)
{
	return (uint64_t)room + RTE_PKTMBUF_HEADROOM + sizeof(struct rte_mbuf) + WEIR_MBUF_PRIV + OVERHEAD -
	       128;
}

/* A mempool's ring of 2^n holds 2^n - 1: the whole ring is used unless that is much more than needed. */
static uint32_t round_up(uint64_t need)
{
	uint32_t full = rte_align32pow2((uint32_t)need + 1) - 1;

	return full > need + need / 2 ? (uint32_t)need : full;
}

static uint16_t largest_room(const struct layout *l)
{
	uint16_t room = MIN_ROOM;

	PORT_EACH(p, l)
	room = RTE_MAX(room, port_room(p));
	return room;
}

uint64_t memory_bytes(const struct layout *l)
{
	uint64_t line[BILL_LINES];

	return BASE_BYTES + l->set.workers * PER_WORKER_BYTES +
	       round_up(make_bill(l, line)) * buffer_bytes(largest_room(l));
}

/* --- pools --- */

static uint64_t pool_bytes(const struct pool *p)
{
	return p->size * buffer_bytes(p->room);
}

static uint64_t all_bytes(const struct runtime *r)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < r->pools; i++)
		n += pool_bytes(r->pool[i]);
	return n;
}

static int too_much(const struct pool *p, const struct settings *set, struct err *e)
{
	return err_set(e, ENOMEM,
		"%u packet buffers take %" PRIu64 " MB but dataplane.memory is %" PRIu64
		" MB; raise it, or use fewer queues, descriptors or workers",
		p->size, pool_bytes(p) >> 20, set->memory >> 20);
}

/* The first pool of its node has the plain name that people and tools know. */
static int make_pool(struct runtime *r, struct pool *p, struct err *e)
{
	static unsigned serial;
	char name[RTE_MEMPOOL_NAMESIZE];
	bool first = true;

	for (unsigned i = 0; i < r->pools; i++)
		first &= r->pool[i]->socket != p->socket;
	if (first)
		snprintf(name, sizeof name, "weir_mbufs_%d", p->socket);
	else
		snprintf(name, sizeof name, "weir_mbufs_%d_%u", p->socket, ++serial);
	p->mp = rte_pktmbuf_pool_create(
		name, p->size, CACHE, WEIR_MBUF_PRIV, (uint16_t)(p->room + RTE_PKTMBUF_HEADROOM), p->socket);
	if (p->mp != NULL)
		return 0;
	return err_set(e, ENOMEM,
		"%u packet buffers (%" PRIu64
		" MB) for NUMA node %d do not fit: %s. %s, or use fewer queues, "
		"descriptors or workers",
		p->size, pool_bytes(p) >> 20, p->socket, rte_strerror(rte_errno),
		r->hugepages
			? "Reserve more hugepages (now: cat /proc/meminfo | grep Huge)"
			: "Restart weir, which then asks for enough, or with more (dpdk.extra-args: -m MB)");
}

/* Adds a pool; with `trial` it is only looked whether the config allows it. */
static int add_pool(struct runtime *r, const struct layout *l, int socket, uint64_t need, uint16_t room,
	bool trial, struct pool **made, struct err *e)
{
	struct pool want = {.size = round_up(need), .room = room, .socket = socket}, *p;

	*made = NULL;
	if (l->set.memory != 0 && all_bytes(r) + pool_bytes(&want) > l->set.memory)
		return too_much(&want, &l->set, e);
	if (trial)
		return 0;
	p = r->pools < POOLS_MAX ? malloc(sizeof *p) : NULL;
	if (p == NULL)
		return err_set(e, ENOMEM,
			"more than %d pools of packet buffers would be needed; restart weir", POOLS_MAX);
	*p = want;
	if (make_pool(r, p, e) != 0) {
		free(p);
		return -e->code;
	}
	r->pool[r->pools++] = p;
	log_notice("packet buffers: %" PRIu64 " needed, %u per pool, %u bytes of packet each, %" PRIu64 " MB",
		need, p->size, p->room, pool_bytes(p) >> 20);
	*made = p;
	return 0;
}

static void drop_pool(struct runtime *r, unsigned i)
{
	rte_mempool_free(r->pool[i]->mp);
	free(r->pool[i]);
	memmove(&r->pool[i], &r->pool[i + 1], (--r->pools - i) * sizeof r->pool[0]);
}

static bool socket_used(const struct layout *l, int socket)
{
	for (unsigned i = 0; i < l->set.workers; i++)
		if (cpu_socket(l->set.worker_cpu[i]) == socket)
			return true;
	PORT_EACH(p, l)
	if (p->socket == socket)
		return true;
	return socket == 0;
}

/* At the start: each pool can serve everything there is. */
static int first_pools(struct runtime *r, const struct layout *l, bool trial, struct err *e)
{
	uint64_t line[BILL_LINES], need = make_bill(l, line);
	struct pool *made;

	print_bill(line);
	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++) {
		if (!socket_used(l, s))
			continue;
		if (add_pool(r, l, s, need, largest_room(l), trial, &made, e) != 0)
			return -e->code;
		if (made != NULL)
			made->general = true;
	}
	return 0;
}

/* What is in a pool's buffers for long: receive queues of its ports, transmit queues of all, what the control
 * thread keeps. Rings are only full for moments. */
static uint64_t steady(const struct layout *l, const struct pool *pool)
{
	uint64_t line[BILL_LINES], sum;

	sum = make_bill(l, line) - line[BILL_RX] - line[BILL_WORKERS];
	PORT_EACH(p, l)
	if (p->pool == pool)
		sum += rx_buffers(l, p);
	return sum;
}

static int socket_of(const struct port *p)
{
	return p->socket >= 0 ? p->socket : 0;
}

/* A pool that is there and can serve one more port, or NULL. */
static struct pool *pool_with_room(const struct runtime *r, const struct layout *l, const struct port *p)
{
	for (unsigned i = 0; i < r->pools; i++) {
		struct pool *pool = r->pool[i];

		if (pool->socket == socket_of(p) && !pool->retired && pool->room >= port_room(p) &&
			steady(l, pool) + rx_buffers(l, p) <= pool->size)
			return pool;
	}
	return NULL;
}

static int give_pool(struct runtime *r, struct layout *l, struct port *p, bool trial, struct err *e)
{
	uint64_t need;

	p->pool = pool_with_room(r, l, p);
	if (p->pool != NULL)
		return 0;
	need = steady(l, NULL) + rx_buffers(l, p) + PER_WORKER;
	return add_pool(r, l, socket_of(p), need, port_room(p), trial, &p->pool, e);
}

/* Rings of all workers must find buffers in all pools together. */
static int cover_all(struct runtime *r, const struct layout *l, bool trial, struct err *e)
{
	uint64_t line[BILL_LINES], need = make_bill(l, line), have = 0;
	struct pool *made;

	for (unsigned i = 0; i < r->pools; i++)
		if (!r->pool[i]->retired)
			have += r->pool[i]->size;
	if (have >= need)
		return 0;
	if (add_pool(r, l, 0, RTE_MAX(need - have, (uint64_t)PER_WORKER), MIN_ROOM, trial, &made, e) != 0)
		return -e->code;
	if (made != NULL)
		made->general = true;
	return 0;
}

int memory_admit(struct runtime *r, struct layout *l, bool trial, struct err *e)
{
	if (r->pools == 0 && first_pools(r, l, trial, e) != 0)
		return -e->code;
	PORT_EACH(p, l)
	if (p->pool == NULL && give_pool(r, l, p, trial, e) != 0)
		return -e->code;
	return cover_all(r, l, trial, e);
}

struct rte_mempool *memory_pool_for(const struct runtime *r, unsigned socket)
{
	struct rte_mempool *found = r->pool[0]->mp;

	for (unsigned i = 0; i < r->pools; i++)
		if (r->pool[i]->general && r->pool[i]->socket == (int)socket)
			found = r->pool[i]->mp;
	return found;
}

static bool in_use_by(const struct layout *l, const struct pool *pool)
{
	PORT_EACH(p, l)
	if (p->pool == pool)
		return true;
	return false;
}

/* Pools that no port uses go, unless what is left would be too little. */
void memory_settle(struct runtime *r, const struct layout *l)
{
	uint64_t line[BILL_LINES], need = make_bill(l, line), have = 0;

	memcpy(r->planned, line, sizeof line);
	for (unsigned i = 0; i < r->pools; i++)
		have += r->pool[i]->retired ? 0 : r->pool[i]->size;
	for (unsigned i = 0; i < r->pools; i++) {
		struct pool *p = r->pool[i];

		if (p->retired || p->general || in_use_by(l, p) || have - p->size < need)
			continue;
		p->retired = true;
		have -= p->size;
	}
	memory_watch(r);
}

void memory_undo(struct runtime *r, unsigned before)
{
	for (unsigned i = before; i < r->pools; i++)
		r->pool[i]->retired = true;
	memory_watch(r);
}

void memory_watch(struct runtime *r)
{
	for (unsigned i = r->pools; i-- > 0;)
		if (r->pool[i]->retired && rte_mempool_full(r->pool[i]->mp))
			drop_pool(r, i);
}

/* --- the end --- */

bool memory_all_back(const struct runtime *r)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < r->pools; i++)
		missing += rte_mempool_in_use_count(r->pool[i]->mp);
	if (missing > r->kept)
		log_error("%u packet buffers are missing from their pools", missing);
	else if (missing != 0)
		log_notice("all packet buffers are back but for %u that the AF_XDP driver keeps", missing);
	else
		log_notice("all packet buffers are back in their pools");
	return missing <= r->kept;
}

void memory_free_pools(struct runtime *r)
{
	while (r->pools != 0)
		drop_pool(r, r->pools - 1);
}

/* --- what is shown --- */

void memory_bill(const struct runtime *r, const struct node *cfg, struct bill *b)
{
	uint64_t line[BILL_LINES], need = 0, have = 0, bytes = all_bytes(r);
	struct layout l;
	struct err e = {0};

	for (unsigned i = 0; i < r->pools; i++)
		have += r->pool[i]->size;
	if (layout_read(&l, &r->now, cfg, NULL, &e) == 0) {
		need = make_bill(&l, line);
		layout_free(&l, &r->now);
	}
	if (need > have) {
		bytes += (need - have) * buffer_bytes(MIN_ROOM);
		have = need;
	}
	bill_add(b, "packet buffers", have, bytes);
}

static void show_pools(
	const struct runtime *r, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx)
{
	for (unsigned i = 0; i < r->pools; i++) {
		const struct pool *p = r->pool[i];
		struct runtime_memory m = {.what = p->mp->name,
			.count = p->size,
			.used = rte_mempool_in_use_count(p->mp),
			.bytes = pool_bytes(p)};

		fn(ctx, &m);
	}
}

void runtime_memory(const struct weir *w, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx)
{
	const struct runtime *r = runtime_of(w);
	struct runtime_memory m = {0};
	struct route_totals routes;

	show_pools(r, fn, ctx);
	/* What the pools' sizes were computed from has no bytes of its own. */
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
