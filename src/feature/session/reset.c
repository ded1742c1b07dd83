/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/session/reset.h"

#include <netinet/in.h>

#include "feature/session/track.h"
#include "packet/reset.h"

uint32_t session_build_reset(
	uint8_t *p, const uint8_t *ip, uint8_t family, const uint8_t *tcp, const struct tcp_segment *about)
{
	return reset_build(p, ip, family, tcp, (about->flags & TCP_ACK) != 0, about->ack, about->end);
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
