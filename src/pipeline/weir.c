/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of an instance: creation, publication of generations, configuration, the control thread's turn.
 */
#include "pipeline/weir.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "base/log.h"
#include "base/reserve.h"
#include "pipeline/drop.h"

REASON_DEFINE(reason_inbox_full, REASON_ERROR, "inbox-full",
	"A packet from the control thread found every worker's inbox full.")
REASON_DEFINE(reason_punt_unhandled, REASON_DONE, "punt-unhandled",
	"The packet was for the control thread and nothing there takes this class.")
REASON_DEFINE(reason_shutdown, REASON_DONE, "shutdown", "The packet was still held when weir stopped.")

static struct feature *features;

void feature_register(struct feature *f)
{
	struct feature **at = &features;

	while (*at != NULL && (*at)->order <= f->order)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
}

void punt_handler_set(struct weir *w, enum punt_class why, punt_handler fn)
{
	w->punt[why] = fn;
}

/* --- grace periods --- */

void weir_defer(struct weir *w, void (*fn)(void *), void *arg)
{
	struct deferred *d;

	if (w->deferred_head - w->deferred_tail >= DEFER_MAX) {
		weir_synchronize(w); /* the ring is as deep as a large commit: waiting is the rare case */
		fn(arg);
		return;
	}
	d = &w->deferred[w->deferred_head++ % DEFER_MAX];
	*d = (struct deferred){.token = rte_rcu_qsbr_start(w->qsbr), .fn = fn, .arg = arg};
}

void weir_synchronize(struct weir *w)
{
	uint64_t token = rte_rcu_qsbr_start(w->qsbr);

	/* A worker may need this CPU to get there. */
	while (rte_rcu_qsbr_check(w->qsbr, token, false) != 1)
		sched_yield();
}

static unsigned run_deferred(struct weir *w)
{
	unsigned n = 0;

	while (w->deferred_tail != w->deferred_head) {
		struct deferred *d = &w->deferred[w->deferred_tail % DEFER_MAX];

		if (rte_rcu_qsbr_check(w->qsbr, d->token, false) != 1)
			break;
		w->deferred_tail++;
		d->fn(d->arg);
		n++;
	}
	return n;
}

/* --- publication and configuration --- */

static void free_generation(void *g)
{
	generation_free(g);
}

/* Makes `next` the running generation; the old one is still read by workers. */
static struct generation *swap_generation(struct weir *w, struct generation *next)
{
	struct generation *old = w->gen;

	next->nht = w->nht;
	next->shard = w->shard;
	memcpy(next->vrf, w->vrf, sizeof next->vrf);
	__atomic_store_n(&w->gen, next, __ATOMIC_RELEASE);
	return old;
}

void weir_publish(struct weir *w, struct generation *next)
{
	struct generation *old = swap_generation(w, next);

	if (old != NULL)
		weir_defer(w, free_generation, old);
}

static void abort_features(struct weir *w, const struct feature *last)
{
	for (struct feature *f = features; f != NULL; f = f->next) {
		if (f->abort != NULL)
			f->abort(w);
		if (f == last)
			break;
	}
}

int weir_prepare(struct weir *w, const struct node *cfg, struct err *e)
{
	struct generation *next = generation_clone(w->gen);

	if (next == NULL)
		return err_set(e, ENOMEM, "not enough memory for a new configuration; nothing was changed");
	for (struct feature *f = features; f != NULL; f = f->next) {
		if (f->prepare == NULL || f->prepare(w, cfg, next, e) == 0)
			continue;
		abort_features(w, f);
		generation_free(next);
		reserve_release();
		return e != NULL && e->code != 0 ? -e->code : -EINVAL;
	}
	w->prepared = next;
	return 0;
}

void weir_commit(struct weir *w)
{
	struct generation *old = w->gen, *next = w->prepared;

	w->prepared = NULL;
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->ready != NULL)
			f->ready(w, next);
	swap_generation(w, next);
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->commit != NULL)
			f->commit(w, old, next);
	weir_defer(w, free_generation, old);
	reserve_release();
}

void weir_abort(struct weir *w)
{
	reserve_release();
	abort_features(w, NULL);
	generation_free(w->prepared);
	w->prepared = NULL;
}

void weir_bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->bill != NULL)
			f->bill(w, cfg, b);
}

int weir_apply(struct weir *w, const struct node *cfg, struct err *e)
{
	int rc = weir_prepare(w, cfg, e);

	if (rc == 0)
		weir_commit(w);
	return rc;
}

