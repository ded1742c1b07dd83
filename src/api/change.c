/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changes at run time: routes, neighbours, addresses. Bodies use the words of the config file. They are
 * checked here as strictly as there: unknown keys and wrong types are refused, nothing is half done.
 */
#include <errno.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/diag.h"
#include "control/value.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"

/* --- reading a body --- */

/* Refuses keys that are not in `known` (NULL-terminated). */
static int check_keys(const json_t *o, const char *const *known, struct err *e)
{
	const char *key, *near;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key, value)
	{
		unsigned i = 0;

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] != NULL)
			continue;
		near = diag_nearest(key, known);
		if (near != NULL)
			return err_set(e, EINVAL, "unknown key '%.64s'; did you mean '%s'?", key, near);
		return err_set(e, EINVAL, "unknown key '%.64s'", key);
	}
	return 0;
}

/* Text of a key; NULL when it is absent (an error when `required`) or no text (always an error). */
static const char *get_text(const json_t *o, const char *key, bool required, struct err *e)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL && required)
		err_set(e, EINVAL, "'%s' is missing", key);
	else if (v != NULL && !json_is_string(v))
		err_set(e, EINVAL, "'%s' must be text", key);
	return json_string_value(v);
}

static int get_number(
	const json_t *o, const char *key, unsigned min, unsigned max, unsigned fallback, struct err *e)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_integer_value(v);

	if (v == NULL)
		return (int)fallback;
	if (!json_is_integer(v) || n < (json_int_t)min || n > (json_int_t)max)
		return err_set(e, EINVAL, "'%s' must be a number from %u to %u", key, min, max);
	return (int)n;
}

static int get_word(const json_t *o, const char *key, const char *const *words, unsigned count,
	unsigned fallback, struct err *e)
{
	const char *text = get_text(o, key, false, e);

	if (text == NULL)
		return (int)fallback;
	for (unsigned i = 0; i < count; i++)
		if (strcmp(words[i], text) == 0)
			return (int)i;
	return err_set(e, EINVAL, "'%.64s' is not a %s that can be given here", text, key);
}

static int get_prefix(const json_t *o, const char *key, bool network, struct prefix *out, struct err *e)
{
	const char *text = get_text(o, key, true, e);
	struct prefix masked;
	char right[PREFIX_STRLEN];

	if (text == NULL)
		return -EINVAL;
	if (prefix_parse(text, out) != 0)
		return err_set(e, EINVAL, "%s '%.64s' is not ADDRESS/LENGTH", key, text);
	masked = prefix_masked(out);
	if (network && !ipaddr_equal(&masked.addr, &out->addr))
		return err_set(e, EINVAL, "%s '%.64s' has host bits set; did you mean '%s'?", key, text,
			prefix_format(&masked, right));
	return 0;
}

static int get_address(const json_t *o, bool required, struct ipaddr *out, struct err *e)
{
	const char *text = get_text(o, "address", required, e);

	*out = (struct ipaddr){.family = FAMILY_NONE};
	if (text != NULL && ipaddr_parse(text, out) != 0)
		return err_set(e, EINVAL, "address '%.64s' is not an IPv4 or IPv6 address", text);
	return e->code != 0 ? -e->code : 0;
}

/* Interface id by name; IFACE_NONE when absent and not required. Negative on error. */
static int get_interface(const struct weir *w, const json_t *o, bool required, struct err *e)
{
	const char *name = get_text(o, "interface", required, e);
	const struct iface *ifc = name != NULL ? generation_iface(weir_generation(w), name) : NULL;

	if (e->code != 0)
		return -e->code;
	if (name != NULL && ifc == NULL)
		return err_set(e, ENOENT, "there is no interface '%.64s'", name);
	return ifc != NULL ? ifc->id : IFACE_NONE;
}

static void finish(struct request *r, const struct err *e)
{
	if (e->code != 0)
		reply_err(r, e);
	else
		reply_ok(r);
}

/* --- routes --- */

static const char *const route_keys[] = {"prefix", "vrf", "type", "distance", "via", NULL};
static const char *const via_keys[] = {"address", "interface", "weight", NULL};

