/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ROUTE: destination to next hop (RFC 1812 5.2.4, RFC 8200): all addresses of the burst are looked up
 * together, memory is prefetched first. Reads dst4 / the IPv6 header, vrf, flags; writes nh and oif.
 * Entry point of packets weir makes (note.l3, family, vrf set; for IPv6 link-local destinations note.oif or
 * iif).
 */
#include <rte_prefetch.h>

#include "feature/ip/ip_hdr.h"
#include "feature/ip/reasons.h"
#include "pipeline/simd.h"
#include "pipeline/worker.h"
#include "table/fib4.h"
#include "table/fib6_lookup.h"

#define SLOT_STAYS (SLOT_NO_FORWARD | SLOT_LINK_BROADCAST)

enum { ICMP4_UNREACHABLE = 3, ICMP6_UNREACHABLE = 1 };

/* Both families' words for one refusal. */
struct refusal {
	const struct reason *reason;
	uint8_t code4, code6;
};

static const struct refusal refuse_no_route = {&reason_no_route, 0, 0};
static const struct refusal refuse_unreachable = {&reason_unreachable, 1, 3};
static const struct refusal refuse_prohibit = {&reason_prohibit, 13, 1};

static void refuse(struct burst *b, unsigned i, const struct refusal *r)
{
	bool v4 = b->family[i] == FAMILY_V4;

	burst_drop_error(
		b, i, r->reason, v4 ? ICMP4_UNREACHABLE : ICMP6_UNREACHABLE, v4 ? r->code4 : r->code6, 0);
}

#ifdef __AVX512BW__
/* 16 lookups at once. Entries are 2 bytes, gathers take 4: the upper half is cut off (the tables are padded).
 */
static inline void lookup4_16(const struct fib4 *fib, struct burst *b, unsigned i, __mmask16 k)
{
	const __m512i low = _mm512_set1_epi32(0xffff), dst = _mm512_load_si512(b->dst4 + i);
	const __m256i old = _mm256_load_si256((const void *)(b->nh + i));
	__m512i v = _mm512_mask_i32gather_epi32(
		_mm512_setzero_si512(), k, _mm512_srli_epi32(dst, 8), fib->dir, 2);
	__mmask16 ext = _mm512_test_epi32_mask(v, _mm512_set1_epi32(FIB4_EXT));

	v = _mm512_and_si512(v, low);
	if (__builtin_expect(ext != 0, 0)) {
		__m512i at = _mm512_slli_epi32(_mm512_andnot_si512(_mm512_set1_epi32(FIB4_EXT), v), 8);

		at = _mm512_or_si512(at, _mm512_and_si512(dst, _mm512_set1_epi32(0xff)));
		v = _mm512_and_si512(_mm512_mask_i32gather_epi32(v, ext, at, fib->group, 2), low);
	}
	_mm256_store_si256((void *)(b->nh + i), _mm256_mask_mov_epi16(old, k, _mm512_cvtepi32_epi16(v)));
}
#endif

/* Memory is asked for first: bare gathers would wait for one line after the other. */
static inline void lookup4(const struct fib4 *fib, struct burst *b, uint64_t slots)
{
	if (slots == ~UINT64_C(0))
		for (unsigned i = 0; i < BURST_SIZE; i++)
			rte_prefetch0(&fib->dir[b->dst4[i] >> 8]);
	else
		BURST_EACH (k, slots)
			rte_prefetch0(&fib->dir[b->dst4[k] >> 8]);
#ifdef __AVX512BW__
	for (unsigned i = 0; i < BURST_SIZE; i += 16)
		lookup4_16(fib, b, i, (__mmask16)(slots >> i));
#else
	BURST_EACH (i, slots)
		b->nh[i] = fib4_lookup(fib, b->dst4[i]);
#endif
}