void weir_link_set(struct weir *w, uint16_t port, bool up)
{
	if (port >= PORT_MAX || w->link_up[port] == up)
		return;
	__atomic_store_n(&w->link_up[port], up, __ATOMIC_RELAXED);
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->link != NULL)
			f->link(w, port, up);
}

void weir_wall_set(struct weir *w, uint64_t ahead)
{
	for (unsigned i = 0; i < w->worker_count; i++)
		__atomic_store_n(&w->worker[i]->wall, ahead, __ATOMIC_RELAXED);
}

void weir_address_changed(struct weir *w, uint16_t iface, const struct prefix *p, bool added)
{
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->address != NULL)
			f->address(w, iface, p, added);
}

/* --- the control thread's packets --- */

struct rte_mbuf *weir_alloc(struct weir *w)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool[0]);

	if (m != NULL)
		memset(note_of(m), 0, sizeof(struct note));
	return m;
}

void weir_consume(struct weir *w, struct rte_mbuf *m, const struct reason *r)
{
	const struct note *n = note_of(m);
	struct worker *observer = w->worker_count != 0 ? w->worker[0] : NULL;

	w->counters.reason[r->id]++;
	if (r->kind != REASON_DONE && n->iif < IFACE_MAX)
		w->counters.iface[n->iif].drops++;
	if (observer != NULL && observer->on_drop != NULL)
		observer->on_drop(observer->on_drop_ctx, m, r->id);
	rte_pktmbuf_free(m);
}

static bool give(struct worker *to, struct rte_mbuf *m, bool urgent)
{
	return (urgent && rte_ring_mp_enqueue(to->urgent, m) == 0) || rte_ring_mp_enqueue(to->inbox, m) == 0;
}

void weir_send(struct weir *w, struct rte_mbuf *m, enum stage_id entry, bool originated)
{
	struct note *n = note_of(m);

	n->entry = (uint8_t)entry;
	if (originated) {
		n->hops = 0;
		w->counters.originated++;
	}
	n->urgent = entry == STAGE_TX;
	n->when = 0;
	for (unsigned tries = 0; tries < w->shard.workers; tries++) {
		struct worker *to = w->worker[w->next_inbox++ % w->shard.workers];

		if (give(to, m, n->urgent)) {
			if (w->wake != NULL)
				w->wake(w, to->id);
			return;
		}
	}
	weir_consume(w, m, &reason_inbox_full);
}

static unsigned take_punted(struct weir *w, struct worker *from)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst(from->punt, (void **)pkts, BURST_SIZE, NULL);

	for (unsigned i = 0; i < n; i++) {
		struct note *note = note_of(pkts[i]);
		punt_handler fn = note->punt < PUNT_COUNT ? w->punt[note->punt] : NULL;

		if (fn != NULL)
			fn(w, pkts[i], note);
		else
			weir_consume(w, pkts[i], &reason_punt_unhandled);
	}
	return n;
}

void weir_features_clear(struct weir *w)
{
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->clear != NULL)
			f->clear(w);
}

static unsigned run_turns(struct weir *w)
{
	unsigned n = 0;

	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->turn != NULL)
			n += f->turn(w);
	return n;
}

static unsigned run_timers(struct weir *w)
{
	unsigned n = 0;

	while (w->timer_count != 0 && w->timer_heap[0]->when <= w->now) {
		struct timer *t = w->timer_heap[0];

		timer_cancel(w, t);
		t->fn(w, t);
		n++;
	}
	return n;
}

unsigned weir_control(struct weir *w, uint64_t now)
{
	unsigned n = 0;

	if (now > w->now)
		w->now = now;
	for (unsigned i = 0; i < w->worker_count; i++)
		n += take_punted(w, w->worker[i]);
	n += run_turns(w);
	n += run_timers(w);
	return n + run_deferred(w);
}

/* --- creation --- */

