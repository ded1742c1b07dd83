/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_DROP: the only place where packets of a burst are freed without being sent.
 */
#include <rte_mbuf.h>

#include "pipeline/drop.h"

static inline void count(struct worker *w, uint16_t reason, uint16_t iif)
{
	const struct reason *r = reason_get(reason);

	w->counters.reason[reason]++;
	if (r != NULL && r->kind != REASON_DONE && iif < IFACE_MAX)
		w->counters.iface[iif].drops++;
}

static void drop_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = 0;

	BURST_EACH (i, slots) {
		count(w, b->reason[i], b->iif[i]);
		if (__builtin_expect(w->on_drop != NULL, 0))
			w->on_drop(w->on_drop_ctx, b->pkt[i], b->reason[i]);
		pkts[n++] = b->pkt[i];
	}
	rte_pktmbuf_free_bulk(pkts, n);
}

void worker_end_packet(struct worker *w, struct rte_mbuf *m, const struct reason *r)
{
	count(w, r->id, note_of(m)->iif);
	if (w->on_drop != NULL)
		w->on_drop(w->on_drop_ctx, m, r->id);
	rte_pktmbuf_free(m);
}

static const struct stage stage_drop = {
	.name = "drop",
	.help = "count and free packets that end here",
	.id = STAGE_DROP,
	.run = drop_run,
	.after = STAGE_BIT(STAGE_TX),
};
STAGE_REGISTER(stage_drop)
