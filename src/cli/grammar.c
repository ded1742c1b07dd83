/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/grammar.h"

#include <errno.h>
#include <string.h>

#include "control/value.h"
#include "packet/addr.h"

static const char *value_of(struct words *a, const char *word, struct err *e)
{
	const char *v = words_take(a);

	if (v == NULL)
		err_set(e, EINVAL, "%s needs a value", word);
	return v;
}

static void set_text(json_t *o, const char *key, const char *text, struct err *e)
{
	if (e->code != 0)
		return;
	if (json_object_get(o, key) != NULL)
		err_set(e, EINVAL, "%s is given twice", key);
	else if (json_object_set_new(o, key, json_string(text)) != 0)
		err_set(e, EINVAL, "'%s' is not valid UTF-8 text", key);
}

static void set_number(json_t *o, const char *key, const char *text, uint64_t max, struct err *e)
{
	uint64_t n;

	if (e->code != 0)
		return;
	if (value_u64(text, &n) != 0 || n == 0 || n > max)
		err_set(e, EINVAL, "%s '%.64s' is not a number from 1 to %llu", key, text,
			(unsigned long long)max);
	else if (json_object_get(o, key) != NULL)
		err_set(e, EINVAL, "%s is given twice", key);
	else
		json_object_set_new(o, key, json_integer((json_int_t)n));
}