static void lookup6(const struct fib6 *fib, struct burst *b, uint64_t slots)
{
	const uint8_t *ip[BURST_SIZE] = {NULL};
	uint16_t nh[BURST_SIZE];
	unsigned n = 0;

	BURST_EACH (i, slots)
		ip[n++] = burst_l3(b, (unsigned)i) + 24;
	fib6_lookup_burst(fib, ip, nh, n);
	n = 0;
	BURST_EACH (i, slots)
		b->nh[i] = nh[n++];
}

/* A packet that may only be delivered here has a route that leads elsewhere. */
static void drop_staying(const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		const struct iface *ifc = g->iface[b->iif[i]];

		if (b->flags[i] & SLOT_LINK_BROADCAST)
			burst_drop(b, (unsigned)i, &reason_link_broadcast);
		else if (ifc != NULL && !ifc->forwarding)
			burst_drop(b, (unsigned)i, &reason_host_only);
		else /* RFC 4443 3.1 code 2: beyond scope of source address */
			burst_drop_error(b, (unsigned)i, &reason_scope, ICMP6_UNREACHABLE, 2, 0);
	}
}

static void act_on_kind(struct burst *b, unsigned i, const struct nexthop *nh)
{
	switch (nh->kind) {
	case NH_ADJ:
	case NH_GLEAN:
		b->need[STAGE_RESOLVE] |= slot_bit(i);
		break;
	case NH_LOCAL:
		b->need[STAGE_LOCAL] |= slot_bit(i);
		break;
	case NH_BROADCAST:
		if (b->flags[i] & SLOT_ORIGINATED)
			burst_drop(b, i, &reason_broadcast_out);
		else
			b->need[STAGE_LOCAL] |= slot_bit(i);
		/* However it came, it is for many: neither echo replies nor errors (RFC
		 * 1812 4.3.2.7, 4.3.3.6). */
		b->flags[i] |= SLOT_LINK_BROADCAST;
		break;
	case NH_BLACKHOLE:
		burst_drop(b, i, &reason_blackhole);
		break;
	case NH_UNREACHABLE:
		refuse(b, i, &refuse_unreachable);
		break;
	case NH_PROHIBIT:
		refuse(b, i, &refuse_prohibit);
		break;
	default:
		refuse(b, i, &refuse_no_route);
	}
}

static inline bool ready(const struct nexthop *nh)
{
	return nh->kind == NH_ADJ && nh_l2_load(nh).ready == NH_READY;
}

/* A neighbour that was not heard of for a while: the packet goes there, and the control thread sees that. */
static bool watched(struct nexthop *nh)
{
	if (nh->kind != NH_ADJ || nh_l2_load(nh).ready != NH_WATCHED)
		return false;
	__atomic_store_n(&nh->used, 1, __ATOMIC_RELAXED);
	return true;
}

/* The control thread has found the neighbour and says its next hop. */
static bool found_link_local(const struct generation *g, struct burst *b, unsigned i)
{
	struct nexthop *nh = &g->nht.nh[b->nh[i]];

	if (b->nh[i] == NH_NO_ROUTE || !(ready(nh) || watched(nh)))
		return false;
	b->oif[i] = nh->iface;
	b->need[STAGE_FORWARD] |= slot_bit(i);
	return true;
}

static void link_local(const struct generation *g, struct burst *b, unsigned i)
{
	if (found_link_local(g, b, i))
		return;
	b->nh[i] = NH_NO_ROUTE;
	if (b->oif[i] == IFACE_NONE)
		b->oif[i] = b->iif[i];
	if (b->oif[i] == IFACE_NONE)
		burst_drop(b, i, &reason_scope);
	else
		b->need[STAGE_RESOLVE] |= slot_bit(i);
}

/* Packets weir makes for a link-local neighbour: no route leads there, the interface decides. */
static uint64_t take_link_local(const struct generation *g, struct burst *b, uint64_t slots)
{
	uint64_t taken = 0;

	BURST_EACH (i, slots) {
		if (!ip6_is_link_local(burst_l3(b, (unsigned)i) + 24))
			continue;
		taken |= slot_bit((unsigned)i);
		link_local(g, b, (unsigned)i);
	}
	return taken;
}

