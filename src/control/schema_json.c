/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ranges of values with units are patterns, so that an editor refuses what the daemon refuses. What a schema
 * cannot say stays with the daemon: references ("x-refers" names the map), overlaps, host bits.
 */
#include "control/schema_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/pattern.h"
#include "control/schema.h"
#include "control/schema_scalar.h"
#include "control/tree_json.h"

#define SECTIONS_MAX 64

static json_t *of_schema(const struct schema *s, bool alone);

/* --- patterns as text --- */

static json_t *take_text(FILE *f, char **text, const size_t *len)
{
	json_t *j;

	fclose(f);
	j = json_stringn(*text, *len);
	free(*text);
	return j;
}

static json_t *units_pattern(const struct value_unit *units, uint64_t min, uint64_t max)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fputc('^', f);
	pattern_units(f, units, min, max);
	fputc('$', f);
	return take_text(f, &text, &len);
}

/* `length`: 0 none, 1 may follow, 2 must follow. */
static json_t *address_pattern(unsigned length)
{
	static const char *const opened[] = {"", "(?:/", "/"}, *const closed[] = {"", ")?", ""};
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	fputs("^(?:", f);
	pattern_address4(f);
	fputs(opened[length], f);
	if (length != 0)
		pattern_number(f, 0, 32);
	fprintf(f, "%s|", closed[length]);
	pattern_address6(f);
	fputs(opened[length], f);
	if (length != 0)
		pattern_number(f, 0, 128);
	fprintf(f, "%s)$", closed[length]);
	return take_text(f, &text, &len);
}

static json_t *name_pattern(uint64_t max)
{
	return json_sprintf("^[a-zA-Z0-9][a-zA-Z0-9._-]{0,%" PRIu64 "}$", max - 1);
}

/* --- one type each --- */

static void set_limits(json_t *o, const char *low, const char *high, uint64_t min, uint64_t max)
{
	json_object_set_new(o, low, json_integer((json_int_t)min));
	if (max != 0)
		json_object_set_new(o, high, json_integer((json_int_t)max));
}

static json_t *whole_number(const struct schema *s)
{
	json_t *o = json_pack("{s:s}", "type", "integer");

	set_limits(o, "minimum", "maximum", s->min, s->max);
	return o;
}

/* A number with a unit; a bare one too where the bare unit exists. A duration knows only the bare zero. */
static json_t *quantity(const struct schema *s, const struct value_unit *units)
{
	json_t *text =
		json_pack("{s:s, s:o}", "type", "string", "pattern", units_pattern(units, s->min, s->max));
	json_t *number = whole_number(s);

	if (s->type == SCHEMA_DURATION) {
		json_decref(number);
		if (s->min != 0)
			return text;
		number = json_pack("{s:[i,s]}", "enum", 0, "0");
	}
	return json_pack("{s:[o,o]}", "anyOf", number, text);
}

/* Unquoted numbers and words like true are text where text is wanted; among alternatives they are not. */
static json_t *scalar_text(bool alone)
{
	return alone ? json_pack("{s:[s,s,s]}", "type", "string", "number", "boolean")
		     : json_pack("{s:s}", "type", "string");
}

static json_t *text_type(const struct schema *s, bool alone)
{
	json_t *o = scalar_text(alone);

	if (s->min != 0 || s->max != 0)
		set_limits(o, "minLength", "maxLength", s->min, s->max);
	return o;
}

static json_t *name_type(const struct schema *s, bool alone)
{
	json_t *o = scalar_text(alone);

	json_object_set_new(o, "pattern", name_pattern(schema_name_max(s)));
	json_object_set_new(o, "minimum", json_integer(0));
	if (s->refers != NULL)
		json_object_set_new(o, "x-refers", json_string(s->refers));
	return o;
}

static json_t *enum_type(const struct schema *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; s->words[i] != NULL; i++)
		json_array_append_new(list, json_string(s->words[i]));
	return json_pack("{s:o}", "enum", list);
}

static json_t *any_of(const struct schema *s)
{
	json_t *list = json_array();

	for (const struct schema *a = s->alternatives; a->help != NULL; a++)
		json_array_append_new(list, of_schema(a, false));
	return json_pack("{s:o}", "anyOf", list);
}

/* --- maps and lists --- */

