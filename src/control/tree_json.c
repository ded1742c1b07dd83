/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/tree_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/value.h"
#include "control/yaml.h"

/* --- to JSON --- */

json_t *json_from_scalar(const char *text, bool quoted)
{
	uint64_t v;
	bool b;

	if (!quoted && value_u64(text, &v) == 0 && v <= INT64_MAX)
		return json_integer((json_int_t)v);
	if (!quoted && value_bool(text, &b) == 0)
		return json_boolean(b);
	return json_string(text);
}

static int put_children(json_t *out, const struct node *n)
{
	int rc = 0;

	NODE_EACH (c, n) {
		json_t *v = json_from_tree(c);

		rc |= n->kind == NODE_MAP ? json_object_set_new(out, c->key, v)
					  : json_array_append_new(out, v);
	}
	return rc;
}

json_t *json_from_tree(const struct node *n)
{
	json_t *out;

	if (n != NULL && n->kind == NODE_SCALAR)
		return json_from_scalar(n->text, n->quoted);
	out = n == NULL || n->kind == NODE_MAP ? json_object() : json_array();
	if (out == NULL || put_children(out, n) == 0)
		return out;
	json_decref(out);
	return NULL;
}

/* --- from JSON --- */

static struct node *read_value(const json_t *j, struct diag *d, unsigned depth);

/* Puts a read child below its parent; false (and the child is freed) when it cannot be. */
static bool add(struct node *parent, struct node *child, const char *key)
{
	if (child != NULL && node_append(parent, child, key) == 0)
		return true;
	node_free(child);
	return false;
}

static bool read_children(struct node *n, const json_t *j, struct diag *d, unsigned depth)
{
	const char *key;
	json_t *v;
	size_t i;

	if (n->kind == NODE_MAP) {
		json_object_foreach((json_t *)(uintptr_t)j, key,
			v) if (!add(n, read_value(v, d, depth + 1), key)) return false;
	} else {
		json_array_foreach(j, i, v) if (!add(n, read_value(v, d, depth + 1), NULL)) return false;
	}
	return true;
}

/* The text a plain or quoted scalar of the same meaning would have. */
static struct node *read_scalar(const json_t *j, struct diag *d)
{
	char number[VALUE_STRLEN];
	struct node *n;

	if (json_is_string(j) && strlen(json_string_value(j)) != json_string_length(j)) {
		diag_add(d, 0, 0, NULL, "text may not contain the character \\0");
		return NULL;
	}
	if (json_is_integer(j))
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
	else if (json_is_real(j))
		snprintf(number, sizeof number, "%.15g", json_real_value(j));
	n = node_new(NODE_SCALAR, json_is_string(j)    ? json_string_value(j)
				  : json_is_number(j)  ? number
				  : json_is_boolean(j) ? (json_is_true(j) ? "true" : "false")
						       : "null");
	if (n != NULL)
		n->quoted = json_is_string(j);
	return n;
}

static struct node *read_value(const json_t *j, struct diag *d, unsigned depth)
{
	struct node *n;

	if (depth > CONFIG_DEPTH_MAX) {
		diag_add(d, 0, 0, NULL, "objects and lists are nested deeper than %u levels",
			CONFIG_DEPTH_MAX);
		return NULL;
	}
	if (!json_is_object(j) && !json_is_array(j))
		n = read_scalar(j, d);
	else
		n = node_new(json_is_object(j) ? NODE_MAP : NODE_LIST, NULL);
	if (n == NULL || n->kind == NODE_SCALAR || read_children(n, j, d, depth))
		return n;
	node_free(n);
	return NULL;
}

struct node *tree_from_json(const json_t *j, struct diag *d)
{
	unsigned before = d->total;
	struct node *n = read_value(j, d, 0);

	if (n == NULL && d->total == before)
		diag_add(d, 0, 0, NULL, "memory ran out while reading the config");
	return n;
}

/* --- merge patch --- */

json_t *json_merge_patch(const json_t *target, const json_t *patch)
{
	json_t *out, *v;
	const char *key;
	int rc = 0;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	out = json_is_object(target) ? json_copy((json_t *)(uintptr_t)target) : json_object();
	if (out == NULL)
		return NULL;
	json_object_foreach((json_t *)(uintptr_t)patch, key, v)
	{
		if (json_is_null(v))
			(void)json_object_del(out, key);
		else
			rc |= json_object_set_new(out, key, json_merge_patch(json_object_get(out, key), v));
	}
	if (rc == 0)
		return out;
	json_decref(out);
	return NULL;
}
