/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Configs in requests: from a body to a checked tree, and what is wrong with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/config_priv.h"
#include "control/tree_json.h"
#include "control/yaml.h"

#define CONFIG_VALUES 2000000u /* in a JSON body: each takes a multiple of its text */

struct config_service *config_of(struct request *r)
{
	if (r->w->config == NULL)
		reply_error(r, 409, "this instance has no configuration service");
	return r->w->config;
}

/* --- who --- */

void request_who(const struct request *r, struct txn_request *q, char name[static USER_NAME_LEN])
{
	const char *who = r->client != NULL ? r->client : "?";

	q->uid = UINT32_MAX; /* nobody of this machine: a token, a certificate */
	if (strcmp(who, "root") == 0)
		q->uid = 0;
	else if (strncmp(who, "uid ", 4) == 0)
		q->uid = (uint32_t)strtoul(who + 4, NULL, 10);
	if (q->uid != UINT32_MAX)
		user_name(q->uid, name);
	else
		snprintf(name, USER_NAME_LEN, "%s", who);
	q->user = name;
}

/* --- what is wrong --- */

static void put_rendered(struct jw *j, const struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (f != NULL) {
		diag_print(d, f);
		fclose(f);
	}
	jw_text(j, "rendered", text);
	free(text);
}

static void put_entry(struct jw *j, const struct diag *d, const struct diag_entry *e)
{
	jw_open(j, NULL, '{');
	jw_text(j, "file", diag_file(d, e));
	if (e->where[0] != '\0')
		jw_text(j, "pointer", e->where);
	jw_u64(j, "line", e->line);
	jw_u64(j, "column", e->column);
	jw_text(j, "text", e->text);
	jw_text(j, "hint", e->hint[0] != '\0' ? e->hint : NULL);
	jw_close(j, '}');
}

void reply_diag(struct request *r, const char *what, const struct diag *d)
{
	struct jw *j = &r->out;

	r->status = 422;
	jw_reset(j);
	jw_open(j, NULL, '{');
	jw_format(j, "error", "%s has %u error%s; nothing was changed", what, d->total,
		d->total == 1 ? "" : "s");
	jw_open(j, "errors", '[');
	for (unsigned i = 0; i < d->count; i++)
		put_entry(j, d, &d->entry[i]);
	jw_close(j, ']');
	jw_u64(j, "total", d->total);
	put_rendered(j, d);
	jw_close(j, '}');
}

/* --- options --- */

static bool begin(struct request *r, struct upload *u)
{
	*u = (struct upload){.diag = calloc(1, sizeof *u->diag)};
	if (u->diag == NULL)
		reply_error(r, 507, "not enough memory to read the configuration");
	return u->diag != NULL;
}

void upload_free(struct upload *u)
{
	node_free(u->tree);
	config_files_free(&u->files);
	free(u->diag);
	*u = (struct upload){0};
}

static bool set_confirm(struct request *r, struct upload *u, json_int_t seconds)
{
	if (seconds < 1 || seconds > (json_int_t)TXN_CONFIRM_MAX) {
		reply_error(r, 400, "confirm must be 1 to %u seconds", TXN_CONFIRM_MAX);
		return false;
	}
	u->confirm = (uint32_t)seconds;
	return true;
}

static bool set_message(struct request *r, struct upload *u, const char *message)
{
	if (message != NULL && strlen(message) >= STORE_MESSAGE_MAX) {
		reply_error(r, 400, "the message is longer than %d bytes", STORE_MESSAGE_MAX - 1);
		return false;
	}
	u->message = message;
	return true;
}

static bool options_from_query(struct request *r, struct upload *u)
{
	const char *confirm = r->query(r, "confirm");
	char *end = NULL;
	json_int_t seconds = confirm != NULL ? strtoll(confirm, &end, 10) : 0;

	if (confirm != NULL && (end == confirm || *end != '\0'))
		seconds = 0;
	return set_message(r, u, r->query(r, "message")) && (confirm == NULL || set_confirm(r, u, seconds));
}

/* --- trees --- */

/* Checks a tree that was read from JSON. */
static bool check_tree(struct request *r, struct upload *u, struct node *tree, const char *what)
{
	if (tree != NULL && tree->kind == NODE_MAP && schema_check(tree, u->diag) == 0) {
		u->tree = tree;
		return true;
	}
	if (tree != NULL && tree->kind != NODE_MAP)
		diag_add(u->diag, 0, 0, NULL, "the config must be an object");
	node_free(tree);
	reply_diag(r, what, u->diag);
	return false;
}

