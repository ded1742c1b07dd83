/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes in pages, the route to one address, VRFs.
 */
#include <string.h>

#include "api/api_priv.h"
#include "control/value.h"
#include "feature/route/route.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000

/* A page ends between two prefixes, so that `after` continues exactly there. */
struct page {
	struct request *r;
	uint64_t limit, count;
	struct prefix last;
	bool more;
};

static void put_via(struct jw *j, const char *address, const struct iface *ifc, unsigned weight, bool usable)
{
	jw_open(j, NULL, '{');
	jw_text(j, "address", address);
	jw_text(j, "interface", ifc != NULL ? ifc->name : NULL);
	jw_u64(j, "weight", weight);
	jw_bool(j, "usable", usable);
	jw_close(j, '}');
}

/* Connected routes and neighbours have no list of next hops: the slot they installed tells the interface. */
static const struct nexthop *own_slot(const struct request *r, const struct route_info *info)
{
	const struct nexthop *nh = info->nh < NH_MAX ? &r->w->nht.nh[info->nh] : NULL;

	return info->spec.via_count == 0 && info->nh != 0 && nh->iface != IFACE_NONE ? nh : NULL;
}

static const char *type_of(const struct request *r, const struct route_info *info)
{
	const struct nexthop *nh = own_slot(r, info);

	if (nh != NULL && nh->kind == NH_LOCAL)
		return "local";
	if (nh != NULL && nh->kind == NH_BROADCAST)
		return "broadcast";
	return route_type_names[info->spec.type];
}

static void put_vias(struct request *r, const struct route_info *info)
{
	const struct generation *g = weir_generation(r->w);
	struct jw *j = &r->out;
	const struct nexthop *own = own_slot(r, info);
	char text[ADDR_STRLEN];

	jw_open(j, "via", '[');
	if (own != NULL && own->iface < g->iface_limit)
		put_via(j, NULL, g->iface[own->iface], 1, true);
	for (unsigned i = 0; i < info->spec.via_count; i++) {
		const struct route_via *v = &info->spec.via[i];

		put_via(j, v->address.family != FAMILY_NONE ? ipaddr_format(&v->address, text) : NULL,
			v->iface < g->iface_limit ? g->iface[v->iface] : NULL, v->weight != 0 ? v->weight : 1,
			info->via_usable[i]);
	}
	jw_close(j, ']');
}

static void put_route(struct request *r, const struct route_info *info)
{
	const struct route_spec *s = &info->spec;
	struct jw *j = &r->out;
	char text[PREFIX_STRLEN];

	jw_text(j, "prefix", prefix_format(&s->prefix, text));
	jw_text(j, "vrf", r->w->vrf[s->vrf].name);
	jw_text(j, "source", route_source_names[s->source]);
	jw_text(j, "type", type_of(r, info));
	jw_u64(j, "distance", info->distance);
	jw_bool(j, "from_config", s->from_config);
	jw_bool(j, "active", info->active);
	jw_text(j, "reason", info->active ? NULL : info->why_inactive);
	put_vias(r, info);
}

static bool page_route(void *ctx, const struct route_info *info)
{
	struct page *p = ctx;

	if (p->count >= p->limit && !prefix_equal(&p->last, &info->spec.prefix)) {
		p->more = true;
		return false;
	}
	p->last = info->spec.prefix;
	p->count++;
	jw_open(&p->r->out, NULL, '{');
	put_route(p->r, info);
	jw_close(&p->r->out, '}');
	return !p->r->out.failed;
}

/* VRF id of the query, or -1 after a reply. */
static int query_vrf(struct request *r)
{
	const char *name = r->query(r, "vrf");
	int vrf = name != NULL ? vrf_find(r->w, name) : 0;

	if (vrf < 0)
		reply_error(r, 404, "there is no VRF '%s'", name);
	return vrf;
}

