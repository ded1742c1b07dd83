/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMP errors: which packets may cause one, and how it is built. Shared by STAGE_ICMP_ERROR and the control
 * thread.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

#include "feature/icmp/icmp.h"
#include "packet/checksum.h"
#include "packet/parse.h"
#include "table/fib4.h"
#include "table/fib6.h"

#define IP4 20
#define IP6 40
#define ICMP 8
#define TOTAL4 576  /* RFC 1812 4.3.2.3: as much of the original as fits */
#define TOTAL6 1280 /* RFC 4443 2.4 (c) */
#define TTL 64

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return rte_be_to_cpu_32(v);
}

/* --- may it? --- */

static bool host4(uint32_t a)
{
	uint8_t first = (uint8_t)(a >> 24);

	return first != 0 && first != 127 && first < 224;
}

/* RFC 1122 3.2.2: the ICMP messages that are errors. */
static bool is_error4(uint8_t type)
{
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

static bool allowed4(const uint8_t *ip, uint32_t have)
{
	uint32_t hlen = (ip[0] & 15) * 4u, dst = get32(ip + 16);

	if (((ip[6] << 8 | ip[7]) & 0x1fff) != 0 || !host4(get32(ip + 12)))
		return false;
	if (dst >= 0xe0000000)
		return false;
	return ip[9] != IPPROTO_ICMP || (have > hlen && !is_error4(ip[hlen]));
}

static bool allowed6(const uint8_t *ip, uint32_t have, const struct icmp_error *err)
{
	static const uint8_t zero[16];
	struct ip6_headers h;

	if (ip[8] == 0xff || memcmp(ip + 8, zero, 16) == 0)
		return false;
	/* (e.3): except packet too big and parameter problem code 2. */
	if (ip[24] == 0xff && err->type != ICMP6_TOO_BIG && !(err->type == ICMP6_PARAMETER && err->code == 2))
		return false;
	if (parse_ip6(ip, have, false, &h) != PARSE_OK)
		return ip[6] != IPPROTO_ICMPV6;
	if (h.proto != IPPROTO_ICMPV6)
		return true;
	if (h.fragment && h.frag_units != 0)
		return false;
	return have > h.l4 && ip[h.l4] >= 128 && ip[h.l4] != 137;
}

bool icmp_error_allowed(const struct rte_mbuf *m, uint16_t l3, uint8_t family, const struct icmp_error *err)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, l3);
	uint32_t have = m->data_len > l3 ? m->data_len - l3 : 0;

	if (have < (family == FAMILY_V4 ? IP4 : IP6))
		return false;
	return family == FAMILY_V4 ? allowed4(ip, have) : allowed6(ip, have, err);
}

/* --- building --- */

/* Length of the original as its IP header says, bounded by what is there. */
static uint32_t original_length(const struct rte_mbuf *m, uint16_t l3, const uint8_t *ip, bool v4)
{
	uint32_t len = v4 ? (uint32_t)(ip[2] << 8 | ip[3]) : IP6 + (uint32_t)(ip[4] << 8 | ip[5]);

	return RTE_MIN(len, m->pkt_len - l3);
}

static void head4(uint8_t *p, uint16_t total, const uint8_t *original, const struct ipaddr *source)
{
	uint16_t sum;

	p[0] = 0x45;
	p[1] = 0xc0 | (original[1] & 0x1e); /* RFC 1812 4.3.2.5: precedence 6, the original's TOS */
	p[2] = (uint8_t)(total >> 8);
	p[3] = (uint8_t)total;
	p[6] = 0x40; /* never fragmented: so the identification may be 0 (RFC 6864) */
	p[8] = TTL;
	p[9] = IPPROTO_ICMP;
	memcpy(p + 12, source->bytes, 4);
	memcpy(p + 16, original + 12, 4);
	sum = checksum_ip4_header(p, IP4);
	memcpy(p + 10, &sum, sizeof sum);
}

static void head6(uint8_t *p, uint16_t total, const uint8_t *original, const struct ipaddr *source)
{
	uint16_t payload = (uint16_t)(total - IP6);

	p[0] = 0x60;
	p[4] = (uint8_t)(payload >> 8);
	p[5] = (uint8_t)payload;
	p[6] = IPPROTO_ICMPV6;
	p[7] = TTL;
	memcpy(p + 8, source->bytes, 16);
	memcpy(p + 24, original + 8, 16);
}

/* The 8-byte ICMP header and its checksum over `len` bytes. */
static void message(uint8_t *p, uint32_t len, const struct icmp_error *err, const uint8_t *ip6)
{
	uint32_t info = rte_cpu_to_be_32(err->info);
	uint16_t sum;

	p[0] = err->type;
	p[1] = err->code;
	memcpy(p + 4, &info, sizeof info);
	sum = ip6 == NULL ? checksum_ip4_header(p, len)
			  : checksum_ip6(ip6 + 8, ip6 + 24, IPPROTO_ICMPV6, p, len);
	memcpy(p + 2, &sum, sizeof sum);
}

