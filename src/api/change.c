/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes at run time: routes, neighbours, addresses. Bodies use the words of the config file. The tables
 * here say what a body may hold; request.c has checked it before a handler runs, so nothing is half done.
 */
#include <errno.h>
#include <string.h>

#include "api/api_priv.h"
#include "config/config.h"
#include "control/events.h"
#include "control/value.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"

/* --- what bodies hold --- */

static const struct schema via_fields[] = {
	{.key = "address", .type = SCHEMA_ADDRESS, .help = "The gateway."},
	{.key = "interface",
		.type = SCHEMA_NAME,
		.help = "The interface; by default the one whose subnet holds the gateway."},
	{.key = "weight",
		.type = SCHEMA_INT,
		.min = 1,
		.max = ROUTE_WEIGHT_MAX,
		.fallback = "1",
		.help = "Share of the flows."},
	{0},
};
static const struct schema via_item = {.type = SCHEMA_MAP, .fields = via_fields, .help = "A next hop."};

#define ROUTE_FIELDS(needed)                                                                                 \
	{.key = "prefix", .type = SCHEMA_PREFIX, .required = (needed), .help = "Destination."},              \
		{.key = "vrf",                                                                               \
			.type = SCHEMA_NAME,                                                                 \
			.fallback = "default",                                                               \
			.help = "The VRF, which must exist."},                                               \
		{.key = "type",                                                                              \
			.type = SCHEMA_ENUM,                                                                 \
			.words = type_words,                                                                 \
			.fallback = "unicast",                                                               \
			.help = "What happens to its packets."},                                             \
		{.key = "distance",                                                                          \
			.type = SCHEMA_INT,                                                                  \
			.min = 1,                                                                            \
			.max = 255,                                                                          \
			.fallback = "1",                                                                     \
			.help = "The lowest wins."},                                                         \
	{                                                                                                    \
		.key = "via", .type = SCHEMA_LIST, .item = &via_item, .max = ROUTE_VIA_MAX,                  \
		.help = "Next hops."                                                                         \
	}

static const char *const type_words[] = {"unicast", "blackhole", "unreachable", "prohibit", NULL};
static const struct schema route_fields[] = {ROUTE_FIELDS(true), {0}};
static const struct schema route_item = {.type = SCHEMA_MAP, .fields = route_fields, .help = "A route."};
static const struct schema routes_fields[] = {
	ROUTE_FIELDS(false),
	{.key = "routes",
		.type = SCHEMA_LIST,
		.item = &route_item,
		.max = API_ROUTES_MAX,
		.help = "Many routes instead of one, taken in order until one is refused."},
	{0},
};
static const struct schema route_name_fields[] = {
	{.key = "prefix", .type = SCHEMA_PREFIX, .required = true, .help = "Destination."},
	{.key = "vrf", .type = SCHEMA_NAME, .fallback = "default", .help = "The VRF."},
	{0},
};
static const struct schema neighbor_fields[] = {
	{.key = "interface", .type = SCHEMA_NAME, .required = true, .help = "The interface."},
	{.key = "address", .type = SCHEMA_ADDRESS, .required = true, .help = "Its address."},
	{.key = "mac", .type = SCHEMA_MAC, .required = true, .help = "Its MAC address."},
	{0},
};
static const struct schema neighbor_name_fields[] = {
	{.key = "interface", .type = SCHEMA_NAME, .help = "The interface; with flush, only its entries."},
	{.key = "address", .type = SCHEMA_ADDRESS, .help = "Its address."},
	{.key = "flush",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Every learnt entry instead of one."},
	{0},
};
static const struct schema address_fields[] = {
	{.key = "interface", .type = SCHEMA_NAME, .required = true, .help = "The interface."},
	{.key = "address",
		.type = SCHEMA_IFADDR,
		.required = true,
		.help = "Address and length of its network."},
	{0},
};

/* --- reading a body, which was checked against its table --- */

static const char *get_text(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static unsigned get_number(const json_t *o, const char *key, unsigned fallback)
{
	const json_t *v = json_object_get(o, key);

	return v != NULL ? (unsigned)json_integer_value(v) : fallback;
}

static uint8_t get_type(const json_t *o)
{
	const char *text = get_text(o, "type");

	for (uint8_t i = 0; text != NULL && type_words[i] != NULL; i++)
		if (strcmp(type_words[i], text) == 0)
			return i;
	return ROUTE_UNICAST;
}

static struct prefix get_prefix(const json_t *o, const char *key)
{
	struct prefix p = {0};

	prefix_parse(get_text(o, key), &p);
	return p;
}

/* FAMILY_NONE when it is absent. */
static struct ipaddr get_address(const json_t *o)
{
	const char *text = get_text(o, "address");
	struct ipaddr a = {.family = FAMILY_NONE};

	if (text != NULL)
		ipaddr_parse(text, &a);
	return a;
}

/* Interface id by name; IFACE_NONE when absent. Negative on error. */
static int get_interface(const struct weir *w, const json_t *o, struct err *e)
{
	const char *name = get_text(o, "interface");
	const struct iface *ifc = name != NULL ? generation_iface(weir_generation(w), name) : NULL;

	if (name != NULL && ifc == NULL)
		return err_set(e, ENOENT, "there is no interface '%.64s'", name);
	return ifc != NULL ? ifc->id : IFACE_NONE;
}

/* VRF id by name; absent: the default VRF. A route does not create one: an interface in the config does. */
static int get_vrf(const struct weir *w, const json_t *o, struct err *e)
{
	const char *name = get_text(o, "vrf");
	int id = name != NULL ? vrf_find(w, name) : 0;

	return id < 0 ? err_set(e, ENOENT, "there is no VRF '%.64s'", name) : id;
}

static const char *word_of(const struct request *r)
{
	const char *m = r->endpoint->method;

	return m[0] == 'D' ? "delete" : m[1] == 'U' ? "replace" : "add";
}

/* It may differ from the config that was applied from now on. */
static void changed_by_hand(const struct request *r)
{
	if (r->w->config != NULL)
		config_service_touch(r->w->config);
}

static void finish(struct request *r, const struct err *e)
{
	if (e->code != 0)
		reply_err(r, e);
	else
		reply_ok(r);
}

/* --- routes --- */

static int read_via(const struct weir *w, const json_t *o, struct route_via *out, struct err *e)
{
	int iface = get_interface(w, o, e);

	if (iface < 0)
		return iface;
	out->address = get_address(o);
	if (iface == IFACE_NONE && out->address.family == FAMILY_NONE)
		return err_set(e, EINVAL, "a next hop needs 'address', 'interface' or both");
	out->iface = (uint16_t)iface;
	out->weight = (uint16_t)get_number(o, "weight", 1);
	return 0;
}

static int read_vias(const struct weir *w, const json_t *list, struct route_spec *s, struct err *e)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_via(w, json_array_get(list, i), &s->via[s->via_count++], e) != 0)
			return -e->code;
	if (s->via_count != 0 && s->type != ROUTE_UNICAST)
		return err_set(e, EINVAL, "a %s route has no next hops", route_type_names[s->type]);
	return 0;
}

