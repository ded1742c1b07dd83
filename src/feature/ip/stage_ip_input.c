/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_IP_INPUT: what RFC 1812 5.2.2 and RFC 8200 demand before a packet is routed, one packet at a time:
 * lengths, version, checksum, martians, options and extension headers. Cuts link-layer padding off. Reads l3,
 * family, iif; writes l4, proto, dst4, flags; sends on to STAGE_ROUTE, or to STAGE_LOCAL what is for every
 * node or only for this link.
 */
#include <netinet/in.h>

#include <rte_ip.h>

#include "feature/ip/ip_hdr.h"
#include "feature/ip/reasons.h"
#include "feature/kernel/groups.h"
#include "feature/kernel/punt.h"
#include "feature/neigh/neigh.h"
#include "packet/parse.h"
#include "packet/trim.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_ip_truncated, REASON_DROP, "ip-truncated", "The frame ends before the IP packet does.")
REASON_DEFINE(
	reason_ip_version, REASON_DROP, "ip-bad-version", "The IP version does not match the ethertype.")
REASON_DEFINE(
	reason_ip_hlen, REASON_DROP, "ip-bad-header-length", "The IPv4 header length is below 20 bytes.")
REASON_DEFINE(
	reason_ip_length, REASON_DROP, "ip-bad-length", "The IPv4 total length is below the header length.")
REASON_DEFINE(reason_ip_checksum, REASON_DROP, "ip-bad-checksum", "The IPv4 header checksum is wrong.")
REASON_DEFINE(reason_ip_source, REASON_DROP, "ip-martian-source",
	"The source address is not one a host may send from.")
REASON_DEFINE(reason_ip_destination, REASON_DROP, "ip-martian-destination",
	"The destination address is not one a router may forward to.")

REASON_DEFINE(reason_ip_options, REASON_DROP, "ip-bad-options",
	"IPv4 options or IPv6 extension headers are malformed.")
REASON_DEFINE(reason_ip_source_route, REASON_DROP, "ip-source-route", "Source-routed packets are refused.")
REASON_DEFINE(reason_ip_unknown_option, REASON_DROP, "ip-unknown-option",
	"An unknown IPv6 option or header demands that the packet be dropped.")
REASON_DEFINE(reason_ip_extensions, REASON_DROP, "ip-too-many-headers",
	"The packet has too many IPv6 extension headers.")
REASON_DEFINE(reason_ip6_off, REASON_DROP, "ip-ipv6-off",
	"The interface the IPv6 packet came in by does not speak IPv6: its MTU is below 1280 bytes, or "
	"somebody else has "
	"its MAC address.")
REASON_DEFINE(reason_ip_multicast, REASON_DROP, "ip-multicast", "Nobody here listens to the multicast group.")

enum { ICMP4_PARAMETER = 12, ICMP6_PARAMETER = 4, ICMP6_UNREACH = 1 };

/* --- IPv4 --- */

static const struct reason *check4_lengths(const uint8_t *ip, uint32_t have, uint32_t contiguous)
{
	uint32_t hlen = (ip[0] & 15) * 4u, total = (uint32_t)ip[2] << 8 | ip[3];

	if (ip[0] >> 4 != 4)
		return &reason_ip_version;
	if (hlen < IP4_HEADER)
		return &reason_ip_hlen;
	if (hlen > contiguous || total > have)
		return &reason_ip_truncated;
	return total < hlen ? &reason_ip_length : NULL;
}

/* RFC 1812 5.3.7: addresses that no packet on the wire may carry. */
static const struct reason *check4_addresses(uint32_t src, uint32_t dst)
{
	uint8_t s = (uint8_t)(src >> 24), d = (uint8_t)(dst >> 24);

	if (s == 0 || s == 127 || s >= 224)
		return &reason_ip_source;
	if (d == 0 || d == 127 || (d >= 240 && dst != 0xffffffff))
		return &reason_ip_destination;
	return NULL;
}

/* Multicast and broadcast on this link. 224.0.0.0/24 and all-ones are for every listener; other groups are
 * when a program joined them on the twin. */
static bool local4(
	const struct generation *g, const struct iface *ifc, struct burst *b, unsigned i, uint32_t dst)
{
	if (dst < 0xe0000000)
		return false;
	if (dst == 0xffffffff || dst >> 8 == 0xe00000 || (ifc->twin && kernel_joined4(g, ifc->id, dst)))
		b->need[STAGE_LOCAL] |= slot_bit(i);
	else
		burst_drop(b, i, &reason_ip_multicast);
	return true;
}

static bool input4_options(struct burst *b, unsigned i, const uint8_t *ip, size_t hlen)
{
	struct ip4_options o;

	b->flags[i] |= SLOT_OPTIONS;
	if (parse_ip4_options(ip, hlen, &o) != PARSE_OK) {
		burst_drop_error(b, i, &reason_ip_options, ICMP4_PARAMETER, 0, (uint32_t)o.pointer << 24);
		return false;
	}
	if (o.source_route) {
		burst_drop(b, i, &reason_ip_source_route);
		return false;
	}
	b->flags[i] |= o.router_alert ? SLOT_ROUTER_ALERT : 0;
	if (o.record)
		b->need[STAGE_IP_OPTIONS] |= slot_bit(i);
	return true;
}

