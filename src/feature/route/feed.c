/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes of feeds: the kernel's tables, zebra by FPM. A feed may have several routes to one prefix: of other
 * metrics, and several of the same metric in an order of its own.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "feature/route/rib.h"

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

struct nhset *feed_set_now(struct nhset *s)
{
	while (s != NULL && s->moved != NULL) /* routes that are no feed's may have no set */
		s = s->moved;
	return s;
}

/* IPv6: more next hops may be added to it one by one. */
static bool can_grow(const struct nhset *set)
{
	return set->type == ROUTE_UNICAST && set->object == 0 && set->via_count != 0 &&
	       set->via[0].via.address.family != FAMILY_NONE;
}

static bool spec_can_grow(const struct route_spec *s)
{
	return s->type == ROUTE_UNICAST && s->object == 0 && s->via_count != 0 &&
	       s->via[0].address.family != FAMILY_NONE;
}

/* IPv6 of the kernel: a route takes the place of one of its kind, if there is one. */
static struct candidate **first_of_kind(struct candidate **at, const struct route_spec *s)
{
	struct candidate **c = at;

	if (s->prefix.addr.family != FAMILY_V6 || s->source != ROUTE_KERNEL)
		return at;
	while (*c != NULL && !(is_of(*c, s) && can_grow(feed_set_now((*c)->set)) == spec_can_grow(s)))
		c = &(*c)->next;
	return *c != NULL ? c : at;
}

static bool is_wanted(struct candidate *c, const struct route_spec *s, enum route_place place)
{
	struct nhset *set = feed_set_now(c->set);

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
	return (place == ROUTE_MERGE || place == ROUTE_APPEND) && can_grow(set) && s->object == 0 &&
	       shares_path(set, s);
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
	return place == ROUTE_REPLACE ? first_of_kind(at, s) : at;
}

static struct candidate **group_of(struct entry *en, const struct route_spec *s)
{
	struct candidate **at = &en->first;

	while (*at != NULL && !is_of(*at, s))
		at = &(*at)->next;
	return at;
}

void feed_regroup(struct entry *en, const struct route_spec *s)
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
	feed_regroup(en, s);
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
	feed_regroup(en, s);
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
	struct nhset *set = feed_set_now(c->set);

	if (!is_of(c, s))
		return false;
	if (s->type != ROUTE_UNICAST)
		return set->type == s->type;
	if (s->object != 0)
		return set->object == s->object;
	if (s->via_count == 0)
		return true;
	return set_same(set, s) || (subtract && can_grow(set) && shares_path(set, s));
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
		rest_of(feed_set_now((*at)->set), spec, &rest);
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
		if (set_same(feed_set_now(c->set), spec) && c->protocol == spec->protocol) {
			c->mark = mark;
			return rib_is_right(w, spec->vrf, &p, en) ? ROUTE_SAME : ROUTE_ASTRAY;
		}
		there = ROUTE_DIFFERS;
	}
	return there;
}

const struct route_feed_counts *route_feed_counts(const struct weir *w, uint8_t source, uint8_t feed)
{
	return &w->route->feed[source - ROUTE_KERNEL][feed];
}

void route_feed_done(struct weir *w)
{
	releases_flush(w);
}

bool route_feed_link(struct weir *w, uint16_t iface, bool down)
{
	if (iface >= IFACE_MAX || w->route->kernel_down[iface] == down)
		return false;
	w->route->kernel_down[iface] = down;
	return true;
}

void route_feed_links(struct weir *w)
{
	if (sets_refresh(w))
		settle_begin(w);
	releases_flush(w);
}
