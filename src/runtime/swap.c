/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From one layout to another without losing or reordering packets: queues that change hands are left alone by
 * their old worker, everything that came from them goes its way to the end, the generation is published, and
 * only then their new worker begins. Meanwhile their packets wait in the device. Queues that stay where they
 * are, are polled all the time.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_lcore.h>

#include "base/log.h"
#include "runtime/change.h"

#define RING_WAIT_NS UINT64_C(2000000000) /* a worker that does not empty a ring that long is broken */

/* --- waiting --- */

static bool ring_passed(const struct rte_ring *ring, uint32_t mark)
{
	return (int32_t)(__atomic_load_n(&ring->cons.tail, __ATOMIC_ACQUIRE) - mark) >= 0;
}

/* Until what is in the ring now has been taken out. */
static void wait_for_ring(struct poller *owner, const struct rte_ring *ring)
{
	uint32_t mark = __atomic_load_n(&ring->prod.tail, __ATOMIC_ACQUIRE);
	uint64_t end = runtime_clock() + RING_WAIT_NS;

	while (!ring_passed(ring, mark)) {
		poller_wake(owner);
		sched_yield();
		if (runtime_clock() < end)
			continue;
		log_error("worker %u does not take what others handed it", owner->worker->id);
		return;
	}
}

/* Until the packets that workers have now have left or ended. What one hands another is handed on once more.
 */
static void wait_for_packets(struct runtime *r, const struct change *c)
{
	for (unsigned round = 0; round < 2; round++) {
		weir_synchronize(r->weir);
		for (unsigned i = 0; i < c->workers; i++) {
			wait_for_ring(r->poller[i], r->weir->worker[i]->urgent);
			wait_for_ring(r->poller[i], r->weir->worker[i]->inbox);
		}
	}
	weir_synchronize(r->weir);
	for (unsigned i = 0; i < c->workers; i++)
		for (unsigned k = 0; k < r->poller[i]->plan->tx_count; k++)
			wait_for_ring(r->poller[i], r->poller[i]->plan->tx[k]->ring);
	weir_synchronize(r->weir);
}

/* --- ports that stop --- */

static void remember(struct runtime *r, struct change *c)
{
	for (unsigned i = 0; i < c->workers; i++)
		if (c->plans[i].before == NULL)
			c->plans[i].before = r->poller[i]->plan;
}

void swap_pause(struct runtime *r, struct change *c)
{
	remember(r, c);
	c->paused = true;
	for (unsigned i = 0; i < c->workers; i++) {
		struct plan *pause = c->plans[i].pause;

		plan_between(pause, c->plans[i].before, c->plans[i].before, false);
		for (unsigned k = 0; k < PORT_MAX; k++)
			if (c->kind[k] == PORT_RESTART)
				plan_without(pause, r->now.port[k]);
		poller_give(r->poller[i], pause);
	}
	wait_for_packets(r, c);
	for (unsigned i = 0; i < c->workers; i++)
		poller_unlisten(r->poller[i], c->plans[i].before, c->plans[i].pause);
}

void swap_resume(struct runtime *r, struct change *c)
{
	for (unsigned i = 0; i < c->workers; i++) {
		struct plan *back = c->plans[i].final;

		plan_fill(back, r, &r->now, i);
		poller_listen(r->poller[i], c->plans[i].pause, back);
		poller_give(r->poller[i], back);
		c->plans[i].final = NULL; /* it runs */
	}
	weir_synchronize(r->weir);
	for (unsigned i = 0; i < c->workers; i++)
		free((void *)(uintptr_t)c->plans[i].before);
}

/* --- everything --- */

static bool keeps_flows(const struct generation *g)
{
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL && (g->iface[i]->in & STAGE_BIT(STAGE_SHARD)) != 0)
			return true;
	return false;
}

