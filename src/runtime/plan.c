/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who polls what: a pure function of ports, queues and the number of workers, so the same configuration
 * always gives the same plan.
 */
#include <stdlib.h>

#include "runtime/priv.h"

/* A port with a queue for every worker gives worker i its queue i, as its RSS table does. Queues of ports
 * with fewer are dealt out one after the other over all ports. */
unsigned plan_queue_worker(const struct runtime *r, const struct port *p, uint16_t queue)
{
	unsigned before = 0;

	if (p->rx_queues >= r->set.workers)
		return queue % r->set.workers;
	for (unsigned i = 0; i < p->slot; i++)
		if (r->port[i].used && r->port[i].rx_queues < r->set.workers)
			before += r->port[i].rx_queues;
	return (before + queue) % r->set.workers;
}

static void add_queues(const struct runtime *r, const struct port *p, unsigned id, struct plan *plan)
{
	for (uint16_t q = 0; q < p->rx_queues; q++) {
		if (plan_queue_worker(r, p, q) != id || plan->rx_count == RX_QUEUES_MAX)
			continue;
		plan->rx[plan->rx_count++] = (struct rx_queue){.id = p->id, .queue = q, .port = p->slot};
		plan->interrupts &= p->interrupts;
	}
}

/* The owner of transmit queue q is worker q. */
static void add_way(const struct runtime *r, const struct port *p, unsigned id, struct plan *plan)
{
	struct way *way = &plan->way[p->slot];
	bool few = p->tx_queues < r->set.workers;

	*way = (struct way){.port = p, .queue = (uint16_t)(id % p->tx_queues)};
	if (id >= p->tx_queues)
		way->shared = (struct shared_tx *)&p->shared[way->queue];
	else if (few)
		plan->tx[plan->tx_count++] = (struct shared_tx *)&p->shared[id];
}

struct plan *plan_build(const struct runtime *r, unsigned id)
{
	static uint64_t serial;
	struct plan *plan = calloc(1, sizeof *plan);

	if (plan == NULL)
		return NULL;
	plan->serial = ++serial;
	plan->interrupts = true;
	plan->polling = r->set.polling[id];
	/* Two spinning threads on one CPU only take turns at being late. */
	if (plan->polling == POLLING_BUSY && r->set.shared_cpu[id])
		plan->polling = POLLING_ADAPTIVE;
	for (unsigned i = 0; i < PORT_MAX; i++) {
		if (!r->port[i].used)
			continue;
		add_queues(r, &r->port[i], id, plan);
		add_way(r, &r->port[i], id, plan);
	}
	return plan;
}
