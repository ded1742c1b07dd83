/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_TX: whole frames to their ports, in the poll that received them. Packets of one interface keep their
 * order. What a port does not take is dropped and counted. Entry point for frames with note.oif set.
 */
#include <rte_mbuf.h>

#include "feature/ethernet/ethernet.h"
#include "feature/icmp/icmp.h"
#include "pipeline/drop.h"
#include "pipeline/simd.h"

/* Frame bytes of the slots; len[] has them for the plain ones. */
static inline uint64_t sum_bytes(const struct burst *b, uint64_t slots)
{
	uint64_t bytes = lengths_of(b->len, slots & b->plain).sum;

	BURST_EACH (i, slots & ~b->plain)
		bytes += b->pkt[i]->pkt_len;
	return bytes;
}

static inline void count_sent(struct worker *w, uint16_t oif, unsigned n, uint64_t bytes)
{
	w->counters.iface[oif].tx_packets += n;
	w->counters.iface[oif].tx_bytes += bytes;
	w->counters.transmitted += n;
}

/* Packets the port refused: they were counted as sent, which is taken back here. */
static void refuse(struct worker *w, struct rte_mbuf **pkts, unsigned n, uint16_t oif)
{
	for (unsigned i = 0; i < n; i++) {
		w->counters.iface[oif].tx_packets--;
		w->counters.iface[oif].tx_bytes -= pkts[i]->pkt_len;
		w->counters.transmitted--;
		if (w->in_urgent && worker_keep_urgent(w, pkts[i]))
			continue;
		note_of(pkts[i])->iif =
			IFACE_NONE; /* the note of a packet that stayed in its burst is not set */
		worker_end_packet(w, pkts[i], &reason_tx_full);
	}
}

/* Who sends for us must know whose counters to correct when the port refuses. */
static void note_egress(const struct worker *w, const struct burst *b, uint64_t slots, uint16_t oif)
{
	BURST_EACH (i, slots) {
		note_of(b->pkt[i])->oif = oif;
		note_of(b->pkt[i])->urgent = w->in_urgent;
	}
}

/* The whole burst leaves by one interface: straight from the burst's array. */
static void send_direct(struct worker *w, struct burst *b, struct tx_path *tx, uint64_t slots, uint16_t oif)
{
	unsigned n = (unsigned)__builtin_popcountll(slots), sent;

	count_sent(w, oif, n, sum_bytes(b, slots));
	sent = tx->send(tx->ctx, tx->queue, b->pkt, (uint16_t)n);
	if (__builtin_expect(sent < n, 0))
		refuse(w, b->pkt + sent, n - sent, oif);
}

/* Packets of the slots, in order, to `to` (which has room for 8 more than there are). Returns how many. */
static inline unsigned gather(const struct burst *b, struct rte_mbuf **to, uint64_t slots)
{
	unsigned n = 0;

#ifdef __AVX512F__
	for (unsigned i = 0; i < BURST_SIZE; i += 8) {
		__mmask8 k = (__mmask8)(slots >> i);

		/* Compressed in a register, then stored: the form with a memory operand is slow on some CPUs.
		 */
		_mm512_storeu_si512(to + n, _mm512_maskz_compress_epi64(k, _mm512_load_si512(b->pkt + i)));
		n += (unsigned)__builtin_popcount(k);
	}
#else
	BURST_EACH (i, slots)
		to[n++] = b->pkt[i];
#endif
	return n;
}

/* Collects the slots of one interface behind what already waits for its port. */
static void append(struct worker *w, struct burst *b, struct tx_path *tx, uint64_t slots, uint16_t oif)
{
	unsigned n = (unsigned)__builtin_popcountll(slots), at = tx->pending;

	count_sent(w, oif, n, sum_bytes(b, slots));
	for (unsigned i = 0; i < n; i++)
		tx->oif[at + i] = oif;
	at += gather(b, tx->pkt + at, slots);
	tx->pending = (uint16_t)at;
}

static void flush(struct worker *w, struct tx_path *tx)
{
	unsigned sent = tx->send(tx->ctx, tx->queue, tx->pkt, tx->pending);

	for (unsigned i = sent; i < tx->pending; i++)
		refuse(w, tx->pkt + i, 1, tx->oif[i]);
	tx->pending = 0;
}

static struct tx_path *path_of(struct worker *w, const struct generation *g, uint16_t oif)
{
	const struct iface *ifc = oif < IFACE_MAX ? g->iface[oif] : NULL;

	if (ifc == NULL || !ifc->enabled || iface_is_loopback(ifc) || w->tx[ifc->port].send == NULL)
		return NULL;
	return &w->tx[ifc->port];
}

/* The burst came in by the port it leaves by. */
static inline bool turns_back(const struct worker *w, const struct burst *b, const struct iface *ifc)
{
	return ifc->port == b->port && ifc->redirects && b->now >= w->redirect_at;
}

static void tx_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	uint64_t rest = slots, used = 0; /* used: ports with packets appended */

	static_assert(PORT_MAX <= 64, "one bit per port");
	while (rest != 0) {
		uint16_t oif = b->oif[__builtin_ctzll(rest)];
		uint64_t same = mask_eq16(b->oif, oif) & rest;
		struct tx_path *tx = path_of(w, g, oif);

		rest &= ~same;
		if (__builtin_expect(tx == NULL, 0)) {
			BURST_EACH (i, same)
				burst_drop(b, (unsigned)i, &reason_tx_no_port);
			continue;
		}
		if (__builtin_expect(turns_back(w, b, g->iface[oif]), 0))
			icmp_pick_redirect(w, b, same, g->iface[oif]);
		b->alive &= ~same;
		if (__builtin_expect(tx->shared, 0))
			note_egress(w, b, same, oif);
		if (same == slots && mask_dense(slots)) {
			send_direct(w, b, tx, same, oif);
			return;
		}
		append(w, b, tx, same, oif);
		used |= UINT64_C(1) << (tx - w->tx);
	}
	BURST_EACH (p, used)
		flush(w, &w->tx[p]);
}

static const struct stage stage_tx = {
	.name = "tx",
	.help = "frames to their ports, in the poll that received them",
	.id = STAGE_TX,
	.run = tx_run,
	.after = STAGE_BIT(STAGE_REWRITE),
	.before = STAGE_BIT(STAGE_DROP),
	.next = STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_tx)
