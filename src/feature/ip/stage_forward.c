/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_FORWARD: TTL / hop limit (RFC 1812 5.3.1, RFC 8200 3), size against the next hop's MTU (RFC 1812
 * 4.2.3.3, RFC 8201), and for interfaces without output features the link-layer header at once.
 * Reads nh, l3, family, flags; sends on to STAGE_TX, or to the egress interface's features and STAGE_REWRITE.
 */
#include "feature/ethernet/rewrite.h"
#include "feature/ip/ip_hdr.h"
#include "feature/ip/reasons.h"
#include "pipeline/simd.h"
#include "pipeline/worker.h"

enum { ICMP4_UNREACH = 3, ICMP4_FRAG_NEEDED = 4, ICMP4_TIME = 11, ICMP6_TOO_BIG = 2, ICMP6_TIME = 3 };

/* False when the packet died: lifetime over. */
static bool decrement(struct burst *b, unsigned i, bool v4)
{
	uint8_t *ip = burst_l3(b, i);
	uint8_t *ttl = v4 ? ip + 8 : ip + 7;

	if (*ttl <= 1) {
		burst_drop_error(b, i, &reason_ttl, v4 ? ICMP4_TIME : ICMP6_TIME, 0, 0);
		return false;
	}
	if (v4)
		ip4_decrement_ttl(ip);
	else
		--*ttl;
	return true;
}

/* The packet does not fit: fragmented (IPv4 without DF, and what we send ourselves: nobody here learns a path
 * MTU) or refused. */
static void oversize(struct burst *b, unsigned i, bool v4, uint16_t mtu)
{
	bool ours = (b->flags[i] & SLOT_ORIGINATED) != 0;

	if (ours || (v4 && !ip4_df(burst_l3(b, i)))) {
		if (ours || decrement(b, i, v4))
			b->need[STAGE_FRAGMENT] |= slot_bit(i);
	} else if (v4) {
		burst_drop_error(b, i, &reason_too_big, ICMP4_UNREACH, ICMP4_FRAG_NEEDED, mtu);
	} else {
		burst_drop_error(b, i, &reason_too_big, ICMP6_TOO_BIG, 0, mtu);
	}
}

/* Everything that is not the common case, one packet at a time. */
static void forward_one(const struct generation *g, struct burst *b, unsigned i)
{
	const struct nexthop *nh = &g->nht.nh[b->nh[i]];
	bool v4 = b->family[i] == FAMILY_V4;
	uint64_t bit = slot_bit(i), out = nh->out & ~STAGES_BEFORE_FORWARD;

	/* The lifetime comes first: an expired packet is not "too big" (RFC 1812 5.3.1). */
	if ((b->flags[i] & SLOT_ORIGINATED) == 0 && *(burst_l3(b, i) + (v4 ? 8 : 7)) <= 1) {
		decrement(b, i, v4);
		return;
	}
	if (b->pkt[i]->pkt_len - b->l3[i] > nh->mtu) {
		oversize(b, i, v4, nh->mtu);
		return;
	}
	if ((b->flags[i] & SLOT_ORIGINATED) == 0 && !decrement(b, i, v4))
		return;
	if (out != 0) {
		BURST_EACH (s, out)
			b->need[s] |= bit;
		b->need[STAGE_REWRITE] |= bit;
		return;
	}
	if (!rewrite_link(b->pkt[i], &b->l3[i], nh, b->family[i])) {
		burst_drop(b, i, &reason_forward_headroom);
		return;
	}
	b->need[STAGE_TX] |= bit;
}

/* Untagged in, untagged out, fits, lives on: rewritten in place. False: untouched, see forward_one(). */
static inline bool forward_plain(
	struct rte_mbuf *m, const struct nexthop *nh, uint16_t l3, uint8_t flags, bool v4)
{
	const struct nh_l2 l2 = nh_l2_load(nh);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *), *ip = p + RTE_ETHER_HDR_LEN;
	uint8_t ttl = v4 ? ip[8] : ip[7];

	if (__builtin_expect((flags & SLOT_ORIGINATED) | (ttl <= 1) | (l3 != RTE_ETHER_HDR_LEN) | nh->ntags |
				     (m->pkt_len - RTE_ETHER_HDR_LEN > nh->mtu) |
				     ((nh->out & ~STAGES_BEFORE_FORWARD) != 0),
		    0))
		return false;
	if (v4)
		ip4_decrement_ttl(ip);
	else
		ip[7]--;
	memcpy(p, &l2, 12);
	return true;
}

