/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `weir route add`, `neighbor add` and `address add` change the router and not the config. Here the config is
 * found that would have the same effect, by looking at what is there.
 */
#include "config/overlay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/diag.h"
#include "control/identity.h"
#include "control/schema.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/netlink/netlink.h"
#include "feature/route/route.h"
#include "pipeline/weir.h"

/* --- building nodes --- */

/* Adds a scalar; the parent is freed by the caller on failure. */
static int put(struct node *map, const char *key, const char *text, bool quoted)
{
	struct node *n = node_new(NODE_SCALAR, text);

	if (n != NULL)
		n->quoted = quoted;
	if (n != NULL && node_append(map, n, key) == 0)
		return 0;
	node_free(n);
	return -ENOMEM;
}

static int put_number(struct node *map, const char *key, unsigned v)
{
	char text[16];

	snprintf(text, sizeof text, "%u", v);
	return put(map, key, text, false);
}

/* The child of that key, made when it is absent. */
static struct node *child_of(struct node *map, const char *key, enum node_kind kind)
{
	struct node *n = (struct node *)(uintptr_t)node_get(map, key);

	if (n != NULL)
		return n;
	n = node_new(kind, NULL);
	if (n != NULL && node_append(map, n, key) == 0)
		return n;
	node_free(n);
	return NULL;
}

/* --- routes --- */

static const char *iface_name(const struct weir *w, uint16_t id)
{
	const struct iface *ifc = id < IFACE_MAX ? w->gen->iface[id] : NULL;

	return ifc != NULL ? ifc->name : NULL;
}

static int put_via(const struct weir *w, struct node *list, const struct route_info *info, unsigned i)
{
	const struct route_via *v = &info->spec.via[i];
	struct node *n = node_new(NODE_MAP, NULL);
	char text[ADDR_STRLEN];
	int rc = n == NULL || node_append(list, n, NULL) != 0 ? -ENOMEM : 0;

	if (rc == 0 && v->address.family != FAMILY_NONE)
		rc = put(n, "address", ipaddr_format(&v->address, text), true);
	if (rc == 0 && info->via_asked[i] != IFACE_NONE && iface_name(w, info->via_asked[i]) != NULL)
		rc = put(n, "interface", iface_name(w, info->via_asked[i]), true);
	return rc == 0 && v->weight > 1 ? put_number(n, "weight", v->weight) : rc;
}

static struct node *route_node(const struct weir *w, const struct route_info *info)
{
	struct node *n = node_new(NODE_MAP, NULL), *via;
	char text[PREFIX_STRLEN];
	int rc = n != NULL ? put(n, "prefix", prefix_format(&info->spec.prefix, text), true) : -ENOMEM;

	if (rc == 0 && info->spec.vrf != 0)
		rc = put(n, "vrf", w->vrf[info->spec.vrf].name, true);
	if (rc == 0 && info->spec.type != ROUTE_UNICAST)
		rc = put(n, "type", route_type_names[info->spec.type], true);
	if (rc == 0 && info->distance != 1)
		rc = put_number(n, "distance", info->distance);
	if (rc == 0 && info->spec.via_count != 0) {
		via = child_of(n, "via", NODE_LIST);
		rc = via != NULL ? 0 : -ENOMEM;
		for (unsigned i = 0; rc == 0 && i < info->spec.via_count; i++)
			rc = put_via(w, via, info, i);
	}
	if (rc == 0)
		return n;
	node_free(n);
	return NULL;
}

/* The items of a list that are there, and those that were added by hand. */
struct collect {
	const struct weir *w;
	struct node *list; /* of the new tree: items of the config move here once they are found */
	struct identity_index applied; /* of the config's list */
	unsigned found, added;
	bool failed;
};

/* Takes an item over: a copy of the config's when it comes from there, else `made`. */
static bool take(struct collect *c, struct node *made, bool from_config)
{
	const struct node *was = made != NULL && from_config ? identity_find(&c->applied, made) : NULL;
	struct node *item = made;

	if (was != NULL) {
		item = node_copy(was);
		node_free(made);
		c->found++;
	} else {
		c->added++;
	}
	if (item != NULL && node_append(c->list, item, NULL) == 0)
		return true;
	node_free(item);
	c->failed = true;
	return false;
}

static bool take_route(void *ctx, const struct route_info *info)
{
	struct collect *c = ctx;

	return info->spec.source != ROUTE_STATIC || take(c, route_node(c->w, info), info->spec.from_config);
}

static void each_route(const struct weir *w, bool (*fn)(void *, const struct route_info *), void *ctx)
{
	for (uint16_t v = 0; v < VRF_MAX; v++) {
		if (w->vrf[v].name[0] == '\0')
			continue;
		route_walk(w, v, FAMILY_V4, NULL, fn, ctx);
		route_walk(w, v, FAMILY_V6, NULL, fn, ctx);
	}
}

/* --- neighbours --- */