static void flag_fragment4(struct burst *b, unsigned i, const uint8_t *ip)
{
	uint16_t frag = (uint16_t)(ip[6] << 8 | ip[7]) & 0x3fff;

	if (frag != 0)
		b->flags[i] |= SLOT_FRAGMENT;
	if ((frag & 0x1fff) != 0)
		b->flags[i] |= SLOT_LATER_FRAGMENT;
}

/* A server's answer to an interface that has no IPv4 address yet, sent to the one it is to get. */
static bool dhcp_answer(const struct iface *ifc, const struct burst *b, unsigned i)
{
	const uint8_t *udp = burst_l4(b, i);

	return ifc->twin && b->proto[i] == IPPROTO_UDP && (b->flags[i] & SLOT_FRAGMENT) == 0 &&
	       !iface_has_family(ifc, FAMILY_V4) && b->pkt[i]->data_len >= b->l4[i] + 8 && udp[2] == 0 &&
	       udp[3] == 68;
}

static void input4(const struct generation *g, const struct iface *ifc, struct burst *b, unsigned i)
{
	struct rte_mbuf *m = b->pkt[i];
	const uint8_t *ip = burst_l3(b, i);
	uint32_t have = m->pkt_len - b->l3[i], contiguous = m->data_len - b->l3[i], hlen, src;
	const struct reason *why;

	why = contiguous < IP4_HEADER ? &reason_ip_truncated : check4_lengths(ip, have, contiguous);
	if (why == NULL && rte_raw_cksum(ip, (ip[0] & 15) * 4u) != 0xffff)
		why = &reason_ip_checksum;
	if (why != NULL) {
		burst_drop(b, i, why);
		return;
	}
	hlen = (ip[0] & 15) * 4u;
	packet_trim(m, b->l3[i] + ((uint32_t)ip[2] << 8 | ip[3]));
	src = rte_be_to_cpu_32(ip_get32(ip + 12));
	b->dst4[i] = rte_be_to_cpu_32(ip_get32(ip + 16));
	b->proto[i] = ip[9];
	b->l4[i] = (uint16_t)(b->l3[i] + hlen);
	flag_fragment4(b, i, ip);
	why = check4_addresses(src, b->dst4[i]);
	if (why != NULL) {
		burst_drop(b, i, why);
		return;
	}
	if (hlen > IP4_HEADER && !input4_options(b, i, ip, hlen))
		return;
	if (dhcp_answer(ifc, b, i))
		b->need[STAGE_KERNEL] |= slot_bit(i);
	else if (!local4(g, ifc, b, i, b->dst4[i]))
		b->need[STAGE_ROUTE] |= slot_bit(i);
}

/* --- IPv6 --- */

static bool ip6_is_zero_or_loopback(const uint8_t *a)
{
	static const uint8_t zero[15];

	return memcmp(a, zero, sizeof zero) == 0 && a[15] <= 1;
}

static const struct reason *check6(const uint8_t *ip, uint32_t have)
{
	const uint8_t *src = ip + 8, *dst = ip + 24;

	if (ip[0] >> 4 != 6)
		return &reason_ip_version;
	if (IP6_HEADER + ((uint32_t)ip[4] << 8 | ip[5]) > have)
		return &reason_ip_truncated;
	/* RFC 4291 2.5.2, 2.5.3, 2.7; the unspecified address only speaks on the link (DAD). */
	if (src[0] == 0xff || (ip6_is_zero_or_loopback(src) && (src[15] == 1 || dst[0] != 0xff)))
		return &reason_ip_source;
	if (ip6_is_zero_or_loopback(dst) || (dst[0] == 0xff && (dst[1] & 0xf) <= 1))
		return &reason_ip_destination;
	return NULL;
}

/* ff02::1, ff02::2 and solicited-node groups are joined; interface- and node-local ones never leave a node.
 * The kernel gets everything for the link: it knows who joined. */