static int allocate_tables(struct weir *w, unsigned workers, struct err *e)
{
	size_t qsbr = rte_rcu_qsbr_get_memsize(WORKER_MAX);
	size_t nh = sizeof(struct nexthop) * NH_MAX, bucket = sizeof(uint16_t) * NH_BUCKETS_MAX;

	w->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(qsbr, RTE_CACHE_LINE_SIZE));
	w->deferred = calloc(DEFER_MAX, sizeof *w->deferred);
	w->counters.iface = calloc(IFACE_MAX, sizeof(struct iface_counters));
	w->baseline.iface = calloc(IFACE_MAX, sizeof(struct iface_counters));
	w->gen = generation_new();
	w->nht.nh = mmap(NULL, nh, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w->nht.bucket = mmap(NULL, bucket, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	w->nht.word = aligned_alloc(RTE_CACHE_LINE_SIZE, NH_MAX * sizeof *w->nht.word);
	if (w->nht.word != NULL)
		memset(w->nht.word, 0, NH_MAX * sizeof *w->nht.word);
	if (w->nht.nh == MAP_FAILED)
		w->nht.nh = NULL;
	if (w->nht.bucket == MAP_FAILED)
		w->nht.bucket = NULL;
	if (w->qsbr == NULL || w->deferred == NULL || w->counters.iface == NULL ||
		w->baseline.iface == NULL || w->gen == NULL || w->nht.nh == NULL || w->nht.bucket == NULL ||
		w->nht.word == NULL)
		return err_set(e, ENOMEM, "not enough memory for the tables of an instance with %u workers",
			workers);
	rte_rcu_qsbr_init(w->qsbr, WORKER_MAX);
	return 0;
}

int weir_add_worker(struct weir *w, struct err *e)
{
	if (w->worker_count == WORKER_MAX)
		return err_set(e, ENOSPC, "there are %d workers already, the most there can be", WORKER_MAX);
	w->worker[w->worker_count] = worker_new(w->worker_count, SOCKET_ID_ANY, w->pool[0], e);
	if (w->worker[w->worker_count] == NULL)
		return -ENOMEM;
	w->worker_count++;
	return 0;
}

static int create_workers(struct weir *w, unsigned workers, struct rte_mempool *pool, struct err *e)
{
	for (unsigned i = 0; i < workers; i++) {
		if (weir_add_worker(w, e) != 0)
			return -ENOMEM;
		w->worker[i]->pool = pool;
	}
	shard_map_fill(&w->shard, w->worker, workers);
	return 0;
}

static int init_features(struct weir *w, struct err *e)
{
	for (struct feature *f = features; f != NULL; f = f->next)
		if (f->init != NULL && f->init(w, e) != 0)
			return -1;
	return 0;
}

struct weir *weir_new(unsigned workers, struct rte_mempool *pool, struct err *e)
{
	static bool registered;
	struct weir *w;

	if (workers == 0 || workers > WORKER_MAX) {
		err_set(e, EINVAL, "%u workers were asked for; 1 to %d are possible", workers, WORKER_MAX);
		return NULL;
	}
	if (!registered) {
		reasons_init();
		if (stages_init(e) != 0)
			return NULL;
		log_info("CPU is x86-64-v%u", stage_cpu_level());
		registered = true;
	}
	w = calloc(1, sizeof *w);
	if (w == NULL) {
		err_set(e, ENOMEM, "not enough memory for an instance");
		return NULL;
	}
	for (unsigned s = 0; s < RTE_MAX_NUMA_NODES; s++)
		w->pool[s] = pool;
	if (allocate_tables(w, workers, e) != 0 || create_workers(w, workers, pool, e) != 0 ||
		init_features(w, e) != 0) {
		weir_free(w);
		return NULL;
	}
	weir_publish(w, generation_clone(w->gen));
	return w;
}

static void drain_punts(struct weir *w)
{
	struct rte_mbuf *m;

	for (unsigned i = 0; i < w->worker_count; i++)
		while (rte_ring_sc_dequeue(w->worker[i]->punt, (void **)&m) == 0)
			weir_consume(w, m, &reason_shutdown);
}

static void free_features(struct weir *w)
{
	struct feature *reversed[64];
	unsigned n = 0;

	for (struct feature *f = features; f != NULL && n < RTE_DIM(reversed); f = f->next)
		reversed[n++] = f;
	while (n > 0)
		if (reversed[--n]->fini != NULL)
			reversed[n]->fini(w);
}

void weir_free(struct weir *w)
{
	if (w == NULL)
		return;
	if (w->qsbr != NULL && w->deferred != NULL) {
		drain_punts(w);
		run_deferred(w); /* what waits belongs to tables that the features free */
		free_features(w);
		run_deferred(w);
	}
	for (unsigned i = 0; i < w->worker_count; i++)
		worker_free(w->worker[i]);
	generation_free(w->gen);
	if (w->nht.nh != NULL)
		munmap(w->nht.nh, sizeof(struct nexthop) * NH_MAX);
	if (w->nht.bucket != NULL)
		munmap(w->nht.bucket, sizeof(uint16_t) * NH_BUCKETS_MAX);
	free(w->nht.word);
	free(w->timer_heap);
	free(w->deferred);
	free(w->counters.iface);
	free(w->baseline.iface);
	free(w->qsbr);
	free(w);
}
