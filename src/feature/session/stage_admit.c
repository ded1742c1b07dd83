/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ADMIT: packets that belong to no session, and those of sessions that another policy let in. Stands
 * behind STAGE_ROUTE, so that the policy knows where the packet goes. Asks the judge (the firewall) and
 * begins sessions. Reads oif; sends on nothing: who is welcome goes where STAGE_ROUTE sent it.
 */
#include <rte_byteorder.h>

#include "feature/session/reset.h"
#include "feature/session/track.h"

REASON_DEFINE(
	reason_session_denied, REASON_DROP, "session-denied", "The policy does not let the session begin.")

enum { ICMP4_UNREACH = 3, ICMP4_PROHIBITED = 13, ICMP6_UNREACH = 1, ICMP6_PROHIBITED = 1 };

/* What is known of one packet. */
struct arrival {
	unsigned slot;
	enum key_kind kind;
	struct key_ports ports;
	bool v4, is_tcp;
	struct tcp_segment tcp; /* with is_tcp */
	uint32_t ref;           /* its session */
	struct flow_key4 key4[2];
	struct flow_key6 key6[2];
	struct session_question q;
};

static void look_again(const struct track *t, struct arrival *a)
{
	if (a->v4)
		flow_lookup4(t->table, a->key4, 1, &a->ref);
	else
		flow_lookup6(t->table, a->key6, 1, &a->ref);
}

static void make_keys(const struct burst *b, struct arrival *a)
{
	const uint8_t *ip = burst_l3(b, a->slot);

	if (a->v4) {
		key_fill4(&a->key4[0], ip, a->ports, b->proto[a->slot], b->vrf[a->slot]);
		a->key4[1] = flow_reverse4(&a->key4[0]);
	} else {
		key_fill6(&a->key6[0], ip, a->ports, b->proto[a->slot], b->vrf[a->slot]);
		a->key6[1] = flow_reverse6(&a->key6[0]);
	}
}

/* A flow between a port and itself is nobody's (the LAND attack). */
static bool is_own_reverse(const struct arrival *a)
{
	return a->v4 ? a->key4[0].src == a->key4[0].dst && a->key4[0].sport == a->key4[0].dport
		     : memcmp(a->key6[0].src, a->key6[0].dst, 16) == 0 &&
			       a->key6[0].sport == a->key6[0].dport;
}

static enum session_kind kind_of(const struct track *t, const struct arrival *a)
{
	if (is_own_reverse(a) || (t->b->flags[a->slot] & SLOT_LATER_FRAGMENT) != 0)
		return SESSION_UNTRACKED;
	if (a->is_tcp)
		return tcp_opens(&a->tcp) || (t->view->pickup && (a->tcp.flags & (TCP_RST | TCP_SYN)) == 0)
			       ? SESSION_BEGINS
			       : SESSION_UNTRACKED;
	return a->kind == KEY_FLOW || a->kind == KEY_QUERY ? SESSION_BEGINS : SESSION_UNTRACKED;
}

/* False when the packet died. */
static bool arrive(const struct track *t, struct arrival *a, unsigned i)
{
	struct burst *b = t->b;

	a->slot = i;
	a->v4 = b->family[i] == FAMILY_V4;
	a->kind = track_ports(b, i, &a->ports);
	a->is_tcp = b->proto[i] == IPPROTO_TCP && (b->flags[i] & SLOT_LATER_FRAGMENT) == 0;
	if (a->is_tcp && !track_tcp_header(t, i, &a->tcp))
		return false;
	make_keys(b, a);
	a->ref = FLOW_NONE;
	if (a->kind != KEY_ERROR && a->kind != KEY_NONE)
		look_again(t, a);
	return true;
}

/* --- the question --- */

static void ask_type(const struct burst *b, unsigned i, struct session_question *q)
{
	uint8_t buf[64];
	const uint8_t *l4 = (b->flags[i] & SLOT_LATER_FRAGMENT) == 0 ? track_l4(b, i, 2, buf) : NULL;

	q->icmp = true;
	q->sport = l4 != NULL ? l4[0] : 255;
	q->dport = l4 != NULL ? l4[1] : 255;
}

