/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redirects: whether the sender of a packet that left by the interface it came by is told the better first
 * hop (RFC 1812 5.2.7.2, RFC 4861 8.2), and how. Control thread; stage_redirect.c hands over copies of
 * packets.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/err.h"
#include "feature/icmp/redirect.h"
#include "feature/neigh/neigh.h"
#include "packet/checksum.h"
#include "table/fib4.h"
#include "table/fib6.h"

REASON_DEFINE(reason_redirect_sent, REASON_DONE, "redirect-sent",
	"A copy of a packet that left by the interface it came by: its sender was told the better first hop.")
REASON_DEFINE(reason_redirect_not, REASON_DONE, "redirect-not-sent",
	"A copy of a packet that left by the interface it came by: its sender is told nothing, since it was "
	"told "
	"before or the next hop is not on its subnet.")

#define SEEN 256
#define GAP UINT64_C(1000000000) /* ns to the second one for a sender and destination; it doubles */
#define DOUBLINGS 6
#define FORGET UINT64_C(300000000000) /* ns of silence after which it begins anew */
#define IP4 20
#define IP6 40
#define HEADER6 40 /* ICMPv6 header, target, destination */
#define TOTAL6 1280

enum { OPTION_TARGET_LLADDR = 2, OPTION_REDIRECTED = 4 };

/* Who was told. A slot is one pair of sender and destination; another pair takes it over. */
struct seen {
	uint32_t key, count;
	uint64_t at;
};

struct icmp_state {
	struct seen seen[SEEN];
};

/* A packet and what its sender should know. */
struct turn {
	const struct iface *ifc;
	struct ipaddr src, dst, hop, speaker;
	uint8_t mac[6];
	bool mac_known;
};

/* --- may it? --- */

/* Paths of a multipath route share the load: nobody is sent to one of them. */
static bool is_spread(const struct weir *w, const struct note *n, const struct ipaddr *dst)
{
	const struct vrf_view *v = &w->gen->vrf[n->vrf];
	uint16_t nh = dst->family == FAMILY_V4 ? fib4_lookup(v->fib4, ipaddr_to_v4(dst))
					       : fib6_lookup(v->fib6, dst->bytes);

	return w->nht.nh[nh].kind == NH_GROUP;
}

/* RFC 1812 5.2.7.2: the next hop is on the subnet of the sender, as seen from our address there. */
static bool same_subnet(struct turn *t)
{
	for (unsigned i = 0; i < t->ifc->address_count; i++) {
		const struct prefix *p = &t->ifc->address[i];

		if (p->addr.family != FAMILY_V4 || !iface_address_ready(t->ifc, i) ||
			!prefix_contains(p, &t->src) || !prefix_contains(p, &t->hop))
			continue;
		t->speaker = p->addr;
		return true;
	}
	return false;
}

/* RFC 4861 8.2: routers are named by their link-local address, and name themselves so. */
static bool can_be_named(const struct weir *w, struct turn *t)
{
	return (ipaddr_is_link_local(&t->hop) || ipaddr_equal(&t->hop, &t->dst)) &&
	       icmp_source(w->gen, t->ifc, FAMILY_V6, true, &t->speaker);
}

static bool worth_telling(
	const struct weir *w, const struct rte_mbuf *m, const struct note *n, struct turn *t)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, n->l3);
	const bool v4 = n->family == FAMILY_V4;
	const struct icmp_error any = {.type = v4 ? ICMP4_REDIRECT : ICMP6_REDIRECT};

	t->ifc = n->iif < IFACE_MAX ? w->gen->iface[n->iif] : NULL;
	if (t->ifc == NULL || !t->ifc->redirects || !t->ifc->forwarding || !t->ifc->enabled ||
		m->data_len < n->l3 + (v4 ? IP4 : IP6) || !icmp_error_allowed(m, n->l3, n->family, &any))
		return false;
	t->src = v4 ? ipaddr_v4((uint32_t)ip[12] << 24 | ip[13] << 16 | ip[14] << 8 | ip[15])
		    : ipaddr_v6(ip + 8);
	t->dst = v4 ? ipaddr_v4((uint32_t)ip[16] << 24 | ip[17] << 16 | ip[18] << 8 | ip[19])
		    : ipaddr_v6(ip + 24);
	if (!neigh_nexthop_is(w, n->nh, n->iif, &t->hop, t->mac, &t->mac_known) ||
		t->hop.family != t->src.family || ipaddr_equal(&t->hop, &t->src) || is_spread(w, n, &t->dst))
		return false;
	return v4 ? same_subnet(t) : can_be_named(w, t);
}

static uint32_t mix(uint32_t h, const struct ipaddr *a)
{
	for (unsigned i = 0; i < 16; i++)
		h = (h ^ a->bytes[i]) * 16777619u;
	return h;
}

