/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_LOCAL: packets to us. Echo is answered in place, neighbour discovery and fragments go to the control
 * thread, everything else to the kernel's twin of the interface; without one, what nobody here listens to is
 * refused as RFC 1122 3.2.2.1 and RFC 4443 3.1 ask.
 */
#include <netinet/in.h>
#include <string.h>

#include "feature/icmp/icmp.h"
#include "feature/kernel/punt.h"
#include "packet/checksum.h"
#include "packet/options.h"
#include "packet/parse.h"
#include "packet/trim.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_local_short, REASON_DROP, "local-truncated",
	"The packet for us ends before its transport header does.")
REASON_DEFINE(reason_icmp_checksum, REASON_DROP, "icmp-bad-checksum", "The ICMP checksum is wrong.")
REASON_DEFINE(reason_icmp_other, REASON_DONE, "icmp-not-handled",
	"An ICMP message to us that needs no answer (replies, errors, queries nobody answers).")
REASON_DEFINE(reason_icmp_redirect, REASON_DONE, "icmp-redirect-ignored",
	"A redirect to us: routers do not act on them (RFC 1812 5.2.7.2, RFC 4861 8.2), and the kernel does "
	"not get them.")
REASON_DEFINE(reason_icmp_broadcast, REASON_DONE, "icmp-echo-broadcast",
	"An echo request to a broadcast address is not answered (RFC 1812 4.3.3.6).")
REASON_DEFINE(reason_icmp_echo_off, REASON_DROP, "icmp-echo-off",
	"Echo requests are not answered: icmp.echo is false.")
REASON_DEFINE(reason_nd_hops, REASON_DROP, "nd-hop-limit",
	"A neighbour discovery message did not have hop limit 255: it is not from this link.")
REASON_DEFINE(reason_nd_fragment, REASON_DROP, "nd-fragmented",
	"Neighbour discovery messages must not be fragmented (RFC 6980).")
REASON_DEFINE(reason_local_headers, REASON_DROP, "local-bad-headers",
	"The extension headers of a packet for us are malformed or not supported.")
REASON_DEFINE(reason_local_options, REASON_DROP, "local-bad-options",
	"The record route or timestamp option of an echo request to us is malformed.")
REASON_DEFINE(reason_local_port, REASON_DROP, "local-no-port", "Nothing here listens on the TCP or UDP port.")
REASON_DEFINE(reason_local_protocol, REASON_DROP, "local-no-protocol", "Nothing here speaks the protocol.")
REASON_DEFINE(reason_local_multicast, REASON_DONE, "local-multicast",
	"A broadcast or multicast packet for this link that nothing here listens to.")

#define ECHO_TTL 64

/* --- echo --- */

