/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel asks for neighbours on the twin of an interface as on any link. There is one neighbour table,
 * ours: what is in it is answered at once; for what is not, we ask the wire as for our own packets, and the
 * answer that comes is copied to the kernel.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_ether.h>

#include "feature/neigh/arp_hdr.h"
#include "feature/neigh/nd_msg.h"
#include "feature/neigh/neigh_priv.h"
#include "packet/parse.h"

#define ARP_AT RTE_ETHER_HDR_LEN
#define IP6_AT RTE_ETHER_HDR_LEN
#define ICMP6_AT (IP6_AT + 40)

/* A request from an address to another one. */
static bool arp_asks(const uint8_t *frame, size_t len, struct arp_packet *a)
{
	return len >= ARP_AT + ARP_LEN && arp_parse(frame + ARP_AT, a) && a->op == ARP_REQUEST &&
	       a->spa != 0 && a->spa != a->tpa;
}

static bool nd_asks(const uint8_t *frame, size_t len)
{
	static const uint8_t unspecified[16];
	const uint8_t *ip = frame + IP6_AT;

	return len >= ICMP6_AT + ND_MSG_LEN && ip[0] >> 4 == 6 && ip[6] == IPPROTO_ICMPV6 && ip[7] == 255 &&
	       frame[ICMP6_AT] == ND_SOLICIT && memcmp(ip + 8, unspecified, 16) != 0;
}

bool neigh_is_solicitation(const uint8_t *frame, size_t len)
{
	struct arp_packet a;

	if (len < RTE_ETHER_HDR_LEN)
		return false;
	switch (be16_at(frame + 12)) {
	case RTE_ETHER_TYPE_ARP:
		return arp_asks(frame, len, &a);
	case RTE_ETHER_TYPE_IPV6:
		return nd_asks(frame, len);
	default:
		return false;
	}
}

/* The neighbour when its address is known. Somebody wants it: a stale one is verified, an unknown one looked
 * for. */
static const struct neigh *look_up(struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	struct neigh *n = neigh_make(w, iface, a);

	if (n == NULL || n->state == NEIGH_FAILED)
		return NULL;
	if (n->state == NEIGH_STALE)
		__atomic_store_n(&w->nht.nh[n->nh].used, 1, __ATOMIC_RELAXED);
	if (n->state == NEIGH_INCOMPLETE && n->probes == 0)
		nud_enter(w, n, NEIGH_INCOMPLETE);
	return n->state != NEIGH_INCOMPLETE && n->known ? n : NULL;
}

static void put_header(uint8_t *out, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
	memcpy(out, dst, 6);
	memcpy(out + 6, src, 6);
	out[12] = (uint8_t)(type >> 8);
	out[13] = (uint8_t)type;
}

static size_t answer4(uint8_t *out, const struct arp_packet *q, const struct neigh *n)
{
	struct arp_packet a = {.op = ARP_REPLY, .spa = q->tpa, .tpa = q->spa};

	memcpy(a.sha, n->mac, 6);
	memcpy(a.tha, q->sha, 6);
	put_header(out, q->sha, n->mac, RTE_ETHER_TYPE_ARP);
	arp_build(out + ARP_AT, &a);
	return ARP_AT + ARP_LEN;
}

static size_t answer6(uint8_t *out, const uint8_t *frame, const struct neigh *n)
{
	struct nd_msg a = {.type = ND_ADVERT,
		.flags = (uint8_t)(ND_SOLICITED | ND_OVERRIDE | (n->router ? ND_ROUTER : 0)),
		.has_lladdr = true};

	memcpy(a.target, n->address.bytes, 16);
	memcpy(a.lladdr, n->mac, 6);
	put_header(out, frame + 6, n->mac, RTE_ETHER_TYPE_IPV6);
	return IP6_AT + nd_build(out + IP6_AT, n->address.bytes, frame + IP6_AT + 8, &a);
}

enum neigh_proxy neigh_proxy(struct weir *w, uint16_t iface, const uint8_t *frame, size_t len,
	uint8_t out[NEIGH_PROXY_FRAME], size_t *out_len)
{
	const struct iface *ifc = iface < IFACE_MAX ? w->gen->iface[iface] : NULL;
	bool v4 = be16_at(frame + 12) == RTE_ETHER_TYPE_ARP;
	struct arp_packet q = {0};
	struct ipaddr target;
	const struct neigh *n;

	if (ifc == NULL || (v4 && !arp_asks(frame, len, &q)))
		return NEIGH_PROXY_FORWARD;
	target = v4 ? ipaddr_v4(q.tpa) : ipaddr_v6(frame + ICMP6_AT + 8);
	if (!neigh_on_link(ifc, &target))
		return NEIGH_PROXY_FORWARD;
	n = look_up(w, iface, &target);
	if (n == NULL)
		return NEIGH_PROXY_WAIT;
	*out_len = v4 ? answer4(out, &q, n) : answer6(out, frame, n);
	return NEIGH_PROXY_ANSWER;
}
