/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writing the link-layer header of a next hop in front of an IP packet; shared by STAGE_FORWARD (plain
 * egress) and STAGE_REWRITE (everything else).
 */
#ifndef WEIR_FEATURE_ETHERNET_REWRITE_H
#define WEIR_FEATURE_ETHERNET_REWRITE_H

#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#include "pipeline/burst.h"
#include "pipeline/nexthop.h"

static inline uint16_t rewrite_ethertype(uint8_t family)
{
	return family == FAMILY_V4 ? RTE_BE16(RTE_ETHER_TYPE_IPV4) : RTE_BE16(RTE_ETHER_TYPE_IPV6);
}

/* Header of any length; false when the headroom does not allow it. *l3 is the IP header's offset before
 * and after. */
static inline bool rewrite_resize(struct rte_mbuf *m, uint16_t *l3, unsigned ntags)
{
	uint16_t want = (uint16_t)(RTE_ETHER_HDR_LEN + 4 * ntags);

	if (*l3 >= want)
		rte_pktmbuf_adj(m, (uint16_t)(*l3 - want));
	else if (rte_pktmbuf_prepend(m, (uint16_t)(want - *l3)) == NULL)
		return false;
	*l3 = want;
	return true;
}

/* Puts the next hop's header before the IP packet at *l3. False (packet untouched) without headroom. */
static inline bool rewrite_link(struct rte_mbuf *m, uint16_t *l3, const struct nexthop *nh, uint8_t family)
{
	const struct nh_l2 l2 = nh_l2_load(nh);
	const uint16_t type = rewrite_ethertype(family);
	uint8_t *p;

	if (__builtin_expect(*l3 != RTE_ETHER_HDR_LEN || nh->ntags != 0, 0) &&
		!rewrite_resize(m, l3, nh->ntags))
		return false;
	p = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(p, &l2, 12);
	if (__builtin_expect(nh->ntags != 0, 0)) {
		memcpy(p + 12, nh->tag, 4u * nh->ntags);
		p += 4 * nh->ntags;
	}
	memcpy(p + 12, &type, sizeof type);
	return true;
}

#endif