static struct node *neighbor_node(const struct weir *w, const struct neigh_info *info)
{
	struct node *n = node_new(NODE_MAP, NULL);
	char text[ADDR_STRLEN], mac[18];
	int rc = n != NULL && iface_name(w, info->iface) != NULL
			 ? put(n, "interface", iface_name(w, info->iface), true)
			 : -ENOMEM;

	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", info->mac[0], info->mac[1], info->mac[2],
		info->mac[3], info->mac[4], info->mac[5]);
	if (rc == 0)
		rc = put(n, "address", ipaddr_format(&info->address, text), true);
	if (rc == 0)
		rc = put(n, "mac", mac, true);
	if (rc == 0)
		return n;
	node_free(n);
	return NULL;
}

static bool take_neighbor(void *ctx, const struct neigh_info *info)
{
	struct collect *c = ctx;

	return !info->permanent || take(c, neighbor_node(c->w, info), info->from_config);
}

/* --- one list of the tree --- */

/* Replaces a top-level list of `tree` by what is there. Adds to *differs. 0 or -ENOMEM. */
static int rebuild(const struct weir *w, struct node *tree, const char *key,
	void (*walk)(const struct weir *w, struct collect *c), bool *differs)
{
	struct collect c = {.w = w, .list = node_new(NODE_LIST, NULL)};
	struct node *old = (struct node *)(uintptr_t)node_get(tree, key);
	unsigned had = old != NULL ? old->count : 0;
	int rc = -ENOMEM;

	if (c.list != NULL && identity_build(&c.applied, schema_top(key), old) == 0) {
		walk(w, &c);
		rc = c.failed ? -ENOMEM : 0;
	}
	identity_free(&c.applied);
	if (rc != 0 || (c.added == 0 && c.found == had)) {
		node_free(c.list);
		return rc;
	}
	*differs = true;
	if (old != NULL) {
		node_detach(tree, old);
		node_free(old);
	}
	if (node_append(tree, c.list, key) == 0)
		return 0;
	node_free(c.list);
	return -ENOMEM;
}

static void walk_routes(const struct weir *w, struct collect *c)
{
	each_route(w, take_route, c);
}

static void walk_neighbors(const struct weir *w, struct collect *c)
{
	neigh_walk(w, IFACE_NONE, NULL, take_neighbor, c);
}

/* --- addresses --- */

static bool lists_address(const struct node *list, const struct prefix *p)
{
	NODE_EACH (a, list)
		if (ipaddr_equal(&a->value.prefix.addr, &p->addr) && a->value.prefix.len == p->len)
			return true;
	return false;
}

static bool lists_link_local(const struct node *list)
{
	NODE_EACH (a, list)
		if (a->value.prefix.addr.family == FAMILY_V6 && ipaddr_is_link_local(&a->value.prefix.addr))
			return true;
	return false;
}

/* An address of the interface that the list lacks. The link-local one that every interface gets is no change,
 * and neither is what the interface's twin has. */
static const struct prefix *missing_address(
	const struct weir *w, const struct iface *ifc, const struct node *list, unsigned *at)
{
	while (*at < ifc->address_count) {
		const struct prefix *p = &ifc->address[(*at)++];
		bool automatic = p->addr.family == FAMILY_V6 && ipaddr_is_link_local(&p->addr) &&
				 !lists_link_local(list);

		automatic |= netlink_has_address(w, ifc->id, p);
		if (!automatic && !lists_address(list, p))
			return p;
	}
	return NULL;
}

static bool lost_address(const struct iface *ifc, const struct node *list)
{
	NODE_EACH (a, list) {
		bool there = false;

		for (unsigned i = 0; i < ifc->address_count && !there; i++)
			there = ipaddr_equal(&ifc->address[i].addr, &a->value.prefix.addr) &&
				ifc->address[i].len == a->value.prefix.len;
		if (!there)
			return true;
	}
	return false;
}

static int add_address(struct node *entry, const struct prefix *p)
{
	struct node *list = child_of(entry, "addresses", NODE_LIST);
	char text[PREFIX_STRLEN];

	if (list == NULL || put(list, NULL, prefix_format(p, text), true) != 0)
		return -ENOMEM;
	list->last->value.prefix = *p;
	list->last->typed = true;
	return 0;
}

static void drop_lost(const struct iface *ifc, struct node *list)
{
	for (struct node *a = list->child, *next; a != NULL; a = next) {
		bool there = false;

		next = a->next;
		for (unsigned i = 0; i < ifc->address_count && !there; i++)
			there = ipaddr_equal(&ifc->address[i].addr, &a->value.prefix.addr) &&
				ifc->address[i].len == a->value.prefix.len;
		if (there)
			continue;
		node_detach(list, a);
		node_free(a);
	}
}

static int rebuild_addresses(const struct weir *w, struct node *tree, bool *differs)
{
	NODE_EACH (n, node_get(tree, "interfaces")) {
		const struct iface *ifc = generation_iface(w->gen, n->key);
		struct node *entry = (struct node *)(uintptr_t)n;
		struct node *list = (struct node *)(uintptr_t)node_get(n, "addresses");
		const struct prefix *p;
		unsigned at = 0;

		if (ifc == NULL)
			continue;
		while ((p = missing_address(w, ifc, list, &at)) != NULL) {
			*differs = true;
			if (add_address(entry, p) != 0)
				return -ENOMEM;
			list = (struct node *)(uintptr_t)node_get(n, "addresses");
		}
		if (list != NULL && lost_address(ifc, list)) {
			*differs = true;
			drop_lost(ifc, list);
		}
	}
	return 0;
}

