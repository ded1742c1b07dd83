/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_PARSE: first look at a received burst. All its frames come from one port, so plain packets are
 * recognised many at a time and go straight to routing (and to their interface's features); the rest go to
 * STAGE_ETHER. Reads nothing but the frame; writes iif, vrf, l3, l4, family, proto, dst4, flags, data, len,
 * hop.
 */
#include "feature/ethernet/plain.h"
#if defined(__AVX512BW__)
#include "feature/ethernet/plain_avx512.h"
#elif defined(__AVX2__)
#include "feature/ethernet/plain_avx2.h"
#endif
#include "pipeline/worker.h"

static inline struct plain_found find_plain(struct burst *b, const uint8_t mac[6])
{
#if defined(__AVX512BW__)
	return plain_avx512(b, b->count, mac);
#elif defined(__AVX2__)
	return plain_avx2(b, b->count, mac);
#else
	return plain_scalar(b, b->count, mac);
#endif
}

/* Every slot of a plain burst has the same interface, and those of one family the same header offsets: whole
 * arrays are stored, with the family of most. */
static inline void fill_plain(struct burst *b, const struct iface *ifc, const struct plain_found *f)
{
	const bool v4 = f->v4 != 0;

	fill16(b->iif, ifc->id);
	fill16(b->vrf, ifc->vrf);
	fill16(b->l3, RTE_ETHER_HDR_LEN);
	fill16(b->l4, RTE_ETHER_HDR_LEN + (v4 ? 20 : 40));
	fill8(b->family, v4 ? FAMILY_V4 : FAMILY_V6);
	fill8(b->flags, 0);
	if (v4)
		BURST_EACH (i, f->v6) {
			b->l4[i] = RTE_ETHER_HDR_LEN + 40;
			b->family[i] = FAMILY_V6;
		}
}

static inline void add_needs(struct burst *b, uint64_t stages, uint64_t slots)
{
	BURST_EACH (s, stages)
		b->need[s] |= slots;
}

static uint64_t take_plain(struct worker *w, const struct iface *ifc, struct burst *b, const uint8_t mac[6])
{
	const struct plain_found f = find_plain(b, mac);
	const uint64_t plain = f.v4 | f.v6;

	fill_plain(b, ifc, &f);
	b->longest = f.frames.longest;
	b->plain = plain;
	b->plain6 = f.v6;
	b->need[STAGE_ROUTE] |= plain;
	w->counters.iface[ifc->id].rx_packets += (unsigned)__builtin_popcountll(plain);
	w->counters.iface[ifc->id].rx_bytes += f.frames.sum;
	if (__builtin_expect(ifc->in != 0, 0))
		add_needs(b, ifc->in, plain);
	return plain;
}

static void parse_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	const struct port_view *pv = &g->port[b->port];
	uint64_t plain = 0;

	if (pv->fast_iface != IFACE_NONE && mask_dense(slots))
		plain = take_plain(w, g->iface[pv->fast_iface], b, pv->mac);
	b->need[STAGE_ETHER] |= slots & ~plain;
}

static const struct stage stage_parse = {
	.name = "parse",
	.help = "recognise plain IPv4 and IPv6 packets, many at a time",
	.id = STAGE_PARSE,
	.run = parse_run,
	.before = STAGE_BIT(STAGE_ETHER) | STAGE_BIT(STAGE_ROUTE),
	.next = STAGE_BIT(STAGE_ETHER) | STAGE_BIT(STAGE_ROUTE),
};
STAGE_REGISTER(stage_parse)