static void add_field(json_t *properties, json_t *required, const struct schema *s)
{
	json_object_set_new(properties, s->key, of_schema(s, true));
	if (s->required)
		json_array_append_new(required, json_string(s->key));
}

static json_t *map_object(json_t *properties, json_t *required)
{
	json_t *o = json_pack(
		"{s:s, s:o, s:b}", "type", "object", "properties", properties, "additionalProperties", 0);

	if (json_array_size(required) != 0)
		json_object_set(o, "required", required);
	json_decref(required);
	return o;
}

static json_t *map_type(const struct schema *fields)
{
	json_t *properties = json_object(), *required = json_array();

	for (const struct schema *s = fields; s != NULL && s->key != NULL; s++)
		add_field(properties, required, s);
	return map_object(properties, required);
}

static json_t *named_type(const struct schema *s)
{
	return json_pack("{s:s, s:{s:o}, s:o}", "type", "object", "propertyNames", "pattern",
		name_pattern(schema_name_max(s)), "additionalProperties", map_type(s->fields));
}

static json_t *list_type(const struct schema *s)
{
	json_t *o = json_pack("{s:s}", "type", "array");

	if (s->item != NULL)
		json_object_set_new(o, "items", of_schema(s->item, true));
	if (s->min != 0 || s->max != 0)
		set_limits(o, "minItems", "maxItems", s->min, s->max);
	return o;
}

static json_t *ref(const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", name));
}

static json_t *of_type(const struct schema *s, bool alone)
{
	switch (s->type) {
	case SCHEMA_STRING:
		return text_type(s, alone);
	case SCHEMA_NAME:
		return name_type(s, alone);
	case SCHEMA_INT:
		return whole_number(s);
	case SCHEMA_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case SCHEMA_SIZE:
		return quantity(s, value_size_units);
	case SCHEMA_RATE:
		return quantity(s, value_rate_units);
	case SCHEMA_DURATION:
		return quantity(s, value_duration_units);
	case SCHEMA_ENUM:
		return enum_type(s);
	case SCHEMA_ADDRESS:
		return ref("address");
	case SCHEMA_PREFIX:
		return ref("prefix");
	case SCHEMA_IFADDR:
		return ref("interface-address");
	case SCHEMA_MAC:
		return ref("mac");
	case SCHEMA_MAP:
		return map_type(s->fields);
	case SCHEMA_NAMED:
		return named_type(s);
	case SCHEMA_LIST:
		return list_type(s);
	case SCHEMA_ANY_OF:
		return any_of(s);
	}
	return NULL;
}

static json_t *of_schema(const struct schema *s, bool alone)
{
	json_t *o = of_type(s, alone);

	if (o != NULL && s->help != NULL)
		json_object_set_new(o, "description", json_string(s->help));
	if (o != NULL && s->fallback != NULL)
		json_object_set_new(o, "default", json_from_scalar(s->fallback, false));
	return o;
}

/* --- the whole --- */

static json_t *definitions(void)
{
	return json_pack("{s:{s:s,s:o},s:{s:s,s:o},s:{s:s,s:o},s:{s:s,s:s}}", "address", "type", "string",
		"pattern", address_pattern(0), "prefix", "type", "string", "pattern", address_pattern(1),
		"interface-address", "type", "string", "pattern", address_pattern(2), "mac", "type", "string",
		"pattern", "^(?:[0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$");
}

static int by_key(const void *a, const void *b)
{
	const struct schema *x = *(const struct schema *const *)a, *y = *(const struct schema *const *)b;

	return strcmp(x->key, y->key);
}

json_t *schema_json(void)
{
	json_t *properties = json_object(), *required = json_array(), *root;
	const struct schema *list[SECTIONS_MAX];
	unsigned n = 0;

	for (const struct schema_part *p = schema_parts(); p != NULL; p = p->next)
		for (const struct schema *s = p->fields; s->key != NULL && n < SECTIONS_MAX; s++)
			list[n++] = s;
	qsort(list, n, sizeof list[0], by_key);
	for (unsigned i = 0; i < n; i++)
		add_field(properties, required, list[i]);
	root = json_pack("{s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema",
		"title", "weir", "description",
		"Configuration of weir. References between objects, overlapping subnets and host bits are "
		"checked by weir config check.");
	if (root == NULL)
		return NULL;
	json_object_update_missing_new(root, map_object(properties, required));
	json_object_set_new(root, "$defs", definitions());
	return root;
}
