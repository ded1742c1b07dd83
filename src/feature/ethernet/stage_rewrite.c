/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_REWRITE: link-layer header for packets that STAGE_FORWARD did not already rewrite: those weir makes,
 * fragments, and packets of interfaces with output features. Entry point for packets with note.nh set.
 */
#include "feature/ethernet/rewrite.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_no_headroom, REASON_ERROR, "rewrite-no-headroom",
	"The packet buffer has no room for the link-layer header.")
REASON_DEFINE(reason_nh_gone, REASON_DROP, "rewrite-no-next-hop",
	"The next hop was withdrawn while the packet was on its way.")

static void rewrite_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		const struct nexthop *nh = &g->nht.nh[b->nh[i]];

		if (nh->kind != NH_ADJ || !nh_l2_load(nh).ready) {
			burst_drop(b, (unsigned)i, &reason_nh_gone);
			continue;
		}
		if (!rewrite_link(b->pkt[i], &b->l3[i], nh, b->family[i])) {
			burst_drop(b, (unsigned)i, &reason_no_headroom);
			continue;
		}
		b->oif[i] = nh->iface;
		b->need[STAGE_TX] |= slot_bit((unsigned)i);
	}
}

static const struct stage stage_rewrite = {
	.name = "rewrite",
	.help = "link-layer header of the next hop",
	.id = STAGE_REWRITE,
	.run = rewrite_run,
	.after = STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_FRAGMENT),
	.before = STAGE_BIT(STAGE_TX),
	.next = STAGE_BIT(STAGE_TX) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_rewrite)