/* Reads limit, family and after; false after a reply. */
static bool query_page(struct request *r, struct page *p, uint8_t *family, struct prefix *after)
{
	const char *limit = r->query(r, "limit"), *fam = r->query(r, "family"), *from = r->query(r, "after");

	p->limit = PAGE_DEFAULT;
	if (limit != NULL && (value_u64(limit, &p->limit) != 0 || p->limit == 0 || p->limit > PAGE_MAX))
		reply_error(r, 400, "limit '%s' is not a number from 1 to %d", limit, PAGE_MAX);
	else if (fam != NULL && strcmp(fam, "4") != 0 && strcmp(fam, "6") != 0)
		reply_error(r, 400, "family '%s' is neither 4 nor 6", fam);
	else if (from != NULL && prefix_parse(from, after) != 0)
		reply_error(r, 400, "after '%s' is not a prefix such as 10.0.0.0/8", from);
	else
		*after = prefix_masked(after);
	*family = fam != NULL ? (uint8_t)(fam[0] - '0') : FAMILY_NONE;
	return r->status == 0;
}

void show_routes(struct request *r)
{
	static const uint8_t families[] = {FAMILY_V4, FAMILY_V6};
	struct page p = {.r = r};
	struct prefix after = {0};
	uint8_t family;
	char text[PREFIX_STRLEN];
	int vrf = query_vrf(r);

	if (vrf < 0 || !query_page(r, &p, &family, &after))
		return;
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "routes", '[');
	for (unsigned i = 0; i < 2 && !p.more; i++) {
		uint8_t f = families[i];

		if ((family == FAMILY_NONE || family == f) && f >= after.addr.family)
			route_walk(r->w, (uint16_t)vrf, f, after.addr.family == f ? &after : NULL, page_route,
				&p);
	}
	jw_close(&r->out, ']');
	jw_text(&r->out, "next", p.more ? prefix_format(&p.last, text) : NULL);
	jw_close(&r->out, '}');
}

void show_route(struct request *r)
{
	const char *text = r->query(r, "address");
	struct route_info info;
	struct ipaddr a;
	int vrf = query_vrf(r);

	if (vrf < 0)
		return;
	if (text == NULL || ipaddr_parse(text, &a) != 0) {
		reply_error(r, 400, "address '%s' is not an IPv4 or IPv6 address", text != NULL ? text : "");
		return;
	}
	if (!route_get(r->w, (uint16_t)vrf, &a, &info)) {
		reply_error(r, 404, "there is no route to %s in VRF '%s'", text, r->w->vrf[vrf].name);
		return;
	}
	jw_open(&r->out, NULL, '{');
	jw_text(&r->out, "address", text);
	put_route(r, &info);
	jw_close(&r->out, '}');
}

void show_vrfs(struct request *r)
{
	const struct generation *g = weir_generation(r->w);
	struct route_totals t;

	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "vrfs", '[');
	for (unsigned v = 0; v < VRF_MAX; v++) {
		if (r->w->vrf[v].name[0] == '\0')
			continue;
		jw_open(&r->out, NULL, '{');
		jw_text(&r->out, "name", r->w->vrf[v].name);
		jw_u64(&r->out, "id", v);
		jw_open(&r->out, "interfaces", '[');
		for (unsigned i = 1; i < g->iface_limit; i++)
			if (g->iface[i] != NULL && g->iface[i]->vrf == v)
				jw_text(&r->out, NULL, g->iface[i]->name);
		jw_close(&r->out, ']');
		jw_close(&r->out, '}');
	}
	jw_close(&r->out, ']');
	route_totals(r->w, &t);
	jw_open(&r->out, "totals", '{');
	jw_u64(&r->out, "ipv4_routes", t.routes[0]);
	jw_u64(&r->out, "ipv6_routes", t.routes[1]);
	jw_u64(&r->out, "ipv4_installed", t.installed[0]);
	jw_u64(&r->out, "ipv6_installed", t.installed[1]);
	jw_u64(&r->out, "nexthops", t.nexthops);
	jw_u64(&r->out, "groups", t.groups);
	jw_u64(&r->out, "buckets", t.buckets);
	jw_u64(&r->out, "memory_bytes", t.memory);
	jw_u64(&r->out, "refused", t.refused);
	jw_close(&r->out, '}');
	jw_close(&r->out, '}');
}
