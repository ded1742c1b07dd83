/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a worker does for its sessions between bursts, a little at a time: ageing, room for new ones, what the
 * control thread ordered.
 */
#include "feature/session/session_priv.h"

#include <string.h>

const char *const session_state_names[SESSION_STATE_COUNT + 1] = {[SESSION_SYN] = "syn-sent",
	[SESSION_SYN2] = "syn-both",
	[SESSION_SYNACK] = "syn-received",
	[SESSION_ESTAB] = "established",
	[SESSION_FIN_O] = "fin-sent",
	[SESSION_FIN_R] = "fin-received",
	[SESSION_CLOSING] = "closing",
	[SESSION_TIME] = "time-wait",
	[SESSION_RESET] = "reset",
	[SESSION_UDP_NEW] = "udp-new",
	[SESSION_UDP] = "udp",
	[SESSION_ICMP_NEW] = "icmp-new",
	[SESSION_ICMP] = "icmp",
	[SESSION_OTHER_NEW] = "other-new",
	[SESSION_OTHER] = "other"};

unsigned session_list_of(enum session_state state)
{
	switch (state) {
	case SESSION_SYN:
	case SESSION_SYN2:
	case SESSION_SYNACK:
	case SESSION_UDP_NEW:
	case SESSION_ICMP_NEW:
	case SESSION_OTHER_NEW:
		return SESSION_LIST_NEW;
	case SESSION_TIME:
	case SESSION_RESET:
		return SESSION_LIST_CLOSED;
	default:
		return 0;
	}
}

void session_moved(struct session_lane *l, struct flow_table *t, struct session *s, enum session_state old)
{
	enum session_state state = session_state_of(s);
	unsigned list = session_list_of(state);

	session_count(l, old, -1);
	session_count(l, state, 1);
	if (list != s->list) {
		struct flow *f = (struct flow *)(void *)s;

		if (list != 0)
			flow_list_add(t, f, list);
		else
			flow_list_remove(t, f);
	}
}

static void evict(struct session_lane *l, struct flow_table *t)
{
	for (unsigned n = 0; n < BURST_SIZE * 8 && t->max - t->used < session_reserve(t->max); n++) {
		struct flow *f = flow_list_first(t, SESSION_LIST_CLOSED);

		if (f == NULL)
			f = flow_list_first(t, SESSION_LIST_NEW);
		if (f == NULL)
			return;
		flow_remove(t, f);
		LANE_COUNT(l->evicted);
	}
}

/* Numbers of policies wrap: a session that nobody looked at for a long time stays old. */
static bool keep_old(void *ctx, struct flow *f)
{
	const struct session_view *view = ctx;
	struct session *s = (struct session *)(void *)f;

	if ((uint16_t)(view->policy - s->policy) > 40000)
		FLOW_SET(s->policy, (uint16_t)(view->policy - 20000));
	return false;
}

static void sweep(struct session_lane *l, struct flow_table *t, const struct session_view *view, uint64_t now)
{
	uint64_t steps = (now - l->swept) / SWEEP_EVERY;
	uint64_t records = (t->limit / SWEEP_ROUND + 1) * (steps < 64 ? steps : 64);
	unsigned gone;
	bool round;

	l->swept = now;
	gone = flow_sweep(t, session_ms(now), records < SWEEP_MAX ? (uint32_t)records : SWEEP_MAX, keep_old,
		(void *)(uintptr_t)view, &round);
	__atomic_store_n(&l->expired, l->expired + gone, __ATOMIC_RELAXED);
}

/* One share of an order; the control thread waits for its end. */
static void obey(struct session_lane *l, struct flow_table *t, uint32_t now)
{
	const struct session_order *o = __atomic_load_n(&l->order, __ATOMIC_ACQUIRE);
	struct session_info info;

	if (o == NULL)
		return;
	for (unsigned n = 0; t != NULL && n < CLEAR_STEP && l->order_at < t->limit; n++) {
		if (!session_copy(t, l->order_at++, now, &info) || !session_matches(&o->filter, &info))
			continue;
		flow_remove(t, &t->flow[info.number]);
		LANE_COUNT(l->cleared);
	}
	if (t != NULL && l->order_at < t->limit)
		return;
	l->order_at = 0;
	__atomic_store_n(&l->order, NULL, __ATOMIC_RELEASE);
}

void session_turn(struct worker *w, const struct generation *g, uint64_t now)
{
	struct session_lane *l = g->session.lane != NULL ? &g->session.lane[w->id] : NULL;
	struct flow_table *t;

	if (l == NULL)
		return;
	t = lane_table(l);
	if (__builtin_expect(__atomic_load_n(&l->order, __ATOMIC_RELAXED) != NULL, 0))
		obey(l, t, session_ms(now));
	if (t == NULL)
		return;
	flow_settle(t);
	if (__builtin_expect(t->max - t->used < session_reserve(t->max), 0)) {
		evict(l, t);
		flow_settle(t);
	}
	if (now - l->swept < SWEEP_EVERY)
		return;
	flow_adopt(t);
	sweep(l, t, &g->session, now);
	flow_settle(t);
	fragments_turn(w, l->fragments, now);
}
