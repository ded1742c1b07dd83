/* SPDX-License-Identifier: BSD-3-Clause
 *
 * OpenAPI 3.1 of this API, made from the rows of the endpoint table, their documents and their body tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "api/config_priv.h"
#include "api/event_docs.h"
#include "api/openapi.h"
#include "control/schema_json.h"

/* --- parts of one operation --- */

static json_t *content(const char *type, json_t *schema)
{
	return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *answer(const char *help, json_t *body)
{
	json_t *o = json_pack("{s:s}", "description", help);

	if (body != NULL)
		json_object_set_new(o, "content", body);
	return o;
}

static json_t *reply_content(const struct endpoint *p)
{
	if ((p->flags & ENDPOINT_STREAM) != 0)
		return content("text/event-stream", json_pack("{s:s}", "type", "string"));
	if ((p->flags & ENDPOINT_TEXT) != 0)
		return content("text/plain", json_pack("{s:s}", "type", "string"));
	if (p->reply_json != NULL)
		return content("application/json", p->reply_json());
	return content("application/json",
		p->reply != NULL ? openapi_doc(p->reply) : json_pack("{s:s}", "type", "object"));
}

/* YAML beside the JSON that `media` has. */
static json_t *also_yaml(json_t *media)
{
	json_object_set_new(media, "application/yaml",
		json_pack("{s:{s:s,s:s}}", "schema", "type", "string", "description", "The same as YAML."));
	return media;
}

static void refer(json_t *replies, const char *status, const char *name)
{
	json_object_set_new(
		replies, status, json_pack("{s:o}", "$ref", json_sprintf("#/components/responses/%s", name)));
}

static json_t *replies(const struct endpoint *p)
{
	const bool yaml = (p->flags & ENDPOINT_YAML) != 0 && strcmp(p->method, "GET") == 0;
	json_t *o = json_object(), *media = reply_content(p);

	json_object_set_new(o, "200", answer("What was asked for.", yaml ? also_yaml(media) : media));
	if ((p->flags & ENDPOINT_RAW) != 0)
		refer(o, "422", "invalid");
	if (endpoint_changes(p))
		refer(o, "412", "changed");
	if ((p->flags & ENDPOINT_MATCH) != 0)
		refer(o, "428", "unread");
	refer(o, "default", "error");
	return o;
}

static json_t *parameter(
	const char *name, const char *where, bool required, const char *help, const char *pattern)
{
	json_t *o = json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", where, "required",
		required, "description", help, "schema", "type", "string");

	if (pattern != NULL)
		json_object_set_new(json_object_get(o, "schema"), "pattern", json_string(pattern));
	return o;
}

static json_t *parameters(const struct endpoint *p)
{
	json_t *list = json_array();
	const char *hole = strchr(p->path, '{');
	char name[32];

	if (hole != NULL) {
		snprintf(name, sizeof name, "%.*s", (int)strcspn(hole + 1, "}"), hole + 1);
		json_array_append_new(list, parameter(name, "path", true, "Which one.", NULL));
	}
	for (const struct param *q = p->params; q != NULL && q->name != NULL; q++)
		json_array_append_new(list, parameter(q->name, "query", false, q->help, q->pattern));
	if (endpoint_changes(p))
		json_array_append_new(list,
			parameter("If-Match", "header", (p->flags & ENDPOINT_MATCH) != 0,
				"ETag of /v1/config as it was read: refused with 412 when anybody changed "
				"anything since.",
				NULL));
	return list;
}

static json_t *request_body(const struct endpoint *p)
{
	json_t *schema = p->body_json != NULL ? p->body_json() : openapi_fields(p->body);

	json_t *media = content("application/json", schema);

	return json_pack("{s:b, s:o}", "required", (p->flags & ENDPOINT_BARE) == 0, "content",
		(p->flags & ENDPOINT_YAML) != 0 ? also_yaml(media) : media);
}

/* get_v1_routes */
static json_t *operation_id(const struct endpoint *p)
{
	char text[160];

	snprintf(text, sizeof text, "%s%s", p->method, p->path);
	for (char *c = text; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
		else if (strchr("/{}-.", *c) != NULL)
			*c = '_';
	}
	return json_string(text);
}

static json_t *operation(const struct endpoint *p)
{
	const bool get = strcmp(p->method, "GET") == 0;
	const char *role = get || (p->flags & ENDPOINT_READS) != 0 ? "ro" : "rw";
	json_t *o = json_pack("{s:s, s:o, s:s, s:o}", "summary", p->help, "operationId", operation_id(p),
		"x-role", role, "responses", replies(p));
	json_t *params = parameters(p);

	if (json_array_size(params) != 0)
		json_object_set(o, "parameters", params);
	json_decref(params);
	if (p->body != NULL || p->body_json != NULL)
		json_object_set_new(o, "requestBody", request_body(p));
	return o;
}