bool icmp_error_build(struct rte_mbuf *out, const struct rte_mbuf *about, uint16_t l3, uint8_t family,
	const struct icmp_error *err, const struct ipaddr *source)
{
	bool v4 = family == FAMILY_V4;
	uint16_t head = v4 ? IP4 : IP6;
	const uint8_t *ip = rte_pktmbuf_mtod_offset(about, const uint8_t *, l3);
	uint32_t room = (v4 ? TOTAL4 : TOTAL6) - head - ICMP;
	uint32_t quoted = RTE_MIN(original_length(about, l3, ip, v4), room);
	uint16_t total = (uint16_t)(head + ICMP + quoted);
	uint8_t *p = (uint8_t *)rte_pktmbuf_append(out, total);
	const uint8_t *data;
	struct note *n = note_of(out);

	if (p == NULL)
		return false;
	memset(p, 0, head + ICMP);
	data = rte_pktmbuf_read(about, l3, quoted, p + head + ICMP);
	if (data != p + head + ICMP)
		memcpy(p + head + ICMP, data, quoted);
	(v4 ? head4 : head6)(p, total, ip, source);
	message(p + head, ICMP + quoted, err, v4 ? NULL : p);
	n->l3 = 0;
	n->l4 = head;
	n->family = family;
	n->proto = v4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	n->flags = SLOT_ORIGINATED;
	n->dst4 = v4 ? get32(p + 16) : 0;
	return true;
}

static uint16_t lookup(const struct generation *g, uint16_t vrf, const struct ipaddr *a)
{
	const struct vrf_view *v = &g->vrf[vrf];

	return a->family == FAMILY_V4 ? fib4_lookup(v->fib4, ipaddr_to_v4(a))
				      : fib6_lookup(v->fib6, a->bytes);
}

static bool is_link_local(const struct ipaddr *a)
{
	return a->family == FAMILY_V6 && ipaddr_is_link_local(a);
}

/* In use: not of a disabled interface, not under duplicate address detection, no duplicate (RFC 4862 5.4).
 * Only then the forwarding table says "here". Link-local addresses are not in it. */
static bool in_use(const struct generation *g, const struct iface *ifc, unsigned i)
{
	const struct ipaddr *a = &ifc->address[i].addr;

	if (!ifc->enabled || !iface_address_ready(ifc, i))
		return false;
	return is_link_local(a) || g->nht.nh[lookup(g, ifc->vrf, a)].kind == NH_LOCAL;
}

bool icmp_is_ours(const struct generation *g, uint16_t iif, uint16_t vrf, const struct ipaddr *a)
{
	const struct iface *ifc = iif < IFACE_MAX ? g->iface[iif] : NULL;
	const struct nexthop *nh;

	if (ipaddr_is_multicast(a))
		return false;
	if (is_link_local(a))
		return ifc != NULL && iface_has_ready_address(ifc, a);
	nh = &g->nht.nh[lookup(g, vrf, a)];
	ifc = g->iface[nh->iface];
	return nh->kind == NH_LOCAL && ifc != NULL && iface_has_address(ifc, a);
}

bool icmp_source(const struct generation *g, const struct iface *ifc, uint8_t family, bool link_local,
	struct ipaddr *out)
{
	for (unsigned i = 0; i < ifc->address_count; i++) {
		const struct ipaddr *a = &ifc->address[i].addr;

		if (a->family != family || is_link_local(a) != link_local || !in_use(g, ifc, i))
			continue;
		*out = *a;
		return true;
	}
	return false;
}

static bool vrf_source(const struct generation *g, uint16_t vrf, uint8_t family, struct ipaddr *out)
{
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL && g->iface[i]->vrf == vrf &&
			icmp_source(g, g->iface[i], family, false, out))
			return true;
	return false;
}

bool icmp_speaker(const struct generation *g, const struct iface *ifc, uint8_t family, struct ipaddr *out)
{
	return icmp_source(g, ifc, family, false, out) || vrf_source(g, ifc->vrf, family, out);
}

bool icmp_error_source(const struct generation *g, uint16_t iif, uint16_t vrf, uint8_t family,
	const uint8_t *ip, struct ipaddr *out)
{
	const struct iface *ifc = iif < IFACE_MAX ? g->iface[iif] : NULL;
	bool v4 = family == FAMILY_V4, link_local = !v4 && ip[8] == 0xfe && (ip[9] & 0xc0) == 0x80;

	*out = v4 ? ipaddr_v4(get32(ip + 16)) : ipaddr_v6(ip + 24);
	if (icmp_is_ours(g, iif, vrf, out))
		return true;
	if (ifc != NULL && link_local && icmp_source(g, ifc, family, true, out))
		return true;
	if (ifc != NULL && icmp_source(g, ifc, family, false, out))
		return true;
	return vrf_source(g, vrf, family, out);
}

void icmp_send_error(
	struct weir *w, const struct rte_mbuf *about, const struct note *n, const struct icmp_error *err)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(about, const uint8_t *, n->l3);
	struct ipaddr source;
	struct rte_mbuf *m;

	if (!icmp_error_allowed(about, n->l3, n->family, err) ||
		!icmp_error_source(w->gen, n->iif, n->vrf, n->family, ip, &source))
		return;
	if (!bucket_take(&w->icmp_bucket, w->now, w->gen->icmp_error_rate, w->gen->icmp_error_burst)) {
		w->counters.icmp_suppressed++;
		return;
	}
	m = weir_alloc(w);
	if (m == NULL)
		return;
	if (!icmp_error_build(m, about, n->l3, n->family, err, &source)) {
		rte_pktmbuf_free(m);
		return;
	}
	note_of(m)->vrf = n->vrf;
	note_of(m)->oif = n->iif;
	weir_send(w, m, STAGE_ROUTE, true);
}