/* A sender that does not listen is told less and less often. */
static bool due(const struct weir *w, const struct turn *t)
{
	uint32_t key = mix(mix(2166136261u ^ t->ifc->id, &t->src), &t->dst);
	struct seen *s = &w->icmp->seen[(key ^ key >> 16) % SEEN];
	unsigned twice = s->count < DOUBLINGS ? s->count : DOUBLINGS;

	if (s->key != key || s->at == 0 || w->now - s->at > FORGET)
		*s = (struct seen){.key = key};
	else if (w->now - s->at < GAP << (twice - 1))
		return false;
	s->at = w->now;
	s->count++;
	return true;
}

/* --- telling --- */

/* The packet as it came, before its lifetime went down. */
static void undo_hop(struct rte_mbuf *m, const struct note *n)
{
	uint8_t *ip = rte_pktmbuf_mtod_offset(m, uint8_t *, n->l3);
	uint32_t hlen = (ip[0] & 15) * 4u;
	uint16_t sum;

	if (n->family == FAMILY_V6) {
		ip[7]++;
		return;
	}
	ip[8]++;
	if (hlen < IP4 || m->data_len < n->l3 + hlen)
		return;
	memset(ip + 10, 0, 2);
	sum = checksum_ip4_header(ip, hlen);
	memcpy(ip + 10, &sum, sizeof sum);
}

size_t redirect6_build(uint8_t *p, const struct redirect6 *r)
{
	uint8_t *icmp = p + IP6, *option = icmp + HEADER6;
	uint16_t quoted, len, sum;

	memset(p, 0, IP6 + HEADER6 + 16);
	p[0] = 0x60;
	p[6] = IPPROTO_ICMPV6;
	p[7] = 255;
	memcpy(p + 8, r->source, 16);
	memcpy(p + 24, r->to, 16);
	icmp[0] = ICMP6_REDIRECT;
	memcpy(icmp + 8, r->target, 16);
	memcpy(icmp + 24, r->destination, 16);
	if (r->mac != NULL) {
		option[0] = OPTION_TARGET_LLADDR;
		option[1] = 1;
		memcpy(option + 2, r->mac, 6);
		option += 8;
	}
	quoted = (uint16_t)(RTE_MIN(r->len, (size_t)(p + TOTAL6 - option - 8)) & ~7u);
	option[0] = OPTION_REDIRECTED;
	option[1] = (uint8_t)(1 + quoted / 8);
	memcpy(option + 8, r->packet, quoted);
	len = (uint16_t)(option + 8 + quoted - icmp);
	p[4] = (uint8_t)(len >> 8);
	p[5] = (uint8_t)len;
	sum = checksum_ip6(p + 8, p + 24, IPPROTO_ICMPV6, icmp, len);
	memcpy(icmp + 2, &sum, sizeof sum);
	return IP6 + (size_t)len;
}

static bool build6(
	struct rte_mbuf *out, const struct rte_mbuf *about, const struct note *n, const struct turn *t)
{
	const struct redirect6 r = {.source = t->speaker.bytes,
		.to = t->src.bytes,
		.target = t->hop.bytes,
		.destination = t->dst.bytes,
		.mac = t->mac_known ? t->mac : NULL,
		.packet = rte_pktmbuf_mtod_offset(about, const uint8_t *, n->l3),
		.len = about->data_len - n->l3};
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(out, TOTAL6);
	struct note *made = note_of(out);

	if (p == NULL)
		return false;
	rte_pktmbuf_trim(out, (uint16_t)(TOTAL6 - redirect6_build(p, &r)));
	*made = (struct note){
		.family = FAMILY_V6, .proto = IPPROTO_ICMPV6, .flags = SLOT_ORIGINATED, .l4 = IP6};
	return true;
}

static bool tell(struct weir *w, struct rte_mbuf *about, const struct note *n, const struct turn *t)
{
	const struct icmp_error e = {.type = ICMP4_REDIRECT,
		.code = 1, /* for the host */
		.info = t->hop.family == FAMILY_V4 ? ipaddr_to_v4(&t->hop) : 0};
	struct rte_mbuf *m = weir_alloc(w);

	if (m == NULL)
		return false;
	undo_hop(about, n);
	if (n->family == FAMILY_V4 ? !icmp_error_build(m, about, n->l3, FAMILY_V4, &e, &t->speaker)
				   : !build6(m, about, n, t)) {
		rte_pktmbuf_free(m);
		return false;
	}
	note_of(m)->vrf = n->vrf;
	note_of(m)->oif = n->iif;
	weir_send(w, m, STAGE_ROUTE, true);
	return true;
}

static void punted(struct weir *w, struct rte_mbuf *m, struct note *n)
{
	struct turn t = {.ifc = NULL};
	bool told = worth_telling(w, m, n, &t) && due(w, &t) && tell(w, m, n, &t);

	weir_consume(w, m, told ? &reason_redirect_sent : &reason_redirect_not);
}

int redirect_init(struct weir *w, struct err *e)
{
	w->icmp = calloc(1, sizeof *w->icmp);
	if (w->icmp == NULL)
		return err_set(e, ENOMEM, "not enough memory for redirects");
	punt_handler_set(w, PUNT_REDIRECT, punted);
	return 0;
}

void redirect_fini(struct weir *w)
{
	free(w->icmp);
	w->icmp = NULL;
}
