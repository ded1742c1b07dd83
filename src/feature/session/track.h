/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A packet meets its session: state, deadline, counts. Shared by STAGE_SESSION and STAGE_ADMIT.
 *
 * Thread-safety: the session's owner.
 */
#ifndef WEIR_FEATURE_SESSION_TRACK_H
#define WEIR_FEATURE_SESSION_TRACK_H

#include "feature/session/key.h"
#include "feature/session/session_priv.h"

/* What a stage works with; the same for all slots of a burst. */
struct track {
	struct worker *w;
	const struct generation *g;
	const struct session_view *view;
	struct session_lane *lane;
	struct flow_table *table;
	struct burst *b;
	uint32_t now; /* ms */
};

enum track_result {
	TRACK_PASS,
	TRACK_DROPPED,
	TRACK_OVER /* the session is gone: the packet is a first one */
};

/* Bytes of the IP packet from its transport header on, as the IP header says. */
static inline uint32_t track_l4_length(const struct burst *b, unsigned i)
{
	const uint8_t *ip = burst_l3(b, i);
	uint32_t before = (uint32_t)(b->l4[i] - b->l3[i]);
	uint32_t all = b->family[i] == FAMILY_V4 ? be16_at(ip + 2) : IP6_HEADER + (uint32_t)be16_at(ip + 4);

	return all > before ? all - before : 0;
}

/* The first `n` (at most 64) bytes of the transport header, contiguous; NULL when the packet is shorter. */
static inline const uint8_t *track_l4(const struct burst *b, unsigned i, uint32_t n, uint8_t buf[64])
{
	const struct rte_mbuf *m = b->pkt[i];

	if (__builtin_expect(b->l4[i] + n <= m->data_len, 1))
		return burst_l4(b, i);
	return rte_pktmbuf_read(m, b->l4[i], n, buf);
}

static inline void track_deadline(const struct track *t, struct session *s, enum session_state state)
{
	uint32_t deadline = t->now + t->view->timeout[state] + TOUCH_MS, later = deadline - s->deadline;

	/* Written only when it counts, so that the cache line of a one-way flow stays clean. */
	if (later >= TOUCH_MS)
		FLOW_SET(s->deadline, deadline);
}

static inline void track_account(const struct track *t, struct session *s, unsigned dir, unsigned i)
{
	FLOW_SET(s->packets[dir], s->packets[dir] + 1);
	FLOW_SET(s->bytes[dir], s->bytes[dir] + (t->b->pkt[i]->pkt_len - t->b->l3[i]));
}

/* Reads slot i's TCP header; false when it is no TCP, with the slot dropped. */
static inline bool track_tcp_header(const struct track *t, unsigned i, struct tcp_segment *g)
{
	uint32_t len = track_l4_length(t->b, i), have = len < 64 ? len : 64;
	uint8_t buf[64];
	const uint8_t *p;

	if (have > t->b->pkt[i]->pkt_len - t->b->l4[i])
		have = t->b->pkt[i]->pkt_len - t->b->l4[i];
	p = have >= TCP_HEADER ? track_l4(t->b, i, have, buf) : NULL;
	if (p != NULL && tcp_read(p, have, len, g))
		return true;
	burst_drop(t->b, i, p != NULL ? &reason_session_invalid : &reason_session_short);
	return false;
}

static inline enum track_result track_tcp(const struct track *t, struct session *s, unsigned dir, unsigned i)
{
	enum session_state old = session_state_of(s), state;
	struct tcp_segment g;
	enum tcp_verdict v;

	if (__builtin_expect((t->b->flags[i] & SLOT_FRAGMENT) != 0, 0)) {
		if ((t->b->flags[i] & SLOT_LATER_FRAGMENT) != 0)
			return TRACK_PASS;
		FLOW_SET(s->state, s->state | SESSION_LIBERAL); /* how long the segment is, is not known */
	}
	if (!track_tcp_header(t, i, &g))
		return TRACK_DROPPED;
	v = tcp_track(s, dir, &g);
	if (v == TCP_REOPEN) {
		session_end(t->lane, t->table, s);
		return TRACK_OVER;
	}
	if (v == TCP_INVALID || v == TCP_WINDOW) {
		burst_drop(t->b, i, v == TCP_INVALID ? &reason_session_invalid : &reason_session_window);
		return TRACK_DROPPED;
	}
	state = session_state_of(s);
	if (state != old)
		session_moved(t->lane, t->table, s, old);
	track_deadline(t, s, v == TCP_LINGER ? SESSION_RESET : state);
	return TRACK_PASS;
}

/* An answer to what nobody answered before. The states with answer follow those without. */
static inline void track_answer(const struct track *t, struct session *s, enum session_state old)
{
	FLOW_SET(s->state, (uint8_t)(s->state + 1));
	session_moved(t->lane, t->table, s, old);
}

static inline enum track_result track_packet(
	const struct track *t, struct session *s, unsigned dir, unsigned i, uint8_t proto)
{
	enum session_state state = session_state_of(s);
	enum track_result r = TRACK_PASS;

	if (proto == IPPROTO_TCP) {
		r = track_tcp(t, s, dir, i);
	} else {
		if (dir != 0 &&
			(state == SESSION_UDP_NEW || state == SESSION_ICMP_NEW || state == SESSION_OTHER_NEW))
			track_answer(t, s, state);
		track_deadline(t, s, session_state_of(s));
	}
	if (__builtin_expect(t->view->accounting, 0) && r == TRACK_PASS)
		track_account(t, s, dir, i);
	return r;
}

/* Ports of slot i, or why there are none. */
static inline enum key_kind track_ports(const struct burst *b, unsigned i, struct key_ports *p)
{
	uint8_t proto = b->proto[i], buf[64];
	uint32_t need = key_header(proto);
	const uint8_t *l4;

	*p = (struct key_ports){0, 0};
	if (__builtin_expect((b->flags[i] & SLOT_FRAGMENT) != 0, 0)) {
		if ((b->ported & slot_bit(i)) == 0)
			return KEY_NONE;
		memcpy(p, &b->ports[i], sizeof *p);
		if ((b->flags[i] & SLOT_LATER_FRAGMENT) != 0)
			return KEY_FLOW;
	}
	if (need == 0)
		return KEY_FLOW;
	l4 = track_l4(b, i, need, buf);
	return l4 != NULL ? key_ports_of(b->family[i], proto, l4, p) : KEY_SHORT;
}

#endif
