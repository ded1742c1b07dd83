/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading fragments' headers and making the header of what came together again.
 */
#include <netinet/in.h>
#include <string.h>

#include "feature/ip/ip_hdr.h"
#include "feature/ip/reass.h"
#include "packet/checksum.h"
#include "packet/parse.h"

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static bool read4(const uint8_t *ip, const struct note *n, uint32_t have, struct fragment *f)
{
	uint32_t hlen = (ip[0] & 15) * 4u, total = be16_at(ip + 2);

	if (hlen < IP4_HEADER || total < hlen || total > have)
		return false;
	f->key.src = ipaddr_v4(rte_be_to_cpu_32(ip_get32(ip + 12)));
	f->key.dst = ipaddr_v4(rte_be_to_cpu_32(ip_get32(ip + 16)));
	f->key.id = be16_at(ip + 4);
	f->key.proto = ip[9];
	f->from = (be16_at(ip + 6) & 0x1fffu) * 8;
	f->more = (ip[6] & 0x20) != 0;
	f->data = (uint16_t)(n->l3 + hlen);
	f->len = total - hlen;
	return true;
}

/* Bytes of the upper-layer header that must come with the first fragment; 0: not known here. */
static uint32_t transport_header(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return 20;
	case IPPROTO_UDP:
	case IPPROTO_ICMPV6:
	case 136: /* UDP-Lite */
		return 8;
	case 132: /* SCTP */
		return 12;
	default:
		return 0;
	}
}

static bool read6(
	const uint8_t *ip, const struct note *n, uint32_t have, uint32_t contiguous, struct fragment *f)
{
	uint32_t total = IP6_HEADER + (uint32_t)be16_at(ip + 4);
	struct ip6_headers h;

	if (total > have || parse_ip6(ip, contiguous, false, &h) != PARSE_OK || !h.fragment)
		return false;
	f->key.src = ipaddr_v6(ip + 8);
	f->key.dst = ipaddr_v6(ip + 24);
	f->key.id = h.frag_id;
	f->key.link = ip6_is_link_local(ip + 24) ? n->iif : 0;
	f->from = h.frag_units * 8u;
	f->more = h.more;
	f->data = (uint16_t)(n->l3 + h.frag_at + 8);
	f->len = total - (h.frag_at + 8u);
	f->headless = f->from == 0 && f->more && total < h.l4 + transport_header(h.proto);
	return total >= h.frag_at + 8u;
}

bool reass_read(const struct rte_mbuf *m, const struct note *n, struct fragment *out)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, n->l3);
	uint32_t head = n->family == FAMILY_V4 ? IP4_HEADER : IP6_HEADER;

	memset(out, 0, sizeof *out);
	out->key.vrf = n->vrf;
	if (m->data_len < n->l3 + head)
		return false;
	return n->family == FAMILY_V4 ? read4(ip, n, m->pkt_len - n->l3, out)
				      : read6(ip, n, m->pkt_len - n->l3, m->data_len - n->l3, out);
}

static void header4(uint8_t *ip, uint32_t payload)
{
	uint32_t hlen = (ip[0] & 15) * 4u;
	uint16_t sum;

	put16(ip + 2, hlen + payload);
	put16(ip + 6, 0);
	put16(ip + 10, 0);
	sum = checksum_ip4_header(ip, hlen);
	memcpy(ip + 10, &sum, sizeof sum);
}

/* The fragment header is taken out: what is before it moves up. */
static uint32_t header6(struct rte_mbuf *m, uint16_t l3, uint32_t payload)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *), *ip = data + l3;
	struct ip6_headers h;

	if (parse_ip6(ip, m->data_len - l3, false, &h) != PARSE_OK || !h.fragment)
		return l3;
	ip[h.frag_prev] = ip[h.frag_at];
	memmove(data + 8, data, (uint32_t)l3 + h.frag_at);
	rte_pktmbuf_adj(m, 8);
	put16(rte_pktmbuf_mtod_offset(m, uint8_t *, l3 + 4), h.frag_at - IP6_HEADER + payload);
	return (uint32_t)l3 + h.frag_at;
}

void reass_header(struct rte_mbuf *m, struct note *n, uint32_t payload)
{
	n->flags &= (uint8_t) ~(SLOT_FRAGMENT | SLOT_LATER_FRAGMENT);
	n->flags |= SLOT_REASSEMBLED;
	if (n->family == FAMILY_V4)
		header4(rte_pktmbuf_mtod_offset(m, uint8_t *, n->l3), payload);
	else
		n->l4 = (uint16_t)header6(m, n->l3, payload);
}
