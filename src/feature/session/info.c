/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread's view: copies of sessions, filters, totals, and orders to their owners.
 */
#include <sched.h>
#include <string.h>

#include "base/race.h"
#include "feature/session/fragments.h"
#include "feature/session/key.h"

/* --- reading --- */

static struct ipaddr address4(uint32_t be)
{
	return ipaddr_v4(rte_be_to_cpu_32(be));
}

static void direction4(struct session_info *i, unsigned d, const struct flow_key4 *k)
{
	i->src[d] = address4(k->src);
	i->dst[d] = address4(k->dst);
	i->sport[d] = rte_be_to_cpu_16(k->sport);
	i->dport[d] = rte_be_to_cpu_16(k->dport);
}

static void direction6(struct session_info *i, unsigned d, const struct flow_key6 *k)
{
	i->src[d] = ipaddr_v6(k->src);
	i->dst[d] = ipaddr_v6(k->dst);
	i->sport[d] = rte_be_to_cpu_16(k->sport);
	i->dport[d] = rte_be_to_cpu_16(k->dport);
}

bool session_copy(const struct flow_table *t, uint32_t number, uint32_t now, struct session_info *out)
{
	struct flow_copy c;

	if (t == NULL || number == 0 || number >= flow_limit(t) || !flow_read(t, number, &c))
		return false;
	memcpy(&out->s, &c.flow, sizeof out->s);
	out->number = number;
	out->family = c.v6 ? FAMILY_V6 : FAMILY_V4;
	out->proto = c.v6 ? c.key6[0].proto : c.flow.key[0].proto;
	out->vrf = c.v6 ? c.key6[0].vrf : c.flow.key[0].vrf;
	for (unsigned d = 0; d < 2; d++)
		if (c.v6)
			direction6(out, d, &c.key6[d]);
		else
			direction4(out, d, &c.flow.key[d]);
	out->age = now - out->s.created;
	out->left = (int32_t)(out->s.deadline - now) > 0 ? out->s.deadline - now : 0;
	return true;
}

bool session_read(const struct weir *w, unsigned worker, uint32_t number, struct session_info *out)
{
	const struct session_lane *l = &w->session->lane[worker];

	out->worker = worker;
	return session_copy(__atomic_load_n(&l->table, __ATOMIC_ACQUIRE), number, session_ms(w->now), out);
}

uint32_t session_limit(const struct weir *w, unsigned worker)
{
	const struct flow_table *t = __atomic_load_n(&w->session->lane[worker].table, __ATOMIC_ACQUIRE);

	return t != NULL ? flow_limit(t) : 0;
}

/* --- filters --- */

static bool in_any(const struct prefix *p, const struct session_info *i)
{
	for (unsigned d = 0; d < 2; d++)
		if (prefix_contains(p, &i->src[d]) || prefix_contains(p, &i->dst[d]))
			return true;
	return false;
}

static bool addresses_match(const struct session_filter *f, const struct session_info *i)
{
	return (f->address.addr.family == FAMILY_NONE || in_any(&f->address, i)) &&
	       (f->source.addr.family == FAMILY_NONE || prefix_contains(&f->source, &i->src[0])) &&
	       (f->destination.addr.family == FAMILY_NONE || prefix_contains(&f->destination, &i->dst[0]));
}

static bool ports_match(const struct session_filter *f, const struct session_info *i)
{
	if ((f->port | f->sport | f->dport) == 0)
		return true;
	return key_has_ports(i->proto) &&
	       (f->port == 0 || i->sport[0] == f->port || i->dport[0] == f->port || i->sport[1] == f->port ||
		       i->dport[1] == f->port) &&
	       (f->sport == 0 || i->sport[0] == f->sport) && (f->dport == 0 || i->dport[0] == f->dport);
}

bool session_matches(const struct session_filter *f, const struct session_info *i)
{
	return (f->proto < 0 || i->proto == f->proto) && (f->vrf < 0 || i->vrf == f->vrf) &&
	       (f->state < 0 || session_state_of(&i->s) == (unsigned)f->state) &&
	       (f->iface == 0 || i->s.iif == f->iface || i->s.oif == f->iface) && addresses_match(f, i) &&
	       ports_match(f, i);
}

/* --- totals --- */

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void add_lane(const struct session_lane *l, struct session_totals *t)
{
	const struct flow_table *table = __atomic_load_n(&l->table, __ATOMIC_ACQUIRE);

	t->created += load(&l->created);
	t->expired += load(&l->expired);
	t->cleared += load(&l->cleared);
	t->evicted += load(&l->evicted);
	t->denied += load(&l->denied);
	t->refused_full += load(&l->refused_full);
	t->refused_source += load(&l->refused_source);
	if (table == NULL)
		return;
	t->sessions += __atomic_load_n(&table->flows, __ATOMIC_RELAXED);
	t->records += __atomic_load_n(&table->used, __ATOMIC_RELAXED);
	t->memory += flow_bytes(table->peak) + fragments_bytes();
	t->fragments += fragments_count(l->fragments);
	t->sources += sources_count(l->sources);
	for (unsigned i = 0; i < SESSION_STATE_COUNT; i++)
		t->state[i] += __atomic_load_n(&l->state[i], __ATOMIC_RELAXED);
}

