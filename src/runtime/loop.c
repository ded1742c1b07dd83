/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worker loop: polls its queues, runs bursts to completion, takes what the control thread and other
 * workers sent, and reports a quiescent state each round. It sleeps only when polling is adaptive and nothing
 * came for a while.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_pause.h>
#include <rte_random.h>

#include "runtime/priv.h"

#define SPIN_POLLS 2000 /* idle polls before the first sleep */
#define SLEEP_MIN_NS 20000
#define SLEEP_MAX_NS 200000 /* what the first packet after a pause may wait */

/* --- clock --- */

static uint64_t clock_base, clock_mult; /* ns per TSC cycle in 32.32 */

void runtime_clock_init(void)
{
	clock_mult = (UINT64_C(1000000000) << 32) / rte_get_tsc_hz();
	clock_base = rte_rdtsc();
}

static inline uint64_t to_ns(uint64_t tsc)
{
	return (uint64_t)(((__uint128_t)(tsc - clock_base) * clock_mult) >> 32) + 1;
}

uint64_t runtime_clock(void)
{
	return to_ns(rte_rdtsc());
}

/* --- one round --- */

static unsigned poll_queues(struct poller *p, const struct generation *g, uint64_t now)
{
	struct burst *b = &p->worker->burst;
	unsigned total = 0;

	for (unsigned i = 0; i < p->rx_count; i++) {
		uint16_t n = rte_eth_rx_burst(p->rx[i].port, p->rx[i].queue, b->pkt, BURST_SIZE);

		if (n == 0)
			continue;
		worker_receive(p->worker, g, p->rx[i].port, b->pkt, n, now);
		total += n;
	}
	return total;
}

static unsigned round_once(struct poller *p, uint64_t now)
{
	const struct generation *g = weir_generation(p->weir);
	unsigned n = poll_queues(p, g, now);

	n += worker_drain(p->worker, g, now);
	for (unsigned i = 0; i < p->tx_count; i++)
		n += shared_tx_drain(p->tx[i], p->worker);
	return n;
}

/* Away from the generation while asleep: the control thread does not wait for sleepers. */
static void rest(struct poller *p, struct rte_rcu_qsbr *qsbr, unsigned idle)
{
	unsigned steps = (idle - SPIN_POLLS) / 8;
	struct timespec ts = {.tv_nsec = SLEEP_MIN_NS << RTE_MIN(steps, 4u)};

	if (ts.tv_nsec > SLEEP_MAX_NS)
		ts.tv_nsec = SLEEP_MAX_NS;
	rte_rcu_qsbr_thread_offline(qsbr, p->worker->id);
	nanosleep(&ts, NULL);
	rte_rcu_qsbr_thread_online(qsbr, p->worker->id);
}

static void account(struct poller *p, unsigned work, uint64_t cycles)
{
	p->polls++;
	if (work != 0) {
		p->busy_cycles += cycles;
	} else {
		p->idle_polls++;
		p->idle_cycles += cycles;
	}
}

static int poller_main(void *arg)
{
	struct poller *p = arg;
	struct runtime *r = runtime_of(p->weir);
	struct rte_rcu_qsbr *qsbr = p->weir->qsbr;
	uint64_t last = rte_rdtsc();
	unsigned idle = 0;

	rte_rcu_qsbr_thread_register(qsbr, p->worker->id);
	rte_rcu_qsbr_thread_online(qsbr, p->worker->id);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		unsigned work = round_once(p, to_ns(last));
		uint64_t tsc = rte_rdtsc();

		account(p, work, tsc - last);
		last = tsc;
		rte_rcu_qsbr_quiescent(qsbr, p->worker->id);
		idle = work != 0 ? 0 : idle + 1;
		if (idle == 0)
			continue;
		rte_pause();
		if (p->polling == POLLING_ADAPTIVE && idle > SPIN_POLLS) {
			rest(p, qsbr, idle);
			last = rte_rdtsc();
		}
	}
	rte_rcu_qsbr_thread_offline(qsbr, p->worker->id);
	rte_rcu_qsbr_thread_unregister(qsbr, p->worker->id);
	return 0;
}

/* --- who polls what --- */

static void assign_queues(struct runtime *r)
{
	unsigned next = 0;

	for (unsigned i = 0; i < PORT_MAX; i++) {
		const struct port *p = &r->port[i];

		for (uint16_t q = 0; p->used && q < p->rx_queues; q++) {
			struct poller *k = r->poller[next++ % r->set.workers];

			if (k->rx_count < RTE_DIM(k->rx))
				k->rx[k->rx_count++] = (struct rx_queue){.port = p->id, .queue = q};
		}
		for (uint16_t q = 0; p->used && q < p->tx_queues; q++)
			if (p->shared[q].ring != NULL)
				r->poller[q]->tx[r->poller[q]->tx_count++] = &r->port[i].shared[q];
	}
}

int pollers_create(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < r->set.workers; i++) {
		struct worker *w = r->weir->worker[i];
		struct poller *p = rte_zmalloc("weir_poller", sizeof *p, RTE_CACHE_LINE_SIZE);

		if (p == NULL)
			return err_set(e, ENOMEM, "not enough DPDK memory for worker %u", i);
		w->lcore = i + 1;
		w->socket = rte_lcore_to_socket_id(i + 1);
		w->random = rte_rand() | 1;
		*p = (struct poller){.weir = r->weir,
			.worker = w,
			/* Two spinning threads on one CPU only take turns at being late. */
			.polling = r->set.oversubscribed ? POLLING_ADAPTIVE : r->set.polling};
		r->poller[i] = p;
	}
	assign_queues(r);
	return 0;
}

int pollers_start(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < r->set.workers; i++) {
		int rc = rte_eal_remote_launch(poller_main, r->poller[i], i + 1);

		if (rc != 0)
			return err_set(e, -rc, "worker %u could not be started on lcore %u: %s", i, i + 1,
				strerror(-rc));
	}
	return 0;
}

void pollers_stop(struct runtime *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < r->set.workers; i++)
		if (r->poller[i] != NULL)
			rte_eal_wait_lcore(i + 1);
}

void pollers_free(struct runtime *r)
{
	for (unsigned i = 0; i < WORKER_MAX; i++) {
		rte_free(r->poller[i]);
		r->poller[i] = NULL;
	}
}
