/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The RIB: per VRF and family a radix tree of prefixes, each with its candidates in order of preference; the
 * best usable one is in the FIB.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "feature/route/rib.h"
#include "table/fib4.h"
#include "table/fib6.h"
#include "table/radix.h"

static uint16_t candidate_nh(const struct candidate *c)
{
	return c->set != NULL ? c->set->nh : c->nh;
}

static struct candidate *best(const struct entry *en)
{
	for (struct candidate *c = en->first; c != NULL; c = c->next)
		if (candidate_nh(c) != 0)
			return c;
	return NULL;
}

bool rib_is_stale(const struct entry *en)
{
	const struct candidate *c = best(en);

	return en->active != c || en->nh != (c != NULL ? candidate_nh(c) : 0);
}

static int fib_set(struct weir *w, uint16_t vrf, const struct prefix *p, uint16_t nh)
{
	struct vrf_view *v = &w->vrf[vrf];

	if (p->addr.family == FAMILY_V4)
		return nh != 0 ? fib4_add(v->fib4, ipaddr_to_v4(&p->addr), p->len, nh)
			       : fib4_del(v->fib4, ipaddr_to_v4(&p->addr), p->len);
	return nh != 0 ? fib6_add(v->fib6, p->addr.bytes, p->len, nh)
		       : fib6_del(v->fib6, p->addr.bytes, p->len);
}

/* Makes the FIB say what the candidates say; on failure the FIB keeps its old answer. */
int rib_install(struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en)
{
	struct candidate *c = best(en);
	uint16_t nh = c != NULL ? candidate_nh(c) : 0;
	int rc = nh == en->nh ? 0 : fib_set(w, vrf, p, nh);

	if (rc != 0) {
		w->route->refused++;
		return rc;
	}
	en->nh = nh;
	en->active = c;
	return 0;
}

/* What the IPv4 table itself has for the prefix; the IPv6 table cannot be asked for one. */
static bool in_fib(const struct weir *w, uint16_t vrf, const struct prefix *p, uint16_t nh)
{
	return p->addr.family == FAMILY_V6 ||
	       (uint16_t)(uintptr_t)radix_get(w->vrf[vrf].fib4->rib, p->addr.bytes, p->len) == nh;
}

bool rib_is_right(const struct weir *w, uint16_t vrf, const struct prefix *p, const struct entry *en)
{
	const struct candidate *c = best(en);
	uint16_t nh = c != NULL ? candidate_nh(c) : 0;

	return en->nh == nh && en->active == c && in_fib(w, vrf, p, nh);
}

static struct candidate **find(struct entry *en, uint8_t source)
{
	struct candidate **at = &en->first;

	while (*at != NULL && (*at)->source != source)
		at = &(*at)->next;
	return at;
}

int rib_order(const struct candidate *c, const struct candidate *other)
{
	int d = c->rank - other->rank;

	if (d == 0 && route_is_feed(c->source) && route_is_feed(other->source) && c->metric != other->metric)
		return c->metric < other->metric ? -1 : 1;
	if (d == 0)
		d = c->source - other->source;
	return d != 0 ? d : c->feed - other->feed;
}

static void insert(struct entry *en, struct candidate *c)
{
	struct candidate **at = &en->first;

	while (*at != NULL && rib_order(*at, c) < 0)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
}

static struct radix *tree(const struct weir *w, uint16_t vrf, uint8_t family)
{
	return w->route->rib[vrf][family_index(family)];
}

struct entry *rib_entry(const struct weir *w, uint16_t vrf, const struct prefix *p)
{
	return radix_get(tree(w, vrf, p->addr.family), p->addr.bytes, p->len);
}

/* Entry of a prefix, made if absent. */
struct entry *rib_entry_get(struct weir *w, uint16_t vrf, const struct prefix *p)
{
	void **slot = radix_insert(tree(w, vrf, p->addr.family), p->addr.bytes, p->len);

	if (slot != NULL && *slot == NULL) {
		*slot = reserve_calloc(1, sizeof(struct entry));
		if (*slot == NULL)
			radix_remove(tree(w, vrf, p->addr.family), p->addr.bytes, p->len);
		else
			return *slot;
		return NULL;
	}
	return slot != NULL ? *slot : NULL;
}

void rib_entry_drop(struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en)
{
	if (en->first == NULL) {
		radix_remove(tree(w, vrf, p->addr.family), p->addr.bytes, p->len);
		free(en);
	}
}

int rib_refuse(struct weir *w, const struct prefix *p, int rc, struct err *e)
{
	char text[PREFIX_STRLEN];

	return err_set(e, -rc,
		rc == -ENOSPC ? "route %s: the forwarding table is full" : "route %s: not enough memory",
		prefix_format(p, text));
}

const struct candidate *rib_find(const struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source)
{
	struct prefix m = prefix_masked(p);
	struct entry *en = radix_get(tree(w, vrf, m.addr.family), m.addr.bytes, m.len);

	return en != NULL ? *find(en, source) : NULL;
}

struct nhset *rib_set(const struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source)
{
	const struct candidate *c = rib_find(w, vrf, p, source);

	return c != NULL ? c->set : NULL;
}

