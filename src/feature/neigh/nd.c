/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Neighbour discovery on the control thread (RFC 4861 7.2, RFC 4862 5.4): solicitations are answered,
 * advertisements drive the state machine, our own addresses are probed and announced.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>

#include "feature/kernel/punt.h"
#include "feature/neigh/mld.h"
#include "feature/neigh/mld_msg.h"
#include "feature/neigh/nd_msg.h"
#include "feature/neigh/neigh_priv.h"

REASON_DEFINE(reason_nd_done, REASON_DONE, "nd-handled",
	"A neighbour discovery message was learnt from or answered.")
REASON_DEFINE(reason_nd_bad, REASON_DROP, "nd-malformed",
	"A neighbour discovery message failed the checks of RFC 4861 7.1.")
REASON_DEFINE(reason_nd_ignored, REASON_DONE, "nd-ignored",
	"A router discovery or redirect message; routers do not act on them.")
REASON_DEFINE(reason_nd_off_link, REASON_DROP, "nd-off-link",
	"The sender of a solicitation is in no subnet of the interface.")

#define ND_FRAME (40 + ND_MSG_LEN + ND_OPTION_LEN)

static const uint8_t all_nodes[16] = {0xff, 2, [15] = 1}, unspecified[16];

static void transmit(struct weir *w, const struct iface *ifc, const uint8_t mac[6], const uint8_t src[16],
	const uint8_t dst[16], const struct nd_msg *msg)
{
	uint16_t len = ND_FRAME - (msg->has_lladdr ? 0 : ND_OPTION_LEN);
	uint8_t to[6], *p;
	struct rte_mbuf *m;

	if (mac != NULL)
		memcpy(to, mac, 6);
	else
		neigh_group_mac(dst, to);
	m = neigh_frame(w, ifc, to, RTE_ETHER_TYPE_IPV6, len, &p);
	if (m == NULL)
		return;
	nd_build(p, src, dst, msg);
	neigh_transmit(w, m);
}

bool nd_solicit(struct weir *w, const struct iface *ifc, const struct neigh *n, bool unicast)
{
	struct nd_msg msg = {.type = ND_SOLICIT, .has_lladdr = true};
	struct ipaddr source;
	uint8_t group[16];

	if (!neigh_source(w, ifc, &n->address, &source))
		return false;
	memcpy(msg.target, n->address.bytes, 16);
	memcpy(msg.lladdr, ifc->mac, 6);
	neigh_solicited_node(msg.target, group);
	if (unicast && n->known)
		transmit(w, ifc, n->mac, source.bytes, n->address.bytes, &msg);
	else
		transmit(w, ifc, NULL, source.bytes, group, &msg);
	return true;
}

void nd_dad_probe(struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	struct nd_msg msg = {.type = ND_SOLICIT};
	uint8_t group[16];

	memcpy(msg.target, a->bytes, 16);
	neigh_solicited_node(msg.target, group);
	transmit(w, ifc, NULL, unspecified, group, &msg);
}

static uint8_t router_flag(const struct iface *ifc)
{
	return ifc->forwarding ? ND_ROUTER : 0;
}

void nd_announce(struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	struct nd_msg msg = {
		.type = ND_ADVERT, .flags = (uint8_t)(router_flag(ifc) | ND_OVERRIDE), .has_lladdr = true};

	memcpy(msg.target, a->bytes, 16);
	memcpy(msg.lladdr, ifc->mac, 6);
	transmit(w, ifc, NULL, a->bytes, all_nodes, &msg);
}

/* RFC 4861 7.2.4: to the sender, or to all nodes when it has no address yet. What several routers may have
 * does not override. */
static void answer(struct weir *w, const struct iface *ifc, const struct nd_msg *q, const uint8_t src[16],
	const uint8_t *mac, bool anycast)
{
	struct nd_msg msg = {.type = ND_ADVERT,
		.flags = (uint8_t)(router_flag(ifc) | (anycast ? 0 : ND_OVERRIDE)),
		.has_lladdr = true};
	bool to_all = memcmp(src, unspecified, 16) == 0;

	memcpy(msg.target, q->target, 16);
	memcpy(msg.lladdr, ifc->mac, 6);
	if (!to_all)
		msg.flags |= ND_SOLICITED;
	transmit(w, ifc, to_all ? NULL : mac, q->target, to_all ? all_nodes : src, &msg);
}

/* The subnet-router anycast address of a subnet we have an address in (RFC 4291 2.6.1; none in a /127, RFC
 * 6164).
 */
static bool is_anycast(const struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	for (unsigned i = 0; i < ifc->address_count; i++) {
		const struct prefix *p = &ifc->address[i];
		struct prefix net = prefix_masked(p);

		if (p->addr.family == FAMILY_V6 && p->len < 127 && !ipaddr_is_link_local(&p->addr) &&
			ipaddr_equal(&net.addr, a) && neigh_address_usable(w, ifc->id, &p->addr))
			return true;
	}
	return false;
}

