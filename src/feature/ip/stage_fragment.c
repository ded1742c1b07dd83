/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_FRAGMENT: packets that are larger than their next hop's MTU and may be cut: IPv4 without DF (RFC
 * 791 3.2), and what weir itself sends over IPv6 (RFC 8200 4.5). The original ends here. The fragments are
 * new packets that come by here again in a later burst and go on to the output features of their interface.
 * Reads nh, l3, family, flags.
 */
#include <string.h>

#include <rte_byteorder.h>

#include "feature/ip/ip_hdr.h"
#include "packet/checksum.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_fragmented, REASON_DONE, "ip-fragmented", "The packet was sent on as fragments.")
REASON_DEFINE(reason_fragment_failed, REASON_ERROR, "ip-fragment-failed",
	"The packet had to be fragmented, but buffers or room in the re-inject ring ran out.")
REASON_DEFINE(reason_fragment_bad, REASON_DROP, "ip-bad-fragment",
	"A fragment that had to be cut again ends beyond the 65535 bytes an IPv4 packet can have.")

#define IP4_MAX_HEADER 60
#define IP6_FRAGMENT_HEADER 8
#define MADE_HERE (SLOT_ORIGINATED | SLOT_FRAGMENT)

/* How one packet is cut. */
struct cut {
	struct rte_mbuf *m;
	uint32_t from, len; /* payload: offset in m and bytes */
	uint32_t step;      /* payload bytes per fragment, a multiple of 8 */
	uint8_t head[IP4_MAX_HEADER];
	uint8_t head_len; /* of the first fragment's header */
	uint8_t later[IP4_MAX_HEADER];
	uint8_t later_len; /* of the others': options that are not copied are left out */
	uint16_t offset;   /* IPv4: of the packet itself in 8-byte units */
	bool more;         /* IPv4: the packet is not the last fragment */
	bool v4;
};

/* RFC 791 3.1: options with the copied flag go into every fragment, the others become nothing. */
static uint8_t copied_options(const uint8_t *head, uint8_t len, uint8_t *out)
{
	uint8_t n = IP4_HEADER, at = IP4_HEADER;

	memcpy(out, head, IP4_HEADER);
	while (at < len && head[at] != 0) {
		uint8_t size = head[at] == 1 ? 1 : (at + 1 < len ? head[at + 1] : 0);

		if (size == 0 || at + size > len)
			break;
		if (head[at] != 1 && (head[at] & 0x80) != 0) {
			memcpy(out + n, head + at, size);
			n = (uint8_t)(n + size);
		}
		at = (uint8_t)(at + size);
	}
	while (n % 4 != 0)
		out[n++] = 0;
	return n;
}

/* A packet with DF may have any identification (RFC 6864 4.1). Only what weir itself sends is cut in spite of
 * DF, and then needs a real one. */
static void plan4(struct worker *w, struct cut *c, const uint8_t *ip, uint16_t l3, uint16_t mtu)
{
	uint16_t frag = (uint16_t)(ip[6] << 8 | ip[7]), id = (uint16_t)worker_random(w);

	c->head_len = (uint8_t)((ip[0] & 15) * 4);
	memcpy(c->head, ip, c->head_len);
	if (ip4_df(ip))
		memcpy(c->head + 4, &id, sizeof id);
	c->later_len = copied_options(c->head, c->head_len, c->later);
	c->offset = frag & 0x1fff;
	c->more = (frag & 0x2000) != 0;
	c->from = (uint32_t)l3 + c->head_len;
	c->step = ((uint32_t)mtu - c->head_len) & ~7u;
}

