/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ARP: ARP frames (RFC 826) that concern us go to the control thread; the rest of the link's chatter
 * ends here. Reads l3 (start of the ARP packet) and iif.
 */
#include "feature/neigh/arp_hdr.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_arp_short, REASON_DROP, "arp-truncated", "The frame ends before the ARP packet does.")
REASON_DEFINE(reason_arp_malformed, REASON_DROP, "arp-malformed",
	"The ARP packet is not Ethernet/IPv4 or carries addresses that cannot be.")
REASON_DEFINE(reason_arp_other, REASON_DONE, "arp-not-for-us", "The ARP packet is between other hosts.")

/* NULL when the control thread should see it. */
static const struct reason *judge(const struct iface *ifc, const uint8_t *p, uint32_t len, uint8_t flags)
{
	struct arp_packet a;
	struct ipaddr target, sender;

	if (len < ARP_LEN)
		return &reason_arp_short;
	if (!arp_parse(p, &a))
		return &reason_arp_malformed;
	target = ipaddr_v4(a.tpa);
	sender = ipaddr_v4(a.spa);
	/* Also what moves or claims an address: announcements and anything "from" one of ours. */
	if (iface_has_address(ifc, &target) || a.spa == a.tpa || iface_has_address(ifc, &sender))
		return NULL;
	/* The kernel may have asked from an address we do not have (a probe, RFC 5227). */
	if (ifc->twin && a.op == ARP_REPLY && (flags & SLOT_LINK_BROADCAST) == 0)
		return NULL;
	return &reason_arp_other;
}

static void arp_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		unsigned s = (unsigned)i;
		const struct reason *why = judge(
			g->iface[b->iif[s]], burst_l3(b, s), b->pkt[s]->data_len - b->l3[s], b->flags[s]);

		if (why != NULL)
			burst_drop(b, s, why);
		else
			worker_punt(w, b, s, PUNT_ARP);
	}
}

static const struct stage stage_arp = {
	.name = "arp",
	.help = "ARP that concerns us goes to the control thread",
	.id = STAGE_ARP,
	.run = arp_run,
	.after = STAGE_BIT(STAGE_ETHER),
	.next = STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_arp)
