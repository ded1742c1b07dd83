/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Packets that leave by the interface they came by: the sender could have sent them to the next hop itself
 * (RFC 1812 5.2.7.2, RFC 4861 8.2). Called by STAGE_TX. Copies a few of them for the control thread, which
 * knows the next hop's address and decides (redirect.c).
 */
#include "feature/icmp/icmp.h"
#include "pipeline/drop.h"
#include "pipeline/worker.h"

#define GAP_FOUND UINT64_C(10000000) /* ns: a hundred copies a second and worker */
#define GAP_NONE UINT64_C(1000000)   /* ns between two looks */
#define QUOTE 1280                   /* more of it is never quoted */

/* Its source is a neighbour: in a subnet of the interface. */
static bool from_neighbour(const struct iface *ifc, const struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);
	struct ipaddr src = b->family[i] == FAMILY_V4
				    ? ipaddr_v4((uint32_t)ip[12] << 24 | ip[13] << 16 | ip[14] << 8 | ip[15])
				    : ipaddr_v6(ip + 8);

	for (unsigned k = 0; k < ifc->address_count; k++)
		if (ifc->address[k].addr.family == src.family && prefix_contains(&ifc->address[k], &src) &&
			!ipaddr_equal(&ifc->address[k].addr, &src))
			return true;
	return false;
}

static bool suits(const struct iface *ifc, const struct burst *b, unsigned i)
{
	return b->iif[i] == ifc->id && (b->flags[i] & (SLOT_ORIGINATED | SLOT_LINK_BROADCAST)) == 0 &&
	       b->family[i] != FAMILY_NONE && from_neighbour(ifc, b, i);
}

/* The frame as it leaves, its start in one buffer. False: no buffer. */
static bool copy_up(struct worker *w, struct burst *b, unsigned i, const struct iface *ifc)
{
	uint32_t len = RTE_MIN(b->pkt[i]->pkt_len, (uint32_t)b->l3[i] + QUOTE);
	struct rte_mbuf *m = worker_alloc(w);
	char *p = m != NULL ? rte_pktmbuf_append(m, (uint16_t)len) : NULL;
	const char *data;
	struct note *n;

	if (p == NULL) {
		rte_pktmbuf_free(m);
		return false;
	}
	data = rte_pktmbuf_read(b->pkt[i], 0, len, p);
	if (data != p)
		memcpy(p, data, len);
	n = note_of(m);
	n->family = b->family[i];
	n->iif = n->oif = ifc->id;
	n->vrf = b->vrf[i];
	n->nh = b->nh[i];
	n->l3 = b->l3[i];
	n->when = b->now;
	worker_punt_copy(w, m, PUNT_REDIRECT, b->now);
	return true;
}

/* The first one at a random place, so that one flow does not keep the others from being seen. */
void icmp_pick_redirect(struct worker *w, struct burst *b, uint64_t slots, const struct iface *ifc)
{
	const uint64_t behind = slots & (~UINT64_C(0) << (worker_random(w) % BURST_SIZE));

	w->redirect_at = b->now + GAP_NONE;
	BURST_EACH (i, behind != 0 ? behind : slots) {
		if (!suits(ifc, b, (unsigned)i))
			continue;
		if (copy_up(w, b, (unsigned)i, ifc))
			w->redirect_at = b->now + GAP_FOUND;
		return;
	}
}