static bool leads_out(uint8_t kind)
{
	return kind == NH_ADJ || kind == NH_GLEAN;
}

/* The path of a multipath route that this slot's flow takes. */
static uint16_t choose_path(
	const struct generation *g, struct burst *b, unsigned i, const struct nexthop *group)
{
	return g->nht.bucket[group->bucket_base + (burst_hash(b, i) & group->bucket_mask)];
}

/* May a prepared packet be sent to it as it is? Tags and features behind STAGE_FORWARD need the way around.
 */
static inline bool keeps_plain(const struct nexthop *nh)
{
	return ready(nh) && nh->ntags == 0 && (nh->out & ~STAGES_BEFORE_FORWARD) == 0;
}

/* Slots whose next hop is not simply a neighbour that is known, or whose egress interface has features. They
 * stay plain only when their path leads to a neighbour that needs nothing else. */
static void route_special(const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		struct nexthop *nh = &g->nht.nh[b->nh[i]];
		uint64_t bit = slot_bit((unsigned)i);

		if (nh->kind == NH_GROUP) {
			b->nh[i] = choose_path(g, b, (unsigned)i, nh);
			nh = &g->nht.nh[b->nh[i]];
		}
		b->oif[i] = nh->iface;
		if (!keeps_plain(nh))
			b->plain &= ~bit;
		if (leads_out(nh->kind))
			BURST_EACH (s, nh->out & STAGES_BEFORE_FORWARD)
				b->need[s] |= bit;
		if ((b->flags[i] & SLOT_STAYS) != 0 && leads_out(nh->kind))
			drop_staying(g, b, bit);
		else if (ready(nh) || watched(nh))
			b->need[STAGE_FORWARD] |= bit;
		else
			act_on_kind(b, (unsigned)i, nh);
	}
}

static void lookup_vrf(const struct vrf_view *vrf, struct burst *b, uint64_t slots)
{
	uint64_t v4 = mask_eq8(b->family, FAMILY_V4) & slots;

	if (v4 != 0)
		lookup4(vrf->fib4, b, v4);
	if (slots != v4)
		lookup6(vrf->fib6, b, slots & ~v4);
}

/* Slots whose next hop may be sent to at once (NH_PLAIN); writes oif of all of them. */
static inline uint64_t plain_hops(const uint32_t *word, struct burst *b, uint64_t slots)
{
	uint64_t plain = 0;

#ifdef __AVX512BW__
	for (unsigned i = 0; i < BURST_SIZE; i += 16) {
		const __mmask16 k = (__mmask16)(slots >> i);
		const __m512i at = _mm512_cvtepu16_epi32(_mm256_load_si256((const void *)(b->nh + i)));
		const __m512i v = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), k, at, word, 4);
		const __m256i old = _mm256_load_si256((const void *)(b->oif + i));

		plain |= (uint64_t)_mm512_cmplt_epi32_mask(v, _mm512_setzero_si512()) << i;
		_mm256_store_si256(
			(void *)(b->oif + i), _mm256_mask_mov_epi16(old, k, _mm512_cvtepi32_epi16(v)));
	}
#else
	BURST_EACH (i, slots) {
		b->oif[i] = (uint16_t)word[b->nh[i]];
		plain |= (uint64_t)(word[b->nh[i]] >> 31) << i;
	}
#endif
	return plain;
}

/* Slots that may only be delivered here (SLOT_STAYS). */
static inline uint64_t staying(const struct burst *b)
{
#ifdef __AVX512BW__
	return _mm512_test_epi8_mask(_mm512_load_si512(b->flags), _mm512_set1_epi8(SLOT_STAYS));
#else
	const __m128i bits = _mm_set1_epi8(SLOT_STAYS), *p = (const void *)b->flags;
	uint64_t none = 0;

	for (unsigned i = 0; i < 4; i++)
		none |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
				_mm_and_si128(_mm_load_si128(p + i), bits), _mm_setzero_si128()))
			<< 16 * i;
	return ~none;
