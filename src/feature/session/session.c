/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature's part in commits: tables are made and grown by prepare(), taken into use before the generation
 * that needs them is published, and emptied into each other when flows get other owners.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/events.h"
#include "control/tree.h"
#include "feature/session/fragments.h"
#include "pipeline/bill.h"

#define WATCH_NS UINT64_C(1000000000)

static const struct {
	const char *key;
	uint32_t seconds;
	uint16_t states; /* one bit each */
} timeouts[] = {
	{"tcp-opening", 240, 1 << SESSION_SYN | 1 << SESSION_SYN2 | 1 << SESSION_SYNACK},
	{"tcp-established", 7440, 1 << SESSION_ESTAB},
	{"tcp-closing", 240,
		1 << SESSION_FIN_O | 1 << SESSION_FIN_R | 1 << SESSION_CLOSING | 1 << SESSION_TIME},
	{"tcp-reset", 240, 1 << SESSION_RESET},
	{"udp-new", 120, 1 << SESSION_UDP_NEW},
	{"udp", 300, 1 << SESSION_UDP},
	{"icmp", 60, 1 << SESSION_ICMP_NEW | 1 << SESSION_ICMP},
	{"other", 300, 1 << SESSION_OTHER_NEW | 1 << SESSION_OTHER},
};

/* --- what a config says --- */

static void read_settings(const struct node *cfg, struct session_settings *s)
{
	const struct node *n = node_get(cfg, "sessions"), *t = node_get(n, "timeouts");

	*s = (struct session_settings){.max = (uint32_t)node_u64(n, "max", SESSION_MAX_DEFAULT),
		.per_source = (uint32_t)node_u64(n, "per-source", 0),
		.pickup = node_bool(n, "tcp-pickup", false),
		.accounting = node_bool(n, "accounting", false)};
	for (unsigned i = 0; i < RTE_DIM(timeouts); i++) {
		uint64_t ns = node_u64(t, timeouts[i].key, timeouts[i].seconds * UINT64_C(1000000000));

		BURST_EACH (state, (uint64_t)timeouts[i].states)
			s->timeout[state] = (uint32_t)(ns / 1000000);
	}
}

static uint32_t divide(uint32_t n, unsigned workers)
{
	return (n + workers - 1) / workers;
}

/* Records of one worker: its sessions, session_reserve() and two that are never used. */
static uint32_t share_of(const struct session_settings *s, unsigned workers)
{
	uint32_t share = divide(s->max, workers);

	share = share > SESSION_MIN ? share : SESSION_MIN;
	return share + 2 + (share / 8 < 1024 ? share / 8 : 1024);
}

static unsigned workers_of(const struct weir *w)
{
	return w->workers_next != 0 ? w->workers_next : w->shard.workers;
}

static bool any_keeps(const struct generation *g)
{
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL && (g->iface[i]->in & STAGE_BIT(STAGE_SESSION)) != 0)
			return true;
	return false;
}

void session_keep(struct generation *next, struct iface *ifc)
{
	iface_keep_flows(ifc);
	ifc->in |= STAGE_BIT(STAGE_SESSION);
}

void session_policy_changed(struct generation *next)
{
	next->session.policy++;
}

static void mark_interfaces(const struct node *cfg, struct generation *next)
{
	const struct node *list = node_get(cfg, "interfaces");

	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL &&
			node_bool(node_get(list, next->iface[i]->name), "sessions", false))
			session_keep(next, next->iface[i]);
}

/* --- tables --- */

static void gone(void *ctx, struct flow *f)
{
	struct session_lane *l = ctx;
	struct session *s = (struct session *)(void *)f;

	session_count(l, session_state_of(s), -1);
	if (s->source != 0)
		sources_give(l->sources, s->source);
}

static void drop_fresh(struct weir *w)
{
	struct session_service *s = w->session;

	for (unsigned k = 0; k < WORKER_MAX; k++) {
		flow_free(s->fresh[k]);
		sources_free(s->fresh_sources[k]);
		free(s->fresh_fragments[k]);
		s->fresh[k] = NULL;
		s->fresh_sources[k] = NULL;
		s->fresh_fragments[k] = NULL;
	}
}