struct node *overlay_effective(const struct weir *w, const struct node *applied, bool *changed)
{
	struct node *tree = node_copy(applied);

	*changed = false;
	if (tree != NULL && rebuild(w, tree, "routes", walk_routes, changed) == 0 &&
		rebuild(w, tree, "neighbors", walk_neighbors, changed) == 0 &&
		rebuild_addresses(w, tree, changed) == 0)
		return tree;
	node_free(tree);
	return NULL;
}

/* --- a quick look --- */

struct tally {
	unsigned config, hand;
};

static bool tally_route(void *ctx, const struct route_info *info)
{
	struct tally *t = ctx;

	if (info->spec.source == ROUTE_STATIC)
		*(info->spec.from_config ? &t->config : &t->hand) += 1;
	return true;
}

static bool tally_neighbor(void *ctx, const struct neigh_info *info)
{
	struct tally *t = ctx;

	if (info->permanent)
		*(info->from_config ? &t->config : &t->hand) += 1;
	return true;
}

static unsigned count_of(const struct node *tree, const char *key)
{
	const struct node *n = node_get(tree, key);

	return n != NULL ? n->count : 0;
}

bool overlay_any(const struct weir *w, const struct node *applied)
{
	struct tally routes = {0}, neighbors = {0};

	each_route(w, tally_route, &routes);
	neigh_walk(w, IFACE_NONE, NULL, tally_neighbor, &neighbors);
	if (routes.hand != 0 || neighbors.hand != 0 || routes.config != count_of(applied, "routes") ||
		neighbors.config != count_of(applied, "neighbors"))
		return true;
	NODE_EACH (n, node_get(applied, "interfaces")) {
		const struct iface *ifc = generation_iface(w->gen, n->key);
		unsigned at = 0;

		if (ifc != NULL && (missing_address(w, ifc, node_get(n, "addresses"), &at) != NULL ||
					   lost_address(ifc, node_get(n, "addresses"))))
			return true;
	}
	return false;
}

/* --- what an apply keeps --- */

/* Only what the checks of addresses look at, so that a table of routes costs nothing. */
static struct node *without_routes(const struct node *cfg)
{
	static const char *const sections[] = {"ports", "vrfs", "interfaces"};
	struct node *tree = node_new(NODE_MAP, NULL);

	for (unsigned i = 0; tree != NULL && i < sizeof sections / sizeof sections[0]; i++) {
		const struct node *from = node_get(cfg, sections[i]);
		struct node *copy = from != NULL ? node_copy(from) : NULL;

		if (from == NULL || (copy != NULL && node_append(tree, copy, sections[i]) == 0))
			continue;
		node_free(copy);
		node_free(tree);
		return NULL;
	}
	return tree;
}

/* Whether the config is still valid with the address. */
static bool allowed(const struct node *cfg, const char *iface, const struct prefix *p)
{
	struct node *tree = without_routes(cfg);
	struct node *entry = (struct node *)(uintptr_t)node_get(node_get(tree, "interfaces"), iface);
	struct diag *d = calloc(1, sizeof *d);
	bool ok = entry != NULL && d != NULL && add_address(entry, p) == 0 && schema_check(tree, d) == 0;

	free(d);
	node_free(tree);
	return ok;
}

static int carry_one(
	struct node **out, const struct node *next, const struct iface *ifc, const struct prefix *p)
{
	const struct node *cfg = *out != NULL ? *out : next;
	const struct node *entry = node_get(node_get(cfg, "interfaces"), ifc->name);
	char text[PREFIX_STRLEN];

	if (entry == NULL || lists_address(node_get(entry, "addresses"), p))
		return 0;
	if (!allowed(cfg, ifc->name, p)) {
		log_notice(
			"address %s of interface '%s', added by hand, does not fit the new configuration and "
			"goes",
			prefix_format(p, text), ifc->name);
		return 0;
	}
	if (*out == NULL)
		*out = node_copy(next);
	entry = node_get(node_get(*out, "interfaces"), ifc->name);
	return *out != NULL && add_address((struct node *)(uintptr_t)entry, p) == 0 ? 0 : -ENOMEM;
}

int overlay_carry(
	const struct weir *w, const struct node *applied, const struct node *next, struct node **out)
{
	*out = NULL;
	NODE_EACH (n, node_get(applied, "interfaces")) {
		const struct iface *ifc = generation_iface(w->gen, n->key);
		const struct prefix *p;
		unsigned at = 0;

		while (ifc != NULL && (p = missing_address(w, ifc, node_get(n, "addresses"), &at)) != NULL)
			if (carry_one(out, next, ifc, p) != 0) {
				node_free(*out);
				*out = NULL;
				return -ENOMEM;
			}
	}
	return 0;
}
