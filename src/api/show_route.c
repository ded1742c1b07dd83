/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes in pages or all of them, the route to one address, VRFs.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/value.h"
#include "feature/netlink/netlink.h"
#include "feature/route/route.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000

/* A list of routes on its way out. Pieces and pages end between two prefixes, so that `last` continues
 * exactly there; routes that change meanwhile are listed as they are when the walk comes by. */
struct listing {
	struct request *r;
	uint16_t vrf;
	uint8_t family; /* FAMILY_NONE: both */
	uint64_t limit, count;
	struct prefix last; /* FAMILY_NONE: start */
	bool begun, paused, full;
};

static const struct doc via_docs[] = {
	{"address", DOC_TEXT, "The gateway; null: destinations are neighbours.", .flags = DOC_NULL},
	{"interface", DOC_TEXT, "The interface; null while it is not known.", .flags = DOC_NULL},
	{"weight", DOC_U64, "Share of the flows."},
	{"usable", DOC_BOOL, "It is reachable through an interface that is up."},
	{0},
};
#define ROUTE_DOCS                                                                                           \
	{"prefix", DOC_TEXT, "Destination."}, {"vrf", DOC_TEXT, "The VRF."},                                 \
		{"source", DOC_TEXT, "Who wants the route."},                                                \
		{"protocol", DOC_TEXT, "Of kernel and fpm: who gave it to them.", .flags = DOC_NULL},        \
		{"metric", DOC_U64, "Of kernel and fpm: the lowest wins among equal distances."},            \
		{"type", DOC_TEXT, "unicast, local, broadcast, blackhole, unreachable or prohibit."},        \
		{"distance", DOC_U64, "The lowest wins."},                                                   \
		{"from_config", DOC_BOOL, "It stands in the configuration."},                                \
		{"active", DOC_BOOL, "Packets take it."},                                                    \
		{"reason", DOC_TEXT, "Why it is not active.", .flags = DOC_NULL},                            \
	{                                                                                                    \
		"via", DOC_LIST, "Next hops.", via_docs                                                      \
	}
static const struct doc route_docs[] = {ROUTE_DOCS, {0}};
static const struct doc routes_docs[] = {
	{"routes", DOC_LIST, "In order of prefix, IPv4 first.", route_docs},
	{"next", DOC_TEXT, "Give this as after for the next page; null: that was all.", .flags = DOC_NULL},
	{0},
};
static const struct doc one_route_docs[] = {{"address", DOC_TEXT, "What was asked for."}, ROUTE_DOCS, {0}};

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
	if (nh != NULL && nh->kind == NH_UNREACHABLE) /* the subnet of a loopback */
		return "unreachable";
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
	char text[PREFIX_STRLEN], protocol[8];

	jw_text(j, "prefix", prefix_format(&s->prefix, text));
	jw_text(j, "vrf", r->w->vrf[s->vrf].name);
	jw_text(j, "source", route_source_names[s->source]);
	jw_text(j, "protocol",
		s->source >= ROUTE_KERNEL ? netlink_protocol_name(s->protocol, protocol) : NULL);
	jw_u64(j, "metric", s->metric);
	jw_text(j, "type", type_of(r, info));
	jw_u64(j, "distance", info->distance);
	jw_bool(j, "from_config", s->from_config);
	jw_bool(j, "active", info->active);
	jw_text(j, "reason", info->active ? NULL : info->why_inactive);
	put_vias(r, info);
}

static bool list_route(void *ctx, const struct route_info *info)
{
	struct listing *l = ctx;

	if (!prefix_equal(&l->last, &info->spec.prefix)) {
		l->full = l->count >= l->limit;
		l->paused = l->r->out.len >= API_PIECE;
		if (l->full || l->paused)
			return false;
	}
	l->last = info->spec.prefix;
	l->count++;
	jw_open(&l->r->out, NULL, '{');
	put_route(l->r, info);
	jw_close(&l->r->out, '}');
	return true;
}

/* VRF id of the query, or -1 after a reply. */
static int query_vrf(struct request *r)
{
	const char *name = r->query(r, "vrf");
	int vrf = name != NULL ? vrf_find(r->w, name) : 0;

	if (vrf < 0)
		reply_error(r, 404, "there is no VRF '%.64s'", name);
	return vrf;
}

/* Reads limit, family and after; false after a reply. */
static bool query_page(struct request *r, struct listing *l)
{
	const char *limit = r->query(r, "limit"), *fam = r->query(r, "family"), *from = r->query(r, "after");

	l->limit = PAGE_DEFAULT;
	if (limit != NULL && strcmp(limit, "all") == 0)
		l->limit = UINT64_MAX;
	else if (limit != NULL && (value_u64(limit, &l->limit) != 0 || l->limit == 0 || l->limit > PAGE_MAX))
		reply_error(
			r, 400, "limit '%.64s' is neither 'all' nor a number from 1 to %d", limit, PAGE_MAX);
	if (fam != NULL && strcmp(fam, "4") != 0 && strcmp(fam, "6") != 0)
		reply_error(r, 400, "family '%.64s' is neither 4 nor 6", fam);
	else if (from != NULL && prefix_parse(from, &l->last) != 0)
		reply_error(r, 400, "after '%.64s' is not a prefix such as 10.0.0.0/8", from);
	else if (from != NULL)
		l->last = prefix_masked(&l->last);
	l->family = fam != NULL ? (uint8_t)(fam[0] - '0') : FAMILY_NONE;
	return r->status == 0;
}