static void swap_bytes(uint8_t *a, uint8_t *b, unsigned n)
{
	uint8_t t[16];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

/* The type changes and nothing else: RFC 1624 with the two types in the high octet. */
static void turn_type(uint8_t *icmp, uint8_t type)
{
	uint32_t sum;
	uint16_t old;

	memcpy(&old, icmp + 2, sizeof old);
	sum = (uint16_t)~old;
	sum += (uint16_t)~RTE_BE16((uint16_t)(icmp[0] << 8));
	sum += RTE_BE16((uint16_t)(type << 8));
	icmp[0] = type;
	old = checksum_finish(sum);
	memcpy(icmp + 2, &old, sizeof old);
}

/* The answer takes the packet's place and is routed like any other that starts here. */
static void send_back(struct worker *w, struct burst *b, unsigned i)
{
	b->flags[i] = SLOT_ORIGINATED;
	b->hashed &= ~slot_bit(i);
	b->oif[i] = b->iif[i];
	b->nh[i] = NH_NO_ROUTE;
	worker_reinject(w, b, i, STAGE_ROUTE);
}

/* A timestamp may be asked of the address the request is for. */
static bool is_dst4(const void *ctx, uint32_t address)
{
	return address == *(const uint32_t *)ctx;
}

/* Bytes of the reply's header: record route and timestamp go back with our entry (RFC 1812 4.3.3.6), other
 * options do not. 0: they are malformed, and the packet died. */
static uint16_t reply_header4(struct worker *w, struct burst *b, unsigned i)
{
	struct ip4_stamp stamp = {
		.address = b->dst4[i], .time = worker_day_ms(w, b->now), .ours = is_dst4, .ctx = &b->dst4[i]};
	uint16_t hlen = (uint16_t)(b->l4[i] - b->l3[i]);
	uint8_t *ip = burst_l3(b, i), pointer;

	if (hlen == 20)
		return hlen;
	if (ip4_options_stamp(ip, hlen, &stamp, &pointer) != PARSE_OK) {
		burst_drop_error(b, i, &reason_local_options, ICMP4_PARAMETER, 0, (uint32_t)pointer << 24);
		return 0;
	}
	return ip4_options_keep_records(ip, hlen) ? hlen : 20;
}

/* The header moves up to the ICMP message when it gets shorter. */
static void reply4(struct worker *w, struct burst *b, unsigned i)
{
	uint16_t hlen = reply_header4(w, b, i), l3 = (uint16_t)(b->l4[i] - hlen), sum;
	uint16_t total = (uint16_t)(b->pkt[i]->pkt_len - l3);
	uint8_t *data = burst_data(b, i), *ip = data + l3, *icmp = data + b->l4[i];
	uint32_t dst;

	if (hlen == 0)
		return;
	memmove(ip, data + b->l3[i], hlen);
	b->l3[i] = l3;
	ip[0] = (uint8_t)(0x40 | hlen / 4);
	ip[2] = (uint8_t)(total >> 8);
	ip[3] = (uint8_t)total;
	ip[8] = ECHO_TTL;
	swap_bytes(ip + 12, ip + 16, 4);
	memset(ip + 10, 0, 2);
	sum = checksum_ip4_header(ip, hlen);
	memcpy(ip + 10, &sum, sizeof sum);
	turn_type(icmp, ICMP4_ECHO_REPLY);
	memcpy(&dst, ip + 16, sizeof dst);
	b->dst4[i] = rte_be_to_cpu_32(dst);
	send_back(w, b, i);
}

static bool full_checksum_ok4(const struct burst *b, unsigned i)
{
	return checksum_finish(checksum_mbuf(0, b->pkt[i], b->l4[i], b->pkt[i]->pkt_len - b->l4[i])) == 0;
}

/* The kernel's, or nobody's. */
static void leave(const struct generation *g, struct burst *b, unsigned i, const struct reason *without_twin)
{
	if (kernel_takes(g, b, i))
		b->need[STAGE_KERNEL] |= slot_bit(i);
	else
		burst_drop(b, i, without_twin);
}

static void icmp4(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	const uint8_t *icmp = burst_l4(b, i);

	if (!full_checksum_ok4(b, i))
		burst_drop(b, i, &reason_icmp_checksum);
	else if (icmp[0] == ICMP4_REDIRECT)
		burst_drop(b, i, &reason_icmp_redirect);
	else if (icmp[0] != ICMP4_ECHO || icmp[1] != 0)
		leave(g, b, i, &reason_icmp_other);
	else if (!g->icmp_echo)
		burst_drop(b, i, &reason_icmp_echo_off);
	else if ((b->flags[i] & SLOT_LINK_BROADCAST) != 0 || b->dst4[i] >= 0xe0000000)
		burst_drop(b, i, &reason_icmp_broadcast);
	else
		reply4(w, b, i);
}

/* The answer to an anycast or multicast echo comes from a unicast address of the interface (RFC 4443 4.2). */
static bool reply_source6(const struct generation *g, const struct burst *b, unsigned i, struct ipaddr *out)
{
	const uint8_t *ip = burst_l3(b, i);
	const struct iface *ifc = g->iface[b->iif[i]];

	*out = ipaddr_v6(ip + 24);
	if (icmp_is_ours(g, b->iif[i], b->vrf[i], out))
		return true;
	return ifc != NULL && icmp_source(g, ifc, FAMILY_V6, ip[8] == 0xfe && (ip[9] & 0xc0) == 0x80, out);
}

static void reply6(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	uint16_t l3 = (uint16_t)(b->l4[i] - 40), payload = (uint16_t)(b->pkt[i]->pkt_len - b->l4[i]), sum = 0;
	uint8_t *data = burst_data(b, i), *ip, *icmp = data + b->l4[i];
	struct ipaddr source;

	if (!reply_source6(g, b, i, &source)) {
		burst_drop(b, i, &reason_local_multicast);
		return;
	}
	ip = data + l3;
	memmove(ip, data + b->l3[i], 40);
	b->l3[i] = l3;
	ip[4] = (uint8_t)(payload >> 8);
	ip[5] = (uint8_t)payload;
	ip[6] = IPPROTO_ICMPV6;
	ip[7] = ECHO_TTL;
	memcpy(ip + 24, ip + 8, 16);
	memcpy(ip + 8, source.bytes, 16);
	icmp[0] = ICMP6_ECHO_REPLY;
	memset(icmp + 2, 0, 2);
	sum = checksum_finish(checksum_mbuf(
		checksum_pseudo6(ip + 8, ip + 24, IPPROTO_ICMPV6, payload), b->pkt[i], b->l4[i], payload));
	memcpy(icmp + 2, &sum, sizeof sum);
	send_back(w, b, i);
}

static bool full_checksum_ok6(const struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);
	uint32_t len = b->pkt[i]->pkt_len - b->l4[i];

	return checksum_finish(checksum_mbuf(checksum_pseudo6(ip + 8, ip + 24, IPPROTO_ICMPV6, len),
		       b->pkt[i], b->l4[i], len)) == 0;
}

static void neighbour_discovery(struct worker *w, struct burst *b, unsigned i)
{
	if (burst_l3(b, i)[7] != 255)
		burst_drop(b, i, &reason_nd_hops);
	else if ((b->flags[i] & SLOT_REASSEMBLED) != 0)
		burst_drop(b, i, &reason_nd_fragment);
	else
		worker_punt(w, b, i, PUNT_ND);
}