static bool take_json(struct request *r, struct upload *u, const json_t *config)
{
	snprintf(u->source, sizeof u->source, "%s %s", r->endpoint->method, r->endpoint->path);
	*u->diag = (struct diag){.file = "body"};
	return check_tree(r, u, tree_from_json(config, u->diag), "the configuration");
}

static bool take_files(struct request *r, struct upload *u)
{
	snprintf(u->source, sizeof u->source, "%s", u->files.count != 0 ? u->files.item[0].file : "");
	u->tree = config_parse(&u->files, u->diag);
	if (u->tree == NULL)
		reply_diag(r, u->source, u->diag);
	return u->tree != NULL;
}

/* --- bodies --- */

static bool is_yaml(const struct request *r)
{
	const char *type = r->header(r, "Content-Type");

	return type != NULL && strstr(type, "yaml") != NULL;
}

bool upload_document(struct request *r, struct upload *u)
{
	if (!begin(r, u) || !options_from_query(r, u))
		return false;
	if (!is_yaml(r))
		return request_parse(r, r->text, r->text_len, CONFIG_DEPTH_MAX, CONFIG_VALUES) &&
		       take_json(r, u, r->body);
	if (config_files_add(&u->files, "body", r->text, r->text_len) != 0) {
		reply_error(r, 507, "not enough memory to read the configuration");
		return false;
	}
	return take_files(r, u);
}

bool upload_patch(struct request *r, struct upload *u)
{
	json_t *now, *next;
	bool ok;

	if (!begin(r, u) || !options_from_query(r, u) ||
		!request_parse(r, r->text, r->text_len, CONFIG_DEPTH_MAX, CONFIG_VALUES))
		return false;
	now = json_from_tree(txn_running(config_service_txn(r->w->config)));
	next = now != NULL ? json_merge_patch(now, r->body) : NULL;
	json_decref(now);
	if (next == NULL) {
		reply_error(r, 507, "not enough memory to patch the configuration");
		return false;
	}
	ok = take_json(r, u, next);
	json_decref(next);
	return ok;
}

static bool add_file(struct request *r, struct upload *u, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "name"));
	const json_t *text = json_object_get(o, "text");

	if (name == NULL || name[0] == '\0' || !json_is_string(text) || json_object_size(o) != 2) {
		reply_error(r, 400, "each of 'files' must be {\"name\": NAME, \"text\": TEXT}");
		return false;
	}
	if (config_files_add(&u->files, name, json_string_value(text), json_string_length(text)) == 0)
		return true;
	reply_error(r, 507, "not enough memory to read the configuration");
	return false;
}

static bool take_sent_files(struct request *r, struct upload *u, const json_t *list)
{
	size_t i, bytes = 0;
	json_t *o;

	if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > CONFIG_FILES_MAX) {
		reply_error(r, 400, "'files' must be a list of 1 to %d files", CONFIG_FILES_MAX);
		return false;
	}
	json_array_foreach(list, i, o)
	{
		if (!add_file(r, u, o))
			return false;
		bytes += u->files.item[i].len;
	}
	if (bytes <= CONFIG_BYTES_MAX)
		return take_files(r, u);
	reply_error(r, 413, "the files have %zu bytes, more than the limit of %u", bytes, CONFIG_BYTES_MAX);
	return false;
}

/* The daemon opens the file with its own rights, so only who has them may ask for that. */
static bool take_path(struct request *r, struct upload *u, const char *path)
{
	struct txn_request who = {0};
	char name[USER_NAME_LEN];

	request_who(r, &who, name);
	if (who.uid != 0 && who.uid != geteuid()) {
		reply_error(r, 403, "only root may name a file that the daemon opens; send 'files' instead");
		return false;
	}
	if (path == NULL || path[0] != '/') {
		reply_error(r, 400, "'path' must be the absolute path of a file");
		return false;
	}
	if (config_files_read(path, &u->files, u->diag) == 0)
		return take_files(r, u);
	reply_diag(r, path, u->diag);
	return false;
}

