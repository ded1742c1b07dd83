/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "packet/addr.h"

static void set_text(json_t *o, const char *key, const char *text, struct err *e)
{
	if (json_object_set_new(o, key, json_string(text)) != 0)
		err_set(e, EINVAL, "'%s' is not valid UTF-8 text", key);
}

static void set_number(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_integer(strtoll(text, NULL, 10)));
}

static json_t *finish(json_t *o, struct err *e)
{
	if (e->code == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* The value of `type` as `key`, where it was given. */
static void copy(json_t *o, const char *key, const struct args *a, const char *type, struct err *e)
{
	const char *text = args_value(a, type);

	if (text != NULL)
		set_text(o, key, text, e);
}

/* --- routes --- */

struct route_words {
	json_t *body, *list;
	json_t *path; /* the next hop that is being read, owned by the list; NULL before the first */
	uint8_t family;
};

static json_t *path_with_room(struct route_words *r, const char *key)
{
	if (r->path == NULL || json_object_get(r->path, key) != NULL) {
		r->path = json_object();
		json_array_append_new(r->list, r->path);
	}
	return r->path;
}

static void route_word(struct route_words *r, const struct arg *a, struct err *e)
{
	struct ipaddr address;

	if (arg_is(a, "ADDRESS")) {
		if (r->family == FAMILY_NONE && ipaddr_parse(a->word, &address) == 0)
			r->family = address.family;
		set_text(path_with_room(r, "address"), "address", a->word, e);
	} else if (arg_is(a, "IFACE")) {
		set_text(path_with_room(r, "interface"), "interface", a->word, e);
	} else if (arg_is(a, "WEIGHT")) {
		set_number(path_with_room(r, "weight"), "weight", a->word);
	} else if (arg_is(a, "nexthop")) {
		r->path = NULL;
	} else if (arg_is(a, "unicast") || arg_is(a, "blackhole") || arg_is(a, "unreachable") ||
		   arg_is(a, "prohibit")) {
		json_object_set_new(r->body, "type", json_stringn(a->name, a->len));
	}
}

json_t *body_route(const struct args *a, uint8_t family, struct err *e)
{
	struct route_words r = {.body = json_object(), .list = json_array(), .family = family};
	const char *prefix = args_value(a, "PREFIX"), *distance = args_value(a, "DISTANCE");
	bool to_delete = prefix == NULL; /* a prefix has one static route, whatever its type */

	if (to_delete)
		prefix = args_value(a, "ROUTE");
	for (unsigned i = 0; i < a->count; i++)
		route_word(&r, &a->arg[i], e);
	if (prefix == NULL)
		err_set(e, EINVAL, "the prefix is missing");
	else if (strcmp(prefix, "default") == 0)
		set_text(r.body, "prefix", r.family == FAMILY_V6 ? "::/0" : "0.0.0.0/0", e);
	else
		set_text(r.body, "prefix", prefix, e);
	if (to_delete)
		json_object_del(r.body, "type");
	copy(r.body, "vrf", a, "VRF", e);
	if (distance != NULL)
		set_number(r.body, "distance", distance);
	if (json_array_size(r.list) != 0)
		json_object_set(r.body, "via", r.list);
	json_decref(r.list);
	return finish(r.body, e);
}

/* --- neighbours and addresses --- */

json_t *body_neighbor(const struct args *a, struct err *e)
{
	json_t *o = json_object();

	copy(o, "address", a, "ADDRESS", e);
	copy(o, "address", a, "NEIGHBOR", e);
	copy(o, "mac", a, "MAC", e);
	copy(o, "interface", a, "IFACE", e);
	return finish(o, e);
}

json_t *body_flush(const struct args *a, struct err *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "flush", json_true());
	copy(o, "interface", a, "IFACE", e);
	return finish(o, e);
}

json_t *body_address(const struct args *a, struct err *e)
{
	json_t *o = json_object();

	copy(o, "address", a, "IFADDR", e);
	copy(o, "interface", a, "IFACE", e);
	return finish(o, e);
}
