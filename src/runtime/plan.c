/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who polls what: a pure function of ports, queues and the number of workers, so the same configuration
 * always gives the same plan; and the plans on the way from one to another.
 */
#include <string.h>

#include "runtime/priv.h"

/* A port with a queue for every worker gives worker i its queue i, as its RSS table does. Queues of ports
 * with fewer are dealt out one after the other over all ports. */
unsigned plan_queue_worker(const struct layout *l, const struct port *p, uint16_t queue)
{
	unsigned before = 0;

	if (p->rx_queues >= l->set.workers)
		return queue % l->set.workers;
	PORT_EACH(q, l)
	if (q->slot < p->slot && q->rx_queues < l->set.workers)
		before += q->rx_queues;
	return (before + queue) % l->set.workers;
}

static void add_queues(const struct layout *l, const struct port *p, unsigned id, struct plan *plan)
{
	for (uint16_t q = 0; q < p->rx_queues; q++) {
		if (plan_queue_worker(l, p, q) != id || plan->rx_count == RX_QUEUES_MAX)
			continue;
		plan->rx[plan->rx_count++] = (struct rx_queue){
			.id = p->id, .queue = q, .port = p->slot, .interrupt = p->interrupts};
		plan->interrupts &= p->interrupts;
	}
}

/* The owner of transmit queue q is worker q. */
static void add_way(const struct layout *l, struct port *p, unsigned id, struct plan *plan)
{
	struct way *way = &plan->way[p->slot];

	*way = (struct way){.port = p, .queue = (uint16_t)(id % p->tx_queues)};
	if (id >= p->tx_queues)
		way->shared = &p->shared[way->queue];
	else if (p->tx_queues < l->set.workers)
		plan->tx[plan->tx_count++] = &p->shared[id];
}

static void begin(struct plan *plan)
{
	static uint64_t serial;

	memset(plan, 0, sizeof *plan);
	plan->serial = ++serial;
	plan->interrupts = true;
}

void plan_fill(struct plan *plan, const struct runtime *r, const struct layout *l, unsigned id)
{
	begin(plan);
	plan->polling = l->set.polling[id];
	/* Two spinning threads on one CPU only take turns at being late. */
	if (plan->polling == POLLING_BUSY && l->set.shared_cpu[id])
		plan->polling = POLLING_ADAPTIVE;
	plan->cpu = l->set.worker_cpu[id];
	plan->socket = (unsigned)cpu_socket(plan->cpu);
	plan->pool = memory_pool_for(r, plan->socket);
	PORT_EACH(p, l)
	{
		if (!p->started)
			continue;
		add_queues(l, p, id, plan);
		add_way(l, p, id, plan);
	}
}

static bool polls(const struct plan *plan, const struct rx_queue *q)
{
	for (unsigned i = 0; i < plan->rx_count; i++)
		if (plan->rx[i].id == q->id && plan->rx[i].queue == q->queue)
			return true;
	return false;
}

static void add_ring(struct plan *plan, struct shared_tx *t)
{
	for (unsigned i = 0; i < plan->tx_count; i++)
		if (plan->tx[i]->ring == t->ring)
			return;
	if (plan->tx_count < RTE_DIM(plan->tx))
		plan->tx[plan->tx_count++] = t;
}

void plan_between(struct plan *plan, const struct plan *from, const struct plan *to, bool none)
{
	uint64_t serial;

	begin(plan);
	serial = plan->serial;
	*plan = *to;
	plan->serial = serial;
	plan->cpu = from->cpu; /* moves with the last step */
	plan->rx_count = 0;
	for (unsigned i = 0; i < from->rx_count && !none; i++)
		if (polls(to, &from->rx[i]))
			plan->rx[plan->rx_count++] = from->rx[i];
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (to->way[i].port == NULL)
			plan->way[i] = from->way[i];
	for (unsigned i = 0; i < from->tx_count; i++)
		add_ring(plan, from->tx[i]);
}

void plan_deafen(struct plan *plan, const struct port *p)
{
	unsigned n = 0;

	for (unsigned i = 0; i < plan->rx_count; i++)
		if (plan->rx[i].port != p->slot)
			plan->rx[n++] = plan->rx[i];
	plan->rx_count = n;
}

void plan_without(struct plan *plan, const struct port *p)
{
	plan_deafen(plan, p);
	plan->way[p->slot] = (struct way){.port = NULL};
}