/* weir's own packets have no extension headers: everything behind the IPv6 header is cut. */
static void plan6(struct worker *w, struct cut *c, const uint8_t *ip, uint16_t l3, uint16_t mtu)
{
	uint8_t *f = c->head + IP6_HEADER;
	uint32_t id = worker_random(w);

	memcpy(c->head, ip, IP6_HEADER);
	memset(f, 0, IP6_FRAGMENT_HEADER);
	f[0] = ip[6];
	c->head[6] = 44;
	memcpy(f + 4, &id, sizeof id);
	c->head_len = c->later_len = IP6_HEADER + IP6_FRAGMENT_HEADER;
	memcpy(c->later, c->head, c->head_len);
	c->from = (uint32_t)l3 + IP6_HEADER;
	c->step = ((uint32_t)mtu - c->head_len) & ~7u;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Lengths, offset and M flag of the fragment whose payload starts at `done`. */
static void finish_header(uint8_t *ip, uint8_t head_len, const struct cut *c, uint32_t done, uint32_t n)
{
	bool more = c->more || done + n < c->len;
	uint16_t sum;

	if (!c->v4) {
		put16(ip + 4, IP6_FRAGMENT_HEADER + n);
		put16(ip + IP6_HEADER + 2, done | (uint32_t)more);
		return;
	}
	ip[0] = (uint8_t)(0x40 | head_len / 4);
	put16(ip + 2, head_len + n);
	put16(ip + 6, (c->offset + done / 8) | (more ? 0x2000u : 0));
	put16(ip + 10, 0);
	sum = checksum_ip4_header(ip, head_len);
	memcpy(ip + 10, &sum, sizeof sum);
}

static struct rte_mbuf *make_fragment(struct worker *w, const struct cut *c, uint32_t done, uint32_t n)
{
	uint8_t head_len = done == 0 ? c->head_len : c->later_len, *p;
	struct rte_mbuf *m = rte_pktmbuf_copy(c->m, w->pool, c->from + done, n);

	p = m != NULL ? (uint8_t *)rte_pktmbuf_prepend(m, head_len) : NULL;
	if (p == NULL) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	memcpy(p, done == 0 ? c->head : c->later, head_len);
	finish_header(p, head_len, c, done, n);
	memset(note_of(m), 0, sizeof(struct note));
	return m;
}

static void note_fragment(struct note *n, const struct burst *b, unsigned i, uint8_t head_len)
{
	n->family = b->family[i];
	n->proto = b->proto[i];
	n->flags = MADE_HERE;
	n->iif = b->iif[i];
	n->oif = b->oif[i];
	n->vrf = b->vrf[i];
	n->nh = b->nh[i];
	n->l4 = head_len;
	n->hash = (b->hashed & slot_bit(i)) != 0 ? b->hash[i] : 0; /* those of a flow stay together */
}

/* Half a packet is of no use to anybody: NULL, or why nothing can be sent. Offsets that do not fit their 13
 * bits would come out as flags and as the offset 0: a first fragment of an attacker's choice. */
static const struct reason *refuse(const struct worker *w, const struct cut *c)
{
	if (c->step == 0 || c->step > UINT16_MAX || worker_inject_room(w) < (c->len + c->step - 1) / c->step)
		return &reason_fragment_failed;
	if (c->v4 && c->offset * 8u + c->len + c->head_len > UINT16_MAX)
		return &reason_fragment_bad;
	return NULL;
}

/* Why the packet ends here. */
static const struct reason *cut_packet(struct worker *w, struct burst *b, unsigned i, uint16_t mtu)
{
	struct cut c = {.m = b->pkt[i], .v4 = b->family[i] == FAMILY_V4};
	const struct reason *why;

	(c.v4 ? plan4 : plan6)(w, &c, burst_l3(b, i), b->l3[i], mtu);
	c.len = c.m->pkt_len - c.from;
	why = refuse(w, &c);
	if (why != NULL)
		return why;
	for (uint32_t done = 0; done < c.len; done += c.step) {
		struct rte_mbuf *m = make_fragment(w, &c, done, RTE_MIN(c.step, c.len - done));

		if (m == NULL)
			return &reason_fragment_failed;
		note_fragment(note_of(m), b, i, done == 0 ? c.head_len : c.later_len);
		if (!worker_originate(w, m, STAGE_FRAGMENT))
			return &reason_fragment_failed;
	}
	return &reason_fragmented;
}

/* As STAGE_FORWARD does; a next hop that went away meanwhile is STAGE_REWRITE's to see. */
static void send_on(const struct nexthop *nh, struct burst *b, unsigned i)
{
	if (nh->kind == NH_ADJ)
		BURST_EACH (s, nh->out & ~STAGES_BEFORE_FORWARD)
			b->need[s] |= slot_bit(i);
	b->need[STAGE_REWRITE] |= slot_bit(i);
}

static void fragment_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots) {
		const struct nexthop *nh = &g->nht.nh[b->nh[i]];

		if ((b->flags[i] & MADE_HERE) == MADE_HERE)
			send_on(nh, b, (unsigned)i);
		else
			burst_drop(b, (unsigned)i, cut_packet(w, b, (unsigned)i, nh->mtu));
	}
}

static const struct stage stage_fragment = {
	.name = "fragment",
	.help = "cut packets larger than the MTU",
	.id = STAGE_FRAGMENT,
	.run = fragment_run,
	.after = STAGE_BIT(STAGE_FORWARD),
	.before = STAGE_BIT(STAGE_REWRITE),
	.next = STAGE_BIT(STAGE_REWRITE) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_fragment)