static const struct reason *solicited(struct weir *w, const struct iface *ifc, const struct nd_msg *q,
	const uint8_t src[16], const uint8_t frame_source[6])
{
	struct ipaddr target = ipaddr_v6(q->target), sender = ipaddr_v6(src);
	struct own *o = own_find(w, ifc->id, &target);
	bool dad = memcmp(src, unspecified, 16) == 0;
	bool anycast = o == NULL && !dad && is_anycast(w, ifc, &target);
	struct neigh *n;

	if (memcmp(frame_source, ifc->mac, 6) == 0)
		return &reason_nd_done; /* our own, looped back */
	if (o == NULL && !anycast)
		return &reason_nd_done; /* same solicited-node group, somebody else's address */
	if (o != NULL && dad && o->state == OWN_TENTATIVE)
		own_conflict(w, o, frame_source);
	if (o != NULL && o->state != OWN_USABLE)
		return &reason_nd_done;
	if (!dad && !neigh_on_link(ifc, &sender))
		return &reason_nd_off_link;
	n = !dad && q->has_lladdr ? neigh_make(w, ifc->id, &sender) : NULL;
	if (n != NULL)
		nud_event(w, n, n->known && memcmp(n->mac, q->lladdr, 6) == 0 ? NEIGH_HEARD : NEIGH_CHANGED,
			q->lladdr);
	answer(w, ifc, q, src, q->has_lladdr ? q->lladdr : frame_source, anycast);
	return &reason_nd_done;
}

/* RFC 4861 7.2.5 and its appendix C table. */
static void advertised(
	struct weir *w, const struct iface *ifc, const struct nd_msg *a, const uint8_t frame_source[6])
{
	struct ipaddr target = ipaddr_v6(a->target);
	struct own *o = own_find(w, ifc->id, &target);
	struct neigh *n = neigh_find(w, ifc->id, &target);
	bool same;

	if (o != NULL && memcmp(frame_source, ifc->mac, 6) != 0)
		own_conflict(w, o, frame_source);
	if (o != NULL || n == NULL || (n->state == NEIGH_INCOMPLETE && !a->has_lladdr))
		return;
	same = !a->has_lladdr || (n->known && memcmp(n->mac, a->lladdr, 6) == 0);
	if (!same && (a->flags & ND_OVERRIDE) == 0 && n->state != NEIGH_INCOMPLETE &&
		n->state != NEIGH_FAILED) {
		if (n->state == NEIGH_REACHABLE)
			nud_enter(w, n, NEIGH_STALE);
		return;
	}
	if (!n->known && !a->has_lladdr)
		return;
	n->router = (a->flags & ND_ROUTER) != 0;
	nud_event(w, n,
		(a->flags & ND_SOLICITED) != 0 ? NEIGH_CONFIRMED
		: same                         ? NEIGH_HEARD
					       : NEIGH_CHANGED,
		a->has_lladdr ? a->lladdr : n->mac);
}

static const struct reason *handle(
	struct weir *w, const struct iface *ifc, const uint8_t *frame, uint16_t l3, uint16_t l4, uint32_t len)
{
	const uint8_t *ip = frame + l3, *src = ip + 8, *dst = ip + 24;
	struct nd_msg msg;

	if (len <= l4)
		return &reason_nd_bad;
	if (frame[l4] != ND_SOLICIT && frame[l4] != ND_ADVERT)
		return &reason_nd_ignored;
	if (!nd_parse(frame + l4, len - l4, src, dst, &msg))
		return &reason_nd_bad;
	if (msg.type == ND_SOLICIT)
		return solicited(w, ifc, &msg, src, frame + 6);
	advertised(w, ifc, &msg, frame + 6);
	return &reason_nd_done;
}

void nd_punted(struct weir *w, struct rte_mbuf *m, struct note *note)
{
	const struct iface *ifc = w->gen->iface[note->iif];
	const struct reason *r = &reason_nd_done;

	/* The message must be in one segment: with a minimum MTU of 1280 only attackers send longer ones. */
	if (m->nb_segs != 1 || note->l3 < 14 || m->data_len < note->l3 + 40)
		r = &reason_nd_bad;
	else if (ifc != NULL) {
		/* Solicitations are answered here; routers' messages and queries are for the kernel as well.
		 */
		if (m->data_len > note->l4 && rte_pktmbuf_mtod(m, const uint8_t *)[note->l4] != ND_SOLICIT)
			kernel_copy(w, m, note);
		if (m->data_len > note->l4 && note->proto == IPPROTO_ICMPV6 &&
			*rte_pktmbuf_mtod_offset(m, const uint8_t *, note->l4) == MLD_QUERY)
			r = mld_query(w, ifc, m, note);
		else
			r = handle(w, ifc, rte_pktmbuf_mtod(m, const uint8_t *), note->l3, note->l4,
				m->data_len);
	}
	weir_consume(w, m, r);
}
