/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes of feeds: the kernel's tables, zebra by FPM. A feed may have several routes to one prefix: of other
 * metrics, and several of the same metric in an order of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/reserve.h"
#include "feature/route/rib.h"
#include "table/radix.h"

/* --- one route --- */

static bool is_of(const struct candidate *c, const struct route_spec *s)
{
	return c->source == s->source && c->feed == s->feed && c->metric == s->metric;
}

static bool shares_path(const struct nhset *set, const struct route_spec *s)
{
	for (unsigned i = 0; i < set->via_count; i++)
		for (unsigned k = 0; k < s->via_count; k++)
			if (set->via[i].via.iface == s->via[k].iface &&
				ipaddr_equal(&set->via[i].via.address, &s->via[k].address))
				return true;
	return false;
}

static bool same_object(const struct nhset *set, const struct route_spec *s)
{
	return s->object != 0 && set->object == s->object;
}

/* Final set of a candidate: what its object has become meanwhile. */
static struct nhset *set_now(struct nhset *s)
{
	while (s->moved != NULL)
		s = s->moved;
	return s;
}

static bool is_wanted(struct candidate *c, const struct route_spec *s, enum route_place place)
{
	struct nhset *set = set_now(c->set);

	if (!is_of(c, s))
		return false;
	if (place == ROUTE_REPLACE)
		return true;
	if (set->type != s->type)
		return false;
	/* Two that differ in nothing but the protocol are two for the kernel. */
	if ((place == ROUTE_FRONT || place == ROUTE_BACK) && c->protocol != s->protocol)
		return false;
	if (set_same(set, s) || same_object(set, s))
		return true;
	return (place == ROUTE_MERGE || place == ROUTE_APPEND) && shares_path(set, s);
}

/* The route that a new one takes the place of; *NULL when it takes none's. */
static struct candidate **find(struct entry *en, const struct route_spec *s, enum route_place place)
{
	struct candidate **at = &en->first;

	/* The kernel says "replaced" of each route whose object changed. */
	if (place == ROUTE_REPLACE && s->object != 0) {
		while (*at != NULL && !(is_of(*at, s) && same_object((*at)->set, s)))
			at = &(*at)->next;
		if (*at != NULL)
			return at;
		at = &en->first;
	}
	while (*at != NULL && !is_wanted(*at, s, place))
		at = &(*at)->next;
	return at;
}

static struct candidate **group_of(struct entry *en, const struct route_spec *s)
{
	struct candidate **at = &en->first;

	while (*at != NULL && !is_of(*at, s))
		at = &(*at)->next;
	return at;
}

/* Among routes of one metric the kernel's order counts, and its first one's distance is that of all. */
static void regroup(struct entry *en, const struct route_spec *s)
{
	struct candidate **at = group_of(en, s), *first = *at, *last = first;

	if (first == NULL || first->rank == first->distance)
		return;
	first->rank = first->distance;
	while (last->next != NULL && is_of(last->next, s)) {
		last = last->next;
		last->rank = first->rank;
	}
	*at = last->next;
	at = &en->first;
	while (*at != NULL && rib_order(*at, first) < 0)
		at = &(*at)->next;
	last->next = *at;
	*at = first;
}

/* A route that is replaced hands its place on. */
static void link_in(struct entry *en, struct candidate *c, enum route_place place, struct candidate **old)
{
	struct candidate **at = &en->first;

	if (old != NULL) {
		at = old;
	} else {
		while (*at != NULL &&
			(rib_order(*at, c) < 0 ||
				(rib_order(*at, c) == 0 && place != ROUTE_FRONT && (*at)->mark == c->mark)))
			at = &(*at)->next;
	}
	c->next = *at;
	*at = c;
}

/* Whether a route may stay where it is in the list. */
static bool keeps_place(const struct candidate *old, const struct candidate *c, enum route_place place)
{
	return place == ROUTE_REPLACE || place == ROUTE_MERGE || place == ROUTE_APPEND ||
	       (place == ROUTE_BACK && old->mark == c->mark);
}

static bool unchanged(const struct entry *en, const struct candidate *old, const struct candidate *c,
	enum route_place place)
{
	/* The only one needs no place. */
	bool alone = en->first == old && old->next == NULL;

	return old->set == c->set && old->distance == c->distance && (alone || keeps_place(old, c, place));
}

/* Puts the candidate into the entry, where the old one at *at was (NULL: none was). */
static int put(struct weir *w, const struct route_spec *s, struct entry *en, const struct prefix *p,
	struct candidate *fresh, enum route_place place)
{
	struct candidate **at = find(en, s, place), *old = *at;
	bool stays = old != NULL && keeps_place(old, fresh, place);
	const struct candidate *group = *group_of(en, s);
	int rc;