static int read_via(const struct weir *w, const json_t *o, struct route_via *out, struct err *e)
{
	int iface, weight;

	if (!json_is_object(o))
		return err_set(e, EINVAL, "every entry of 'via' must be an object with address or interface");
	if (check_keys(o, via_keys, e) != 0 || get_address(o, false, &out->address, e) != 0)
		return -e->code;
	iface = get_interface(w, o, false, e);
	weight = get_number(o, "weight", 1, ROUTE_WEIGHT_MAX, 1, e);
	if (e->code != 0)
		return -e->code;
	if (iface == IFACE_NONE && out->address.family == FAMILY_NONE)
		return err_set(e, EINVAL, "a next hop needs 'address', 'interface' or both");
	out->iface = (uint16_t)iface;
	out->weight = (uint16_t)weight;
	return 0;
}

static int read_vias(const struct weir *w, const json_t *list, struct route_spec *s, struct err *e)
{
	if (list == NULL)
		return 0;
	if (!json_is_array(list) || json_array_size(list) > ROUTE_VIA_MAX)
		return err_set(e, EINVAL, "'via' must be a list of at most %d next hops", ROUTE_VIA_MAX);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (read_via(w, json_array_get(list, i), &s->via[s->via_count++], e) != 0)
			return -e->code;
	if (s->via_count != 0 && s->type != ROUTE_UNICAST)
		return err_set(e, EINVAL, "a %s route has no next hops", route_type_names[s->type]);
	return 0;
}

/* VRF id by name; absent: the default VRF. A route does not create one: an interface in the config does. */
static int get_vrf(const struct weir *w, const json_t *o, struct err *e)
{
	const char *name = get_text(o, "vrf", false, e);
	int id = name != NULL ? vrf_find(w, name) : 0;

	if (e->code != 0)
		return -e->code;
	return id < 0 ? err_set(e, ENOENT, "there is no VRF '%.64s'", name) : id;
}

static int put_one(struct weir *w, const json_t *o, bool replace, struct err *e)
{
	struct route_spec s = {.source = ROUTE_STATIC};
	int vrf, type, distance;

	if (check_keys(o, route_keys, e) != 0 || get_prefix(o, "prefix", true, &s.prefix, e) != 0)
		return -e->code;
	vrf = get_vrf(w, o, e);
	type = get_word(o, "type", route_type_names, 4, ROUTE_UNICAST, e);
	distance = get_number(o, "distance", 1, 255, 0, e);
	s.vrf = (uint16_t)vrf;
	s.type = (uint8_t)type;
	s.distance = (uint8_t)distance;
	if (e->code != 0 || read_vias(w, json_object_get(o, "via"), &s, e) != 0)
		return -e->code;
	if (route_add(w, &s, replace, e) != 0)
		return err_set(e, ENOSPC, "the route was refused");
	return 0;
}

/* Many routes in one request, in order; it ends at the first that is refused and says which. */
static int put_list(struct weir *w, const json_t *list, bool replace, struct err *e)
{
	size_t n = json_array_size(list);

	if (!json_is_array(list) || n > API_ROUTES_MAX)
		return err_set(e, EINVAL, "'routes' must be a list of at most %u routes", API_ROUTES_MAX);
	for (size_t i = 0; i < n; i++) {
		const json_t *o = json_array_get(list, i);

		if (!json_is_object(o))
			err_set(e, EINVAL, "a route must be an object");
		else
			put_one(w, o, replace, e);
		if (e->code != 0)
			return err_prefix(
				e, "route number %zu of %zu (those before it are in place)", i + 1, n);
	}
	return 0;
}

static void put_route(struct request *r, bool replace)
{
	const json_t *list = json_object_get(r->body, "routes");
	struct err e = {0};

	if (list != NULL && json_object_size(r->body) == 1)
		put_list(r->w, list, replace, &e);
	else
		put_one(r->w, r->body, replace, &e);
	finish(r, &e);
}

void change_route_add(struct request *r)
{
	put_route(r, false);
}

void change_route_replace(struct request *r)
{
	put_route(r, true);
}

