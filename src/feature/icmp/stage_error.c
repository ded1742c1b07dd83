/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ICMP_ERROR: tells senders why their packets died (RFC 792, 1812 4.3, 4443). Works on dead slots whose
 * `error` a stage above filled; the answer is a new packet that starts at STAGE_ROUTE. Rate limited per
 * worker.
 */
#include "feature/icmp/icmp.h"
#include "pipeline/worker.h"

/* The link must not be asked to carry an error about its own broadcast (RFC 1812 4.3.2.7), but RFC 4443 2.4
 * (e.4) excepts the two messages multicast senders need. */
static bool came_as_broadcast(const struct burst *b, unsigned i)
{
	const struct icmp_error *e = &b->error[i];

	if ((b->flags[i] & SLOT_LINK_BROADCAST) == 0)
		return false;
	return b->family[i] == FAMILY_V4 ||
	       !(e->type == ICMP6_TOO_BIG || (e->type == ICMP6_PARAMETER && e->code == 2));
}

static void error_one(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	struct ipaddr source;
	struct rte_mbuf *m;
	struct note *n;

	if ((b->flags[i] & SLOT_ORIGINATED) != 0 || came_as_broadcast(b, i) ||
		!icmp_error_allowed(b->pkt[i], b->l3[i], b->family[i], &b->error[i]) ||
		!icmp_error_source(g, b->iif[i], b->vrf[i], b->family[i], burst_l3(b, i), &source))
		return;
	if (!bucket_take(&w->icmp_bucket, b->now, g->icmp_error_rate, g->icmp_error_burst)) {
		w->counters.icmp_suppressed++;
		return;
	}
	m = worker_alloc(w);
	if (m == NULL)
		return;
	if (!icmp_error_build(m, b->pkt[i], b->l3[i], b->family[i], &b->error[i], &source)) {
		rte_pktmbuf_free(m);
		return;
	}
	n = note_of(m);
	n->vrf = b->vrf[i];
	n->oif = b->iif[i];
	worker_originate(w, m, STAGE_ROUTE);
}

static void error_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		error_one(w, g, b, (unsigned)i);
}

static const struct stage stage_error = {
	.name = "icmp-error",
	.help = "answers for packets that died above",
	.id = STAGE_ICMP_ERROR,
	.run = error_run,
	.after = STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_LOCAL) |
		 STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_DROP),
	.next = STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_error)