/* Ports as the first packet had them; of ICMP the type of the request. */
static void ask_ports(
	const struct track *t, const struct arrival *a, struct session_question *q, unsigned dir)
{
	const struct key_ports *p = &a->ports;
	uint8_t proto = t->b->proto[a->slot];

	if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
		ask_type(t->b, a->slot, q);
		if (q->kind == SESSION_GOES_ON)
			q->sport = rte_be_to_cpu_16(dir == 0 ? p->dport : p->sport);
		return;
	}
	q->sport = rte_be_to_cpu_16(dir == 0 ? p->sport : p->dport);
	q->dport = rte_be_to_cpu_16(dir == 0 ? p->dport : p->sport);
}

static void ask(const struct track *t, struct arrival *a, enum session_kind kind, unsigned dir)
{
	const uint8_t *ip = burst_l3(t->b, a->slot), *src = ip + (a->v4 ? 12 : 8),
		      *dst = ip + (a->v4 ? 16 : 24);
	uint16_t iif = t->b->iif[a->slot], oif = t->b->oif[a->slot];

	a->q = (struct session_question){.kind = kind,
		.worker = t->w->id,
		.family = t->b->family[a->slot],
		.proto = t->b->proto[a->slot],
		.to_self = (t->b->need[STAGE_LOCAL] & slot_bit(a->slot)) != 0,
		.tcp_flags = a->is_tcp ? a->tcp.flags : 0,
		.iif = dir == 0 ? iif : oif,
		.oif = dir == 0 ? oif : iif,
		.src = dir == 0 ? src : dst,
		.dst = dir == 0 ? dst : src,
		.verdict = SESSION_ACCEPT,
		.track = true,
		.reason = &reason_session_denied};
	if (a->q.to_self)
		a->q.oif = IFACE_NONE;
	ask_ports(t, a, &a->q, dir);
	if (t->view->judge != NULL)
		t->view->judge(t->g, t->b, a->slot, &a->q);
}

/* --- the answer --- */

static void refuse(const struct track *t, const struct arrival *a)
{
	bool v4 = a->v4;

	if (a->q.verdict == SESSION_DROP)
		burst_drop(t->b, a->slot, a->q.reason);
	else if (a->is_tcp) {
		session_send_reset(t->w, t->g, t->b, a->slot, &a->tcp);
		burst_drop(t->b, a->slot, a->q.reason);
	} else {
		burst_drop_error(t->b, a->slot, a->q.reason, v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
			v4 ? ICMP4_PROHIBITED : ICMP6_PROHIBITED, 0);
	}
}

static uint8_t first_state(const struct arrival *a, uint8_t proto)
{
	if (proto == IPPROTO_UDP || proto == IPPROTO_UDPLITE)
		return SESSION_UDP_NEW;
	return a->kind == KEY_QUERY ? SESSION_ICMP_NEW : SESSION_OTHER_NEW;
}

static void fill(const struct track *t, const struct arrival *a, struct session *s)
{
	if (a->is_tcp)
		tcp_begin(s, &a->tcp);
	else
		s->state = first_state(a, t->b->proto[a->slot]);
	if (a->is_tcp && (t->b->flags[a->slot] & SLOT_FRAGMENT) != 0)
		s->state |= SESSION_LIBERAL;
	s->policy = t->view->policy;
	s->created = t->now;
	s->iif = t->b->iif[a->slot];
	s->oif = t->b->oif[a->slot];
	s->rule = a->q.rule;
	s->deadline = t->now + t->view->timeout[session_state_of(s)] + TOUCH_MS;
	if (t->view->accounting) {
		s->packets[0] = 1;
		s->bytes[0] = t->b->pkt[a->slot]->pkt_len - t->b->l3[a->slot];
	}
}

