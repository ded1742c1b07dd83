/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ARP on the control thread: learning from requests and replies (RFC 826), answering, asking, announcing and
 * defending our addresses (RFC 5227).
 */
#include <string.h>

#include <rte_ether.h>

#include "feature/kernel/punt.h"
#include "feature/neigh/arp_hdr.h"
#include "feature/neigh/neigh_priv.h"

REASON_DEFINE(
	reason_arp_done, REASON_DONE, "arp-handled", "An ARP packet for us was learnt from or answered.")
REASON_DEFINE(reason_arp_off_link, REASON_DROP, "arp-off-link",
	"The sender of an ARP packet is in no subnet of the interface.")

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void transmit(
	struct weir *w, const struct iface *ifc, const uint8_t dst[6], const struct arp_packet *a)
{
	uint8_t *p;
	struct rte_mbuf *m = neigh_frame(w, ifc, dst, RTE_ETHER_TYPE_ARP, ARP_LEN, &p);

	if (m == NULL)
		return;
	arp_build(p, a);
	neigh_transmit(w, m);
}

bool arp_solicit(struct weir *w, const struct iface *ifc, const struct neigh *n, bool unicast)
{
	struct arp_packet a = {.op = ARP_REQUEST, .tpa = ipaddr_to_v4(&n->address)};
	struct ipaddr source;

	if (!neigh_source(w, ifc, &n->address, &source))
		return false;
	memcpy(a.sha, ifc->mac, 6);
	a.spa = ipaddr_to_v4(&source);
	transmit(w, ifc, unicast && n->known ? n->mac : broadcast, &a);
	return true;
}

void arp_announce(struct weir *w, const struct iface *ifc, const struct ipaddr *address)
{
	struct arp_packet a = {.op = ARP_REQUEST, .spa = ipaddr_to_v4(address), .tpa = ipaddr_to_v4(address)};

	memcpy(a.sha, ifc->mac, 6);
	transmit(w, ifc, broadcast, &a);
}

static void reply(struct weir *w, const struct iface *ifc, const struct arp_packet *q)
{
	struct arp_packet a = {.op = ARP_REPLY, .spa = q->tpa, .tpa = q->spa};

	memcpy(a.sha, ifc->mac, 6);
	memcpy(a.tha, q->sha, 6);
	transmit(w, ifc, q->sha, &a);
}

/* RFC 826's merge: a known sender is updated; a sender that asks us becomes known. */
static void learn(struct weir *w, const struct iface *ifc, const struct arp_packet *a, bool for_us)
{
	struct ipaddr sender = ipaddr_v4(a->spa);
	struct neigh *n = neigh_find(w, ifc->id, &sender);
	bool answer = a->op == ARP_REPLY && for_us;

	if (n == NULL && a->op == ARP_REQUEST && for_us)
		n = neigh_make(w, ifc->id, &sender);
	if (n == NULL)
		return;
	if (answer && n->probes != 0)
		nud_event(w, n, NEIGH_CONFIRMED, a->sha);
	else
		nud_event(w, n, n->known && memcmp(n->mac, a->sha, 6) == 0 ? NEIGH_HEARD : NEIGH_CHANGED,
			a->sha);
}

static const struct reason *handle(struct weir *w, const struct iface *ifc, const struct arp_packet *a)
{
	struct ipaddr sender = ipaddr_v4(a->spa), target = ipaddr_v4(a->tpa);
	struct own *ours = own_find(w, ifc->id, &sender);
	bool for_us = iface_has_address(ifc, &target);

	if (memcmp(a->sha, ifc->mac, 6) == 0)
		return &reason_arp_done; /* our own, looped back */
	if (ours != NULL) {
		own_conflict(w, ours, a->sha);
		return &reason_arp_done;
	}
	if (a->spa != 0) { /* 0.0.0.0 is a probe (RFC 5227): answered, not learnt from */
		if (!neigh_on_link(ifc, &sender) && neigh_find(w, ifc->id, &sender) == NULL)
			return &reason_arp_off_link;
		learn(w, ifc, a, for_us);
	}
	if (a->op == ARP_REQUEST && for_us)
		reply(w, ifc, a);
	return &reason_arp_done;
}

void arp_punted(struct weir *w, struct rte_mbuf *m, struct note *note)
{
	const struct iface *ifc = w->gen->iface[note->iif];
	const struct reason *r = &reason_arp_done;
	struct arp_packet a;

	if (ifc != NULL && m->data_len >= note->l3 + ARP_LEN &&
		arp_parse(rte_pktmbuf_mtod_offset(m, const uint8_t *, note->l3), &a)) {
		if (a.op == ARP_REPLY || a.spa == a.tpa) /* requests are answered here */
			kernel_copy(w, m, note);
		r = handle(w, ifc, &a);
	}
	weir_consume(w, m, r);
}
