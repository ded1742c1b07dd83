/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "feature/neigh/neigh_priv.h"

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

struct rte_mbuf *neigh_frame(struct weir *w, const struct iface *ifc, const uint8_t dst[6], uint16_t type,
	uint16_t len, uint8_t **payload)
{
	uint16_t head = (uint16_t)(RTE_ETHER_HDR_LEN + 4 * ifc->ntags);
	uint16_t size = RTE_MAX((uint16_t)(head + len), (uint16_t)(RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN));
	struct rte_mbuf *m = type == RTE_ETHER_TYPE_IPV6 && ifc->ip6_off ? NULL : weir_alloc(w);
	uint8_t *p = m != NULL ? (uint8_t *)rte_pktmbuf_append(m, size) : NULL;

	if (p == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memset(p, 0, size);
	memcpy(p, dst, 6);
	memcpy(p + 6, ifc->mac, 6);
	p += 12;
	for (unsigned i = 0; i < ifc->ntags; i++)
		p = put16(put16(p, ifc->tpid[i]), ifc->vlan[i]);
	*payload = put16(p, type);
	note_of(m)->oif = ifc->id;
	note_of(m)->flags = SLOT_ORIGINATED;
	note_of(m)->l3 = head;
	return m;
}

void neigh_group_mac(const uint8_t group[16], uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group + 12, 4);
}

void neigh_solicited_node(const uint8_t address[16], uint8_t group[16])
{
	static const uint8_t prefix[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	memcpy(group, prefix, 13);
	memcpy(group + 13, address + 13, 3);
}

void neigh_transmit(struct weir *w, struct rte_mbuf *m)
{
	weir_send(w, m, STAGE_TX, true);
}

static bool usable(const struct weir *w, const struct iface *ifc, const struct prefix *p)
{
	const struct own *o = own_find(w, ifc->id, &p->addr);

	return o == NULL || o->state == OWN_USABLE;
}

/* How well one of our addresses suits; 0 = not at all. */
static unsigned suits(
	const struct weir *w, const struct iface *ifc, const struct prefix *p, const struct ipaddr *a)
{
	if (p->addr.family != a->family || !usable(w, ifc, p))
		return 0;
	if (prefix_contains(p, a))
		return 3;
	return a->family == FAMILY_V6 && ipaddr_is_link_local(&p->addr) ? 2 : 1;
}

bool neigh_source(const struct weir *w, const struct iface *ifc, const struct ipaddr *a, struct ipaddr *out)
{
	unsigned best = 0;

	for (unsigned i = 0; i < ifc->address_count; i++) {
		unsigned s = suits(w, ifc, &ifc->address[i], a);

		if (s > best) {
			best = s;
			*out = ifc->address[i].addr;
		}
	}
	return best != 0;
}
