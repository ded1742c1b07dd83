/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ETHER: link-layer input one frame at a time: VLAN tags to sub-interface (802.1Q, QinQ), MAC filter,
 * ethertype. Writes iif, vrf, l3, flags; sends on to STAGE_ARP or STAGE_IP_INPUT.
 */
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "feature/kernel/punt.h"
#include "packet/parse.h"
#include "pipeline/worker.h"

REASON_DEFINE(
	reason_frame_short, REASON_DROP, "ether-short", "The frame is shorter than its link-layer header.")
REASON_DEFINE(reason_no_interface, REASON_DROP, "ether-no-interface",
	"No interface is configured for the frame's port and VLAN tags.")
REASON_DEFINE(reason_wrong_mac, REASON_DROP, "ether-wrong-mac",
	"The destination MAC address is not the interface's, broadcast or multicast.")
REASON_DEFINE(reason_bad_source, REASON_DROP, "ether-bad-source",
	"The source MAC address is multicast, zero or the interface's own.")
REASON_DEFINE(reason_ethertype, REASON_DROP, "ether-unknown-type", "Nothing here handles the ethertype.")
REASON_DEFINE(reason_iface_down, REASON_DROP, "interface-disabled", "The receiving interface is disabled.")

struct frame {
	unsigned ntags;
	uint16_t tpid[2], vlan[2]; /* host order */
	uint16_t type;             /* ethertype behind the tags */
	uint16_t l3;
};

static bool is_tag(uint16_t type)
{
	return type == RTE_ETHER_TYPE_VLAN || type == RTE_ETHER_TYPE_QINQ;
}

/* Pure: header bytes in, tags and ethertype out; false when it ends too early. A third tag is left as the
 * ethertype and so matches no protocol. */
static bool parse_frame(const uint8_t *p, size_t len, struct frame *f)
{
	*f = (struct frame){.l3 = RTE_ETHER_HDR_LEN};
	if (len < RTE_ETHER_HDR_LEN)
		return false;
	f->type = be16_at(p + 12);
	while (is_tag(f->type) && f->ntags < 2) {
		if (len < (size_t)f->l3 + 4)
			return false;
		f->tpid[f->ntags] = f->type;
		f->vlan[f->ntags++] = be16_at(p + f->l3) & 0xfff;
		f->type = be16_at(p + f->l3 + 2);
		f->l3 += 4;
	}
	return true;
}

/* NULL when the frame is for us; the flag tells link-layer multicast apart (RFC 1812 5.3.4). */
static const struct reason *filter_mac(const uint8_t *p, const struct iface *ifc, uint8_t *flags)
{
	const struct rte_ether_addr *src = (const void *)(p + 6);

	if (rte_is_multicast_ether_addr(src) || rte_is_zero_ether_addr(src) || memcmp(src, ifc->mac, 6) == 0)
		return &reason_bad_source;
	if ((p[0] & 1) != 0)
		*flags |= SLOT_LINK_BROADCAST;
	else if (memcmp(p, ifc->mac, 6) != 0)
		return &reason_wrong_mac;
	return NULL;
}

/* Frames of protocols weir does not know, to us or to a group of control protocols. */
static void unknown_type(struct burst *b, unsigned i, const struct frame *f, const struct iface *ifc)
{
	bool many = (b->flags[i] & SLOT_LINK_BROADCAST) != 0;

	if (ifc->twin && (!many || kernel_is_l2_group(burst_data(b, i), f->type)))
		b->need[STAGE_KERNEL] |= slot_bit(i);
	else
		burst_drop(b, i, &reason_ethertype);
}

static void hand_on(struct burst *b, unsigned i, const struct frame *f, const struct iface *ifc)
{
	b->iif[i] = ifc->id;
	b->vrf[i] = ifc->vrf;
	b->l3[i] = f->l3;
	switch (f->type) {
	case RTE_ETHER_TYPE_IPV4:
		b->family[i] = FAMILY_V4;
		b->need[STAGE_IP_INPUT] |= slot_bit(i);
		break;
	case RTE_ETHER_TYPE_IPV6:
		b->family[i] = FAMILY_V6;
		b->need[STAGE_IP_INPUT] |= slot_bit(i);
		break;
	case RTE_ETHER_TYPE_ARP:
		b->need[STAGE_ARP] |= slot_bit(i);
		break;
	default:
		unknown_type(b, i, f, ifc);
	}
}

static void ether_one(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	const struct reason *why;
	const struct iface *ifc;
	struct frame f;
	uint16_t id;

	b->iif[i] = IFACE_NONE;
	b->family[i] = FAMILY_NONE;
	b->flags[i] = 0;
	if (!parse_frame(burst_data(b, i), b->pkt[i]->data_len, &f)) {
		burst_drop(b, i, &reason_frame_short);
		return;
	}
	id = generation_demux(&g->port[b->port], f.ntags, f.tpid, f.vlan);
	ifc = id != IFACE_NONE ? g->iface[id] : NULL;
	if (ifc == NULL) {
		burst_drop(b, i, &reason_no_interface);
		return;
	}
	b->iif[i] = id;
	w->counters.iface[id].rx_packets++;
	w->counters.iface[id].rx_bytes += b->pkt[i]->pkt_len;
	why = ifc->enabled ? filter_mac(burst_data(b, i), ifc, &b->flags[i]) : &reason_iface_down;
	if (why != NULL)
		burst_drop(b, i, why);
	else
		hand_on(b, i, &f, ifc);
}

static void ether_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		ether_one(w, g, b, (unsigned)i);
}

static const struct stage stage_ether = {
	.name = "ether",
	.help = "VLAN tags to sub-interface, MAC filter, ethertype",
	.id = STAGE_ETHER,
	.run = ether_run,
	.after = STAGE_BIT(STAGE_PARSE),
	.before = STAGE_BIT(STAGE_ARP) | STAGE_BIT(STAGE_IP_INPUT),
	.next = STAGE_BIT(STAGE_ARP) | STAGE_BIT(STAGE_IP_INPUT) | STAGE_BIT(STAGE_KERNEL) |
		STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_ether)