	fresh->rank = group != NULL ? group->rank : fresh->distance;
	if (old != NULL)
		*at = old->next;
	link_in(en, fresh, place, stays ? at : NULL);
	rib_count(w, fresh, p->addr.family, 1);
	regroup(en, s);
	rc = rib_install(w, s->vrf, p, en);
	if (rc != 0) {
		struct candidate **mine = &en->first;

		while (*mine != fresh)
			mine = &(*mine)->next;
		rib_remove(w, s->vrf, p, en, mine);
	}
	if (old != NULL) {
		rib_count(w, old, p->addr.family, -1);
		if (en->active == old)
			en->active = NULL;
		set_put(w, old->set);
		free(old);
	}
	return rc;
}

/* Those of its metric that stay may be worth more or less than it was. */
static void remove_one(struct weir *w, const struct route_spec *s, const struct prefix *p, struct entry *en,
	struct candidate **at)
{
	rib_remove(w, s->vrf, p, en, at);
	regroup(en, s);
	rib_install(w, s->vrf, p, en);
}

/* The new one could not be made: what it was to replace is not the owner's route any more, either. */
static void forget_old(struct weir *w, const struct route_spec *s, const struct prefix *p, struct entry *en,
	enum route_place place)
{
	struct candidate **at = find(en, s, place);

	if (*at != NULL)
		remove_one(w, s, p, en, at);
	rib_entry_drop(w, s->vrf, p, en);
}

/* A route that grows is still the first one's. */
static void inherit(struct candidate *c, const struct candidate *old, enum route_place place)
{
	c->mixed = old->mixed || (place == ROUTE_APPEND && old->protocol != c->protocol);
	if (place == ROUTE_APPEND) {
		c->protocol = old->protocol;
		c->distance = old->distance;
	}
}

static int add(struct weir *w, const struct route_spec *s, enum route_place place, struct candidate *c,
	struct err *e)
{
	struct prefix p = prefix_masked(&s->prefix);
	struct entry *en = rib_entry_get(w, s->vrf, &p);
	struct candidate *old, *fresh;
	int rc;

	if (en == NULL)
		return rib_refuse(w, &p, -ENOMEM, e);
	old = *find(en, s, place);
	if (old != NULL && (place == ROUTE_MERGE || place == ROUTE_APPEND))
		inherit(c, old, place);
	c->set = set_get(w, s, old != NULL ? old->set : NULL, e);
	if (c->set != NULL && old != NULL && unchanged(en, old, c, place)) {
		rib_count(w, old, p.addr.family, -1);
		old->mark = c->mark;
		old->protocol = c->protocol;
		old->mixed = c->mixed;
		rib_count(w, old, p.addr.family, 1);
		set_put(w, c->set);
		return 0;
	}
	fresh = c->set != NULL ? reserve_malloc(sizeof *fresh) : NULL;
	if (fresh == NULL) {
		rc = c->set == NULL ? -ENOSPC : rib_refuse(w, &p, -ENOMEM, e);
		w->route->refused++;
		set_put(w, c->set);
		forget_old(w, s, &p, en, place);
		return rc;
	}
	*fresh = *c;
	rc = put(w, s, en, &p, fresh, place);
	if (rc == 0)
		return 0;
	rib_entry_drop(w, s->vrf, &p, en);
	return rib_refuse(w, &p, rc, e);
}

int route_feed_add(
	struct weir *w, const struct route_spec *spec, enum route_place place, uint8_t mark, struct err *e)
{
	struct candidate c = {.source = spec->source,
		.feed = spec->feed,
		.protocol = spec->protocol,
		.metric = spec->metric,
		.distance = spec->distance,
		.mark = mark};
	int rc = route_check(w, spec, e);

	return rc != 0 ? rc : add(w, spec, place, &c, e);
}

/* --- removal --- */

static bool is_meant(struct candidate *c, const struct route_spec *s, bool subtract)
{
	struct nhset *set = set_now(c->set);

	if (!is_of(c, s))
		return false;
	if (s->type != ROUTE_UNICAST)
		return set->type == s->type;
	if (s->object != 0)
		return set->object == s->object;
	if (s->via_count == 0)
		return true;
	return set_same(set, s) || (subtract && shares_path(set, s));
}

static struct candidate **find_meant(
	struct entry *en, const struct route_spec *s, bool subtract, bool same_protocol)
{
	struct candidate **at = &en->first;