static int put_one(struct weir *w, const json_t *o, bool replace, struct err *e)
{
	struct route_spec s = {.source = ROUTE_STATIC,
		.prefix = get_prefix(o, "prefix"),
		.type = get_type(o),
		.distance = (uint8_t)get_number(o, "distance", 0)};
	int vrf = get_vrf(w, o, e);

	s.vrf = (uint16_t)vrf;
	if (vrf < 0 || read_vias(w, json_object_get(o, "via"), &s, e) != 0)
		return -e->code;
	if (route_add(w, &s, replace, e) != 0)
		return err_set(e, ENOSPC, "the route was refused");
	return 0;
}

static void tell_route(const struct request *r, const json_t *o, size_t count)
{
	const char *vrf = get_text(o, "vrf");

	changed_by_hand(r);
	event_publish(r->w, "route", EV_TEXT("action", word_of(r)), EV_TEXT("prefix", get_text(o, "prefix")),
		EV_TEXT("vrf", vrf != NULL ? vrf : "default"), EV_U64("count", count),
		EV_TEXT("client", r->client));
}

/* Many routes in one request, in order; it ends at the first that is refused and says which. */
static int put_list(struct request *r, const json_t *list, bool replace, struct err *e)
{
	const size_t n = json_array_size(list);
	size_t done = 0;

	while (done < n && put_one(r->w, json_array_get(list, done), replace, e) == 0)
		done++;
	if (done != 0)
		tell_route(r, NULL, done);
	if (done < n)
		return err_prefix(e, "route number %zu of %zu (those before it are in place)", done + 1, n);
	return 0;
}

static void put_route(struct request *r, bool replace)
{
	const json_t *list = json_object_get(r->body, "routes");
	struct err e = {0};

	if (list != NULL && json_object_size(r->body) != 1)
		err_set(&e, EINVAL, "'routes' stands alone; every route has its own keys inside");
	else if (list != NULL)
		put_list(r, list, replace, &e);
	else if (json_object_get(r->body, "prefix") == NULL)
		err_set(&e, EINVAL, "'prefix' is missing");
	else if (put_one(r->w, r->body, replace, &e) == 0)
		tell_route(r, r->body, 1);
	finish(r, &e);
}

static void route_create(struct request *r)
{
	put_route(r, false);
}

static void route_replace(struct request *r)
{
	put_route(r, true);
}

static void route_delete(struct request *r)
{
	struct prefix p = get_prefix(r->body, "prefix");
	struct err e = {0};
	int vrf = get_vrf(r->w, r->body, &e);

	if (vrf >= 0 && route_del(r->w, (uint16_t)vrf, ROUTE_STATIC, &p, &e) == 0)
		tell_route(r, r->body, 1);
	else
		err_set(&e, ENOENT, "there is no such route");
	finish(r, &e);
}

/* --- neighbours --- */

