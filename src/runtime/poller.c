/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of the workers' threads, and what is known about how busy they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_epoll.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "base/log.h"
#include "runtime/priv.h"

/* --- creation --- */

static int open_descriptors(struct poller *p)
{
	struct epoll_event ev = {.events = EPOLLIN}; /* no pointer: not one of DPDK's */

	p->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->wake_fd < 0 || p->epoll_fd < 0)
		return -errno;
	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, p->wake_fd, &ev) == 0 ? 0 : -errno;
}

static void close_descriptors(struct poller *p)
{
	if (p->wake_fd >= 0)
		close(p->wake_fd);
	if (p->epoll_fd >= 0)
		close(p->epoll_fd);
}

static void wake_worker(struct weir *w, unsigned worker)
{
	poller_wake(runtime_of(w)->poller[worker]);
}

int poller_create(struct runtime *r, unsigned id, struct err *e)
{
	struct worker *w = r->weir->worker[id];
	struct poller *p = rte_zmalloc("weir_poller", sizeof *p, RTE_CACHE_LINE_SIZE);

	if (p == NULL)
		return err_set(e, ENOMEM, "not enough DPDK memory for worker %u", id);
	p->weir = r->weir;
	p->worker = w;
	p->wake_fd = p->epoll_fd = -1;
	p->cpu = p->told_polling = -1;
	if (open_descriptors(p) != 0) {
		err_set(e, errno, "no descriptors to wake worker %u with: %s", id, strerror(errno));
		close_descriptors(p);
		rte_free(p);
		return -e->code;
	}
	w->lcore = id + 1;
	w->random = rte_rand() | 1;
	r->poller[id] = p;
	r->weir->wake = wake_worker;
	return 0;
}

void pollers_free(struct runtime *r)
{
	for (unsigned i = 0; i < WORKER_MAX; i++) {
		if (r->poller[i] == NULL)
			continue;
		close_descriptors(r->poller[i]);
		rte_free(r->poller[i]);
		r->poller[i] = NULL;
	}
}

/* --- receive interrupts --- */

static bool has_queue(const struct plan *plan, const struct rx_queue *q)
{
	for (unsigned i = 0; plan != NULL && i < plan->rx_count; i++)
		if (plan->rx[i].id == q->id && plan->rx[i].queue == q->queue)
			return true;
	return false;
}

void poller_listen(struct poller *p, const struct plan *from, const struct plan *to)
{
	for (unsigned i = 0; i < to->rx_count; i++) {
		const struct rx_queue *q = &to->rx[i];

		if (q->interrupt && !has_queue(from, q) &&
			rte_eth_dev_rx_intr_ctl_q(q->id, q->queue, p->epoll_fd, RTE_INTR_EVENT_ADD, NULL) !=
				0)
			__atomic_store_n(&p->deaf, true, __ATOMIC_RELAXED);
	}
}

void poller_unlisten(struct poller *p, const struct plan *from, const struct plan *to)
{
	for (unsigned i = 0; from != NULL && i < from->rx_count; i++) {
		const struct rx_queue *q = &from->rx[i];

		if (!q->interrupt || has_queue(to, q))
			continue;
		rte_eth_dev_rx_intr_disable(q->id, q->queue);
		rte_eth_dev_rx_intr_ctl_q(q->id, q->queue, p->epoll_fd, RTE_INTR_EVENT_DEL, NULL);
	}
}

/* What differs from the operator's wish is told once. */
void poller_tell(struct runtime *r, unsigned id)
{
	struct poller *p = r->poller[id];
	const struct plan *plan = p->plan;

	if (p->told_polling == (int)r->now.set.polling[id])
		return;
	p->told_polling = (int)r->now.set.polling[id];
	if (r->now.set.polling[id] != plan->polling)
		log_notice("worker %u: CPU %d runs other threads of weir as well; it polls adaptively, not "
			   "busily",
			id, plan->cpu);
	if (plan->polling != POLLING_INTERRUPT)
		return;
	for (unsigned i = 0; i < plan->rx_count; i++) {
		const struct port *port = r->now.port[plan->rx[i].port];

		if (plan->rx[i].interrupt)
			continue;
		log_notice("worker %u: port '%s' (%s) has no receive interrupts; it sleeps for up to a "
			   "millisecond at a time instead",
			id, port->wish.name, port->driver);
		return;
	}
}

/* --- threads --- */

int poller_launch(struct runtime *r, unsigned id, const struct plan *plan, struct err *e)
{
	struct poller *p = r->poller[id];
	int rc;

	__atomic_store_n(&p->plan, plan, __ATOMIC_RELEASE);
	rc = rte_eal_remote_launch(poller_main, p, p->worker->lcore);
	if (rc != 0)
		return err_set(e, -rc, "worker %u could not be started on lcore %u: %s", id, p->worker->lcore,
			strerror(-rc));
	p->running = true;
	return 0;
}

void poller_give(struct poller *p, const struct plan *plan)
{
	__atomic_store_n(&p->plan, plan, __ATOMIC_RELEASE);
	poller_wake(p);
}

void poller_tell_end(struct poller *p)
{
	poller_give(p, NULL);
}

void poller_wait_end(struct poller *p)
{
	if (p->running)
		rte_eal_wait_lcore(p->worker->lcore);
	p->running = false;
}

/* --- load --- */

static struct load_sample sample_of(const struct poller *p)
{
	return (struct load_sample){.busy = p->busy_cycles,
		.all = p->busy_cycles + p->idle_cycles + p->sleep_cycles,
		.tsc = rte_rdtsc()};
}

void pollers_watch(struct runtime *r)
{
	for (unsigned i = 0; i < WORKER_MAX; i++) {
		struct poller *p = r->poller[i];

		if (p == NULL)
			continue;
		if (rte_rdtsc() - p->sample[1].tsc >= rte_get_tsc_hz()) {
			p->sample[0] = p->sample[1];
			p->sample[1] = sample_of(p);
		}
		if (!p->told_deaf && __atomic_load_n(&p->deaf, __ATOMIC_RELAXED)) {
			p->told_deaf = true;
			log_warning("worker %u: receive interrupts of its ports do not come; it sleeps "
				    "briefly instead",
				i);
		}
	}
}

double poller_load(const struct poller *p)
{
	struct load_sample now = sample_of(p);
	uint64_t all = now.all - p->sample[0].all;

	return all != 0 ? (double)(now.busy - p->sample[0].busy) / (double)all : 0;
}

const char *poller_rest_word(const struct poller *p)
{
	const struct plan *plan = p->plan;

	if (plan == NULL || plan->polling == POLLING_BUSY)
		return "spin";
	if (plan->rx_count == 0)
		return "wait";
	return plan->interrupts && !__atomic_load_n(&p->deaf, __ATOMIC_RELAXED) ? "rx-interrupt" : "sleep";
}