static void icmp6(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	uint8_t type = burst_l4(b, i)[0];

	if (!full_checksum_ok6(b, i))
		burst_drop(b, i, &reason_icmp_checksum);
	else if (type == ICMP6_REDIRECT)
		burst_drop(b, i, &reason_icmp_redirect);
	else if (type >= 133 && type < ICMP6_REDIRECT)
		neighbour_discovery(w, b, i);
	else if (type == ICMP6_LISTENER_QUERY && (b->flags[i] & SLOT_REASSEMBLED) == 0)
		worker_punt(w, b, i, PUNT_ND);
	else if (type != ICMP6_ECHO)
		leave(g, b, i, &reason_icmp_other);
	else if (!g->icmp_echo)
		burst_drop(b, i, &reason_icmp_echo_off);
	else
		reply6(w, g, b, i);
}

/* --- what is it? --- */

/* The destination looks into headers that routers skip (RFC 8200 4); false when the packet died. */
static bool headers6(struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);
	uint32_t have = RTE_MIN(b->pkt[i]->data_len, b->pkt[i]->pkt_len) - b->l3[i];
	struct ip6_headers h;
	enum parse_result r = parse_ip6(ip, have, true, &h);

	if (r == PARSE_UNKNOWN && (ip[24] != 0xff || h.multicast_too))
		burst_drop_error(b, i, &reason_local_headers, ICMP6_PARAMETER,
			h.pointer == h.next_at ? 1 : (h.source_route ? 0 : 2), h.pointer);
	else if (r == PARSE_MALFORMED)
		burst_drop_error(b, i, &reason_local_headers, ICMP6_PARAMETER, 0, h.pointer);
	else if (r != PARSE_OK)
		burst_drop(b, i, &reason_local_headers);
	if (r != PARSE_OK)
		return false;
	b->proto[i] = h.proto;
	b->l4[i] = (uint16_t)(b->l3[i] + h.l4);
	b->error[i].info = h.next_at; /* where an unknown protocol is named */
	return true;
}

static bool to_many(const struct burst *b, unsigned i)
{
	if (b->flags[i] & SLOT_LINK_BROADCAST)
		return true;
	return b->family[i] == FAMILY_V4 ? b->dst4[i] >= 0xe0000000 : burst_l3(b, i)[24] == 0xff;
}

static void refuse(const struct generation *g, struct burst *b, unsigned i)
{
	bool v4 = b->family[i] == FAMILY_V4;
	uint8_t p = b->proto[i];

	if (kernel_takes(g, b, i))
		b->need[STAGE_KERNEL] |= slot_bit(i);
	else if (to_many(b, i))
		burst_drop(b, i, &reason_local_multicast);
	else if (p == IPPROTO_TCP || p == IPPROTO_UDP || p == 132 || p == 136)
		burst_drop_error(b, i, &reason_local_port, v4 ? ICMP4_UNREACH : ICMP6_UNREACH, v4 ? 3 : 4, 0);
	else if (v4)
		burst_drop_error(b, i, &reason_local_protocol, ICMP4_UNREACH, 2, 0);
	else if (p == IPPROTO_NONE)
		burst_drop(b, i, &reason_local_protocol);
	else /* RFC 8200 4: unrecognized next header */
		burst_drop_error(b, i, &reason_local_protocol, ICMP6_PARAMETER, 1, b->error[i].info);
}

static void fragment(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	if (to_many(b, i) && b->proto[i] == IPPROTO_ICMPV6)
		burst_drop(b, i, &reason_nd_fragment);
	else if (to_many(b, i))
		leave(g, b, i, &reason_local_multicast);
	else
		worker_punt(w, b, i, PUNT_REASSEMBLE);
}

/* STAGE_PARSE takes padded minimum frames as they are; here the length counts. */
static void cut_padding4(struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);

	packet_trim(b->pkt[i], b->l3[i] + ((uint32_t)ip[2] << 8 | ip[3]));
}

static void local_one(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	bool v4 = b->family[i] == FAMILY_V4;

	if (v4)
		cut_padding4(b, i);
	if (b->flags[i] & SLOT_FRAGMENT) {
		fragment(w, g, b, i);
		return;
	}
	if (!v4 && !headers6(b, i))
		return;
	if (b->proto[i] != (v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6)) {
		refuse(g, b, i);
		return;
	}
	if (b->pkt[i]->data_len < b->l4[i] + 8)
		burst_drop(b, i, &reason_local_short);
	else if (v4)
		icmp4(w, g, b, i);
	else
		icmp6(w, g, b, i);
}

static void local_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		local_one(w, g, b, (unsigned)i);
}

static const struct stage stage_local = {
	.name = "local",
	.help = "packets to us: echo, neighbour discovery, refusals",
	.id = STAGE_LOCAL,
	.run = local_run,
	.after = STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_KERNEL) | STAGE_BIT(STAGE_ICMP_ERROR),
	.next = STAGE_BIT(STAGE_KERNEL) | STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_local)