int rib_add(struct weir *w, uint16_t vrf, const struct prefix *p, const struct candidate *c, bool replace,
	struct err *e)
{
	struct prefix m = prefix_masked(p);
	struct entry *en = rib_entry_get(w, vrf, &m);
	struct candidate *fresh = en != NULL ? reserve_malloc(sizeof *fresh) : NULL, *old, **at;
	char text[PREFIX_STRLEN];
	int rc;

	if (fresh == NULL) {
		if (en != NULL)
			rib_entry_drop(w, vrf, &m, en);
		return rib_refuse(w, &m, -ENOMEM, e);
	}
	at = find(en, c->source);
	old = *at;
	if (old != NULL && !replace) {
		free(fresh);
		return err_set(e, EEXIST, "route %s is there already; use replace to change it",
			prefix_format(&m, text));
	}
	if (old != NULL)
		*at = old->next;
	*fresh = *c;
	fresh->rank = c->distance;
	insert(en, fresh);
	rc = rib_install(w, vrf, &m, en);
	if (rc != 0) { /* back to what was */
		*find(en, c->source) = fresh->next;
		free(fresh);
		if (old != NULL)
			insert(en, old);
		rib_entry_drop(w, vrf, &m, en);
		return rib_refuse(w, &m, rc, e);
	}
	if (old != NULL) {
		set_put(w, old->set);
		free(old);
	}
	return 0;
}

void rib_remove(struct weir *w, uint16_t vrf, const struct prefix *p, struct entry *en, struct candidate **at)
{
	struct candidate *c = *at;

	*at = c->next;
	rib_count(w, c, p->addr.family, -1);
	rib_install(w, vrf, p, en);
	if (en->active == c)
		en->active = NULL;
	set_put(w, c->set);
	free(c);
}

int rib_del(struct weir *w, uint16_t vrf, const struct prefix *p, uint8_t source)
{
	struct prefix m = prefix_masked(p);
	struct entry *en = radix_get(tree(w, vrf, m.addr.family), m.addr.bytes, m.len);
	struct candidate **at = en != NULL ? find(en, source) : NULL;

	if (at == NULL || *at == NULL)
		return -ENOENT;
	rib_remove(w, vrf, &m, en, at);
	rib_entry_drop(w, vrf, &m, en);
	return 0;
}

/* --- walks over everything --- */

#define SWEPT_AT_ONCE 256

struct sweep {
	struct weir *w;
	uint16_t vrf;
	uint8_t family, mark;
	struct prefix dead[SWEPT_AT_ONCE]; /* collected, because the tree must not change during a walk */
	uint32_t count;
	struct prefix last; /* where the walk was interrupted */
};

struct prefix rib_key(uint8_t family, const uint8_t *key, unsigned len)
{
	struct prefix p = {.addr.family = family, .len = (uint8_t)len};

	memcpy(p.addr.bytes, key, family_bits(family) / 8);
	return p;
}

/* Stops the walk once the list is full. */
static bool collect_stale(void *ctx, const uint8_t *key, unsigned len, void *value)
{
	struct sweep *s = ctx;
	const struct candidate *c = *find(value, ROUTE_STATIC);

	if (c == NULL || !c->from_config || c->mark == s->mark)
		return true;
	s->dead[s->count++] = s->last = rib_key(s->family, key, len);
	return s->count < SWEPT_AT_ONCE;
}

/* Part by part, so that it needs no memory. */
static void sweep_tree(struct weir *w, struct sweep *s)
{
	const struct radix *r = w->route->rib[s->vrf][family_index(s->family)];
	bool first = true;

	do {
		s->count = 0;
		radix_walk(r, first ? NULL : s->last.addr.bytes, first ? 0 : s->last.len, collect_stale, s);
		for (uint32_t i = 0; i < s->count; i++)
			rib_del(w, s->vrf, &s->dead[i], ROUTE_STATIC);
		first = false;
	} while (s->count == SWEPT_AT_ONCE);
}

static void each_tree(struct weir *w, struct sweep *s, void (*fn)(struct weir *w, struct sweep *s))
{
	for (unsigned vrf = 0; vrf < VRF_MAX; vrf++)
		for (unsigned f = 0; f < 2; f++) {
			if (w->route->rib[vrf][f] == NULL)
				continue;
			s->vrf = (uint16_t)vrf;
			s->family = f ? FAMILY_V6 : FAMILY_V4;
			fn(w, s);
		}
}

void rib_sweep(struct weir *w, uint8_t mark)
{
	struct sweep s = {.w = w, .mark = mark};

	each_tree(w, &s, sweep_tree);
}

static void free_entry(void *value)
{
	struct entry *en = value;

	while (en->first != NULL) {
		struct candidate *c = en->first;

		en->first = c->next;
		free(c);
	}
	free(en);
}

void rib_free(struct weir *w)
{
	for (unsigned vrf = 0; vrf < VRF_MAX; vrf++)
		for (unsigned f = 0; f < 2; f++)
			radix_free(w->route->rib[vrf][f], free_entry);
	for (unsigned i = 0; i < SET_HASH; i++)
		while (w->route->set[i] != NULL) {
			struct nhset *s = w->route->set[i];

			w->route->set[i] = s->next;
			free(s);
		}
}