void change_route_delete(struct request *r)
{
	static const char *const keys[] = {"prefix", "vrf", NULL};
	struct prefix p;
	struct err e = {0};
	int vrf;

	if (check_keys(r->body, keys, &e) == 0 && get_prefix(r->body, "prefix", true, &p, &e) == 0) {
		vrf = get_vrf(r->w, r->body, &e);
		if (e.code == 0 && route_del(r->w, (uint16_t)vrf, ROUTE_STATIC, &p, &e) != 0 && e.code == 0)
			err_set(&e, ENOENT, "there is no such route");
	}
	finish(r, &e);
}

/* --- neighbours --- */

static void put_neighbor(struct request *r, bool replace)
{
	static const char *const keys[] = {"interface", "address", "mac", NULL};
	struct err e = {0};
	struct ipaddr a;
	uint8_t mac[6];
	const char *text;
	int iface;

	check_keys(r->body, keys, &e);
	iface = get_interface(r->w, r->body, true, &e);
	get_address(r->body, true, &a, &e);
	text = get_text(r->body, "mac", true, &e);
	if (text != NULL && value_mac(text, mac) != 0)
		err_set(&e, EINVAL, "mac '%.64s' is not of the form aa:bb:cc:dd:ee:ff", text);
	if (e.code == 0 && ipaddr_is_multicast(&a))
		err_set(&e, EINVAL, "a multicast address has no neighbour entry");
	if (e.code == 0 && neigh_add(r->w, (uint16_t)iface, &a, mac, true, replace, false, &e) != 0 &&
		e.code == 0)
		err_set(&e, ENOSPC, "the neighbour was refused");
	finish(r, &e);
}

void change_neighbor_add(struct request *r)
{
	put_neighbor(r, false);
}

void change_neighbor_replace(struct request *r)
{
	put_neighbor(r, true);
}

/* One entry, or with "flush": true every learnt one (of an interface). */
void change_neighbor_delete(struct request *r)
{
	static const char *const keys[] = {"interface", "address", "flush", NULL};
	const json_t *flush = json_object_get(r->body, "flush");
	struct err e = {0};
	struct ipaddr a;
	int iface;

	check_keys(r->body, keys, &e);
	if (flush != NULL && !json_is_boolean(flush))
		err_set(&e, EINVAL, "'flush' must be true or false");
	iface = get_interface(r->w, r->body, !json_is_true(flush), &e);
	get_address(r->body, !json_is_true(flush), &a, &e);
	if (e.code == 0 && json_is_true(flush)) {
		if (a.family != FAMILY_NONE)
			err_set(&e, EINVAL, "'flush' takes no address; leave it out to delete one entry");
		else
			neigh_flush(r->w, (uint16_t)iface);
	} else if (e.code == 0 && neigh_del(r->w, (uint16_t)iface, &a, &e) != 0 && e.code == 0) {
		err_set(&e, ENOENT, "there is no such neighbour");
	}
	finish(r, &e);
}

/* --- addresses --- */

static void change_address(struct request *r,
	int (*change)(struct weir *w, const char *iface, const struct prefix *p, struct err *e))
{
	static const char *const keys[] = {"interface", "address", NULL};
	struct err e = {0};
	struct prefix p;
	const char *name;

	check_keys(r->body, keys, &e);
	name = get_text(r->body, "interface", true, &e);
	get_prefix(r->body, "address", false, &p, &e);
	if (e.code == 0 && change(r->w, name, &p, &e) != 0 && e.code == 0)
		err_set(&e, EINVAL, "the address was refused");
	finish(r, &e);
}

void change_address_add(struct request *r)
{
	change_address(r, iface_address_add);
}

/* Idempotent: an address that is there already is fine. */
void change_address_replace(struct request *r)
{
	const char *name = json_string_value(json_object_get(r->body, "interface"));
	const char *text = json_string_value(json_object_get(r->body, "address"));
	const struct iface *ifc = name != NULL ? generation_iface(weir_generation(r->w), name) : NULL;
	struct prefix p;

	if (ifc != NULL && text != NULL && prefix_parse(text, &p) == 0)
		for (unsigned i = 0; i < ifc->address_count; i++)
			if (ipaddr_equal(&ifc->address[i].addr, &p.addr) && ifc->address[i].len == p.len) {
				reply_ok(r);
				return;
			}
	change_address(r, iface_address_add);
}

void change_address_delete(struct request *r)
{
	change_address(r, iface_address_del);
}