static json_t *finish(struct words *a, json_t *o, struct err *e)
{
	if (words_end(a, e) == 0)
		return o;
	json_decref(o);
	return NULL;
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

static void take_via(struct route_words *r, struct words *a, struct err *e)
{
	const char *text = value_of(a, "via", e);
	struct ipaddr address;

	if (text != NULL && (strcmp(text, "inet") == 0 || strcmp(text, "inet6") == 0))
		text = value_of(a, "via", e);
	if (text == NULL)
		return;
	if (ipaddr_parse(text, &address) != 0) {
		err_set(e, EINVAL, "via '%.64s' is not an IPv4 or IPv6 address", text);
		return;
	}
	if (r->family == FAMILY_NONE)
		r->family = address.family;
	set_text(path_with_room(r, "address"), "address", text, e);
}

static void take_dev(struct route_words *r, struct words *a, struct err *e)
{
	const char *text = value_of(a, "dev", e);

	if (text != NULL)
		set_text(path_with_room(r, "interface"), "interface", text, e);
}

static void take_weight(struct route_words *r, struct words *a, struct err *e)
{
	const char *text = value_of(a, "weight", e);

	if (text == NULL)
		return;
	if (r->path == NULL)
		err_set(e, EINVAL, "weight belongs behind via or dev");
	else
		set_number(r->path, "weight", text, 256, e);
}

/* One word of a route; false when it is none. */
static bool take_route_word(struct route_words *r, struct words *a, bool paths, struct err *e)
{
	const char *text;

	if (words_accept(a, "vrf", 2)) {
		text = value_of(a, "vrf", e);
		if (text != NULL)
			set_text(r->body, "vrf", text, e);
	} else if (!paths) {
		return false;
	} else if (words_accept(a, "via", 2)) {
		take_via(r, a, e);
	} else if (words_accept(a, "dev", 2)) {
		take_dev(r, a, e);
	} else if (words_accept(a, "weight", 1)) {
		take_weight(r, a, e);
	} else if (words_accept(a, "nexthop", 1)) {
		r->path = NULL;
	} else if (words_accept(a, "distance", 2) || words_accept(a, "metric", 1) ||
		   words_accept(a, "preference", 3)) {
		text = value_of(a, "distance", e);
		if (text != NULL)
			set_number(r->body, "distance", text, 255, e);
	} else {
		return false;
	}
	return true;
}

static void take_type(struct words *a, json_t *body, struct err *e)
{
	static const char *const types[] = {"unicast", "blackhole", "unreachable", "prohibit"};

	for (unsigned i = 0; i < 4; i++)
		if (words_accept(a, types[i], 3)) {
			set_text(body, "type", types[i], e);
			return;
		}
}

/* "default" is the family's; everything else must be a prefix. */
static void finish_prefix(struct route_words *r, const char *text, struct err *e)
{
	struct prefix p;

	if (strcmp(text, "default") == 0)
		text = r->family == FAMILY_V6 ? "::/0" : "0.0.0.0/0";
	else if (prefix_parse(text, &p) != 0)
		err_set(e, EINVAL, "'%.64s' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32", text);
	set_text(r->body, "prefix", text, e);
}

json_t *grammar_route(struct words *a, uint8_t family, bool paths, struct err *e)
{
	struct route_words r = {.body = json_object(), .list = json_array(), .family = family};
	const char *prefix;

	take_type(a, r.body, e);
	prefix = words_take(a);
	if (prefix == NULL)
		err_set(e, EINVAL, "the prefix is missing");
	while (e->code == 0 && words_peek(a) != NULL && take_route_word(&r, a, paths, e))
		;
	if (prefix != NULL)
		finish_prefix(&r, prefix, e);
	if (!paths)
		json_object_del(r.body, "type");
	if (json_array_size(r.list) != 0)
		json_object_set(r.body, "via", r.list);
	json_decref(r.list);
	return finish(a, r.body, e);
}

/* --- neighbours and addresses --- */

static void take_device(struct words *a, json_t *o, struct err *e)
{
	const char *text = value_of(a, "dev", e);

	if (text != NULL)
		set_text(o, "interface", text, e);
}

json_t *grammar_neighbor(struct words *a, bool mac, struct err *e)
{
	json_t *o = json_object();
	const char *text = words_take(a);
	struct ipaddr address;
	uint8_t bytes[6];

	if (text == NULL)
		err_set(e, EINVAL, "the address is missing");
	else if (ipaddr_parse(text, &address) != 0)
		err_set(e, EINVAL, "'%.64s' is not an IPv4 or IPv6 address", text);
	else
		set_text(o, "address", text, e);
	while (e->code == 0 && words_peek(a) != NULL) {
		if (words_accept(a, "dev", 1)) {
			take_device(a, o, e);
		} else if (mac && words_accept(a, "lladdr", 1)) {
			text = value_of(a, "lladdr", e);
			if (text != NULL && value_mac(text, bytes) != 0)
				err_set(e, EINVAL, "lladdr '%.64s' is not of the form aa:bb:cc:dd:ee:ff",
					text);
			else if (text != NULL)
				set_text(o, "mac", text, e);
		} else {
			break;
		}
	}
	if (words_end(a, e) == 0 && json_object_get(o, "interface") == NULL)
		err_set(e, EINVAL, "dev IFACE is missing");
	if (mac && e->code == 0 && json_object_get(o, "mac") == NULL)
		err_set(e, EINVAL, "lladdr MAC is missing");
	return finish(a, o, e);
}

json_t *grammar_flush(struct words *a, struct err *e)
{
	json_t *o = json_object();

	json_object_set_new(o, "flush", json_true());
	if (words_accept(a, "dev", 1))
		take_device(a, o, e);
	return finish(a, o, e);
}

json_t *grammar_address(struct words *a, struct err *e)
{
	json_t *o = json_object();
	const char *text = words_take(a);
	struct prefix p;

	if (text == NULL)
		err_set(e, EINVAL, "the address is missing");
	else if (prefix_parse(text, &p) != 0 || strchr(text, '/') == NULL)
		err_set(e, EINVAL, "'%.64s' is not ADDRESS/LENGTH, such as 10.0.0.1/24", text);
	else
		set_text(o, "address", text, e);
	if (words_accept(a, "dev", 1))
		take_device(a, o, e);
	else if (e->code == 0 && words_peek(a) == NULL)
		err_set(e, EINVAL, "dev IFACE is missing");
	return finish(a, o, e);
}
