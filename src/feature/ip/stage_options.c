/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_IP_OPTIONS: writes into the record route and timestamp options of IPv4 packets that go on (RFC
 * 791 3.1, RFC 1812 5.3.13.5 and 5.3.13.6). STAGE_IP_INPUT sends those that have one of them. Packets that
 * STAGE_FORWARD will answer with an error are left alone, so that the error quotes them as they came. Reads
 * nh, oif, l3, l4.
 */
#include "feature/icmp/icmp.h"
#include "feature/ip/ip_hdr.h"
#include "feature/ip/reasons.h"
#include "packet/options.h"
#include "pipeline/worker.h"

struct place {
	const struct generation *g;
	uint16_t iif, vrf;
};

static bool is_ours(const void *ctx, uint32_t address)
{
	const struct place *p = ctx;
	struct ipaddr a = ipaddr_v4(address);

	return icmp_is_ours(p->g, p->iif, p->vrf, &a);
}

/* The TTL is over, or the packet is too big and must not be cut. */
static bool will_be_refused(const struct generation *g, const struct burst *b, unsigned i)
{
	const struct nexthop *nh = &g->nht.nh[b->nh[i]];
	const uint8_t *ip = burst_l3(b, i);

	return ip[8] <= 1 || (ip4_df(ip) && nh->mtu != 0 && b->pkt[i]->pkt_len - b->l3[i] > nh->mtu);
}

static void stamp(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	const struct iface *out = g->iface[b->oif[i]];
	const struct place place = {.g = g, .iif = b->iif[i], .vrf = b->vrf[i]};
	struct ip4_stamp s = {.time = worker_day_ms(w, b->now), .ours = is_ours, .ctx = &place};
	struct ipaddr a;
	uint8_t pointer;

	if (out == NULL || !icmp_speaker(g, out, FAMILY_V4, &a))
		return;
	s.address = ipaddr_to_v4(&a);
	if (ip4_options_stamp(burst_l3(b, i), (size_t)(b->l4[i] - b->l3[i]), &s, &pointer) != PARSE_OK)
		burst_drop_error(b, i, &reason_ip_options, ICMP4_PARAMETER, 0, (uint32_t)pointer << 24);
}

static void options_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	slots &= b->need[STAGE_FORWARD] | b->need[STAGE_RESOLVE];
	BURST_EACH (i, slots)
		if (b->family[i] == FAMILY_V4 && !will_be_refused(g, b, (unsigned)i))
			stamp(w, g, b, (unsigned)i);
}

static const struct stage stage_options = {
	.name = "ip-options",
	.help = "record route and timestamp options of IPv4",
	.id = STAGE_IP_OPTIONS,
	.run = options_run,
	.after = STAGE_BIT(STAGE_IP_INPUT) | STAGE_BIT(STAGE_ROUTE),
	.before = STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_RESOLVE) | STAGE_BIT(STAGE_ICMP_ERROR),
	.next = STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_options)
