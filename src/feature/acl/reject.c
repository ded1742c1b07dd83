/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP resets for rejected packets (RFC 9293 3.10.7.1), within the rate of ICMP errors. Reasons of the stages,
 * which may be built several times.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

#include "feature/acl/acl_priv.h"
#include "packet/parse.h"
#include "packet/reset.h"
#include "pipeline/generation.h"

REASON_DEFINE(
	reason_acl_deny, REASON_DROP, "acl-deny", "A rule, or the default, of a list denied the packet.")
REASON_DEFINE(reason_acl_reject, REASON_DROP, "acl-reject",
	"A rule, or the default, of a list rejected the packet; its sender is told.")
REASON_DEFINE(reason_acl_tiny_fragment, REASON_DROP, "acl-tiny-fragment",
	"A fragment at offset 8 of a TCP packet can only hide or rewrite its header (RFC 1858, RFC 3128).")

#define IP4 20
#define IP6 40
#define TCP 20
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return rte_be_to_cpu_32(v);
}

/* Bytes of TCP payload, or -1: the header is not there, or nobody may be told. */
static int32_t payload_of(const struct burst *b, unsigned i)
{
	const bool v4 = b->family[i] == FAMILY_V4;
	const uint8_t *ip = burst_l3(b, i), *tcp = burst_l4(b, i);
	const uint32_t total = v4 ? be16_at(ip + 2) : IP6 + (uint32_t)be16_at(ip + 4);
	const uint32_t end = b->l3[i] + total;

	if (b->proto[i] != IPPROTO_TCP || (b->flags[i] & (SLOT_LATER_FRAGMENT | SLOT_LINK_BROADCAST)) != 0 ||
		end < b->l4[i] + (uint32_t)TCP || b->pkt[i]->data_len < b->l4[i] + TCP ||
		(tcp[13] & RST) != 0)
		return -1;
	if (v4 ? ip[16] >= 224 : ip[24] == 0xff)
		return -1;
	return (int32_t)(end - b->l4[i]) - (tcp[12] >> 4) * 4;
}

bool acl_reset(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	const int32_t payload = payload_of(b, i);
	const bool v4 = b->family[i] == FAMILY_V4;
	const uint8_t *tcp = burst_l4(b, i);
	const uint16_t head = v4 ? IP4 : IP6;
	struct rte_mbuf *m;
	struct note *n;
	uint8_t *p;

	if (payload < 0)
		return false;
	if (!bucket_take(&w->icmp_bucket, b->now, g->icmp_error_rate, g->icmp_error_burst)) {
		w->counters.icmp_suppressed++;
		return true;
	}
	m = worker_alloc(w);
	p = m != NULL ? (uint8_t *)rte_pktmbuf_append(m, (uint16_t)(head + TCP)) : NULL;
	if (p == NULL) {
		rte_pktmbuf_free(m);
		return true;
	}
	reset_build(p, burst_l3(b, i), b->family[i], tcp, (tcp[13] & ACK) != 0, get32(tcp + 8),
		get32(tcp + 4) + (uint32_t)payload + ((tcp[13] & SYN) != 0) + ((tcp[13] & FIN) != 0));
	n = note_of(m);
	n->l4 = head;
	n->family = b->family[i];
	n->proto = IPPROTO_TCP;
	n->flags = SLOT_ORIGINATED;
	n->dst4 = v4 ? get32(p + 16) : 0;
	n->vrf = b->vrf[i];
	n->oif = b->iif[i];
	worker_originate(w, m, STAGE_ROUTE);
	return true;
}