	while (*at != NULL &&
		!(is_meant(*at, s, subtract) && (!same_protocol || (*at)->protocol == s->protocol)))
		at = &(*at)->next;
	return at;
}

/* The set's next hops without those of `s`, into *rest. */
static void rest_of(const struct nhset *set, const struct route_spec *s, struct route_spec *rest)
{
	for (unsigned i = 0; i < set->via_count; i++) {
		const struct route_via *v = &set->via[i].via;
		bool drop = false;

		for (unsigned k = 0; k < s->via_count; k++)
			drop |= v->iface == s->via[k].iface && ipaddr_equal(&v->address, &s->via[k].address);
		if (!drop)
			rest->via[rest->via_count++] = *v;
	}
}

int route_feed_del(struct weir *w, const struct route_spec *spec, bool subtract)
{
	struct prefix p = prefix_masked(&spec->prefix);
	struct entry *en = rib_entry(w, spec->vrf, &p);
	struct candidate **at = en != NULL ? find_meant(en, spec, subtract, true) : NULL;
	struct route_spec rest = *spec;

	if (at != NULL && *at == NULL)
		at = find_meant(en, spec, subtract, false);
	if (at == NULL || *at == NULL)
		return -ENOENT;
	rest.via_count = 0;
	if (subtract && spec->object == 0 && spec->via_count != 0)
		rest_of(set_now((*at)->set), spec, &rest);
	if (rest.via_count != 0) {
		struct candidate c = **at;
		struct err e = {0};

		rest.object = 0;
		add(w, &rest, ROUTE_MERGE, &c, &e);
		return c.mixed;
	}
	remove_one(w, spec, &p, en, at);
	rib_entry_drop(w, spec->vrf, &p, en);
	return 0;
}

enum route_there route_feed_check(struct weir *w, const struct route_spec *spec, uint8_t mark)
{
	struct prefix p = prefix_masked(&spec->prefix);
	struct entry *en = rib_entry(w, spec->vrf, &p);
	enum route_there there = ROUTE_ABSENT;

	for (struct candidate *c = en != NULL ? en->first : NULL; c != NULL; c = c->next) {
		if (!is_of(c, spec))
			continue;
		if (set_same(set_now(c->set), spec) && c->protocol == spec->protocol) {
			c->mark = mark;
			return rib_is_right(w, spec->vrf, &p, en) ? ROUTE_SAME : ROUTE_ASTRAY;
		}
		there = ROUTE_DIFFERS;
	}
	return there;
}

const struct route_feed_counts *route_feed_counts(const struct weir *w, uint8_t source)
{
	return &w->route->feed[source - ROUTE_KERNEL];
}

void route_feed_done(struct weir *w)
{
	releases_flush(w);
}

void route_feed_link(struct weir *w, uint16_t iface, bool down)
{
	if (iface >= IFACE_MAX || w->route->kernel_down[iface] == down)
		return;
	w->route->kernel_down[iface] = down;
	if (sets_refresh(w))
		rib_reinstall(w);
	releases_flush(w);
}

/* --- next-hop objects --- */

/* The set's routes go over to the object's new next hops, or go. */
static void move_set(struct weir *w, struct nhset *s, bool (*fill)(void *, struct route_spec *), void *ctx)
{
	struct route_spec spec = {.prefix.addr.family = s->family,
		.vrf = s->vrf,
		.source = s->source,
		.feed = s->feed,
		.object = s->object,
		.type = s->type};
	struct err e = {0};

	if (!fill(ctx, &spec)) {
		s->gone = true;
		return;
	}
	if (set_same(s, &spec))
		return;
	s->moved = set_get(w, &spec, s, &e);
	if (s->moved != NULL)
		return;
	log_error("routes over next-hop object %u are withdrawn: %s", s->object, e.text);
	s->gone = true;
}

bool route_feed_object(struct weir *w, uint8_t source, uint8_t feed, uint32_t object,
	bool (*fill)(void *ctx, struct route_spec *spec), void *ctx)
{
	bool any = false;

	for (unsigned i = 0; i < SET_HASH; i++)
		for (struct nhset *s = w->route->set[i]; s != NULL; s = s->next) {
			if (s->source != source || s->feed != feed || s->object != object || s->gone ||
				s->moved != NULL)
				continue;
			move_set(w, s, fill, ctx);
			any |= s->gone || s->moved != NULL;
		}
	return any;
}

/* --- the walk --- */

#define AT_ONCE 256

struct step {
	struct weir *w;
	struct route_pass *pass;
	unsigned budget, found;
	struct prefix prefix[AT_ONCE]; /* collected, because the tree must not change during a walk */
	uint8_t family;
	bool more;
};