static bool more_routes(struct request *r)
{
	static const uint8_t families[] = {FAMILY_V4, FAMILY_V6};
	struct listing *l = r->state;
	char text[PREFIX_STRLEN];

	if (!l->begun) {
		jw_open(&r->out, NULL, '{');
		jw_open(&r->out, "routes", '[');
	}
	l->begun = true;
	l->paused = l->full = false;
	for (unsigned i = 0; i < 2 && !l->full && !l->paused; i++) {
		uint8_t f = families[i], at = l->last.addr.family;

		if ((l->family == FAMILY_NONE || l->family == f) && f >= at)
			route_walk(r->w, l->vrf, f, at == f ? &l->last : NULL, list_route, l);
	}
	if (l->paused && !l->full)
		return true;
	jw_close(&r->out, ']');
	jw_text(&r->out, "next", l->full ? prefix_format(&l->last, text) : NULL);
	jw_close(&r->out, '}');
	return false;
}

static void show_routes(struct request *r)
{
	struct listing *l;
	int vrf = query_vrf(r);

	if (vrf < 0)
		return;
	l = calloc(1, sizeof *l);
	if (l == NULL) {
		reply_error(r, 507, "not enough memory for the list of routes");
		return;
	}
	l->r = r;
	l->vrf = (uint16_t)vrf;
	r->state = l;
	r->state_free = free;
	if (query_page(r, l))
		r->more = more_routes;
}

static void show_route(struct request *r)
{
	const char *text = r->query(r, "address");
	struct route_info info;
	struct ipaddr a;
	int vrf = query_vrf(r);

	if (vrf < 0)
		return;
	if (text == NULL || ipaddr_parse(text, &a) != 0) {
		reply_error(
			r, 400, "address '%.64s' is not an IPv4 or IPv6 address", text != NULL ? text : "");
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

static void show_vrfs(struct request *r)
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
	jw_u64(&r->out, "failed_paths", t.failed_paths);
	jw_u64(&r->out, "buckets", t.buckets);
	jw_u64(&r->out, "memory_bytes", t.memory);
	jw_u64(&r->out, "refused", t.refused);
	jw_close(&r->out, '}');
	jw_close(&r->out, '}');
}

static const struct doc vrf_docs[] = {
	{"name", DOC_TEXT, "Its name; the first is named default."},
	{"id", DOC_U64, "Its number."},
	{"interfaces", DOC_TEXTS, "Names of its interfaces."},
	{0},
};
static const struct doc totals_docs[] = {
	{"ipv4_routes", DOC_U64, "IPv4 routes of all VRFs, active or not."},
	{"ipv6_routes", DOC_U64, "IPv6 routes of all VRFs, active or not."},
	{"ipv4_installed", DOC_U64, "Of these, in the forwarding tables."},
	{"ipv6_installed", DOC_U64, "Of these, in the forwarding tables."},
	{"nexthops", DOC_U64, "Next hops in use."},
	{"groups", DOC_U64, "Multipath groups."},
	{"failed_paths", DOC_U64,
		"Paths of groups that get no flows because their neighbour does not answer."},
	{"buckets", DOC_U64, "Buckets of multipath groups."},
	{"memory_bytes", DOC_U64, "Memory of tables and routes."},
	{"refused", DOC_U64, "Routes refused because a table was full."},
	{0},
};
static const struct doc vrfs_docs[] = {
	{"vrfs", DOC_LIST, "VRFs.", vrf_docs},
	{"totals", DOC_OBJECT, "All VRFs together.", totals_docs},
	{0},
};

static const struct param page_params[] = {
	{"vrf", "The VRF, by default the one named default."},
	{"family", "4 or 6; by default both.", "^[46]$"},
	{"limit", "Routes per page, at most 10000 (1000 by default), or all: the whole table in one reply.",
		"^(all|[1-9][0-9]{0,4})$"},
	{"after", "The value of next in the page before."},
	{0},
};
static const struct param route_params[] = {
	{"address", "IPv4 or IPv6 address; needed."},
	{"vrf", "The VRF, by default the one named default."},
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/routes", "Routes, active and not.", show_routes, page_params, .reply = routes_docs},
	{"GET", "/v1/route", "The route that packets to an address take.", show_route, route_params,
		.reply = one_route_docs},
	{"GET", "/v1/vrfs", "VRFs and the totals of their tables.", show_vrfs, .reply = vrfs_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
