/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The public face of feature/route: VRFs, adding, deleting and reading routes, and its part in commits.
 */
#include "feature/route/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "feature/route/rib.h"
#include "table/fib4.h"
#include "table/fib6.h"
#include "table/radix.h"

#define FIB4_GROUPS 32767 /* /24s that may hold longer prefixes */

const char *const route_source_names[] = {"connected", "neighbor", "static", "kernel", "fpm"};
static const uint8_t default_distance[] = {0, 255, 1, 10, 10};

/* --- VRFs --- */

static void defer(void *ctx, void (*fn)(void *), void *arg)
{
	weir_defer(ctx, fn, arg);
}

static void wait_for_workers(void *ctx)
{
	weir_synchronize(ctx);
}

/* Nobody looks at it: it was never published. */
static void vrf_destroy(struct weir *w, unsigned id)
{
	fib4_free(w->vrf[id].fib4);
	fib6_free(w->vrf[id].fib6);
	for (unsigned f = 0; f < 2; f++) {
		if (w->route->rib[id][f] != NULL)
			radix_free(w->route->rib[id][f], NULL);
		w->route->rib[id][f] = NULL;
	}
	w->vrf[id] = (struct vrf_view){0};
	w->route->vrf_new[id] = false;
}

static int vrf_create(struct weir *w, unsigned id, const char *name)
{
	struct vrf_view *v = &w->vrf[id];

	v->fib4 = fib4_new(FIB4_GROUPS, defer, w);
	v->fib6 = fib6_new(defer, w);
	w->route->rib[id][0] = radix_new(32);
	w->route->rib[id][1] = radix_new(128);
	if (v->fib4 == NULL || v->fib6 == NULL || w->route->rib[id][0] == NULL ||
		w->route->rib[id][1] == NULL) {
		vrf_destroy(w, id);
		return -ENOMEM;
	}
	v->fib4->wait = wait_for_workers;
	fib6_set_wait(v->fib6, wait_for_workers);
	snprintf(v->name, sizeof v->name, "%s", name);
	w->route->vrf_new[id] = true;
	return (int)id;
}