static bool is_stale(const struct route_pass *p, const struct candidate *c)
{
	return p->sweep && c->source == p->source && c->feed == p->feed && c->mark != p->mark;
}

static bool needs_work(const struct route_pass *p, const struct candidate *c)
{
	return is_stale(p, c) || (c->set != NULL && (c->set->gone || c->set->moved != NULL));
}

static bool collect(void *ctx, const uint8_t *key, unsigned len, void *value)
{
	struct step *s = ctx;
	const struct entry *en = value;
	bool work = false;

	for (const struct candidate *c = en->first; c != NULL; c = c->next)
		work |= needs_work(s->pass, c);
	s->pass->last = rib_key(s->family, key, len);
	if (work)
		s->prefix[s->found++] = s->pass->last;
	s->more = --s->budget == 0 || s->found == AT_ONCE;
	return !s->more;
}

static void tell(
	const struct route_pass *p, const struct candidate *c, const struct prefix *prefix, uint16_t vrf)
{
	struct route_spec s = {.prefix = *prefix,
		.vrf = vrf,
		.source = c->source,
		.feed = c->feed,
		.protocol = c->protocol,
		.metric = c->metric,
		.distance = c->distance,
		.type = c->set->type,
		.object = c->set->object,
		.via_count = c->set->via_count};

	for (unsigned i = 0; i < s.via_count; i++)
		s.via[i] = c->set->via[i].via;
	p->fn(p->ctx, &s);
}

static void install_again(struct weir *w, uint16_t vrf, const struct prefix *prefix, struct entry *en)
{
	if (rib_install(w, vrf, prefix, en) != 0)
		log_error("a route could not be installed again: the forwarding table is full");
}

/* Moves the candidate to the set its object has become. The old one is let go when no FIB entry points at it.
 */
static void follow(
	struct weir *w, uint16_t vrf, const struct prefix *prefix, struct entry *en, struct candidate *c)
{
	struct nhset *old = c->set, *now = set_now(old);

	now->refs++;
	c->set = now;
	install_again(w, vrf, prefix, en);
	set_put(w, old);
}

static void remove_swept(struct weir *w, struct route_pass *p, const struct prefix *prefix, struct entry *en,
	struct candidate **at)
{
	struct route_spec key; /* only what says whose it is */

	key.source = (*at)->source;
	key.feed = (*at)->feed;
	key.metric = (*at)->metric;
	key.vrf = p->vrf;
	p->removed++;
	rib_remove(w, p->vrf, prefix, en, at);
	regroup(en, &key);
	install_again(w, p->vrf, prefix, en);
}

static void work_on(struct weir *w, struct route_pass *p, const struct prefix *prefix)
{
	struct entry *en = rib_entry(w, p->vrf, prefix);
	struct candidate **at = en != NULL ? &en->first : NULL;

	while (at != NULL && *at != NULL) {
		struct candidate *c = *at;

		if (is_stale(p, c) && p->look) {
			tell(p, c, prefix, p->vrf);
		} else if (is_stale(p, c) || (c->set != NULL && set_now(c->set)->gone)) {
			remove_swept(w, p, prefix, en, at);
			continue;
		} else if (c->set != NULL && c->set->moved != NULL) {
			follow(w, p->vrf, prefix, en, c);
		}
		at = &c->next;
	}
	if (en != NULL)
		rib_entry_drop(w, p->vrf, prefix, en);
}

/* Part of one tree; true when it is through. */
static bool step(struct weir *w, struct step *s)
{
	struct route_pass *p = s->pass;

	s->family = p->tree ? FAMILY_V6 : FAMILY_V4;
	s->found = 0;
	s->more = false;
	radix_walk(w->route->rib[p->vrf][p->tree], p->begun ? p->last.addr.bytes : NULL,
		p->begun ? p->last.len : 0, collect, s);
	p->begun = true;
	for (unsigned i = 0; i < s->found; i++)
		work_on(w, p, &s->prefix[i]);
	return !s->more;
}

bool route_pass(struct weir *w, struct route_pass *p, unsigned budget)
{
	struct step s = {.w = w, .pass = p, .budget = budget};

	for (; p->vrf < VRF_MAX; p->vrf++, p->tree = 0) {
		for (; p->tree < 2; p->tree++, p->begun = false) {
			if (w->route->rib[p->vrf][p->tree] == NULL)
				continue;
			while (!step(w, &s) || s.budget == 0)
				if (s.budget == 0)
					return false;
		}
		p->begun = false;
	}
	releases_flush(w);
	return true;
}
