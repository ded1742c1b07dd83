/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_REASSEMBLE, of interfaces that keep sessions: fragments of one packet meet on one worker (by their
 * addresses), learn the ports of their first one, and go on to the owner of their flow. Fragments that could
 * change the ports afterwards are refused: a first one without its whole transport header (RFC 1858, 3128), a
 * later one that reaches into it, a second first one that says something else (RFC 5722).
 */
#include "feature/session/fragments.h"
#include "feature/session/track.h"

REASON_DEFINE(reason_fragment_tiny, REASON_DROP, "fragment-tiny",
	"The fragment cuts through the transport header, which hides where the packet belongs.")
REASON_DEFINE(reason_fragment_conflict, REASON_DROP, "fragment-conflict",
	"A second first fragment of the same packet says other ports.")
REASON_DEFINE(reason_fragment_room, REASON_ERROR, "fragment-no-room",
	"A later fragment came before the first one, and too many wait already.")

/* Offset in bytes and identification; false when there is no fragment header (cannot be). */
static bool read_header(const struct burst *b, unsigned i, struct fragment_key *k, uint32_t *offset)
{
	const uint8_t *ip = burst_l3(b, i);
	struct ip6_headers h;

	memset(k, 0, sizeof *k);
	k->vrf = b->vrf[i];
	k->family = b->family[i];
	if (k->family == FAMILY_V4) {
		memcpy(k->src, ip + 12, 4);
		memcpy(k->dst, ip + 16, 4);
		k->id = be16_at(ip + 4);
		k->proto = ip[9];
		*offset = (be16_at(ip + 6) & 0x1fffu) * 8;
		return true;
	}
	if (parse_ip6(ip, b->pkt[i]->data_len - b->l3[i], false, &h) != PARSE_OK || !h.fragment)
		return false;
	memcpy(k->src, ip + 8, 16);
	memcpy(k->dst, ip + 24, 16);
	k->id = h.frag_id; /* RFC 8200 4.5: the protocol does not identify the packet */
	*offset = h.frag_units * 8u;
	return true;
}

/* The first fragment has the ports. */
static void first(
	struct worker *w, struct fragments *f, struct fragment_entry *e, struct burst *b, unsigned i)
{
	uint8_t buf[64];
	uint32_t need = key_header(b->proto[i]), ports = 0;
	const uint8_t *l4 = need != 0 ? track_l4(b, i, need, buf) : buf;
	struct key_ports p = {0, 0};

	if (l4 == NULL || track_l4_length(b, i) < need) {
		burst_drop(b, i, &reason_fragment_tiny);
		return;
	}
	if (need != 0)
		key_ports_of(b->family[i], b->proto[i], l4, &p);
	memcpy(&ports, &p, sizeof ports);
	if (e->known && e->ports != ports) {
		burst_drop(b, i, &reason_fragment_conflict);
		return;
	}
	b->ports[i] = ports;
	b->ported |= slot_bit(i);
	if (!e->known)
		fragments_release(w, f, e, ports, b->proto[i]);
}

static void later(struct worker *w, struct fragments *f, struct fragment_entry *e, struct burst *b,
	unsigned i, uint32_t offset)
{
	if (offset < key_header(b->proto[i])) {
		burst_drop(b, i, &reason_fragment_tiny);
	} else if (e->known) {
		b->proto[i] = e->proto;
		b->ports[i] = e->ports;
		b->ported |= slot_bit(i);
	} else if (!fragments_wait(w, f, e, b, i)) {
		burst_drop(b, i, &reason_fragment_room);
	}
}

static void fragment(struct worker *w, struct fragments *f, struct burst *b, unsigned i)
{
	struct fragment_entry *e;
	struct fragment_key k;
	uint32_t offset;

	if (!read_header(b, i, &k, &offset)) {
		burst_drop(b, i, &reason_session_short);
		return;
	}
	e = fragments_find(w, f, &k, b->now);
	if ((b->flags[i] & SLOT_LATER_FRAGMENT) == 0)
		first(w, f, e, b, i);
	else
		later(w, f, e, b, i, offset);
	if ((b->alive & slot_bit(i)) != 0)
		b->need[STAGE_SHARD] |= slot_bit(i);
}

/* A fragment whose ports nobody knows belongs to the worker of its addresses. */
static bool foreign(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	uint8_t owner = g->shard.owner[shard_hash(b, i) % SHARD_BUCKETS];

	if (g->shard.workers < 2 || owner == w->id)
		return false;
	worker_hand_over(w, b, slot_bit(i), g->shard.worker[owner], STAGE_REASSEMBLE);
	return true;
}

static void fragments_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	struct session_lane *l = g->session.lane != NULL ? &g->session.lane[w->id] : NULL;
	struct fragments *f = l != NULL && lane_table(l) != NULL ? l->fragments : NULL;

	if (f == NULL)
		session_drop_all(b, slots);
	BURST_EACH (i, f != NULL ? slots : 0) {
		if (!foreign(w, g, b, (unsigned)i))
			fragment(w, f, b, (unsigned)i);
	}
}

static const struct stage stage_fragments = {
	.name = "reassemble",
	.help = "fragments learn the ports of their first one",
	.id = STAGE_REASSEMBLE,
	.run = fragments_run,
	.after = STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_SHARD) | STAGE_BIT(STAGE_SESSION),
	.next = STAGE_BIT(STAGE_SHARD) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_fragments)