static bool joined6(const struct generation *g, const struct iface *ifc, const uint8_t *dst)
{
	static const uint8_t all[15] = {0xff, 2},
			     solicited[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	if (ifc->twin && ((dst[1] & 0xf) == 2 || kernel_joined6(g, ifc->id, dst)))
		return true;
	if (memcmp(dst, all, sizeof all) == 0)
		return dst[15] == 1 || dst[15] == 2;
	return memcmp(dst, solicited, sizeof solicited) == 0;
}

/* Destinations that never leave the link: multicast and link-local. */
static bool local6(
	const struct generation *g, const struct iface *ifc, struct burst *b, unsigned i, const uint8_t *dst)
{
	struct ipaddr a;

	if (dst[0] == 0xff) {
		if (joined6(g, ifc, dst))
			b->need[STAGE_LOCAL] |= slot_bit(i);
		else
			burst_drop(b, i, &reason_ip_multicast);
		return true;
	}
	if (!ip6_is_link_local(dst))
		return false;
	a = ipaddr_v6(dst);
	if (iface_has_ready_address(ifc, &a))
		b->need[STAGE_LOCAL] |= slot_bit(i);
	else
		burst_drop(
			b, i, iface_has_address(ifc, &a) ? &reason_address_unusable : &reason_ip_destination);
	return true;
}

/* What the walk over the extension headers found wrong; true when nothing. */
static bool act6(struct burst *b, unsigned i, enum parse_result r, const struct ip6_headers *h)
{
	switch (r) {
	case PARSE_OK:
		return true;
	case PARSE_TRUNCATED:
		burst_drop(b, i, &reason_ip_truncated);
		break;
	case PARSE_MALFORMED:
		burst_drop_error(b, i, &reason_ip_options, ICMP6_PARAMETER, 0, h->pointer);
		break;
	case PARSE_UNKNOWN: /* RFC 4443 3.4: code 1 for a next header, 2 for an option, 0 for a routing header
			     */
		if (burst_l3(b, i)[24] == 0xff && !h->multicast_too)
			burst_drop(b, i, &reason_ip_unknown_option);
		else
			burst_drop_error(b, i, &reason_ip_unknown_option, ICMP6_PARAMETER,
				h->pointer == h->next_at ? 1 : (h->source_route ? 0 : 2), h->pointer);
		break;
	case PARSE_DISCARD:
		burst_drop(b, i, &reason_ip_unknown_option);
		break;
	default:
		burst_drop(b, i, &reason_ip_extensions);
	}
	return false;
}

static void input6(const struct generation *g, const struct iface *ifc, struct burst *b, unsigned i)
{
	struct rte_mbuf *m = b->pkt[i];
	const uint8_t *ip = burst_l3(b, i);
	uint32_t have = m->pkt_len - b->l3[i], contiguous = m->data_len - b->l3[i], len;
	const struct reason *why = contiguous < IP6_HEADER ? &reason_ip_truncated : check6(ip, have);
	struct ip6_headers h;

	if (!iface_carries_ip6(ifc))
		why = &reason_ip6_off;
	if (why != NULL) {
		burst_drop(b, i, why);
		return;
	}
	len = IP6_HEADER + ((uint32_t)ip[4] << 8 | ip[5]);
	packet_trim(m, b->l3[i] + len);
	if (!act6(b, i, parse_ip6(ip, RTE_MIN(len, contiguous), false, &h), &h))
		return;
	b->proto[i] = h.proto;
	b->l4[i] = (uint16_t)(b->l3[i] + h.l4);
	b->flags[i] |= (h.fragment ? SLOT_FRAGMENT : 0) |
		       (h.fragment && h.frag_units != 0 ? SLOT_LATER_FRAGMENT : 0) |
		       (h.router_alert ? SLOT_ROUTER_ALERT : 0);
	if (ip6_is_link_local(ip + 8))
		b->flags[i] |= SLOT_NO_FORWARD; /* RFC 4291 2.5.6 */
	if (!local6(g, ifc, b, i, ip + 24))
		b->need[STAGE_ROUTE] |= slot_bit(i);
}

static void input_one(const struct generation *g, struct burst *b, unsigned i)
{
	const struct iface *ifc = g->iface[b->iif[i]];

	if (!ifc->forwarding)
		b->flags[i] |= SLOT_NO_FORWARD;
	if (b->family[i] == FAMILY_V4)
		input4(g, ifc, b, i);
	else
		input6(g, ifc, b, i);
	if (ifc->in == 0)
		return;
	if ((b->need[STAGE_ROUTE] & slot_bit(i)) != 0) {
		BURST_EACH (s, ifc->in)
			b->need[s] |= slot_bit(i);
		/* Sessions need the ports of every packet. */
		if ((ifc->in & STAGE_BIT(STAGE_SESSION)) != 0 && (b->flags[i] & SLOT_FRAGMENT) != 0)
			b->need[STAGE_REASSEMBLE] |= slot_bit(i);
	} else if ((ifc->in & STAGE_BIT(STAGE_ACL_IN)) != 0) {
		b->need[STAGE_ACL_IN] |= slot_bit(i); /* what never leaves the link is filtered as well */
	}
}

static void ip_input_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		input_one(g, b, (unsigned)i);
}

static const struct stage stage_ip_input = {
	.name = "ip-input",
	.help = "RFC 1812 5.2.2 and RFC 8200 checks, options, extension headers",
	.id = STAGE_IP_INPUT,
	.run = ip_input_run,
	.after = STAGE_BIT(STAGE_ETHER),
	.before = STAGE_BIT(STAGE_ROUTE),
	.next = STAGE_BIT(STAGE_REASSEMBLE) | STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_LOCAL) |
		STAGE_BIT(STAGE_KERNEL) | STAGE_BIT(STAGE_IP_OPTIONS) | STAGE_BIT(STAGE_ICMP_ERROR) |
		STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_ip_input)
