/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of a feed become routes, or are counted for why they do not.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

#include "base/log.h"
#include "feature/netlink/priv.h"

#define RETRY_NS UINT64_C(1000000000)

const char *const netlink_reason_names[WHY_REASONS] = {"other-table", "connected", "scope", "unwanted",
	"type", "type-of-service", "source-prefix", "encapsulation", "too-many-next-hops", "no-interface",
	"unknown-next-hop-object", "no-room", "malformed"};

void count_reason(struct weir *w, struct source *s, enum netlink_reason why, const char *what)
{
	static struct log_rate rate;

	s->reason[why]++;
	if (why >= WHY_REFUSED && s->reason[why] == 1 && log_rate_ok(&rate, w->now, 20))
		log_warning("%s: %s was refused (%s); more of the same is counted in 'weir show sources'",
			route_source_names[s->source], what, netlink_reason_names[why]);
}

/* --- a route --- */

/* FPM's are those of weir's own namespace, which is the first place. */
static int vrf_of(const struct netlink_state *st, const struct source *s, uint32_t table)
{
	for (unsigned i = 0; i < st->now.tables; i++)
		if (st->now.table[i].table == table && st->now.table[i].at == s->where)
			return st->now.table[i].vrf;
	return -1;
}

static bool is_route_type(uint8_t type)
{
	return type == RTN_UNICAST || type == RTN_BLACKHOLE || type == RTN_UNREACHABLE ||
	       type == RTN_PROHIBIT;
}

/* Addresses of ours, broadcasts, groups, link-local networks: weir has its own. */
static bool is_of_link(const struct nl_route *r)
{
	return r->cloned || r->type == RTN_LOCAL || r->type == RTN_BROADCAST || r->type == RTN_ANYCAST ||
	       r->type == RTN_MULTICAST || (r->prefix.len != 0 && ipaddr_is_multicast(&r->prefix.addr)) ||
	       (r->prefix.addr.family == FAMILY_V6 && r->prefix.len >= 10 &&
		       ipaddr_is_link_local(&r->prefix.addr));
}

static bool has_gateway(const struct nl_route *r)
{
	for (unsigned i = 0; i < r->path_count; i++)
		if (r->path[i].gateway.family != FAMILY_NONE)
			return true;
	return r->object != 0;
}

/* What is no matter of next hops. */
static enum netlink_reason look_at(
	const struct netlink_state *st, const struct source *s, const struct nl_route *r)
{
	if (r->table == TABLE_LOCAL || vrf_of(st, s, r->table) < 0)
		return WHY_TABLE;
	if (is_of_link(r))
		return WHY_SCOPE;
	if (r->protocol == RTPROT_KERNEL && !has_gateway(r))
		return WHY_CONNECTED;
	if (st->now.distance[r->protocol] == DISTANCE_NEVER)
		return WHY_UNWANTED;
	if (!is_route_type(r->type))
		return WHY_TYPE;
	if (r->tos != 0)
		return WHY_TOS;
	return r->source_len != 0 ? WHY_SOURCE : WHY_REASONS;
}

bool apply_path(const struct source *links, const struct nl_path *p, struct route_spec *spec)
{
	uint16_t iface = links_way(links, p->link);

	if (iface == IFACE_NONE || spec->via_count == ROUTE_VIA_MAX)
		return false;
	spec->via[spec->via_count++] = (struct route_via){.address = p->gateway,
		.iface = iface,
		.weight = p->weight,
		.onlink = p->gateway.family != FAMILY_NONE};
	return true;
}

static enum netlink_reason fill_paths(
	const struct source *links, const struct nl_route *r, struct route_spec *spec)
{
	if (r->truncated)
		return WHY_PATHS;
	for (unsigned i = 0; i < r->path_count; i++) {
		if (r->path[i].encap)
			return WHY_ENCAP;
		apply_path(links, &r->path[i], spec);
	}
	return spec->via_count != 0 ? WHY_REASONS : WHY_INTERFACE;
}

static int compare_via(const void *x, const void *y)
{
	const struct route_via *a = x, *b = y;
	int d = a->iface - b->iface;

	if (d == 0)
		d = a->address.family - b->address.family;
	if (d == 0)
		d = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
	return d != 0 ? d : a->weight - b->weight;
}

/* The kernel tells the same next hops in different orders. */
static void sort_paths(struct route_spec *spec)
{
	qsort(spec->via, spec->via_count, sizeof spec->via[0], compare_via);
}

/* The numbers of links that a feed uses. */
static const struct source *links_of(const struct netlink_state *st, const struct source *s)
{
	return s->source == ROUTE_KERNEL ? s : feeds_own(st);
}

