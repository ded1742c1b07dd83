/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Creation and end of a worker's state (control thread; the worker's thread is not running).
 */
#include "pipeline/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "base/err.h"

#define INBOX_RING 4096

static struct rte_ring *new_ring(
	const char *kind, const struct worker *w, unsigned size, int socket, unsigned flags)
{
	static unsigned serial; /* ring names are unique per process */
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof name, "weir_%s_%u_%u", kind, w->id, serial++);
	return rte_ring_create(name, size, socket, flags);
}

struct worker *worker_new(unsigned id, int socket, struct rte_mempool *pool, struct err *e)
{
	struct worker *w = rte_zmalloc_socket("weir_worker", sizeof *w, RTE_CACHE_LINE_SIZE, socket);

	if (w == NULL) {
		err_set(e, ENOMEM, "not enough DPDK memory for worker %u (%zu bytes)", id, sizeof *w);
		return NULL;
	}
	w->id = id;
	w->pool = pool;
	w->random = UINT64_C(0x9e3779b97f4a7c15) * (id + 1); /* the daemon seeds it anew */
	w->sample_countdown = id;                            /* workers do not sample in step */
	w->punt = new_ring("punt", w, PUNT_RING, socket, RING_F_SP_ENQ | RING_F_SC_DEQ);
	w->inbox = new_ring("inbox", w, INBOX_RING, socket, RING_F_SC_DEQ);
	w->urgent = new_ring("urgent", w, URGENT_RING, socket, RING_F_SC_DEQ);
	w->arrivals = new_ring("arrive", w, URGENT_RING, socket, RING_F_SC_DEQ);
	w->counters.iface = rte_zmalloc_socket(
		"weir_counters", IFACE_MAX * sizeof(struct iface_counters), RTE_CACHE_LINE_SIZE, socket);
	if (w->punt == NULL || w->inbox == NULL || w->urgent == NULL || w->arrivals == NULL ||
		w->counters.iface == NULL) {
		err_set(e, ENOMEM, "not enough DPDK memory for the rings and counters of worker %u", id);
		worker_free(w);
		return NULL;
	}
	return w;
}

static void drain_ring(struct rte_ring *r)
{
	struct rte_mbuf *m;

	while (r != NULL && rte_ring_sc_dequeue(r, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	rte_ring_free(r);
}

void worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	while (w->inject_tail != w->inject_head)
		rte_pktmbuf_free(w->inject[w->inject_tail++ % INJECT_SIZE]);
	for (unsigned p = 0; p < PORT_MAX; p++)
		rte_pktmbuf_free_bulk(w->tx[p].pkt, w->tx[p].pending);
	drain_ring(w->punt);
	drain_ring(w->inbox);
	drain_ring(w->urgent);
	drain_ring(w->arrivals);
	rte_free(w->counters.iface);
	rte_free(w);
}
