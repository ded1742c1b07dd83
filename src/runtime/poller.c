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

static int create_poller(struct runtime *r, unsigned id, struct err *e)
{
	struct worker *w = r->weir->worker[id];
	struct poller *p = rte_zmalloc("weir_poller", sizeof *p, RTE_CACHE_LINE_SIZE);

	if (p == NULL)
		return err_set(e, ENOMEM, "not enough DPDK memory for worker %u", id);
	r->poller[id] = p;
	p->weir = r->weir;
	p->worker = w;
	p->wake_fd = p->epoll_fd = -1;
	if (open_descriptors(p) != 0)
		return err_set(e, errno, "no descriptors to wake worker %u with: %s", id, strerror(errno));
	w->lcore = id + 1;
	w->random = rte_rand() | 1;
	return 0;
}

static void place(struct runtime *r, unsigned id)
{
	struct poller *p = r->poller[id];

	p->cpu = r->set.worker_cpu[id];
	p->worker->socket = (unsigned)cpu_socket(p->cpu);
	p->worker->pool = r->weir->pool[p->worker->socket];
}

static void wake_worker(struct weir *w, unsigned worker)
{
	poller_wake(runtime_of(w)->poller[worker]);
}

int pollers_create(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < r->set.workers; i++) {
		if (create_poller(r, i, e) != 0)
			return -e->code;
		place(r, i);
		r->poller[i]->plan = plan_build(r, i);
		if (r->poller[i]->plan == NULL)
			return err_set(e, ENOMEM, "not enough memory for the plan of worker %u", i);
	}
	r->weir->wake = wake_worker;
	return 0;
}

/* --- receive interrupts --- */

static void listen_to(struct poller *p, const struct plan *plan, int op)
{
	for (unsigned i = 0; i < plan->rx_count && plan->interrupts; i++)
		if (rte_eth_dev_rx_intr_ctl_q(plan->rx[i].id, plan->rx[i].queue, p->epoll_fd, op, NULL) != 0)
			__atomic_store_n(&p->deaf, true, __ATOMIC_RELAXED);
}

/* What differs from the operator's wish is told once. */
static void tell_polling(const struct runtime *r, unsigned id)
{
	const struct poller *p = r->poller[id];

	if (r->set.polling[id] != p->plan->polling)
		log_notice("worker %u: CPU %d runs other threads of weir as well; it polls adaptively, not "
			   "busily",
			id, p->cpu);
	if (r->set.polling[id] != POLLING_INTERRUPT || p->plan->interrupts)
		return;
	for (unsigned i = 0; i < p->plan->rx_count; i++)
		if (!r->port[p->plan->rx[i].port].interrupts) {
			log_notice("worker %u: port '%s' (%s) has no receive interrupts; it sleeps for up to "
				   "a millisecond at a time instead",
				id, r->port[p->plan->rx[i].port].name, r->port[p->plan->rx[i].port].driver);
			return;
		}
}

/* --- threads --- */

int pollers_start(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < r->set.workers; i++) {
		int rc;

		listen_to(r->poller[i], r->poller[i]->plan, RTE_INTR_EVENT_ADD);
		tell_polling(r, i);
		rc = rte_eal_remote_launch(poller_main, r->poller[i], i + 1);
		if (rc != 0)
			return err_set(e, -rc, "worker %u could not be started on lcore %u: %s", i, i + 1,
				strerror(-rc));
		r->poller[i]->running = true;
	}
	return 0;
}

/* The thread runs what it still has and ends. */
static void tell_to_stop(struct poller *p)
{
	const struct plan *plan = p->plan;

	__atomic_store_n(&p->plan, NULL, __ATOMIC_RELEASE);
	if (p->running)
		poller_wake(p);
	if (plan != NULL)
		listen_to(p, plan, RTE_INTR_EVENT_DEL);
	p->last = plan;
}

static void wait_for_end(struct poller *p)
{
	if (p->running)
		rte_eal_wait_lcore(p->worker->lcore);
	p->running = false;
	free((void *)(uintptr_t)p->last);
	p->last = NULL;
}

/* All stop receiving before one of them is waited for: what they hand each other comes to an end. */
void pollers_stop(struct runtime *r)
{
	for (unsigned i = 0; i < WORKER_MAX; i++)
		if (r->poller[i] != NULL)
			tell_to_stop(r->poller[i]);
	for (unsigned i = 0; i < WORKER_MAX; i++)
		if (r->poller[i] != NULL)
			wait_for_end(r->poller[i]);
}

void pollers_free(struct runtime *r)
{
	for (unsigned i = 0; i < WORKER_MAX; i++) {
		struct poller *p = r->poller[i];

		if (p == NULL)
			continue;
		if (p->wake_fd >= 0)
			close(p->wake_fd);
		if (p->epoll_fd >= 0)
			close(p->epoll_fd);
		rte_free(p);
		r->poller[i] = NULL;
	}
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