/* Memory of one worker's lane; what is there already is used again. Sources are counted from when that is
 * configured first; sessions that began before are nobody's. */
static bool make_lane(struct session_service *s, unsigned k, uint32_t share)
{
	struct session_lane *l = &s->lane[k];

	if (l->table != NULL && flow_reserve(l->table, share) != 0)
		return false;
	if (l->table == NULL)
		s->fresh[k] = flow_new(share);
	if (l->fragments == NULL)
		s->fresh_fragments[k] = fragments_new();
	if (s->next.per_source != 0 && l->sources == NULL)
		s->fresh_sources[k] = sources_new(share);
	return (l->table != NULL || s->fresh[k] != NULL) &&
	       (l->fragments != NULL || s->fresh_fragments[k] != NULL) &&
	       (s->next.per_source == 0 || l->sources != NULL || s->fresh_sources[k] != NULL);
}

static int make_lanes(struct weir *w, struct err *e)
{
	struct session_service *s = w->session;
	uint32_t share = share_of(&s->next, s->next_workers);

	for (unsigned k = 0; k < s->next_workers; k++)
		if (!make_lane(s, k, share)) {
			drop_fresh(w);
			return err_set(e, ENOMEM,
				"not enough memory for %u sessions (%llu MB); set a smaller sessions.max",
				s->next.max, (unsigned long long)(flow_bytes(share) * s->next_workers >> 20));
		}
	return 0;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct session_service *s = w->session;
	struct session_view *v = &next->session;

	read_settings(cfg, &s->next);
	mark_interfaces(cfg, next);
	s->next_on = any_keeps(next);
	s->next_workers = workers_of(w);
	v->lane = s->next_on ? s->lane : NULL;
	memcpy(v->timeout, s->next.timeout, sizeof v->timeout);
	v->per_source = s->next.per_source != 0 ? divide(s->next.per_source, s->next_workers) : 0;
	v->pickup = s->next.pickup;
	v->accounting = s->next.accounting;
	generation_turn(next, session_turn, s->next_on);
	return s->next_on && !w->trial ? make_lanes(w, e) : 0;
}

static void abort_config(struct weir *w)
{
	drop_fresh(w);
}

/* --- taking them into use --- */

static void take_lane(struct weir *w, unsigned k)
{
	struct session_service *s = w->session;
	struct session_lane *l = &s->lane[k];

	if (s->fresh_sources[k] != NULL)
		__atomic_store_n(&l->sources, s->fresh_sources[k], __ATOMIC_RELEASE);
	s->fresh_sources[k] = NULL;
	if (s->fresh_fragments[k] != NULL)
		l->fragments = s->fresh_fragments[k];
	s->fresh_fragments[k] = NULL;
	if (s->fresh[k] != NULL) {
		s->fresh[k]->gone = gone;
		s->fresh[k]->ctx = l;
		__atomic_store_n(&l->table, s->fresh[k], __ATOMIC_RELEASE);
	}
	s->fresh[k] = NULL;
	flow_resize(l->table, share_of(&s->next, s->next_workers)); /* its memory is there */
}

static void freeze(struct weir *w, bool on)
{
	for (unsigned k = 0; k < WORKER_MAX; k++)
		__atomic_store_n(&w->session->lane[k].frozen, on, __ATOMIC_RELEASE);
	if (on)
		weir_synchronize(w);
}

static void free_fragments(struct weir *w, unsigned k)
{
	struct session_lane *l = &w->session->lane[k];

	if (l->fragments != NULL && k < w->worker_count)
		fragments_free(w, w->worker[k], l->fragments);
	l->fragments = NULL;
}

static void free_table(void *t)
{
	flow_free(t);
}

static void free_sources(void *t)
{
	sources_free(t);
}

/* The lane of a worker that has no sessions any more. */
static void drop_lane(struct weir *w, unsigned k)
{
	struct session_lane *l = &w->session->lane[k];
	struct flow_table *t = l->table;

	__atomic_store_n(&l->table, NULL, __ATOMIC_RELEASE);
	if (t != NULL)
		weir_defer(w, free_table, t);
	if (l->sources != NULL)
		weir_defer(w, free_sources, l->sources);
	l->sources = NULL;
	memset(l->state, 0, sizeof l->state);
}

