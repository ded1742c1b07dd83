/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker does when there is nothing to do. `busy` spins for ever. `adaptive` spins, then pauses, then
 * sleeps until a receive interrupt where every queue of the worker has one, else for a short time that grows;
 * `interrupt` does the same almost at once. Whatever comes from other threads wakes it through an eventfd.
 *
 * Sleeping and waking: the worker says that it sleeps, then looks once more; who gives it something looks
 * whether it sleeps afterwards. Both have a full fence between, so one of them sees the other.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_pause.h>

#include "runtime/priv.h"

#define SPIN_POLLS 1000 /* adaptive: idle polls at full speed, */
#define CALM_POLLS 1000 /* then this many with pauses, before the first sleep */
#define SOON_POLLS 64   /* interrupt: idle polls before the first sleep */
#define CALM_PAUSES 8
#define SLEEP_MIN_NS 20000
#define SLEEP_MAX_NS 200000       /* adaptive: what the first packet after a pause may wait */
#define SLEEP_MAX_LAZY_NS 1000000 /* interrupt, on devices that have none */
#define ARMED_MS 50               /* longest sleep with interrupts: they may be lost */
#define NOTHING_NS 50000000       /* a worker without queues waits for others only */
#define MISSED_MAX 4

static unsigned polls_before_sleep(const struct poller *p)
{
	return p->now.polling == POLLING_ADAPTIVE ? SPIN_POLLS + CALM_POLLS : SOON_POLLS;
}

/* --- receive interrupts --- */

static void disarm(struct poller *p, unsigned queues)
{
	for (unsigned i = 0; i < queues; i++)
		rte_eth_dev_rx_intr_disable(p->now.rx[i].id, p->now.rx[i].queue);
	p->armed = false;
}

/* Packets that came before are not announced: the caller polls once more before it sleeps. */
static bool arm(struct poller *p)
{
	for (unsigned i = 0; i < p->now.rx_count; i++)
		if (rte_eth_dev_rx_intr_enable(p->now.rx[i].id, p->now.rx[i].queue) != 0) {
			disarm(p, i);
			__atomic_store_n(&p->deaf, true, __ATOMIC_RELAXED);
			return false;
		}
	p->armed = true;
	return true;
}

static bool may_arm(const struct poller *p)
{
	return p->now.interrupts && p->now.rx_count != 0 && !__atomic_load_n(&p->deaf, __ATOMIC_RELAXED);
}

/* Takes what woke us out of the descriptors; does not wait. */
static void clear_events(struct poller *p)
{
	struct rte_epoll_event ev[16];

	while (rte_epoll_wait(p->epoll_fd, ev, RTE_DIM(ev), 0) == RTE_DIM(ev))
		;
}

/* --- sleeping --- */

/* Another thread gave us something, or the plan changed. */
static bool called(const struct poller *p)
{
	const struct plan *plan = __atomic_load_n(&p->plan, __ATOMIC_ACQUIRE);

	if (plan == NULL || plan->serial != p->now.serial || !rte_ring_empty(p->worker->inbox) ||
		!rte_ring_empty(p->worker->urgent) || !rte_ring_empty(p->worker->arrivals))
		return true;
	for (unsigned i = 0; i < p->now.tx_count; i++)
		if (!rte_ring_empty(p->now.tx[i]->ring))
			return true;
	return false;
}

static uint64_t short_sleep(const struct poller *p)
{
	unsigned steps = (p->idle - polls_before_sleep(p)) / 8;
	uint64_t max = p->now.polling == POLLING_INTERRUPT ? SLEEP_MAX_LAZY_NS : SLEEP_MAX_NS;

	if (p->now.rx_count == 0)
		return NOTHING_NS;
	steps = RTE_MIN(steps, 8u);
	return RTE_MIN((uint64_t)SLEEP_MIN_NS << steps, max);
}

/* Our own eventfd is the one without a pointer. */
static enum woken who_woke(const struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr != NULL)
			return WOKEN_BY_QUEUE;
	return n == 0 ? WOKEN_BY_TIME : WOKEN_BY_OTHERS;
}

/* The generation is not ours meanwhile: the control thread does not wait for sleepers. Nothing of a port may
 * be touched either, it may be gone when we wake. */
static void sleep_now(struct poller *p)
{
	struct epoll_event ev[16];
	struct pollfd wake = {.fd = p->wake_fd, .events = POLLIN};
	struct timespec ts = {.tv_nsec = (long)short_sleep(p)};
	struct rte_rcu_qsbr *qsbr = p->weir->qsbr;

	rte_rcu_qsbr_thread_offline(qsbr, p->worker->id);
	if (p->armed)
		p->woken = who_woke(ev, epoll_wait(p->epoll_fd, ev, RTE_DIM(ev), ARMED_MS));
	else
		ppoll(&wake, 1, &ts, NULL);
	rte_rcu_qsbr_thread_online(qsbr, p->worker->id);
}

static void rest(struct poller *p)
{
	uint64_t start = rte_rdtsc(), ignored;
	const struct plan *plan;

	__atomic_store_n(&p->asleep, true, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!called(p))
		sleep_now(p);
	__atomic_store_n(&p->asleep, false, __ATOMIC_RELEASE);
	while (read(p->wake_fd, &ignored, sizeof ignored) < 0 && errno == EINTR)
		;
	plan = __atomic_load_n(&p->plan, __ATOMIC_ACQUIRE);
	if (p->armed && plan != NULL && plan->serial == p->now.serial) {
		clear_events(p);
		disarm(p, p->now.rx_count);
	}
	p->armed = false; /* of queues that are no longer ours, the control thread took care */
	p->sleeps++;
	p->sleep_cycles += rte_rdtsc() - start;
}

void poller_wake(struct poller *p)
{
	const uint64_t one = 1;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&p->asleep, __ATOMIC_RELAXED))
		while (write(p->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
			;
}

/* --- states of the loop --- */

bool poller_idle(struct poller *p)
{
	unsigned before = polls_before_sleep(p);

	p->woken = WOKEN_BY_OTHERS;
	p->idle++;
	if (p->now.polling == POLLING_BUSY || p->idle <= RTE_MIN(before, (unsigned)SPIN_POLLS)) {
		rte_pause();
		return false;
	}
	if (p->idle <= before) {
		for (unsigned i = 0; i < CALM_PAUSES; i++)
			rte_pause();
		return false;
	}
	if (may_arm(p) && !p->armed && arm(p))
		return false;
	rest(p);
	return true;
}

/* Some devices accept everything and never interrupt: packets are then found only when the time is over. */
static void note_missed(struct poller *p, unsigned received)
{
	if (p->woken == WOKEN_BY_TIME && received != 0)
		p->missed++;
	else if (p->woken == WOKEN_BY_QUEUE)
		p->missed = 0;
	p->woken = WOKEN_BY_OTHERS;
	if (p->missed >= MISSED_MAX)
		__atomic_store_n(&p->deaf, true, __ATOMIC_RELAXED);
}

void poller_busy(struct poller *p, unsigned received)
{
	note_missed(p, received);
	if (p->armed)
		disarm(p, p->now.rx_count);
	p->idle = 0;
}
