/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_SESSION: every packet of an interface that keeps sessions meets the session it belongs to: keys of
 * the whole burst are looked up together, then state and windows are checked. What belongs to no session, or
 * to one that another policy let in, goes to STAGE_ADMIT once its route is known. ICMP errors go with the
 * session of the packet they are about. Writes flow; touches no packet.
 */
#include <rte_byteorder.h>

#include "feature/session/track.h"

REASON_DEFINE(reason_session_invalid, REASON_DROP, "session-invalid",
	"The packet cannot begin a session and belongs to none, or does not fit the state of its session.")
REASON_DEFINE(reason_session_window, REASON_DROP, "session-window",
	"The TCP segment is outside the windows of its connection.")
REASON_DEFINE(reason_session_short, REASON_DROP, "session-short",
	"The packet ends before its transport header does.")
REASON_DEFINE(reason_session_full, REASON_ERROR, "session-table-full",
	"The packet would have begun a session, but the worker's table was full; see sessions.max.")
REASON_DEFINE(reason_session_source, REASON_DROP, "session-source-limit",
	"The source has as many sessions as sessions.per-source allows.")

REASON_DEFINE(reason_session_no_table, REASON_ERROR, "session-no-table",
	"The worker had no table of sessions: the number of workers was being changed.")

void session_drop_all(struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		burst_drop(b, (unsigned)i, &reason_session_no_table);
}

/* Slots of one family, with their keys and what was found. */
struct found {
	unsigned n;
	uint8_t slot[BURST_SIZE];
	uint32_t ref[BURST_SIZE];
};

struct lookup {
	struct found v4, v6;
	uint64_t errors; /* slots with ICMP errors: the key is of the packet inside */
	struct flow_key4 key4[BURST_SIZE];
	struct flow_key6 key6[BURST_SIZE];
};

static void to_admit(struct burst *b, unsigned i)
{
	b->flow[i] = FLOW_NONE;
	b->need[STAGE_ADMIT] |= slot_bit(i);
}

static void add_key(struct lookup *l, const struct burst *b, unsigned i, const uint8_t *ip,
	struct key_ports p, uint8_t proto)
{
	if (b->family[i] == FAMILY_V4) {
		key_fill4(&l->key4[l->v4.n], ip, p, proto, b->vrf[i]);
		l->v4.slot[l->v4.n++] = (uint8_t)i;
	} else {
		key_fill6(&l->key6[l->v6.n], ip, p, proto, b->vrf[i]);
		l->v6.slot[l->v6.n++] = (uint8_t)i;
	}
}

/* The packet inside an error was sent by whom the error is for (RFC 5927 4). It must be contiguous: it is in
 * any frame that a driver gives us in one piece. */
static bool add_error(struct lookup *l, struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);
	uint32_t at = b->l4[i] + 8u, have = b->pkt[i]->data_len;
	bool v4 = b->family[i] == FAMILY_V4;
	struct key_inner in;

	if (have <= at || !key_read_inner(burst_data(b, i) + at, have - at, b->family[i], &in))
		return false;
	if (v4 ? memcmp(ip + 16, in.ip + 12, 4) != 0 : memcmp(ip + 24, in.ip + 8, 16) != 0)
		return false;
	add_key(l, b, i, in.ip, in.ports, in.proto);
	l->errors |= slot_bit(i);
	return true;
}

static void collect(struct lookup *l, struct burst *b, uint64_t slots)
{
	l->v4.n = l->v6.n = 0;
	l->errors = 0;
	BURST_EACH (k, slots) {
		const unsigned i = (unsigned)k;
		struct key_ports p;

		switch (track_ports(b, i, &p)) {
		case KEY_SHORT:
			burst_drop(b, i, &reason_session_short);
			break;
		case KEY_ERROR:
			if (!add_error(l, b, i))
				to_admit(b, i);
			break;
		case KEY_NONE:
			to_admit(b, i);
			break;
		default:
			add_key(l, b, i, burst_l3(b, i), p, b->proto[i]);
		}
	}
}

/* An error about a packet of the session in direction `dir`: true when that packet can have been sent. */
static bool error_fits(const struct burst *b, unsigned i, const struct session *s, unsigned dir)
{
	const uint8_t *p = burst_l4(b, i) + 8;
	struct key_inner in;

	if (!key_read_inner(p, b->pkt[i]->data_len - b->l4[i] - 8u, b->family[i], &in))
		return false;
	return in.proto != IPPROTO_TCP || tcp_quoted(s, dir, rte_be_to_cpu_32(ip_get32(in.l4 + 4)));
}

/* The session that `ref` leads to, alive; NULL when it is none any more. */
static inline struct session *alive(const struct track *t, uint32_t ref)
{
	struct session *s = session_of(t->table, ref);

	if (ref == FLOW_NONE || s->key[0].kind == FLOW_KIND_FREE)
		return NULL;
	if (__builtin_expect(!flow_expired((struct flow *)(void *)s, t->now), 1))
		return s;
	session_end(t->lane, t->table, s);
	return NULL;
}

static inline void meet(const struct track *t, const struct lookup *l, unsigned i, uint32_t ref)
{
	struct session *s = alive(t, ref);
	struct burst *b = t->b;

	if (s == NULL) {
		to_admit(b, i);
		return;
	}
	b->flow[i] = ref;
	if (__builtin_expect((l->errors & slot_bit(i)) != 0, 0)) {
		if (!error_fits(b, i, s, ref >> 31))
			burst_drop(b, i, &reason_session_window);
		return;
	}
	if (__builtin_expect(s->policy != t->view->policy, 0)) {
		to_admit(b, i);
		return;
	}
	if (track_packet(t, s, ref >> 31, i, b->proto[i]) == TRACK_OVER)
		to_admit(b, i);
}

#ifdef WEIR_DEBUG
/* No session is ever touched by two workers. */
static void check_owner(const struct track *t, uint64_t slots)
{
	if (t->g->shard.workers > 1)
		BURST_EACH (i, slots)
			if (t->g->shard.owner[shard_hash(t->b, (unsigned)i) % SHARD_BUCKETS] != t->w->id)
				__builtin_trap();
}
#else
static void check_owner(const struct track *t, uint64_t slots)
{
}
#endif

static void session_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	struct session_lane *lane = g->session.lane != NULL ? &g->session.lane[w->id] : NULL;
	struct track t = {
		w, g, &g->session, lane, lane != NULL ? lane_table(lane) : NULL, b, session_ms(b->now)};
	struct lookup l;

	if (t.table == NULL) {
		session_drop_all(b, slots);
		return;
	}
	check_owner(&t, slots);
	collect(&l, b, slots);
	if (l.v4.n != 0)
		flow_lookup4(t.table, l.key4, l.v4.n, l.v4.ref);
	if (l.v6.n != 0)
		flow_lookup6(t.table, l.key6, l.v6.n, l.v6.ref);
	for (unsigned k = 0; k < l.v4.n; k++)
		meet(&t, &l, l.v4.slot[k], l.v4.ref[k]);
	for (unsigned k = 0; k < l.v6.n; k++)
		meet(&t, &l, l.v6.slot[k], l.v6.ref[k]);
}

static const struct stage stage_session = {
	.name = "session",
	.help = "packets meet the state of their flow",
	.id = STAGE_SESSION,
	.run = session_run,
	.after = STAGE_BIT(STAGE_SHARD) | STAGE_BIT(STAGE_REASSEMBLE),
	.before = STAGE_BIT(STAGE_ROUTE),
	.next = STAGE_BIT(STAGE_ADMIT) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_session)