#endif
}

static inline void act(const struct generation *g, struct burst *b, uint64_t slots)
{
	uint64_t plain = plain_hops(g->nht.word, b, slots) & ~staying(b);

	b->need[STAGE_FORWARD] |= plain;
	if (__builtin_expect(plain != slots, 0))
		route_special(g, b, slots & ~plain);
}

/* A slot's next hop and what its word says: see plain_hops(). */
static inline uint32_t take_hop(struct burst *b, unsigned i, const uint32_t *word, uint16_t nh)
{
	const uint32_t v = word[nh];

	b->nh[i] = nh;
	b->oif[i] = (uint16_t)v;
	return v;
}

/* The case under load: a burst of nothing but n plain IPv4 packets, so of one VRF. One pass looks up address
 * and next hop together. Returns as plain_hops(). */
static inline uint64_t route4_whole(const struct fib4 *fib, const uint32_t *word, struct burst *b, unsigned n)
{
	uint32_t all = NH_PLAIN;

#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		rte_prefetch0(&fib->dir[b->dst4[i] >> 8]);
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		all &= take_hop(b, i, word, fib4_lookup(fib, b->dst4[i]));
	return all != 0 ? first_slots(n) : plain_hops(word, b, first_slots(n));
}

/* The same for IPv6. */
static inline uint64_t route6_whole(const struct fib6 *fib, const uint32_t *word, struct burst *b, unsigned n)
{
	uint32_t value[FIB6_BURST] __rte_cache_aligned, all = NH_PLAIN;

	fib6_lookup_values(fib, (const uint8_t *const *)b->data, BURST_DST6, value, n);
#pragma GCC unroll 4
	for (unsigned i = 0; i < n; i++)
		all &= take_hop(b, i, word, (uint16_t)value[i]);
	return all != 0 ? first_slots(n) : plain_hops(word, b, first_slots(n));
}

static void route_whole(const struct generation *g, struct burst *b, uint64_t slots)
{
	const struct vrf_view *vrf = &g->vrf[b->vrf[0]];
	const unsigned n = (unsigned)__builtin_popcountll(slots);
	uint64_t plain = b->plain6 == 0 ? route4_whole(vrf->fib4, g->nht.word, b, n)
					: route6_whole(vrf->fib6, g->nht.word, b, n);

	b->need[STAGE_FORWARD] |= plain;
	if (__builtin_expect(slots != plain, 0))
		route_special(g, b, slots & ~plain);
}

static void route_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	uint64_t rest, v6;

	if (mask_dense(slots) && (slots & ~b->plain) == 0 && (b->plain6 == 0 || b->plain6 == slots)) {
		route_whole(g, b, slots);
		return;
	}
	v6 = slots & ~b->plain & ~mask_eq8(b->family, FAMILY_V4);
	if (v6 != 0)
		slots &= ~take_link_local(g, b, v6);
	rest = slots;
	while (rest != 0) {
		uint16_t vrf = b->vrf[__builtin_ctzll(rest)];
		uint64_t same = mask_eq16(b->vrf, vrf) & rest;

		lookup_vrf(&g->vrf[vrf], b, same);
		rest &= ~same;
	}
	if (slots != 0)
		act(g, b, slots);
}

static const struct stage stage_route = {
	.name = "route",
	.help = "destination address to next hop",
	.id = STAGE_ROUTE,
	.run = route_run,
	.after = STAGE_BIT(STAGE_PARSE) | STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_LOCAL) | STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_RESOLVE),
	.next = STAGE_BIT(STAGE_LOCAL) | STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_RESOLVE) |
		STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_route)
