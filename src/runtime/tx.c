/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ways out: a worker has a transmit queue of its own at every port that has enough of them; at the others
 * workers hand their packets to the queue's owner through a bounded ring, which it empties in its next poll.
 */
#include <errno.h>
#include <stdio.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

#include "feature/ethernet/ethernet.h"
#include "pipeline/drop.h"
#include "runtime/priv.h"

static uint16_t send_own(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct port *p = ctx;

	return rte_eth_tx_burst(p->id, queue, pkts, n);
}

static uint16_t send_shared(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	const struct sharer *from = ctx;

	from->worker->wake |= UINT64_C(1) << queue; /* its owner has the queue's number */
	return (uint16_t)rte_ring_mp_enqueue_burst(from->to->ring, (void **)pkts, n, NULL);
}

/* The sender counted the packets; what the port refuses now is taken back in the owner's counters, so that
 * the sums are right. */
static void refuse(struct worker *w, struct rte_mbuf *m)
{
	struct note *n = note_of(m);

	w->counters.transmitted--;
	if (n->oif < IFACE_MAX) {
		w->counters.iface[n->oif].tx_packets--;
		w->counters.iface[n->oif].tx_bytes -= m->pkt_len;
	}
	n->iif = IFACE_NONE;
	if (!worker_keep_urgent(w, m))
		worker_end_packet(w, m, &reason_tx_full);
}

unsigned shared_tx_drain(struct shared_tx *t, struct worker *w)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst(t->ring, (void **)pkts, BURST_SIZE, NULL);
	unsigned sent = n != 0 ? rte_eth_tx_burst(t->id, t->queue, pkts, (uint16_t)n) : 0;

	for (unsigned i = sent; i < n; i++)
		refuse(w, pkts[i]);
	return n;
}

int shared_tx_create(struct port *p, struct err *e)
{
	static unsigned serial; /* ring names are unique in the process */

	for (uint16_t q = 0; q < p->tx_queues; q++) {
		struct shared_tx *t = &p->shared[q];
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof name, "weir_tx_%u_%u", serial++, q);
		*t = (struct shared_tx){
			.ring = rte_ring_create(name, SHARED_TX_RING, SOCKET_ID_ANY, RING_F_SC_DEQ),
			.id = p->id,
			.queue = q};
		if (t->ring == NULL)
			return err_set(e, ENOMEM,
				"port '%s': no memory for the ring of its shared transmit queue (%s)",
				p->wish.name, rte_strerror(rte_errno));
	}
	return 0;
}

void shared_tx_free(struct port *p)
{
	for (unsigned q = 0; q < WORKER_MAX; q++) {
		struct shared_tx *t = &p->shared[q];
		struct rte_mbuf *m;

		while (t->ring != NULL && rte_ring_sc_dequeue(t->ring, (void **)&m) == 0)
			rte_pktmbuf_free(m);
		rte_ring_free(t->ring);
		t->ring = NULL;
	}
}

void ways_adopt(struct poller *p)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		const struct way *way = &p->now.way[i];
		struct tx_path *tx = &p->worker->tx[i];

		tx->queue = way->queue;
		tx->shared = way->shared != NULL;
		p->sharer[i] = (struct sharer){.worker = p->worker, .to = way->shared};
		tx->ctx = tx->shared ? (void *)&p->sharer[i] : (void *)(uintptr_t)way->port;
		tx->send = way->port == NULL ? NULL : tx->shared ? send_shared : send_own;
	}
}