static void adopt_all(struct session_service *s)
{
	for (unsigned k = 0; k < s->next_workers; k++)
		flow_adopt(s->lane[k].table);
}

/* Before publication. Workers have no packets when the owners change (runtime/swap.c), but they make their
 * rounds: the tables are taken from them meanwhile. */
static void ready(struct weir *w, const struct generation *next)
{
	struct session_service *s = w->session;
	bool rehome = s->on && s->workers != s->next_workers;

	if (!s->next_on)
		return;
	if (rehome)
		freeze(w, true);
	for (unsigned k = 0; k < s->next_workers; k++)
		take_lane(w, k);
	if (!rehome)
		return;
	adopt_all(s);
	session_rehome(w);
	for (unsigned k = s->next_workers; k < WORKER_MAX; k++) {
		drop_lane(w, k);
		free_fragments(w, k);
	}
	freeze(w, false);
}

/* --- watching --- */

static void watch(struct weir *w, struct timer *t)
{
	struct session_service *s = w->session;
	struct session_totals now;

	session_totals(w, &now);
	if (now.refused_full != s->told_refused) {
		if (!s->told_full)
			log_warning("sessions: %llu could not begin for want of room; there are %llu of at "
				    "most %llu",
				(unsigned long long)(now.refused_full - s->told_refused),
				(unsigned long long)now.sessions, (unsigned long long)now.max);
		event_publish(w, "sessions-full", EV_U64("refused", now.refused_full - s->told_refused),
			EV_U64("sessions", now.sessions), EV_U64("max", now.max));
	}
	s->told_full = now.refused_full != s->told_refused;
	s->told_refused = now.refused_full;
	timer_set(w, t, w->now + WATCH_NS);
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct session_service *s = w->session;

	if (s->on && !s->next_on) {
		weir_synchronize(w); /* nobody looks at tables any more */
		for (unsigned k = 0; k < WORKER_MAX; k++) {
			drop_lane(w, k);
			free_fragments(w, k);
		}
		timer_cancel(w, &s->watch);
	}
	s->on = s->next_on;
	s->now = s->next;
	s->workers = s->next_workers;
	if (s->on && s->watch.slot == 0)
		timer_set(w, &s->watch, w->now + WATCH_NS);
}

/* --- life --- */

static int init(struct weir *w, struct err *e)
{
	struct session_service *s = aligned_alloc(RTE_CACHE_LINE_SIZE, sizeof *s);

	if (s == NULL)
		return err_set(e, ENOMEM, "not enough memory for sessions");
	memset(s, 0, sizeof *s);
	s->watch.fn = watch;
	w->session = s;
	return timer_room(w, 1) == 0 ? 0 : err_set(e, ENOMEM, "not enough memory for sessions");
}

static void fini(struct weir *w)
{
	struct session_service *s = w->session;

	if (s == NULL)
		return;
	timer_cancel(w, &s->watch);
	for (unsigned k = 0; k < WORKER_MAX; k++) {
		free_fragments(w, k);
		flow_free(s->lane[k].table);
		sources_free(s->lane[k].sources);
	}
	free(s);
	w->session = NULL;
}

static bool wanted(const struct node *cfg)
{
	NODE_EACH (i, node_get(cfg, "interfaces"))
		if (node_get(i, "zone") != NULL || node_bool(i, "sessions", false))
			return true;
	return false;
}

static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	unsigned workers = workers_of(w);
	struct session_settings s;
	uint32_t share;
	uint64_t bytes;

	if (!wanted(cfg))
		return;
	read_settings(cfg, &s);
	share = share_of(&s, workers);
	bytes = flow_bytes(share) + fragments_bytes() + (s.per_source != 0 ? sources_bytes(share) : 0);
	bill_add(b, "sessions", s.max, bytes * workers);
}

static struct feature feature_session = {
	.name = "session",
	.order = SESSION_ORDER,
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.ready = ready,
	.commit = commit,
	.abort = abort_config,
	.bill = bill,
};
FEATURE_REGISTER(feature_session)