static inline void forward_family(const struct generation *g, struct burst *b, uint64_t slots, bool v4)
{
	uint64_t done = 0;

	BURST_EACH (i, slots)
		done |= (uint64_t)forward_plain(b->pkt[i], &g->nht.nh[b->nh[i]], b->l3[i], b->flags[i], v4)
			<< i;
	b->need[STAGE_TX] |= done;
	BURST_EACH (k, slots & ~done)
		forward_one(g, b, (unsigned)k);
}

/* Plain packets to plain next hops: everything was checked by STAGE_PARSE and is prepared. */
static inline void forward_prepared(const struct nexthop *nh, struct burst *b, unsigned i, unsigned hop_at)
{
	const __m128i l2 = nh_l2_vector(&nh[b->nh[i]]);
	uint8_t *p = b->data[i];

	/* One store of the addresses and the four bytes behind as they are. */
	_mm_storeu_si128((void *)p, _mm_blend_epi16(l2, _mm_loadu_si128((const void *)p), 0xc0));
	memcpy(p + hop_at, &b->hop[i], sizeof b->hop[i]);
}

static inline void forward_prepared_all(
	const struct nexthop *nh, struct burst *b, uint64_t slots, unsigned hop_at)
{
	const unsigned n = (unsigned)__builtin_popcountll(slots);

	if (mask_dense(slots))
#pragma GCC unroll 4
		for (unsigned i = 0; i < n; i++)
			forward_prepared(nh, b, i, hop_at);
	else
		BURST_EACH (k, slots)
			forward_prepared(nh, b, (unsigned)k, hop_at);
}

/* Plain slots that fit their next hop; the longest frame against the smallest MTU settles it for most bursts.
 */
static uint64_t fitting(const struct generation *g, const struct burst *b, uint64_t slots)
{
	uint64_t fit = slots;

	if (__builtin_expect(b->longest <= g->mtu_min + RTE_ETHER_HDR_LEN, 1))
		return slots;
	BURST_EACH (i, slots)
		if (b->len[i] > g->nht.nh[b->nh[i]].mtu + RTE_ETHER_HDR_LEN)
			fit &= ~slot_bit((unsigned)i);
	return fit;
}

static inline void forward_fast(const struct generation *g, struct burst *b, uint64_t slots)
{
	const uint64_t v6 = slots & b->plain6;

	if (v6 != slots)
		forward_prepared_all(g->nht.nh, b, slots & ~v6, BURST_HOP4);
	if (v6 != 0)
		forward_prepared_all(g->nht.nh, b, v6, BURST_HOP6);
	b->need[STAGE_TX] |= slots;
}

static void forward_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	uint64_t fast = fitting(g, b, b->plain & slots), v4;

	forward_fast(g, b, fast);
	slots &= ~fast;
	if (__builtin_expect(slots == 0, 1))
		return;
	v4 = mask_eq8(b->family, FAMILY_V4) & slots;
	if (v4 != 0)
		forward_family(g, b, v4, true);
	if (v4 != slots)
		forward_family(g, b, slots & ~v4, false);
}

static const struct stage stage_forward = {
	.name = "forward",
	.help = "TTL, size against the MTU, link-layer header in the plain case",
	.id = STAGE_FORWARD,
	.run = forward_run,
	.after = STAGE_BIT(STAGE_ROUTE),
	.before = STAGE_BIT(STAGE_FRAGMENT) | STAGE_BIT(STAGE_REWRITE) | STAGE_BIT(STAGE_TX),
	.next = STAGE_BIT(STAGE_FRAGMENT) | STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_REWRITE) |
		STAGE_BIT(STAGE_TX) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_forward)
