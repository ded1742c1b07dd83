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
	struct shared_tx *t = ctx;

	return (uint16_t)rte_ring_mp_enqueue_burst(t->ring, (void **)pkts, n, NULL);
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
	worker_end_packet(w, m, &reason_tx_full);
}

unsigned shared_tx_drain(struct shared_tx *t, struct worker *w)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst(t->ring, (void **)pkts, BURST_SIZE, NULL);
	unsigned sent = n != 0 ? rte_eth_tx_burst(t->port, t->queue, pkts, (uint16_t)n) : 0;

	for (unsigned i = sent; i < n; i++)
		refuse(w, pkts[i]);
	return n;
}

static int share(struct runtime *r, struct port *p, struct err *e)
{
	for (uint16_t q = 0; q < p->tx_queues && p->tx_queues < r->set.workers; q++) {
		struct shared_tx *t = &p->shared[q];
		char name[RTE_RING_NAMESIZE];

		snprintf(name, sizeof name, "weir_tx_%u_%u", p->id, q);
		*t = (struct shared_tx){
			.ring = rte_ring_create(name, SHARED_TX_RING, SOCKET_ID_ANY, RING_F_SC_DEQ),
			.port = p->id,
			.queue = q};
		if (t->ring == NULL)
			return err_set(e, ENOMEM,
				"port '%s': no memory for the ring of its shared transmit queue (%s)",
				p->name, rte_strerror(rte_errno));
	}
	return 0;
}

/* The owner of queue q is worker q. */
static void connect_worker(struct runtime *r, struct port *p, unsigned worker)
{
	struct tx_path *tx = &r->weir->worker[worker]->tx[p->id];

	tx->queue = (uint16_t)(worker % p->tx_queues);
	tx->shared = worker >= p->tx_queues;
	tx->send = tx->shared ? send_shared : send_own;
	tx->ctx = tx->shared ? (void *)&p->shared[tx->queue] : (void *)p;
}

int tx_paths_create(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		struct port *p = &r->port[i];

		if (!p->used)
			continue;
		if (share(r, p, e) != 0)
			return -ENOMEM;
		for (unsigned w = 0; w < r->set.workers; w++)
			connect_worker(r, p, w);
	}
	return 0;
}

void tx_paths_free(struct runtime *r)
{
	for (unsigned i = 0; i < PORT_MAX; i++)
		for (unsigned q = 0; q < WORKER_MAX; q++) {
			struct shared_tx *t = &r->port[i].shared[q];
			struct rte_mbuf *m;

			while (t->ring != NULL && rte_ring_sc_dequeue(t->ring, (void **)&m) == 0)
				rte_pktmbuf_free(m);
			rte_ring_free(t->ring);
			t->ring = NULL;
		}
}
