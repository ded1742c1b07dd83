/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_PARSE: first look at a received burst. All its frames come from one port, so plain IPv4 packets are
 * recognised 16 at a time and go straight to routing (and to their interface's features); the rest go to
 * STAGE_ETHER. Reads nothing but the frame; writes iif, vrf, l3, l4, family, proto, dst4, flags, hash.
 */
#include "feature/ethernet/fast4.h"
#include "pipeline/worker.h"

/* Every slot of a plain burst has the same interface and header offsets: whole-array stores, no loop. */
static inline void fill_plain(struct burst *b, const struct iface *ifc)
{
	fill16(b->iif, ifc->id);
	fill16(b->vrf, ifc->vrf);
	fill16(b->l3, 14);
	fill16(b->l4, FAST4_HEADERS);
	fill8(b->family, FAMILY_V4);
	fill8(b->flags, 0);
}

static inline void add_needs(struct burst *b, uint64_t stages, uint64_t slots)
{
	BURST_EACH (s, stages)
		b->need[s] |= slots;
}

static void parse_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	const struct port_view *pv = &g->port[b->port];
	const struct iface *ifc;
	uint64_t plain = 0, bytes = 0;

	if (pv->fast_iface != IFACE_NONE && mask_dense(slots)) {
		ifc = g->iface[pv->fast_iface];
		fill_plain(b, ifc);
		b->longest = 0;
		plain = fast4_burst(b, b->count, pv->mac, &bytes) & slots;
		w->counters.iface[ifc->id].rx_packets += (unsigned)__builtin_popcountll(plain);
		w->counters.iface[ifc->id].rx_bytes += bytes;
		b->need[STAGE_ROUTE] |= plain;
		b->plain = plain;
		if (__builtin_expect(ifc->in != 0, 0))
			add_needs(b, ifc->in, plain);
	}
	b->need[STAGE_ETHER] |= slots & ~plain;
}

static const struct stage stage_parse = {
	.name = "parse",
	.help = "recognise plain IPv4 packets, 16 at a time",
	.id = STAGE_PARSE,
	.run = parse_run,
	.before = STAGE_BIT(STAGE_ETHER) | STAGE_BIT(STAGE_ROUTE),
	.next = STAGE_BIT(STAGE_ETHER) | STAGE_BIT(STAGE_ROUTE),
};
STAGE_REGISTER(stage_parse)