static bool check_members(struct request *r)
{
	static const char *const known[] = {"files", "path", "config", "confirm", "message", "on", NULL};
	const char *key;
	json_t *v;

	json_object_foreach(r->body, key, v)
	{
		unsigned i = 0;
		const char *near = diag_nearest(key, known);

		while (known[i] != NULL && strcmp(known[i], key) != 0)
			i++;
		if (known[i] != NULL)
			continue;
		reply_error(r, 400, "unknown key '%.64s'%s%s%s", key, near != NULL ? "; did you mean '" : "",
			near != NULL ? near : "", near != NULL ? "'?" : "");
		return false;
	}
	return true;
}

static bool options_from_body(struct request *r, struct upload *u)
{
	const json_t *confirm = json_object_get(r->body, "confirm");
	const json_t *message = json_object_get(r->body, "message");
	const json_t *on = json_object_get(r->body, "on");

	if (on != NULL && (json_integer_value(on) < 1 || json_integer_value(on) > UINT32_MAX)) {
		reply_error(r, 400, "'on' must be the number of a configuration");
		return false;
	}
	u->on = (uint32_t)json_integer_value(on);
	if (message != NULL && !json_is_string(message)) {
		reply_error(r, 400, "'message' must be text");
		return false;
	}
	return set_message(r, u, json_string_value(message)) &&
	       (confirm == NULL || set_confirm(r, u, json_integer_value(confirm)));
}

bool upload_request(struct request *r, struct upload *u)
{
	const json_t *files, *path, *config;

	if (!begin(r, u) || !request_parse(r, r->text, r->text_len, CONFIG_DEPTH_MAX, CONFIG_VALUES))
		return false;
	files = json_object_get(r->body, "files");
	path = json_object_get(r->body, "path");
	config = json_object_get(r->body, "config");
	if (!check_members(r) || !options_from_body(r, u))
		return false;
	if ((files != NULL) + (path != NULL) + (config != NULL) != 1) {
		reply_error(r, 400,
			"the body must have one of 'files' (name and text of each), 'config' (an object) or "
			"'path' (a file the daemon reads)");
		return false;
	}
	if (files != NULL)
		return take_sent_files(r, u, files);
	return path != NULL ? take_path(r, u, json_string_value(path)) : take_json(r, u, config);
}

json_t *upload_schema(void)
{
	return json_pack(
		"{s:s,s:{s:{s:s,s:i,s:i,s:{s:s,s:{s:{s:s,s:i},s:{s:s}},s:[s,s],s:b}},s:{s:s,s:s},s:{s:s},"
		"s:{s:s,s:i,s:i},s:{s:s,s:i},s:{s:s,s:i,s:I}},s:[{s:[s]},{s:[s]},{s:[s]}],s:b}",
		"type", "object", "properties", "files", "type", "array", "minItems", 1, "maxItems",
		CONFIG_FILES_MAX, "items", "type", "object", "properties", "name", "type", "string",
		"minLength", 1, "text", "type", "string", "required", "name", "text", "additionalProperties",
		0, "path", "type", "string", "pattern", "^/", "config", "$ref", "#/components/schemas/config",
		"confirm", "type", "integer", "minimum", 1, "maximum", (int)TXN_CONFIRM_MAX, "message",
		"type", "string", "maxLength", STORE_MESSAGE_MAX - 1, "on", "type", "integer", "minimum", 1,
		"maximum", (json_int_t)UINT32_MAX, "oneOf", "required", "files", "required", "config",
		"required", "path", "additionalProperties", 0);
}

json_t *config_schema(void)
{
	return json_pack("{s:s}", "$ref", "#/components/schemas/config");
}

json_t *patch_schema(void)
{
	return json_pack("{s:s,s:s}", "type", "object", "description",
		"What differs, as a JSON merge patch (RFC 7396): null removes; a list is replaced as a "
		"whole.");
}

static const struct doc mistake_docs[] = {
	{"file", DOC_TEXT, "The file, or 'body'."},
	{"pointer", DOC_TEXT, "JSON pointer, in a body that is JSON.", .flags = DOC_OPTIONAL},
	{"line", DOC_U64, "From 1; 0: not in the text."},
	{"column", DOC_U64, "From 1, in characters."},
	{"text", DOC_TEXT, "What is wrong."},
	{"hint", DOC_TEXT, "What may have been meant.", .flags = DOC_NULL},
	{0},
};
const struct doc invalid_docs[] = {
	{"error", DOC_TEXT, "One sentence."},
	{"errors", DOC_LIST, "The first twenty mistakes.", mistake_docs},
	{"total", DOC_U64, "How many there are."},
	{"rendered", DOC_TEXT, "All of it as text for people, with carets."},
	{0},
};