void swap_begin(struct runtime *r, struct change *c, const struct generation *next)
{
	bool resize = c->next.set.workers != r->weir->shard.workers;
	/* Any flow may get another owner: nobody receives until the old owners are done. */
	bool none = resize && (keeps_flows(r->weir->gen) || keeps_flows(next));

	remember(r, c);
	for (unsigned i = 0; i < c->workers; i++) {
		struct plans *p = &c->plans[i];

		plan_fill(p->final, r, &c->next, i);
		plan_between(p->between, r->poller[i]->plan, p->final, none);
		poller_give(r->poller[i], p->between);
	}
	wait_for_packets(r, c);
	for (unsigned i = 0; i < c->workers; i++)
		poller_unlisten(r->poller[i], c->paused ? c->plans[i].pause : c->plans[i].before,
			c->plans[i].between);
	if (resize)
		shard_map_fill(&r->weir->shard, r->weir->worker, c->next.set.workers);
}

/* Nobody gives them anything any more, and they have nothing. */
static void retire_workers(struct runtime *r, const struct change *c)
{
	for (unsigned i = c->next.set.workers; i < c->workers; i++)
		poller_tell_end(r->poller[i]);
	for (unsigned i = c->next.set.workers; i < c->workers; i++)
		poller_wait_end(r->poller[i]);
}

/* What new devices receive must find everything else in place. */
static void fill_last(struct runtime *r, struct change *c, unsigned id)
{
	struct plans *p = &c->plans[id];

	plan_fill(p->final, r, &c->next, id);
	plan_fill(p->early, r, &c->next, id);
	PORT_EACH(port, &c->next)
	if (c->kind[port->slot] == PORT_ADD)
		plan_deafen(p->early, port);
}

static void give_early(struct runtime *r, struct change *c)
{
	struct err e = {0};

	for (unsigned i = 0; i < c->next.set.workers; i++) {
		struct plans *p = &c->plans[i];
		bool runs = i < c->workers;

		fill_last(r, c, i);
		poller_listen(r->poller[i], runs ? p->between : NULL, p->early);
		if (runs)
			poller_give(r->poller[i], p->early);
		else if (poller_launch(r, i, p->early, &e) != 0)
			log_error("%s", e.text);
	}
}

void swap_open(struct runtime *r, struct change *c)
{
	for (unsigned i = 0; i < c->next.set.workers; i++) {
		struct plans *p = &c->plans[i];

		poller_listen(r->poller[i], p->early, p->final);
		poller_give(r->poller[i], p->final);
		p->final = NULL; /* it runs */
	}
	weir_synchronize(r->weir);
}

static void place_control(const struct settings *now, const struct settings *next)
{
	rte_cpuset_t set;

	if (now->main_cpu == next->main_cpu)
		return;
	CPU_ZERO(&set);
	CPU_SET(next->main_cpu, &set);
	if (rte_thread_set_affinity(&set) != 0)
		log_warning("the control thread could not be moved to CPU %d", next->main_cpu);
}

void swap_finish(struct runtime *r, struct change *c)
{
	wait_for_packets(r, c); /* workers see the new generation; what the old one sent is out */
	retire_workers(r, c);
	for (unsigned s = 0; s < RTE_MAX_NUMA_NODES; s++)
		r->weir->pool[s] = memory_pool_for(r, s);
	give_early(r, c);
	weir_synchronize(r->weir);
	for (unsigned i = 0; i < c->workers; i++)
		free((void *)(uintptr_t)c->plans[i].before);
	place_control(&r->now.set, &c->next.set);
}

void runtime_stop(struct runtime *r)
{
	const struct plan *last[WORKER_MAX] = {NULL};

	/* All stop receiving before one of them is waited for: what they hand each other comes to an end. */
	for (unsigned i = 0; i < WORKER_MAX; i++) {
		struct poller *p = r->poller[i];

		if (p == NULL || !p->running)
			continue;
		last[i] = p->plan;
		poller_tell_end(p);
	}
	for (unsigned i = 0; i < WORKER_MAX; i++)
		if (last[i] != NULL) {
			poller_wait_end(r->poller[i]);
			poller_unlisten(r->poller[i], last[i], &(struct plan){.serial = 0});
			free((void *)(uintptr_t)last[i]);
		}
	PORT_EACH(p, &r->now)
	{
		port_close(r, p);
		shared_tx_free(p);
	}
	layout_free(&r->now, NULL);
}
