/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_SHARD: packets of interfaces that keep flows go on at the worker that owns their flow. Entry point of
 * packets that another worker handed over. Reads family, proto, flags, l3, l4.
 */
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "packet/parse.h"
#include "pipeline/drop.h"
#include "pipeline/shard.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_shard_full, REASON_ERROR, "shard-full",
	"The inbox of the worker that owns the packet's flow was full.")
REASON_DEFINE(reason_shard_gone, REASON_DROP, "shard-interface-gone",
	"The interface was removed while the packet was on its way to the worker that owns its flow.")

enum { IP4_MIN = 20, IP6_MIN = 40, ICMP_HEADER = 8 };

void shard_map_fill(struct shard_map *m, struct worker *const *worker, unsigned workers)
{
	memset(m, 0, sizeof *m);
	m->workers = (uint16_t)workers;
	for (unsigned i = 0; i < SHARD_BUCKETS; i++)
		m->owner[i] = (uint8_t)(i % workers);
	memcpy(m->worker, worker, workers * sizeof *worker);
}

/* --- hash --- */

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE;
}

/* Exclusive or of the header's source and destination address, 64 bits wide. */
static uint64_t addresses(const uint8_t *ip, uint8_t family)
{
	if (family == FAMILY_V4)
		return load32(ip + 12) ^ load32(ip + 16);
	return load64(ip + 8) ^ load64(ip + 16) ^ load64(ip + 24) ^ load64(ip + 32);
}

static uint16_t finish(uint64_t x)
{
	x ^= x >> 32;
	x ^= x >> 16;
	return shard_toeplitz(rte_be_to_cpu_16((uint16_t)x));
}

/* RFC 792 and RFC 4443: messages that carry the start of the packet they are about. */
static bool is_icmp_error(uint8_t family, uint8_t proto, uint8_t type)
{
	if (family == FAMILY_V4)
		return proto == IPPROTO_ICMP &&
		       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
	return proto == IPPROTO_ICMPV6 && type < 128;
}

/* Of the packet inside an ICMP error: `len` bytes from `ip` on. False when too little of it is there. */
static bool hash_inner(const uint8_t *ip, size_t len, uint8_t family, uint16_t *hash)
{
	size_t l4 = family == FAMILY_V4 ? (len >= IP4_MIN ? (ip[0] & 15u) * 4u : 0) : IP6_MIN;
	struct ip6_headers h;
	uint8_t proto;
	bool first;
	uint64_t x;

	if (len < (family == FAMILY_V4 ? IP4_MIN : IP6_MIN) || ip[0] >> 4 != (family == FAMILY_V4 ? 4 : 6))
		return false;
	if (family == FAMILY_V4) {
		proto = ip[9];
		first = ((ip[6] & 0x1f) | ip[7]) == 0;
	} else {
		first = parse_ip6(ip, len, false, &h) == PARSE_OK && h.frag_units == 0;
		proto = h.proto;
		l4 = h.l4;
	}
	x = addresses(ip, family);
	if (first && has_ports(proto) && l4 + 4 <= len)
		x ^= load32(ip + l4);
	*hash = finish(x);
	return true;
}

uint16_t shard_hash(const struct burst *b, unsigned slot)
{
	const uint8_t *l4 = burst_l4(b, slot);
	uint8_t family = b->family[slot], proto = b->proto[slot];
	uint32_t have = b->pkt[slot]->data_len;
	uint64_t x = addresses(burst_l3(b, slot), family);
	uint16_t hash;

	if ((b->flags[slot] & SLOT_FRAGMENT) != 0)
		return finish((b->ported & slot_bit(slot)) != 0 ? x ^ b->ports[slot] : x);
	if (b->l4[slot] + 4u > have)
		return finish(x);
	if (has_ports(proto))
		return finish(x ^ load32(l4));
	if (have >= b->l4[slot] + (uint32_t)ICMP_HEADER && is_icmp_error(family, proto, l4[0]) &&
		hash_inner(l4 + ICMP_HEADER, have - b->l4[slot] - ICMP_HEADER, family, &hash))
		return hash;
	return finish(x);
}