static void tell_neighbor(const struct request *r, const char *action)
{
	if (strcmp(action, "flush") != 0) /* forgets only what was learnt */
		changed_by_hand(r);
	event_publish(r->w, "neighbor-change", EV_TEXT("action", action),
		EV_TEXT("interface", get_text(r->body, "interface")),
		EV_TEXT("address", get_text(r->body, "address")), EV_TEXT("client", r->client));
}

static void put_neighbor(struct request *r, bool replace)
{
	struct err e = {0};
	struct ipaddr a = get_address(r->body);
	int iface = get_interface(r->w, r->body, &e);
	uint8_t mac[6];

	value_mac(get_text(r->body, "mac"), mac);
	if (e.code == 0 && ipaddr_is_multicast(&a))
		err_set(&e, EINVAL, "a multicast address has no neighbour entry");
	if (e.code == 0 && neigh_add(r->w, (uint16_t)iface, &a, mac, true, replace, false, &e) != 0)
		err_set(&e, ENOSPC, "the neighbour was refused");
	if (e.code == 0)
		tell_neighbor(r, word_of(r));
	finish(r, &e);
}

static void neighbor_create(struct request *r)
{
	put_neighbor(r, false);
}

static void neighbor_replace(struct request *r)
{
	put_neighbor(r, true);
}

/* One entry, or with "flush": true every learnt one (of an interface). */
static void neighbor_delete(struct request *r)
{
	const bool flush = json_is_true(json_object_get(r->body, "flush"));
	struct err e = {0};
	struct ipaddr a = get_address(r->body);
	int iface = get_interface(r->w, r->body, &e);

	if (flush && a.family != FAMILY_NONE)
		err_set(&e, EINVAL, "'flush' takes no address; leave it out to delete one entry");
	else if (!flush && get_text(r->body, "interface") == NULL)
		err_set(&e, EINVAL, "'interface' is missing");
	else if (!flush && a.family == FAMILY_NONE)
		err_set(&e, EINVAL, "'address' is missing");
	else if (e.code == 0 && flush)
		neigh_flush(r->w, (uint16_t)iface);
	else if (e.code == 0 && neigh_del(r->w, (uint16_t)iface, &a, &e) != 0)
		err_set(&e, ENOENT, "there is no such neighbour");
	if (e.code == 0)
		tell_neighbor(r, flush ? "flush" : "delete");
	finish(r, &e);
}

/* --- addresses --- */

static void change_address(struct request *r,
	int (*change)(struct weir *w, const char *iface, const struct prefix *p, struct err *e))
{
	struct err e = {0};
	struct prefix p = get_prefix(r->body, "address");
	const char *name = get_text(r->body, "interface");

	if (change(r->w, name, &p, &e) != 0)
		err_set(&e, EINVAL, "the address was refused");
	if (e.code == 0)
		changed_by_hand(r);
	if (e.code == 0)
		event_publish(r->w, "address", EV_TEXT("action", word_of(r)), EV_TEXT("interface", name),
			EV_TEXT("address", get_text(r->body, "address")), EV_TEXT("client", r->client));
	finish(r, &e);
}

static void address_create(struct request *r)
{
	change_address(r, iface_address_add);
}

/* Idempotent: an address that is there already is fine. */
static void address_replace(struct request *r)
{
	const struct iface *ifc = generation_iface(weir_generation(r->w), get_text(r->body, "interface"));
	struct prefix p = get_prefix(r->body, "address");

	for (unsigned i = 0; ifc != NULL && i < ifc->address_count; i++)
		if (ipaddr_equal(&ifc->address[i].addr, &p.addr) && ifc->address[i].len == p.len) {
			reply_ok(r);
			return;
		}
	change_address(r, iface_address_add);
}

static void address_delete(struct request *r)
{
	change_address(r, iface_address_del);
}

static const struct endpoint endpoints[] = {
	{"POST", "/v1/routes", "Adds static routes that do not exist yet.", route_create,
		.body = routes_fields, .reply = doc_ok},
	{"PUT", "/v1/routes", "Adds static routes or replaces those there are.", route_replace,
		.body = routes_fields, .reply = doc_ok},
	{"DELETE", "/v1/routes", "Deletes a static route.", route_delete, .body = route_name_fields,
		.reply = doc_ok},
	{"POST", "/v1/neighbors", "Adds a permanent neighbour.", neighbor_create, .body = neighbor_fields,
		.reply = doc_ok},
	{"PUT", "/v1/neighbors", "Adds a permanent neighbour or replaces the entry there is.",
		neighbor_replace, .body = neighbor_fields, .reply = doc_ok},
	{"DELETE", "/v1/neighbors", "Deletes a neighbour, or forgets all learnt ones.", neighbor_delete,
		.body = neighbor_name_fields, .reply = doc_ok},
	{"POST", "/v1/addresses", "Adds an address to an interface.", address_create, .body = address_fields,
		.reply = doc_ok},
	{"PUT", "/v1/addresses", "Adds an address unless it is there already.", address_replace,
		.body = address_fields, .reply = doc_ok},
	{"DELETE", "/v1/addresses", "Removes an address from an interface.", address_delete,
		.body = address_fields, .reply = doc_ok},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