static enum netlink_reason paths_of(const struct netlink_state *st, const struct source *s,
	const struct nl_route *r, struct route_spec *spec)
{
	const struct source *links = links_of(st, s);
	enum netlink_reason why = r->object != 0 ? objects_fill(links, &s->objects, r->object, spec)
						 : fill_paths(links, r, spec);

	sort_paths(spec);
	return why;
}

static uint8_t type_of(uint8_t type)
{
	return type == RTN_BLACKHOLE     ? ROUTE_TYPE_BLACKHOLE
	       : type == RTN_UNREACHABLE ? ROUTE_TYPE_UNREACHABLE
	       : type == RTN_PROHIBIT    ? ROUTE_TYPE_PROHIBIT
					 : ROUTE_UNICAST;
}

/* WHY_REASONS when it is a route for us. */
static enum netlink_reason to_spec(
	struct weir *w, const struct source *s, const struct nl_route *r, struct route_spec *spec)
{
	const struct netlink_state *st = w->netlink;
	enum netlink_reason why = look_at(st, s, r);

	if (why != WHY_REASONS)
		return why;
	spec->prefix = prefix_masked(&r->prefix);
	spec->vrf = (uint16_t)vrf_of(st, s, r->table);
	spec->source = s->source;
	spec->feed = s->number;
	spec->type = type_of(r->type);
	spec->distance = st->now.distance[r->protocol];
	spec->from_config = false;
	spec->protocol = r->protocol;
	spec->metric = r->metric;
	spec->object = r->object;
	spec->via_count = 0;
	if (spec->type != ROUTE_UNICAST)
		return WHY_REASONS;
	return paths_of(st, s, r, spec);
}

static enum route_place place_of(const struct source *s, const struct nl_message *m)
{
	if (s->source == ROUTE_FPM)
		return ROUTE_REPLACE;
	if (s->phase != PHASE_SYNC && (m->flags & NLM_F_REPLACE) != 0)
		return ROUTE_REPLACE;
	if (m->route.prefix.addr.family == FAMILY_V6)
		return s->phase != PHASE_SYNC && (m->flags & NLM_F_APPEND) != 0 ? ROUTE_APPEND : ROUTE_MERGE;
	return s->phase == PHASE_SYNC || (m->flags & NLM_F_APPEND) != 0 ? ROUTE_BACK : ROUTE_FRONT;
}

static bool add(struct weir *w, struct source *s, const struct nl_message *m, const struct route_spec *spec)
{
	struct err e = {0};
	int rc = route_feed_add(w, spec, place_of(s, m), s->mark, &e);

	if (rc == 0)
		return true;
	count_reason(w, s, rc == -EINVAL ? WHY_TYPE : WHY_ROOM, e.text);
	if (s->retry_at == 0) {
		s->retry_at = w->now + RETRY_NS;
		s->removed = false;
	}
	return false;
}

static void del(struct weir *w, struct source *s, const struct route_spec *spec)
{
	bool v6 = spec->prefix.addr.family == FAMILY_V6 && s->source == ROUTE_KERNEL;

	int rc = route_feed_del(w, spec, v6);

	s->removed |= rc >= 0;
	if (rc == 1)
		source_sync(s);
}

/* --- FPM: deleted and added in a row is one change --- */

void apply_held(struct weir *w, struct source *s)
{
	if (!s->held)
		return;
	s->held = false;
	del(w, s, &s->held_spec);
}

static bool replaces_held(const struct source *s, const struct route_spec *spec)
{
	return s->held && s->held_spec.vrf == spec->vrf && prefix_equal(&s->held_spec.prefix, &spec->prefix);
}

static void hold(struct weir *w, struct source *s, const struct route_spec *spec)
{
	apply_held(w, s);
	s->held = true;
	s->held_at = w->now;
	s->held_spec = *spec;
}

/* --- messages --- */

/* The route that is gone may have been refused, or its links not be ours: then there is nothing to delete. */
static void route_gone(struct weir *w, struct source *s, const struct nl_route *r)
{
	struct route_spec spec;
	enum netlink_reason why = to_spec(w, s, r, &spec);

	/* zebra names no next hops, the kernel's object may be gone already. */
	if (why == WHY_OBJECT || (why == WHY_INTERFACE && r->path_count == 0)) {
		spec.type = ROUTE_UNICAST;
		spec.via_count = 0;
		why = WHY_REASONS;
	}
	if (why == WHY_TABLE || why == WHY_SCOPE || why == WHY_CONNECTED)
		s->reason[why]++;
	if (why != WHY_REASONS)
		return;
	if (s->source == ROUTE_FPM)
		hold(w, s, &spec);
	else
		del(w, s, &spec);
}