int vrf_find(const struct weir *w, const char *name)
{
	for (unsigned i = 0; i < VRF_MAX; i++)
		if (w->vrf[i].name[0] != '\0' && strcmp(w->vrf[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

int vrf_intern(struct weir *w, const char *name)
{
	int id = vrf_find(w, name);

	if (id >= 0)
		return id;
	if (strlen(name) >= VRF_NAME || name[0] == '\0')
		return -EINVAL;
	for (unsigned i = 0; i < VRF_MAX; i++)
		if (w->vrf[i].name[0] == '\0')
			return vrf_create(w, i, name);
	return -ENOSPC;
}

/* --- adding and deleting --- */

static int check_via(
	const struct weir *w, const struct route_spec *spec, const struct route_via *v, struct err *e)
{
	char text[PREFIX_STRLEN];

	prefix_format(&spec->prefix, text);
	if (v->address.family == FAMILY_NONE && v->iface == IFACE_NONE)
		return err_set(e, EINVAL, "route %s: a next hop needs an address or an interface", text);
	/* RFC 8950: IPv4 by way of an IPv6 neighbour; feeds have it. */
	if (v->address.family != FAMILY_NONE && v->address.family != spec->prefix.addr.family &&
		!(v->onlink && v->address.family == FAMILY_V6))
		return err_set(
			e, EINVAL, "route %s: the next hop's address is of the other IP version", text);
	if (v->address.family != FAMILY_NONE && !ipaddr_is_host(&v->address))
		return err_set(e, EINVAL, "route %s: the next hop's address cannot be one", text);
	if (v->address.family == FAMILY_V6 && ipaddr_is_link_local(&v->address) && v->iface == IFACE_NONE)
		return err_set(e, EINVAL, "route %s: a link-local next hop needs its interface", text);
	if (v->weight > ROUTE_WEIGHT_MAX)
		return err_set(
			e, EINVAL, "route %s: weight %u is above %d", text, v->weight, ROUTE_WEIGHT_MAX);
	if (v->iface == IFACE_NONE)
		return 0;
	if (v->iface >= IFACE_MAX || w->gen->iface[v->iface] == NULL)
		return err_set(e, ENOENT, "route %s: the next hop's interface does not exist", text);
	if (iface_is_loopback(w->gen->iface[v->iface]))
		return err_set(e, EINVAL, "route %s: interface '%s' is a loopback, nobody is behind it", text,
			w->gen->iface[v->iface]->name);
	return 0;
}

int route_check(const struct weir *w, const struct route_spec *spec, struct err *e)
{
	char text[PREFIX_STRLEN];

	if (spec->vrf >= VRF_MAX || w->vrf[spec->vrf].name[0] == '\0')
		return err_set(
			e, ENOENT, "route %s: there is no such VRF", prefix_format(&spec->prefix, text));
	if (spec->type == ROUTE_UNICAST && spec->via_count == 0)
		return err_set(e, EINVAL,
			"route %s: no next hop was given; name one with via, or a type such as blackhole",
			prefix_format(&spec->prefix, text));
	if (spec->via_count > ROUTE_VIA_MAX)
		return err_set(e, EINVAL, "route %s: more than %d next hops",
			prefix_format(&spec->prefix, text), ROUTE_VIA_MAX);
	for (unsigned i = 0; i < spec->via_count; i++)
		if (check_via(w, spec, &spec->via[i], e) != 0)
			return -e->code;
	return 0;
}

int route_install(struct weir *w, const struct route_spec *spec, bool replace, uint8_t mark, struct err *e)
{
	struct candidate c = {.source = spec->source,
		.distance = spec->distance != 0 ? spec->distance : default_distance[spec->source],
		.from_config = spec->from_config,
		.mark = mark};
	int rc;

	c.set = set_get(w, spec, rib_set(w, spec->vrf, &spec->prefix, spec->source), e);
	if (c.set == NULL) {
		w->route->refused++;
		return -ENOSPC;
	}
	rc = rib_add(w, spec->vrf, &spec->prefix, &c, replace, e);
	if (rc != 0)
		set_put(w, c.set);
	return rc;
}

int route_add(struct weir *w, const struct route_spec *spec, bool replace, struct err *e)
{
	struct err local = {0};
	int rc = route_check(w, spec, e != NULL ? e : &local);

	if (rc == 0)
		rc = route_install(w, spec, replace, w->route->mark, e);
	releases_flush(w);
	return rc;
}

int route_del(struct weir *w, uint16_t vrf, uint8_t source, const struct prefix *p, struct err *e)
{
	char text[PREFIX_STRLEN];
	int rc = vrf < VRF_MAX && w->vrf[vrf].name[0] != '\0' ? rib_del(w, vrf, p, source) : -ENOENT;

	releases_flush(w);
	if (rc != 0)
		return err_set(e, -rc, "there is no %s route %s in VRF '%s'", route_source_names[source],
			prefix_format(p, text), vrf < VRF_MAX ? w->vrf[vrf].name : "?");
	return 0;
}

int route_neighbor_add(struct weir *w, uint16_t vrf, const struct ipaddr *a, uint16_t nh)
{
	struct prefix p = {.addr = *a, .len = (uint8_t)family_bits(a->family)};
	struct candidate c = {
		.source = ROUTE_NEIGHBOR, .distance = default_distance[ROUTE_NEIGHBOR], .nh = nh};

	return rib_add(w, vrf, &p, &c, true, NULL);
}

void route_neighbor_del(struct weir *w, uint16_t vrf, const struct ipaddr *a)
{
	struct prefix p = {.addr = *a, .len = (uint8_t)family_bits(a->family)};

	rib_del(w, vrf, &p, ROUTE_NEIGHBOR);
}

static bool on_subnet(const struct iface *ifc, const struct ipaddr *a)
{
	if (iface_is_loopback(ifc))
		return false;
	if (a->family == FAMILY_V6 && ipaddr_is_link_local(a))
		return true;
	for (unsigned i = 0; i < ifc->address_count; i++)
		if (ifc->address[i].addr.family == a->family && prefix_contains(&ifc->address[i], a) &&
			!ipaddr_equal(&ifc->address[i].addr, a))
			return true;
	return false;
}

uint16_t route_on_link(const struct weir *w, uint16_t vrf, uint16_t iface, const struct ipaddr *a)
{
	unsigned first = iface != IFACE_NONE ? iface : 1;
	unsigned limit = iface != IFACE_NONE ? iface + 1u : w->gen->iface_limit;

	for (unsigned i = first; i < limit && i < IFACE_MAX; i++) {
		const struct iface *ifc = w->gen->iface[i];

		if (ifc != NULL && (iface != IFACE_NONE || ifc->vrf == vrf) && iface_is_up(w, ifc) &&
			on_subnet(ifc, a))
			return ifc->id;
	}
	return IFACE_NONE;
}

void route_refresh(struct weir *w)
{
	nh_refresh_ifaces(w);
	connected_sync(w);
	if (sets_refresh(w))
		settle_begin(w);
	releases_flush(w);
}

/* --- reading --- */

/* A path names an interface that does not carry IPv6. */
static bool without_ip6(const struct weir *w, const struct nhset *s)
{
	for (unsigned i = 0; s->family == FAMILY_V6 && i < s->via_count; i++) {
		const struct iface *ifc = w->gen->iface[s->via[i].via.iface % IFACE_MAX];

		if (ifc != NULL && !iface_carries_ip6(ifc))
			return true;
	}
	return false;
}

static const char *why_inactive(const struct weir *w, const struct entry *en, const struct candidate *c)
{
	if (en->active == c)
		return NULL;
	if (c->set != NULL && c->set->nh == 0)
		return without_ip6(w, c->set) ? "IPv6 is off on a next hop's interface: its mtu is below "
						"1280, or its MAC address is somebody else's"
					      : "no next hop is on a connected subnet whose link is up";
	return "a better route to the same prefix is active";
}

static void info_of(const struct weir *w, const struct entry *en, const struct candidate *c,
	const struct prefix *p, uint16_t vrf, struct route_info *out)
{
	const struct nhset *s = c->set;

	out->spec.prefix = *p;
	out->spec.vrf = vrf;
	out->spec.source = c->source;
	out->spec.from_config = c->from_config;
	out->spec.feed = c->feed;
	out->spec.protocol = c->protocol;
	out->spec.metric = c->metric;
	out->spec.object = s != NULL ? s->object : 0;
	out->spec.type = s != NULL ? s->type : (uint8_t)ROUTE_UNICAST;
	out->spec.via_count = s != NULL ? s->via_count : 0;
	for (unsigned i = 0; i < out->spec.via_count; i++) {
		out->spec.via[i] = s->via[i].via;
		out->via_usable[i] = s->via[i].usable && !s->via[i].failed;
		out->via_asked[i] = s->via[i].via.iface;
		if (s->via[i].iface != IFACE_NONE)
			out->spec.via[i].iface = s->via[i].iface;
	}
	out->distance = out->spec.distance = c->distance;
	out->active = en->active == c;
	out->why_inactive = why_inactive(w, en, c);
	out->nh = en->active == c ? en->nh : 0;
}

struct walk {
	const struct weir *w;
	uint16_t vrf;
	uint8_t family;
	bool (*fn)(void *ctx, const struct route_info *info);
	void *ctx;
};

static bool walk_one(void *ctx, const uint8_t *key, unsigned len, void *value)
{
	const struct walk *k = ctx;
	const struct entry *en = value;
	struct prefix p = {.addr.family = k->family, .len = (uint8_t)len};
	struct route_info info;

	memcpy(p.addr.bytes, key, family_bits(k->family) / 8);
	for (const struct candidate *c = en->first; c != NULL; c = c->next) {
		info_of(k->w, en, c, &p, k->vrf, &info);
		if (!k->fn(k->ctx, &info))
			return false;
	}
	return true;
}

void route_walk(const struct weir *w, uint16_t vrf, uint8_t family, const struct prefix *after,
	bool (*fn)(void *ctx, const struct route_info *info), void *ctx)
{
	struct walk k = {.w = w, .vrf = vrf, .family = family, .fn = fn, .ctx = ctx};
	const struct radix *r = vrf < VRF_MAX ? w->route->rib[vrf][family_index(family)] : NULL;

	if (r != NULL)
		radix_walk(r, after != NULL ? after->addr.bytes : NULL, after != NULL ? after->len : 0,
			walk_one, &k);
}

/* The longest match whose best candidate is installed. */
bool route_get(const struct weir *w, uint16_t vrf, const struct ipaddr *a, struct route_info *out)
{
	const struct radix *r = vrf < VRF_MAX ? w->route->rib[vrf][family_index(a->family)] : NULL;
	unsigned len = 0;
	const struct entry *en = r != NULL ? radix_match(r, a->bytes, &len) : NULL;
	struct prefix p = {.addr = *a};

	while (en != NULL && en->active == NULL)
		en = len > 0 ? radix_parent(r, a->bytes, len, &len) : NULL;
	if (en == NULL)
		return false;
	p.len = (uint8_t)len;
	p = prefix_masked(&p);
	info_of(w, en, en->active, &p, vrf, out);
	return true;
}

void route_totals(const struct weir *w, struct route_totals *out)
{
	const struct route_state *s = w->route;

	*out = (struct route_totals){.nexthops = s->nh_used - 1 - s->nh_free,
		.groups = s->groups,
		.buckets = s->buckets_used,
		.failed_paths = s->failed_paths,
		.refused = s->refused};
	for (unsigned v = 0; v < VRF_MAX; v++) {
		if (w->vrf[v].name[0] == '\0')
			continue;
		out->routes[0] += radix_count(s->rib[v][0]);
		out->routes[1] += radix_count(s->rib[v][1]);
		out->installed[0] += fib4_count(w->vrf[v].fib4);
		out->installed[1] += fib6_count(w->vrf[v].fib6);
		out->memory += radix_memory(s->rib[v][0]) + radix_memory(s->rib[v][1]) +
			       fib6_memory(w->vrf[v].fib6) + fib4_memory(w->vrf[v].fib4);
	}
}

/* --- life cycle --- */

static int feature_init(struct weir *w, struct err *e)
{
	w->route = calloc(1, sizeof *w->route);
	if (w->route == NULL || nexthop_init(w, e) != 0 || vrf_intern(w, "default") != 0)
		return err_set(e, ENOMEM, "not enough memory for the routing tables");
	return 0;
}

static void feature_fini(struct weir *w)
{
	if (w->route == NULL)
		return;
	routes_unstage(w);
	rib_free(w);
	for (unsigned v = 0; v < VRF_MAX; v++) {
		fib4_free(w->vrf[v].fib4);
		fib6_free(w->vrf[v].fib6);
	}
	free(w->route->connected);
	nexthop_fini(w);
	free(w->route);
	w->route = NULL;
}

static int feature_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	int rc;

	routes_unstage(w);
	rc = routes_stage(w, cfg, next, e);
	return rc == 0 ? routes_reserve(w, next, e) : rc;
}

static void feature_abort(struct weir *w)
{
	routes_unstage(w);
	for (unsigned v = 1; v < VRF_MAX; v++)
		if (w->route->vrf_new[v])
			vrf_destroy(w, v);
}

/* An interface is there no more, or is another one now. */
static bool ifaces_went(const struct generation *old, const struct generation *next)
{
	for (unsigned i = 1; i < old->iface_limit; i++)
		if (old->iface[i] != NULL &&
			(next->iface[i] == NULL || next->iface[i]->vrf != old->iface[i]->vrf))
			return true;
	return false;
}

static void feature_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	memset(w->route->vrf_new, 0, sizeof w->route->vrf_new);
	route_refresh(w);
	routes_commit(w);
	if (ifaces_went(old, next)) /* no route may lead there when the commit is through */
		route_settle(w);
	releases_flush(w);
}

static void feature_link(struct weir *w, uint16_t port, bool up)
{
	route_refresh(w);
}

static struct feature feature_route = {
	.name = "route",
	.order = 30,
	.init = feature_init,
	.fini = feature_fini,
	.prepare = feature_prepare,
	.commit = feature_commit,
	.abort = feature_abort,
	.bill = routes_bill,
	.link = feature_link,
	.turn = settle_turn,
};
FEATURE_REGISTER(feature_route)
