/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/session/reset.h"

#include <netinet/in.h>

#include "feature/session/track.h"
#include "packet/checksum.h"

#define TTL 64

static void put32(uint8_t *p, uint32_t host)
{
	uint32_t v = rte_cpu_to_be_32(host);

	memcpy(p, &v, sizeof v);
}

/* Ports and numbers: as the one who was asked would refuse. */
static void segment(uint8_t *p, const uint8_t *tcp, const struct tcp_segment *about)
{
	bool acked = (about->flags & TCP_ACK) != 0;

	memcpy(p, tcp + 2, 2);
	memcpy(p + 2, tcp, 2);
	put32(p + 4, acked ? about->ack : 0);
	put32(p + 8, acked ? 0 : about->end);
	p[12] = TCP_HEADER / 4 << 4;
	p[13] = acked ? TCP_RST : TCP_RST | TCP_ACK;
}

static void head4(uint8_t *p, const uint8_t *ip)
{
	uint16_t sum;

	p[0] = 0x45;
	p[3] = IP4_HEADER + TCP_HEADER;
	p[6] = 0x40;
	p[8] = TTL;
	p[9] = IPPROTO_TCP;
	memcpy(p + 12, ip + 16, 4);
	memcpy(p + 16, ip + 12, 4);
	sum = checksum_ip4_header(p, IP4_HEADER);
	memcpy(p + 10, &sum, sizeof sum);
}

static void head6(uint8_t *p, const uint8_t *ip)
{
	p[0] = 0x60;
	p[5] = TCP_HEADER;
	p[6] = IPPROTO_TCP;
	p[7] = TTL;
	memcpy(p + 8, ip + 24, 16);
	memcpy(p + 24, ip + 8, 16);
}

uint32_t session_build_reset(
	uint8_t *p, const uint8_t *ip, uint8_t family, const uint8_t *tcp, const struct tcp_segment *about)
{
	bool v4 = family == FAMILY_V4;
	uint32_t head = v4 ? IP4_HEADER : IP6_HEADER;
	uint16_t sum;

	memset(p, 0, head + TCP_HEADER);
	if (v4)
		head4(p, ip);
	else
		head6(p, ip);
	segment(p + head, tcp, about);
	if (v4) {
		uint8_t pseudo[12] = {0};

		memcpy(pseudo, p + 12, 8);
		pseudo[9] = IPPROTO_TCP;
		pseudo[11] = TCP_HEADER;
		sum = checksum_finish(checksum_add(checksum_add(0, pseudo, 12), p + head, TCP_HEADER));
	} else {
		sum = checksum_ip6(p + 8, p + 24, IPPROTO_TCP, p + head, TCP_HEADER);
	}
	memcpy(p + head + 16, &sum, sizeof sum);
	return head + TCP_HEADER;
}

void session_send_reset(struct worker *w, const struct generation *g, const struct burst *b, unsigned i,
	const struct tcp_segment *about)
{
	uint8_t packet[IP6_HEADER + TCP_HEADER], buf[64], *p;
	const uint8_t *tcp = track_l4(b, i, TCP_HEADER, buf);
	struct rte_mbuf *m;
	struct note *n;
	uint32_t len;

	if ((about->flags & TCP_RST) != 0 || (b->flags[i] & SLOT_LINK_BROADCAST) != 0 || tcp == NULL)
		return;
	if (!bucket_take(&w->icmp_bucket, b->now, g->icmp_error_rate, g->icmp_error_burst)) {
		w->counters.icmp_suppressed++;
		return;
	}
	m = worker_alloc(w);
	if (m == NULL)
		return;
	len = session_build_reset(packet, burst_l3(b, i), b->family[i], tcp, about);
	p = (uint8_t *)rte_pktmbuf_append(m, (uint16_t)len);
	if (p == NULL) {
		rte_pktmbuf_free(m);
		return;
	}
	memcpy(p, packet, len);
	n = note_of(m);
	n->family = b->family[i];
	n->proto = IPPROTO_TCP;
	n->flags = SLOT_ORIGINATED;
	n->l4 = n->family == FAMILY_V4 ? IP4_HEADER : IP6_HEADER;
	n->dst4 = n->family == FAMILY_V4 ? rte_be_to_cpu_32(ip_get32(packet + 16)) : 0;
	n->vrf = b->vrf[i];
	n->oif = b->iif[i];
	worker_originate(w, m, STAGE_ROUTE);
}