static void route_is(struct weir *w, struct source *s, const struct nlmsghdr *h, const struct nl_message *m)
{
	struct route_spec spec;
	enum netlink_reason why = to_spec(w, s, &m->route, &spec);
	char text[PREFIX_STRLEN];
	bool taken = false;

	if (s->phase == PHASE_LOOK) {
		if (why == WHY_REASONS)
			diff_route(w, s, &spec);
		return;
	}
	if (why == WHY_REASONS) {
		bool now = replaces_held(s, &spec);

		if (!now)
			apply_held(w, s);
		taken = add(w, s, m, &spec);
		if (now && s->held_spec.metric == spec.metric)
			s->held = false;
		apply_held(w, s);
	} else {
		count_reason(w, s, why, prefix_format(&m->route.prefix, text));
		/* What it took the place of is the kernel's route no more. */
		if (why >= WHY_TYPE && place_of(s, m) == ROUTE_REPLACE && why != WHY_TOS &&
			why != WHY_SOURCE) {
			spec.via_count = 0;
			spec.object = 0;
			spec.type = ROUTE_UNICAST;
			del(w, s, &spec);
		}
	}
	if (s->source == ROUTE_FPM)
		fpm_answer(s, h, taken);
}

struct fill {
	const struct weir *w;
	const struct source *s;
	uint32_t id;
};

static bool fill_object(void *ctx, struct route_spec *spec)
{
	const struct fill *f = ctx;
	enum netlink_reason why = objects_fill(links_of(f->w->netlink, f->s), &f->s->objects, f->id, spec);

	sort_paths(spec);
	return why == WHY_REASONS;
}

struct changed {
	struct weir *w;
	struct source *s;
};

static void object_one(void *ctx, uint32_t id)
{
	struct changed *c = ctx;
	struct fill f = {.w = c->w, .s = c->s, .id = id};

	route_feed_object(c->w, c->s->source, c->s->number, id, fill_object, &f);
}

void apply_object_changed(struct weir *w, struct source *s, uint32_t id)
{
	struct changed c = {.w = w, .s = s};

	object_one(&c, id);
	objects_groups(&s->objects, id, object_one, &c);
}

/* Unchanged objects, as in every sync, cost nothing. */
static bool same_object(const struct nl_object *a, const struct nl_object *b)
{
	if (a == NULL || a->blackhole != b->blackhole || a->group != b->group || a->fdb != b->fdb ||
		a->truncated != b->truncated || a->member_count != b->member_count)
		return false;
	return memcmp(a->member, b->member, b->member_count * sizeof b->member[0]) == 0 &&
	       a->path.link == b->path.link && a->path.encap == b->path.encap &&
	       ipaddr_equal(&a->path.gateway, &b->path.gateway);
}

static void object_message(struct weir *w, struct source *s, const struct nl_message *m)
{
	const struct nl_object *old = objects_get(&s->objects, m->object.id);
	bool known = old != NULL, same = known && !m->gone && same_object(old, &m->object);
	char what[48];

	if (s->phase == PHASE_LOOK)
		return;
	if (m->gone) {
		objects_del(&s->objects, m->object.id);
	} else if (same) {
		objects_see(&s->objects, m->object.id);
	} else if (objects_put(&s->objects, &m->object) != 0) {
		snprintf(what, sizeof what, "next-hop object %u", m->object.id);
		count_reason(w, s, WHY_ROOM, what);
		return;
	}
	if (known && !same)
		apply_object_changed(w, s, m->object.id);
}

void apply_message(struct weir *w, struct source *s, const struct nlmsghdr *h)
{
	struct nl_message *m = &w->netlink->message;

	s->messages++;
	if (nl_decode(h, m) != 0) {
		count_reason(w, s, WHY_MALFORMED, "a message of netlink");
		return;
	}
	switch (m->kind) {
	case NL_LINK:
		if (s->source == ROUTE_KERNEL && s->phase != PHASE_LOOK)
			links_change(w, s, &m->link, m->gone);
		break;
	case NL_ADDRESS:
		if (s->source == ROUTE_KERNEL && s->phase != PHASE_LOOK)
			address_change(w, s, &m->address, m->gone);
		break;
	case NL_ROUTE:
		if (m->gone)
			route_gone(w, s, &m->route);
		else
			route_is(w, s, h, m);
		break;
	case NL_OBJECT:
		object_message(w, s, m);
		break;
	default:
		break;
	}
}
