/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bodies of requests against the tables in which their endpoints describe them. Errors name the place the way
 * people write it: via[2].weight.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/diag.h"
#include "control/schema_scalar.h"

#define PLACE_MAX 160

static int check_value(const struct schema *s, const json_t *v, const char *place, struct err *e);

static const struct schema *field_of(const struct schema *fields, const char *key)
{
	for (const struct schema *f = fields; f->key != NULL; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

static int unknown_key(const struct schema *fields, const char *key, const char *place, struct err *e)
{
	const char *dot = place[0] != '\0' ? "." : "";
	struct diag_near near;

	diag_near_init(&near, key);
	for (const struct schema *f = fields; f->key != NULL; f++)
		diag_near_try(&near, f->key);
	if (near.best != NULL)
		return err_set(
			e, EINVAL, "unknown key '%s%s%.64s'; did you mean '%s'?", place, dot, key, near.best);
	return err_set(e, EINVAL, "unknown key '%s%s%.64s'", place, dot, key);
}

static int check_fields(const struct schema *fields, const json_t *o, const char *place, struct err *e)
{
	const char *dot = place[0] != '\0' ? "." : "", *key;
	char inner[PLACE_MAX];
	json_t *v;

	json_object_foreach((json_t *)(uintptr_t)o, key, v)
	{
		const struct schema *f = field_of(fields, key);

		if (f == NULL)
			return unknown_key(fields, key, place, e);
		snprintf(inner, sizeof inner, "%s%s%s", place, dot, key);
		if (check_value(f, v, inner, e) != 0)
			return -EINVAL;
	}
	for (const struct schema *f = fields; f->key != NULL; f++)
		if (f->required && json_object_get(o, f->key) == NULL)
			return err_set(e, EINVAL, "'%s%s%s' is missing", place, dot, f->key);
	return 0;
}

static int check_list(const struct schema *s, const json_t *v, const char *place, struct err *e)
{
	const size_t n = json_array_size(v);
	char inner[PLACE_MAX];

	if (!json_is_array(v))
		return err_set(e, EINVAL, "'%s' must be a list", place);
	if (n < s->min || (s->max != 0 && n > s->max))
		return err_set(e, EINVAL,
			"'%s' must be a list of %" PRIu64 " to %" PRIu64 " entries, not %zu", place, s->min,
			s->max, n);
	for (size_t i = 0; i < n; i++) {
		snprintf(inner, sizeof inner, "%.130s[%zu]", place, i);
		if (check_value(s->item, json_array_get(v, i), inner, e) != 0)
			return -EINVAL;
	}
	return 0;
}

static int check_integer(const struct schema *s, const json_t *v, const char *place, struct err *e)
{
	const json_int_t n = json_integer_value(v);

	if (json_is_integer(v) && n >= (json_int_t)s->min && (s->max == 0 || n <= (json_int_t)s->max))
		return 0;
	if (s->max == 0)
		return err_set(e, EINVAL, "'%s' must be a number of at least %" PRIu64, place, s->min);
	return err_set(
		e, EINVAL, "'%s' must be a number from %" PRIu64 " to %" PRIu64, place, s->min, s->max);
}

/* Text: what a config file would say there. */
static int check_text(const struct schema *s, const json_t *v, const char *place, struct err *e)
{
	struct node n = {.kind = NODE_SCALAR, .quoted = true};
	struct fault f;

	if (!json_is_string(v))
		return err_set(e, EINVAL, "'%s' must be text", place);
	n.text = (char *)(uintptr_t)json_string_value(v);
	if (schema_scalar(s, place, &n, &f) == 0)
		return 0;
	if (f.hint[0] == '\0')
		return err_set(e, EINVAL, "%s", f.text);
	/* A hint is the right word or a sentence. */
	return err_set(
		e, EINVAL, strchr(f.hint, ' ') == NULL ? "%s; did you mean '%s'?" : "%s; %s", f.text, f.hint);
}

/* The depth of the recursion is the table's. */
static int check_value(const struct schema *s, const json_t *v, const char *place, struct err *e)
{
	switch (s->type) {
	case SCHEMA_MAP:
		if (!json_is_object(v))
			return err_set(e, EINVAL, "'%s' must be an object", place);
		return check_fields(s->fields, v, place, e);
	case SCHEMA_LIST:
		return check_list(s, v, place, e);
	case SCHEMA_BOOL:
		return json_is_boolean(v) ? 0 : err_set(e, EINVAL, "'%s' must be true or false", place);
	case SCHEMA_INT:
		return check_integer(s, v, place, e);
	default:
		return check_text(s, v, place, e);
	}
}

int body_check(const struct schema *fields, const json_t *o, struct err *e)
{
	return check_fields(fields, o, "", e);
}
