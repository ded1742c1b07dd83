/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The worker loop: polls its queues, runs bursts to completion, takes what the control thread and other
 * workers sent, and reports a quiescent state each round. Plans are taken over between rounds.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>

#include "base/log.h"
#include "runtime/priv.h"

#define DRAINS 4 /* bursts from the inbox in one round: what other workers hand over must not pile up */

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

	for (unsigned i = 0; i < p->now.rx_count; i++) {
		const struct rx_queue *q = &p->now.rx[i];
		uint16_t n = rte_eth_rx_burst(q->id, q->queue, b->pkt, BURST_SIZE);

		if (n == 0)
			continue;
		worker_receive(p->worker, g, q->port, b->pkt, n, now);
		total += n;
	}
	return total;
}

static unsigned drain(struct poller *p, const struct generation *g, uint64_t now)
{
	unsigned total = 0, n;

	for (unsigned i = 0; i < DRAINS; i++) {
		n = worker_drain(p->worker, g, now);
		total += n;
		if (n < BURST_SIZE)
			break;
	}
	return total;
}

static void wake_others(struct poller *p)
{
	const struct runtime *r = runtime_of(p->weir);

	BURST_EACH (i, p->worker->wake)
		poller_wake(r->poller[i]);
	if (p->worker->wake_twins != 0 && p->weir->wake_twins != NULL)
		p->weir->wake_twins(p->weir);
	p->worker->wake = p->worker->wake_twins = 0;
}

/* Returns the work found; the part that came from queues in *received. */
static unsigned round_once(struct poller *p, uint64_t now, unsigned *received)
{
	const struct generation *g = weir_generation(p->weir);
	unsigned n = *received = poll_queues(p, g, now);

	n += drain(p, g, now); /* begins with what is urgent */
	for (unsigned i = 0; i < p->now.tx_count; i++)
		n += shared_tx_drain(p->now.tx[i], p->worker);
	if ((p->worker->wake | p->worker->wake_twins) != 0)
		wake_others(p);
	return n;
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

/* --- the thread --- */

static void pin(struct poller *p, int cpu)
{
	rte_cpuset_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	p->cpu = cpu;
	if (rte_thread_set_affinity(&set) != 0)
		log_warning(
			"worker %u could not be moved to CPU %d: %s", p->worker->id, cpu, strerror(errno));
}

/* Interrupts of queues that go are switched off by the control thread. */
static void take_over(struct poller *p, const struct plan *plan)
{
	if (p->armed)
		poller_busy(p, 0);
	if (plan->cpu != p->cpu)
		pin(p, plan->cpu);
	p->now = *plan;
	p->worker->socket = plan->socket;
	p->worker->pool = plan->pool;
	ways_adopt(p);
	p->idle = p->missed = 0;
	__atomic_store_n(&p->deaf, false, __ATOMIC_RELAXED);
}

/* Nobody gives us packets any more; what is left goes its way. */
static void finish(struct poller *p)
{
	unsigned received;

	p->now.rx_count = 0;
	while (round_once(p, runtime_clock(), &received) != 0)
		rte_rcu_qsbr_quiescent(p->weir->qsbr, p->worker->id);
}

static void run(struct poller *p)
{
	struct rte_rcu_qsbr *qsbr = p->weir->qsbr;
	const struct plan *plan;
	uint64_t last = rte_rdtsc();

	while ((plan = __atomic_load_n(&p->plan, __ATOMIC_ACQUIRE)) != NULL) {
		unsigned received, work;
		uint64_t tsc;

		if (__builtin_expect(plan->serial != p->now.serial, 0))
			take_over(p, plan);
		work = round_once(p, to_ns(last), &received);
		tsc = rte_rdtsc();
		account(p, work, tsc - last);
		last = tsc;
		rte_rcu_qsbr_quiescent(qsbr, p->worker->id);
		if (work != 0)
			poller_busy(p, received);
		else if (poller_idle(p))
			last = rte_rdtsc();
	}
}

int poller_main(void *arg)
{
	struct poller *p = arg;
	struct rte_rcu_qsbr *qsbr = p->weir->qsbr;

	p->now = (struct plan){.serial = 0};
	p->cpu = -1;
	rte_rcu_qsbr_thread_register(qsbr, p->worker->id);
	rte_rcu_qsbr_thread_online(qsbr, p->worker->id);
	run(p);
	finish(p);
	rte_rcu_qsbr_thread_offline(qsbr, p->worker->id);
	rte_rcu_qsbr_thread_unregister(qsbr, p->worker->id);
	return 0;
}