/* --- the whole --- */

static json_t *paths(void)
{
	unsigned count;
	const struct endpoint *const *list = endpoints_all(&count);
	json_t *o = json_object();

	for (unsigned i = 0; i < count; i++) {
		json_t *item = json_object_get(o, list[i]->path);
		char method[16];
		unsigned k;

		if (item == NULL) {
			item = json_object();
			json_object_set_new(o, list[i]->path, item);
		}
		for (k = 0; list[i]->method[k] != '\0' && k + 1 < sizeof method; k++)
			method[k] = (char)(list[i]->method[k] - 'A' + 'a');
		method[k] = '\0';
		json_object_set_new(item, method, operation(list[i]));
	}
	return o;
}

static json_t *events(void)
{
	json_t *o = json_object();

	for (const struct event_doc *e = event_docs; e->type != NULL; e++) {
		json_t *schema = openapi_doc(e->fields), *p = json_object_get(schema, "properties");
		json_t *needed = json_object_get(schema, "required");

		json_object_set_new(p, "id", json_pack("{s:s, s:i}", "type", "integer", "minimum", 1));
		json_object_set_new(
			p, "time", json_pack("{s:s, s:s}", "type", "string", "format", "date-time"));
		json_object_set_new(p, "type", json_pack("{s:s}", "const", e->type));
		json_array_append_new(needed, json_string("id"));
		json_array_append_new(needed, json_string("time"));
		json_array_append_new(needed, json_string("type"));
		json_object_set_new(schema, "description", json_string(e->help));
		json_object_set_new(o, e->type, schema);
	}
	json_object_set_new(o, lagged_doc.type, openapi_doc(lagged_doc.fields));
	return o;
}

static json_t *refusal(const char *help, const char *schema)
{
	return answer(
		help, content("application/json",
			      json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema))));
}

static json_t *refusals(void)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "error",
		refusal("It was refused; the status says why, and nothing was changed.", "error"), "changed",
		refusal("If-Match names what does not run any more: somebody was faster. Nothing was "
			"changed; "
			"read it again.",
			"error"),
		"unread",
		refusal("If-Match is missing. Nothing was changed; GET it and send its ETag.", "error"),
		"invalid",
		refusal("The configuration has mistakes, each with its place. Nothing was changed.",
			"invalid"));
}

/* With an id of its own, against which its references are resolved. */
static json_t *whole_config(void)
{
	json_t *o = schema_json();

	json_object_set_new(o, "$id", json_string("config.schema.json"));
	return o;
}

static json_t *components(void)
{
	json_t *error = json_pack("{s:s, s:{s:{s:s,s:s}}, s:[s]}", "type", "object", "properties", "error",
		"type", "string", "description", "One sentence: what, where, why, what to do.", "required",
		"error");

	return json_pack("{s:{s:o, s:o, s:o, s:o}, s:o, s:{s:{s:s,s:s,s:s}, s:{s:s}}}", "schemas", "error",
		error, "invalid", openapi_doc(invalid_docs), "config", whole_config(), "event",
		json_pack("{s:o}", "x-types", events()), "responses", refusals(), "securitySchemes", "token",
		"type", "http", "scheme", "bearer", "description",
		"On TCP ports; the Unix socket knows its users.", "certificate", "type", "mutualTLS");
}

json_t *openapi(void)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:[{s:s}], s:o, s:o, s:[{s:[]}, {s:[]}]}",
		"openapi", "3.1.0", "info", "title", "weir", "version", WEIR_VERSION, "description",
		"State and configuration of a running weir. Streams are server-sent events; what their data "
		"holds is in components/schemas/event.",
		"license", "name", "BSD-3-Clause", "servers", "url", "/", "paths", paths(), "components",
		components(), "security", "token", "certificate");
}

/* --- the endpoint: made once, as it never changes --- */

static char *text;
static char version[33];

static bool make(void)
{
	json_t *doc = text == NULL ? openapi() : NULL;
	uint8_t hash[32];

	if (text != NULL)
		return true;
	text = doc != NULL ? json_dumps(doc, JSON_INDENT(1)) : NULL;
	json_decref(doc);
	if (text == NULL || gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), hash) != 0)
		return false;
	for (unsigned i = 0; i < 16; i++)
		sprintf(version + 2 * i, "%02x", hash[i]);
	return true;
}

static void show_openapi(struct request *r)
{
	if (!make()) {
		reply_error(r, 507, "not enough memory to describe the API");
		return;
	}
	jw_raw(&r->out, text, strlen(text));
	reply_etag(r, version);
}

__attribute__((destructor)) static void forget(void)
{
	free(text);
	text = NULL;
}

static const struct endpoint endpoints[] = {
	{"GET", "/v1/openapi.json", "This description.", show_openapi},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
