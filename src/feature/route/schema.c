/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `routes:`.
 */
#include <stdlib.h>
#include <string.h>

#include "control/diag.h"
#include "control/schema.h"
#include "feature/route/route.h"

static const char *const types[] = {
	"unicast", "blackhole", "unreachable", "prohibit", NULL}; /* enum route_type */

static const struct schema via_fields[] = {
	{.key = "address", .type = SCHEMA_ADDRESS, .help = "Gateway."},
	{.key = "interface",
		.type = SCHEMA_NAME,
		.refers = "interfaces",
		.help = "Egress interface; without address, destinations are neighbours on it."},
	{.key = "weight",
		.type = SCHEMA_INT,
		.min = 1,
		.max = ROUTE_WEIGHT_MAX,
		.fallback = "1",
		.help = "Share of the flows among the next hops."},
	{0},
};
static const struct schema via_item = {.type = SCHEMA_MAP, .fields = via_fields, .help = "A next hop."};

static const struct schema route_fields[] = {
	{.key = "prefix", .type = SCHEMA_PREFIX, .required = true, .help = "Destination network."},
	{.key = "vrf", .type = SCHEMA_NAME, .max = 31, .fallback = "default", .help = "VRF of the route."},
	{.key = "type",
		.type = SCHEMA_ENUM,
		.words = types,
		.fallback = "unicast",
		.help = "unicast (needs via), blackhole (silent), unreachable or prohibit (answered with "
			"ICMP)."},
	{.key = "via",
		.type = SCHEMA_LIST,
		.item = &via_item,
		.min = 1,
		.max = ROUTE_VIA_MAX,
		.help = "Next hops."},
	{.key = "distance",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 255,
		.fallback = "1",
		.help = "Preference among routes to the same prefix; lower wins."},
	{0},
};
static const struct schema route_item = {
	.type = SCHEMA_MAP, .fields = route_fields, .help = "A static route."};

static const char *const route_identity[] = {"vrf", "prefix", NULL};
static const struct schema fields[] = {
	{.key = "routes",
		.type = SCHEMA_LIST,
		.item = &route_item,
		.identity = route_identity,
		.help = "Static routes."},
	{0},
};

static bool is_loopback(const struct node *root, const struct node *name)
{
	return name != NULL &&
	       node_bool(node_get(node_get(root, "interfaces"), name->text), "loopback", false);
}

static void check_via(
	const struct node *root, const struct node *prefix, const struct node *v, struct diag *d)
{
	const struct node *a = node_get(v, "address"), *ifc = node_get(v, "interface");

	if (is_loopback(root, ifc))
		diag_node(d, ifc, "name the interface that leads there, or 'type: unreachable'",
			"'%s' is a loopback, nobody is behind it", ifc->text);
	if (a == NULL && ifc == NULL)
		diag_node(d, v, NULL, "a next hop needs 'address' or 'interface'");
	if (a == NULL)
		return;
	if (a->value.prefix.addr.family != prefix->value.prefix.addr.family)
		diag_node(d, a, NULL, "%s and the prefix %s are of different IP versions", a->text,
			prefix->text);
	else if (!ipaddr_is_host(&a->value.prefix.addr))
		diag_node(d, a, NULL, "%s cannot be a gateway", a->text);
	else if (a->value.prefix.addr.family == FAMILY_V6 && ipaddr_is_link_local(&a->value.prefix.addr) &&
		 ifc == NULL)
		diag_node(d, a, NULL, "the link-local gateway %s needs 'interface'", a->text);
}

static void check_route(const struct node *root, const struct node *r, struct diag *d)
{
	const struct node *via = node_get(r, "via"), *prefix = node_get(r, "prefix");
	bool unicast = node_u64(r, "type", ROUTE_UNICAST) == ROUTE_UNICAST;

	if (unicast && via == NULL)
		diag_node(
			d, prefix, NULL, "route %s needs 'via', or a 'type' such as blackhole", prefix->text);
	if (!unicast && via != NULL)
		diag_key(d, via, NULL, "a %s route has no next hops", node_text(r, "type", ""));
	NODE_EACH (v, via)
		check_via(root, prefix, v, d);
}

/* A route with what tells it from others, looked up once: sorting compares it many times. */
struct place {
	const struct node *route;
	const struct prefix *prefix;
	const char *vrf;
};

static int compare(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = x->prefix->addr.family - y->prefix->addr.family;

	if (c == 0)
		c = memcmp(x->prefix->addr.bytes, y->prefix->addr.bytes, 16);
	if (c == 0)
		c = x->prefix->len - y->prefix->len;
	return c != 0 ? c : strcmp(x->vrf, y->vrf);
}

static void report_twice(const struct node *later, const struct node *first, struct diag *d)
{
	if (later->line < first->line) {
		const struct node *swap = later;

		later = first;
		first = swap;
	}
	if (first->line == 0 || first->file != later->file)
		diag_node(d, node_get(later, "prefix"), "put all next hops into one 'via' list",
			"route %s is there twice", node_text(later, "prefix", ""));
	else
		diag_node(d, node_get(later, "prefix"), "put all next hops into one 'via' list",
			"route %s is there twice (the other one in line %u)", node_text(later, "prefix", ""),
			first->line);
}

static void check_duplicates(const struct node *routes, struct diag *d)
{
	struct place *list = calloc(routes->count + 1, sizeof *list);
	unsigned n = 0;

	if (list == NULL)
		return;
	NODE_EACH (r, routes)
		list[n++] = (struct place){.route = r,
			.prefix = &node_get(r, "prefix")->value.prefix,
			.vrf = node_text(r, "vrf", "default")};
	qsort(list, n, sizeof *list, compare);
	for (unsigned i = 1; i < n; i++)
		if (compare(&list[i - 1], &list[i]) == 0)
			report_twice(list[i].route, list[i - 1].route, d);
	free(list);
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *routes = node_get(root, "routes");

	if (routes == NULL)
		return;
	NODE_EACH (r, routes)
		check_route(root, r, d);
	check_duplicates(routes, d);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