static bool count_source(const struct track *t, const struct arrival *a, struct session *s)
{
	struct session_sources *sources = __atomic_load_n(&t->lane->sources, __ATOMIC_ACQUIRE);

	if (t->view->per_source == 0 || sources == NULL)
		return true;
	s->source = sources_take(sources, a->q.family, t->b->vrf[a->slot], a->q.src, t->view->per_source);
	if (s->source == SOURCES_FULL) {
		s->source = 0;
	} else if (s->source == 0) {
		LANE_COUNT(t->lane->refused_source);
		burst_drop(t->b, a->slot, &reason_session_source);
		return false;
	}
	return true;
}

static enum flow_result insert(const struct track *t, struct arrival *a, const struct session *s)
{
	return a->v4 ? flow_insert4(t->table, a->key4, s->deadline, s->tcp, &s->created, &a->ref)
		     : flow_insert6(t->table, a->key6, s->deadline, s->tcp, &s->created, &a->ref);
}

static void begin(const struct track *t, struct arrival *a)
{
	struct session s = {.deadline = 0}, *made;

	fill(t, a, &s);
	if (!count_source(t, a, &s))
		return;
	if (!session_room(t->table) || insert(t, a, &s) != FLOW_OK) {
		if (s.source != 0)
			sources_give(t->lane->sources, s.source);
		LANE_COUNT(t->lane->refused_full);
		burst_drop(t->b, a->slot, &reason_session_full);
		return;
	}
	made = session_of(t->table, a->ref);
	t->b->flow[a->slot] = a->ref;
	LANE_COUNT(t->lane->created);
	session_count(t->lane, session_state_of(made), 1);
	if (session_list_of(session_state_of(made)) != 0)
		flow_list_add(t->table, flow_get(t->table, a->ref), session_list_of(session_state_of(made)));
}

static void admit_new(const struct track *t, struct arrival *a)
{
	enum session_kind kind = kind_of(t, a);

	ask(t, a, kind, 0);
	if (a->q.verdict != SESSION_ACCEPT)
		refuse(t, a);
	else if (a->q.to_self || !a->q.track)
		return;
	else if (kind == SESSION_UNTRACKED)
		burst_drop(t->b, a->slot, &reason_session_invalid);
	else
		begin(t, a);
}

/* Its session began under another policy: would it begin today? */
static bool still_welcome(const struct track *t, struct arrival *a, struct session *s)
{
	ask(t, a, SESSION_GOES_ON, a->ref >> 31);
	if (a->q.verdict == SESSION_ACCEPT && a->q.track) {
		FLOW_SET(s->policy, t->view->policy);
		FLOW_SET(s->rule, a->q.rule);
		return true;
	}
	session_end(t->lane, t->table, s);
	t->b->flow[a->slot] = FLOW_NONE;
	LANE_COUNT(t->lane->denied);
	if (a->q.verdict != SESSION_ACCEPT)
		refuse(t, a);
	return false;
}

static void admit(const struct track *t, unsigned i)
{
	struct arrival a;
	struct session *s;

	if (!arrive(t, &a, i))
		return;
	if (a.ref == FLOW_NONE) {
		admit_new(t, &a);
		return;
	}
	s = session_of(t->table, a.ref);
	t->b->flow[i] = a.ref;
	if (s->policy != t->view->policy && !still_welcome(t, &a, s))
		return;
	if (track_packet(t, s, a.ref >> 31, i, t->b->proto[i]) == TRACK_OVER)
		admit_new(t, &a);
}

static void admit_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	struct session_lane *lane = g->session.lane != NULL ? &g->session.lane[w->id] : NULL;
	struct track t = {
		w, g, &g->session, lane, lane != NULL ? lane_table(lane) : NULL, b, session_ms(b->now)};

	if (t.table == NULL) {
		session_drop_all(b, slots);
		return;
	}
	BURST_EACH (i, slots)
		admit(&t, (unsigned)i);
}

static const struct stage stage_admit = {
	.name = "admit",
	.help = "new sessions: asked for, counted, begun",
	.id = STAGE_ADMIT,
	.run = admit_run,
	.after = STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_SESSION),
	.before = STAGE_BIT(STAGE_LOCAL) | STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_RESOLVE),
	.next = STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_admit)
