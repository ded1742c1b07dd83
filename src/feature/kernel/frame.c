/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Frames between packet buffers and a TAP: VLAN tags off and on, one buffer or several, what they are. Pure.
 */
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "feature/kernel/kernel_priv.h"
#include "packet/parse.h"

#define IP4 20
#define IP6 40

/* Ports, and the type of ICMP, where the transport header is there. */
static enum kernel_class classify_payload(struct kernel_key *k, const uint8_t *l4, size_t len, bool later)
{
	k->ports = !later && len >= 4 && (k->proto == IPPROTO_TCP || k->proto == IPPROTO_UDP);
	if (k->ports) {
		k->sport = be16_at(l4);
		k->dport = be16_at(l4 + 2);
	}
	if (!later && len > 0)
		k->icmp_type = l4[0];
	return kernel_classify(k);
}

static enum kernel_class classify4(const uint8_t *ip, size_t len)
{
	struct kernel_key k = {.proto = len >= IP4 ? ip[9] : 0, .ttl = len >= IP4 ? ip[8] : 0};
	size_t head = (ip[0] & 15) * 4u;

	if (len < IP4 || head < IP4 || len < head)
		return KERNEL_OTHER;
	return classify_payload(&k, ip + head, len - head, (be16_at(ip + 6) & 0x1fff) != 0);
}

static enum kernel_class classify6(const uint8_t *ip, size_t len)
{
	struct kernel_key k = {.v6 = true};
	struct ip6_headers h;

	if (len < IP6 || parse_ip6(ip, len, false, &h) != PARSE_OK || h.l4 > len)
		return KERNEL_OTHER;
	k.proto = h.proto;
	k.ttl = ip[7];
	return classify_payload(&k, ip + h.l4, len - h.l4, h.fragment && h.frag_units != 0);
}

enum kernel_class frame_classify(const uint8_t *frame, size_t len)
{
	uint16_t type = len >= RTE_ETHER_HDR_LEN + 3 ? be16_at(frame + 12) : 0;
	const uint8_t *l3 = frame + RTE_ETHER_HDR_LEN;

	if (type == 0)
		return KERNEL_OTHER;
	len -= RTE_ETHER_HDR_LEN;
	switch (type) {
	case RTE_ETHER_TYPE_IPV4:
		return classify4(l3, len);
	case RTE_ETHER_TYPE_IPV6:
		return classify6(l3, len);
	case RTE_ETHER_TYPE_ARP:
		return KERNEL_ARP_ND;
	default:
		return kernel_classify_l2(type, l3);
	}
}

int frame_gather(const struct rte_mbuf *m, uint8_t head[14], struct iovec iov[FRAME_PIECES])
{
	const struct note *n = note_of((struct rte_mbuf *)(uintptr_t)m);
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	const uint16_t type = n->family == FAMILY_V4   ? RTE_BE16(RTE_ETHER_TYPE_IPV4)
			      : n->family == FAMILY_V6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6)
						       : 0;
	int count = 2;

	memcpy(head, data, 12);
	memcpy(head + 12, data + n->l3 - 2, 2);
	if (type != 0)
		memcpy(head + 12, &type, 2);
	iov[0] = (struct iovec){head, 14};
	iov[1] = (struct iovec){(void *)(uintptr_t)(data + n->l3), m->data_len - n->l3};
	for (m = m->next; m != NULL; m = m->next) {
		if (count > (FRAME_PIECES - 1))
			return 0;
		iov[count++] = (struct iovec){rte_pktmbuf_mtod(m, void *), m->data_len};
	}
	return count;
}

bool frame_tag(struct rte_mbuf *m, const struct io_twin *t)
{
	unsigned bytes = 4u * t->ntags;
	char *p = bytes != 0 ? rte_pktmbuf_prepend(m, (uint16_t)bytes) : NULL;

	if (bytes == 0)
		return true;
	if (p == NULL)
		return false;
	memmove(p, p + bytes, 12);
	memcpy(p + 12, t->tag, bytes);
	return true;
}

struct rte_mbuf *frame_store(struct rte_mempool *pool, const uint8_t *frame, size_t len)
{
	struct rte_mbuf *first = NULL, *last = NULL;

	do {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint16_t n;

		if (m == NULL) {
			rte_pktmbuf_free(first);
			return NULL;
		}
		n = (uint16_t)RTE_MIN(len, (size_t)rte_pktmbuf_tailroom(m));
		memcpy(rte_pktmbuf_append(m, n), frame, n);
		frame += n;
		len -= n;
		if (first == NULL) {
			first = m;
		} else {
			last->next = m;
			first->nb_segs++;
			first->pkt_len += n;
		}
		last = m;
	} while (len > 0);
	memset(note_of(first), 0, sizeof(struct note));
	return first;
}
