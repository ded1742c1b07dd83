/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON Schemas of replies (struct doc) and of bodies (struct schema, as JSON says it: numbers are numbers).
 */
#include <string.h>

#include "api/openapi.h"

static json_t *words(const char *const *list)
{
	json_t *a = json_array();

	for (unsigned i = 0; list[i] != NULL; i++)
		json_array_append_new(a, json_string(list[i]));
	return a;
}

static json_t *object(json_t *properties, json_t *required)
{
	return json_pack("{s:s, s:b, s:o, s:o}", "type", "object", "additionalProperties", 0, "properties",
		properties, "required", required);
}

/* --- replies --- */

static json_t *doc_type(const struct doc *d)
{
	switch (d->type) {
	case DOC_TEXT:
		return json_pack("{s:s}", "type", "string");
	case DOC_U64:
		return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
	case DOC_REAL:
		return json_pack("{s:s}", "type", "number");
	case DOC_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case DOC_OBJECT:
		return openapi_doc(d->fields);
	case DOC_LIST:
		return json_pack("{s:s, s:o}", "type", "array", "items", openapi_doc(d->fields));
	case DOC_TEXTS:
		return json_pack("{s:s, s:{s:s}}", "type", "array", "items", "type", "string");
	case DOC_MAP:
		return json_pack(
			"{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type", "integer");
	case DOC_ANY:
		break;
	}
	return json_object();
}

static json_t *doc_field(const struct doc *d)
{
	json_t *o = doc_type(d);

	if (d->words != NULL)
		json_object_set_new(o, "enum", words(d->words));
	if ((d->flags & DOC_NULL) != 0)
		json_object_set_new(o, "type", json_pack("[O, s]", json_object_get(o, "type"), "null"));
	json_object_set_new(o, "description", json_string(d->help));
	return o;
}

json_t *openapi_doc(const struct doc *fields)
{
	json_t *properties = json_object(), *required = json_array();

	for (const struct doc *d = fields; d->key != NULL; d++) {
		json_object_set_new(properties, d->key, doc_field(d));
		if ((d->flags & DOC_OPTIONAL) == 0)
			json_array_append_new(required, json_string(d->key));
	}
	return object(properties, required);
}

/* --- bodies --- */

static json_t *field(const struct schema *s);

static void limit(json_t *o, const char *low, const char *high, const struct schema *s)
{
	if (s->min != 0)
		json_object_set_new(o, low, json_integer((json_int_t)s->min));
	if (s->max != 0)
		json_object_set_new(o, high, json_integer((json_int_t)s->max));
}

static const char *format_of(enum schema_type type)
{
	switch (type) {
	case SCHEMA_ADDRESS:
		return "IPv4 or IPv6 address";
	case SCHEMA_PREFIX:
		return "network, 192.0.2.0/24";
	case SCHEMA_IFADDR:
		return "interface address, 192.0.2.1/24";
	case SCHEMA_MAC:
		return "MAC address";
	case SCHEMA_SIZE:
		return "bytes, 512M";
	case SCHEMA_RATE:
		return "bit/s, 20Mbit";
	case SCHEMA_DURATION:
		return "time, 5s";
	default:
		return NULL;
	}
}

static json_t *text_field(const struct schema *s)
{
	json_t *o = json_pack("{s:s}", "type", "string");
	const char *format = format_of(s->type);

	if (s->type == SCHEMA_STRING)
		limit(o, "minLength", "maxLength", s);
	if (s->type == SCHEMA_NAME)
		json_object_set_new(o, "pattern", json_string("^[a-zA-Z0-9][a-zA-Z0-9._-]*$"));
	if (s->type == SCHEMA_MAC)
		json_object_set_new(o, "pattern", json_string("^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"));
	if (s->type == SCHEMA_ENUM)
		json_object_set_new(o, "enum", words(s->words));
	if (format != NULL)
		json_object_set_new(o, "x-format", json_string(format));
	return o;
}

static json_t *field_type(const struct schema *s)
{
	json_t *o;

	switch (s->type) {
	case SCHEMA_MAP:
		return openapi_fields(s->fields);
	case SCHEMA_LIST:
		o = json_pack("{s:s, s:o}", "type", "array", "items", field(s->item));
		limit(o, "minItems", "maxItems", s);
		return o;
	case SCHEMA_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case SCHEMA_INT:
		o = json_pack("{s:s}", "type", "integer");
		limit(o, "minimum", "maximum", s);
		return o;
	default:
		return text_field(s);
	}
}

static json_t *field(const struct schema *s)
{
	json_t *o = field_type(s);

	if (s->help != NULL)
		json_object_set_new(o, "description", json_string(s->help));
	return o;
}

json_t *openapi_fields(const struct schema *fields)
{
	json_t *properties = json_object(), *required = json_array();

	for (const struct schema *s = fields; s->key != NULL; s++) {
		json_object_set_new(properties, s->key, field(s));
		if (s->required)
			json_array_append_new(required, json_string(s->key));
	}
	return object(properties, required);
}