void session_totals(const struct weir *w, struct session_totals *t)
{
	const struct session_service *s = w->session;

	memset(t, 0, sizeof *t);
	t->max = s->on ? s->now.max : 0;
	for (unsigned k = 0; k < WORKER_MAX; k++)
		add_lane(&s->lane[k], t);
}

/* --- orders --- */

static bool all_obeyed(const struct weir *w)
{
	for (unsigned k = 0; k < WORKER_MAX; k++)
		if (__atomic_load_n(&w->session->lane[k].order, __ATOMIC_ACQUIRE) != NULL)
			return false;
	return true;
}

/* Workers that run do it themselves; where none runs (offline, tests) nobody else touches the tables. */
static void wait_for_owners(struct weir *w)
{
	bool threads = __atomic_load_n(&w->qsbr->num_threads, __ATOMIC_ACQUIRE) != 0;

	while (!all_obeyed(w)) {
		for (unsigned k = 0; k < w->worker_count; k++) {
			if (w->session->lane[k].table == NULL)
				__atomic_store_n(&w->session->lane[k].order, NULL, __ATOMIC_RELAXED);
			else if (!threads)
				session_turn(w->worker[k], w->gen, w->now);
			else if (w->wake != NULL)
				w->wake(w, k);
		}
		sched_yield();
	}
}

uint64_t session_clear(struct weir *w, const struct session_filter *f)
{
	struct session_order order = {.filter = *f};
	struct session_totals before, after;

	session_totals(w, &before);
	for (unsigned k = 0; k < WORKER_MAX; k++)
		if (w->session->lane[k].table != NULL)
			__atomic_store_n(&w->session->lane[k].order, &order, __ATOMIC_RELEASE);
	wait_for_owners(w);
	session_totals(w, &after);
	return after.cleared - before.cleared;
}

/* --- other owners --- */

static unsigned owner_of(const struct weir *w, const struct session_info *i)
{
	uint16_t h = shard_hash_key(i->family, i->proto, i->src[0].bytes, i->dst[0].bytes,
		rte_cpu_to_be_16(i->sport[0]), rte_cpu_to_be_16(i->dport[0]));

	return w->shard.owner[h % SHARD_BUCKETS];
}

static enum flow_result insert(
	struct flow_table *t, const struct flow_copy *c, const struct session *s, uint32_t *ref)
{
	return c->v6 ? flow_insert6(t, c->key6, s->deadline, s->tcp, &s->created, ref)
		     : flow_insert4(t, c->flow.key, s->deadline, s->tcp, &s->created, ref);
}

/* Both sides are ours while the owners are frozen. */
static void move(struct weir *w, struct session_lane *from, struct session_lane *to, uint32_t number)
{
	uint32_t limit = w->session->next.per_source != 0 ? UINT32_MAX : 0, ref;
	struct session_info i;
	struct flow_copy c;
	unsigned list;

	if (!flow_read(from->table, number, &c) || !session_copy(from->table, number, 0, &i))
		return;
	i.s.source = 0;
	if (limit != 0 && to->sources != NULL)
		i.s.source = sources_take(to->sources, i.family, i.vrf, i.src[0].bytes, limit);
	if (i.s.source == SOURCES_FULL)
		i.s.source = 0;
	flow_remove(from->table, &from->table->flow[number]);
	if (insert(to->table, &c, &i.s, &ref) != FLOW_OK) {
		if (i.s.source != 0)
			sources_give(to->sources, i.s.source);
		LANE_COUNT(to->evicted);
		return;
	}
	session_count(to, session_state_of(&i.s), 1);
	list = session_list_of(session_state_of(&i.s));
	if (list != 0)
		flow_list_add(to->table, flow_get(to->table, ref), list);
}

void session_rehome(struct weir *w)
{
	struct session_service *s = w->session;

	for (unsigned k = 0; k < WORKER_MAX; k++) {
		struct session_lane *from = &s->lane[k];
		uint32_t limit = from->table != NULL ? from->table->limit : 0;
		struct session_info i;

		for (uint32_t n = 1; n < limit; n++)
			if (session_copy(from->table, n, 0, &i) && owner_of(w, &i) != k)
				move(w, from, &s->lane[owner_of(w, &i)], n);
		if (from->table != NULL)
			flow_settle(from->table);
	}
}
