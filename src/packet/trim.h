/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Link-layer padding behind an IP packet, in whichever segments of the mbuf it is.
 */
#ifndef WEIR_PACKET_TRIM_H
#define WEIR_PACKET_TRIM_H

#include <rte_mbuf.h>

/* Leaves the first `want` bytes (at least 1) of the packet. rte_pktmbuf_trim() only reaches into the last
 * segment. */
static inline void packet_trim(struct rte_mbuf *m, uint32_t want)
{
	struct rte_mbuf *s = m;
	uint32_t left = want;

	if (m->pkt_len <= want)
		return;
	m->pkt_len = want;
	m->nb_segs = 1;
	while (left > s->data_len) {
		left -= s->data_len;
		s = s->next;
		m->nb_segs++;
	}
	s->data_len = (uint16_t)left;
	rte_pktmbuf_free(s->next);
	s->next = NULL;
}

#endif
