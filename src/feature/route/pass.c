/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What concerns many routes at once: next-hop objects that change, and the walk that sweeps, moves and
 * settles.
 */
#include "base/log.h"
#include "feature/route/rib.h"
#include "table/radix.h"

/* --- next-hop objects --- */

/* Nothing new is installed by way of it. */
static void set_gone(struct nhset *s)
{
	s->gone = true;
	s->nh = 0;
}

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
		set_gone(s);
		return;
	}
	if (set_same(s, &spec))
		return;
	s->moved = set_get(w, &spec, s, &e);
	if (s->moved != NULL)
		return;
	log_error("routes over next-hop object %u are withdrawn: %s", s->object, e.text);
	set_gone(s);
}

static bool is_of(const struct nhset *s, uint8_t source, uint8_t feed, uint32_t object)
{
	return s->source == source && s->feed == feed && s->object == object;
}

bool route_feed_object(struct weir *w, uint8_t source, uint8_t feed, uint32_t object,
	bool (*fill)(void *ctx, struct route_spec *spec), void *ctx)
{
	bool any = false;

	for (struct nhset *s = set_of_object(w, object); s != NULL; s = s->object_next) {
		if (!is_of(s, source, feed, object) || s->gone || s->moved != NULL)
			continue;
		move_set(w, s, fill, ctx);
		any |= s->gone || s->moved != NULL;
	}
	if (!any)
		return false;
	for (struct nhset *s = set_of_object(w, object); s != NULL; s = s->object_next)
		if (is_of(s, source, feed, object))
			set_lead(w, s);
	settle_begin(w);
	return true;
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

static bool is_stale(const struct weir *w, const struct route_pass *p, const struct candidate *c)
{
	if (p->settle)
		return route_is_forgotten(w->route->going, c);
	return p->sweep && c->source == p->source && c->feed == p->feed && c->mark != p->mark;
}

static bool needs_work(const struct weir *w, const struct route_pass *p, const struct candidate *c)
{
	return is_stale(w, p, c) || (c->set != NULL && (c->set->gone || c->set->moved != NULL));
}

static bool collect(void *ctx, const uint8_t *key, unsigned len, void *value)
{
	struct step *s = ctx;
	const struct entry *en = value;
	bool work = s->pass->settle && rib_is_stale(en);

	for (const struct candidate *c = en->first; c != NULL; c = c->next)
		work |= needs_work(s->w, s->pass, c);
	s->pass->visited++;
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
	static struct log_rate rate;

	if (rib_install(w, vrf, prefix, en) != 0 && log_rate_ok(&rate, w->now, 5))
		log_error("a route could not be installed again: the forwarding table is full");
}

/* Moves the candidate to the set its object has become. The old one is let go when no FIB entry points at it.
 */
static void follow(
	struct weir *w, uint16_t vrf, const struct prefix *prefix, struct entry *en, struct candidate *c)
{
	struct nhset *old = c->set, *now = feed_set_now(old);

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
	feed_regroup(en, &key);
	install_again(w, p->vrf, prefix, en);
}

static void work_on(struct weir *w, struct route_pass *p, const struct prefix *prefix)
{
	struct entry *en = rib_entry(w, p->vrf, prefix);
	struct candidate **at = en != NULL ? &en->first : NULL;

	while (at != NULL && *at != NULL) {
		struct candidate *c = *at;

		if (is_stale(w, p, c) && p->look) {
			tell(p, c, prefix, p->vrf);
		} else if (is_stale(w, p, c) || (c->set != NULL && feed_set_now(c->set)->gone)) {
			remove_swept(w, p, prefix, en, at);
			at = &en->first; /* others may stand elsewhere now */
			continue;
		} else if (c->set != NULL && c->set->moved != NULL) {
			follow(w, p->vrf, prefix, en, c);
		}
		at = &c->next;
	}
	if (en != NULL && p->settle)
		install_again(w, p->vrf, prefix, en);
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