uint16_t shard_hash_key(
	uint8_t family, uint8_t proto, const uint8_t *src, const uint8_t *dst, uint16_t sport, uint16_t dport)
{
	uint64_t x = family == FAMILY_V4 ? load32(src) ^ load32(dst)
					 : load64(src) ^ load64(src + 8) ^ load64(dst) ^ load64(dst + 8);

	return finish(has_ports(proto) ? x ^ (uint32_t)(sport | (uint32_t)dport << 16) : x);
}

/* --- handing over --- */

void worker_hand_over(struct worker *w, struct burst *b, uint64_t slots, struct worker *to, unsigned entry)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	uint64_t moving = 0;
	unsigned n = 0, taken;

	BURST_EACH (i, slots) {
		struct note *note;

		if (b->hops[i] >= NOTE_MAX_HOPS) {
			burst_drop(b, (unsigned)i, &reason_inject_loop);
			continue;
		}
		note = burst_save_note(b, (unsigned)i);
		note->entry = (uint8_t)entry;
		note->hops++;
		moving |= slot_bit((unsigned)i);
		pkts[n++] = b->pkt[i];
	}
	if (n == 0)
		return;
	taken = rte_ring_mp_enqueue_burst(to->inbox, (void **)pkts, n, NULL);
	w->wake |= UINT64_C(1) << to->id;
	BURST_EACH (i, moving) {
		if (taken == 0) {
			burst_drop(b, (unsigned)i, &reason_shard_full);
			continue;
		}
		burst_take(b, (unsigned)i);
		taken--;
	}
}

static uint8_t owner_of(const struct generation *g, const struct burst *b, unsigned slot)
{
	return g->shard.owner[shard_hash(b, slot) % SHARD_BUCKETS];
}

/* Slots of other workers' flows go there; in order, one ring operation per worker. */
static void hand_over_foreign(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	uint8_t owner[BURST_SIZE];
	uint64_t foreign = 0;

	BURST_EACH (i, slots) {
		owner[i] = owner_of(g, b, (unsigned)i);
		foreign |= (uint64_t)(owner[i] != w->id) << i;
	}
	while (foreign != 0) {
		uint8_t to = owner[__builtin_ctzll(foreign)];
		uint64_t same = 0;

		BURST_EACH (i, foreign)
			same |= (uint64_t)(owner[i] == to) << i;
		worker_hand_over(w, b, same, g->shard.worker[to], STAGE_SHARD);
		foreign &= ~same;
	}
}

/* What other workers handed over has its way through this generation before it. */
static uint64_t resume(const struct generation *g, struct burst *b, uint64_t slots)
{
	const uint64_t later = ~((STAGE_BIT(STAGE_SHARD) << 1) - 1);

	BURST_EACH (i, slots) {
		const struct iface *ifc = g->iface[b->iif[i]];

		if (ifc == NULL) {
			slots &= ~slot_bit((unsigned)i);
			burst_drop(b, (unsigned)i, &reason_shard_gone);
			continue;
		}
		b->need[STAGE_ROUTE] |= slot_bit((unsigned)i);
		if (b->flags[i] & SLOT_OPTIONS)
			b->need[STAGE_IP_OPTIONS] |= slot_bit((unsigned)i);
		BURST_EACH (s, ifc->in & later)
			b->need[s] |= slot_bit((unsigned)i);
	}
	return slots;
}

static void shard_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	if (b->port == UINT16_MAX)
		slots = resume(g, b, slots);
	if (g->shard.workers > 1)
		hand_over_foreign(w, g, b, slots);
}

static const struct stage stage_shard = {
	.name = "shard",
	.help = "packets of flows that another worker owns go there",
	.id = STAGE_SHARD,
	.run = shard_run,
	.after = STAGE_BIT(STAGE_PARSE) | STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_POLICER_IN) | STAGE_BIT(STAGE_SESSION) | STAGE_BIT(STAGE_ROUTE),
	.next = STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_IP_OPTIONS) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_shard)
