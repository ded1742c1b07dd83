/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Changing the configuration: plan, apply, confirm, rollback, save.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config_priv.h"

/* --- plan --- */

/* A line of one bill beside the same line of the other. */
static uint64_t bytes_of(const struct bill *b, const char *what)
{
	for (unsigned i = 0; i < b->lines; i++)
		if (strcmp(b->line[i].what, what) == 0)
			return b->line[i].bytes;
	return 0;
}

static void put_memory(struct jw *j, const struct config_plan *p)
{
	jw_open(j, "memory", '{');
	jw_u64(j, "before_bytes", p->before.total);
	jw_u64(j, "after_bytes", p->after.total);
	jw_u64(j, "limit_bytes", p->limit);
	jw_open(j, "lines", '[');
	for (unsigned i = 0; i < p->after.lines; i++) {
		jw_open(j, NULL, '{');
		jw_text(j, "what", p->after.line[i].what);
		jw_u64(j, "count", p->after.line[i].count);
		jw_u64(j, "before_bytes", bytes_of(&p->before, p->after.line[i].what));
		jw_u64(j, "after_bytes", p->after.line[i].bytes);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_close(j, '}');
}

static void put_effects(struct jw *j, const char *key, const struct config_diff *d, enum schema_effect effect)
{
	jw_open(j, key, '[');
	for (unsigned i = 0; i < d->count; i++)
		if (d->item[i].effect == effect)
			jw_text(j, NULL, d->item[i].path);
	jw_close(j, ']');
}

static void put_plan(struct request *r, const struct config_plan *p)
{
	struct jw *j = &r->out;
	char version[CONFIG_VERSION_LEN];

	config_service_version(r->w->config, version);
	jw_open(j, NULL, '{');
	jw_u64(j, "running", txn_id(config_service_txn(r->w->config)));
	jw_text(j, "version", version);
	put_changes(j, &p->diff);
	put_memory(j, p);
	put_effects(j, "port_restarts", &p->diff, EFFECT_PORT);
	put_effects(j, "restart", &p->diff, EFFECT_RESTART);
	jw_text(j, "refusal", p->refusal[0] != '\0' ? p->refusal : NULL);
	jw_close(j, '}');
}

static void config_plan(struct request *r)
{
	struct upload u = {0};
	struct config_plan *p = calloc(1, sizeof *p);

	if (config_of(r) != NULL && upload_request(r, &u)) {
		if (p == NULL || config_service_plan(r->w->config, u.tree, p) != 0)
			reply_error(r, 507, "not enough memory to compare the configurations");
		else
			put_plan(r, p);
	}
	if (p != NULL)
		config_plan_free(p);
	free(p);
	upload_free(&u);
}

/* --- apply --- */

static void put_applied(struct request *r, const struct config_diff *d)
{
	struct txn *t = config_service_txn(r->w->config);
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_bool(j, "ok", true);
	jw_u64(j, "id", txn_id(t));
	jw_u64(j, "confirm_within", txn_waiting(t));
	put_changes(j, d);
	jw_close(j, '}');
}

static void apply(struct request *r, struct upload *u)
{
	struct txn_request q = {
		.message = u->message, .source = u->source, .confirm_within = u->confirm, .if_match = u->on};
	struct config_diff done = {0};
	struct err e = {0};
	char name[USER_NAME_LEN];

	request_who(r, &q, name);
	if (config_service_apply(r->w->config, u->tree, &q, &done, &e) != 0) {
		reply_err(r, &e);
		return;
	}
	u->tree = NULL; /* it runs now */
	put_applied(r, &done);
	config_diff_free(&done);
}

static void config_apply(struct request *r)
{
	struct upload u = {0};

	if (config_of(r) != NULL && upload_request(r, &u))
		apply(r, &u);
	upload_free(&u);
}

static void config_put(struct request *r)
{
	struct upload u = {0};

	if (config_of(r) != NULL && upload_document(r, &u))
		apply(r, &u);
	upload_free(&u);
}

static void config_patch(struct request *r)
{
	struct upload u = {0};

	if (config_of(r) != NULL && upload_patch(r, &u))
		apply(r, &u);
	upload_free(&u);
}

/* --- afterwards --- */

static void put_state(struct request *r)
{
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_bool(j, "ok", true);
	jw_u64(j, "id", txn_id(config_service_txn(r->w->config)));
	jw_close(j, '}');
}

static void config_confirm(struct request *r)
{
	struct config_service *c = config_of(r);
	struct txn_request q = {0};
	struct err e = {0};
	char name[USER_NAME_LEN];

	if (c == NULL)
		return;
	request_who(r, &q, name);
	if (txn_confirm(config_service_txn(c), &q, &e) != 0)
		reply_err(r, &e);
	else
		put_state(r);
}

static void config_rollback(struct request *r)
{
	struct config_service *c = config_of(r);
	struct txn_request q = {.message = json_string_value(json_object_get(r->body, "message")),
		.source = r->endpoint->path,
		.if_match = (uint32_t)json_integer_value(json_object_get(r->body, "on"))};
	struct config_diff done = {0};
	struct err e = {0};
	char name[USER_NAME_LEN];

	if (c == NULL)
		return;
	request_who(r, &q, name);
	if (txn_rollback(config_service_txn(c),
		    (unsigned)json_integer_value(json_object_get(r->body, "steps")),
		    (uint32_t)json_integer_value(json_object_get(r->body, "id")), &q, &done, &e) != 0)
		reply_err(r, &e);
	else
		put_applied(r, &done);
	config_diff_free(&done);
}

static void config_save(struct request *r)
{
	struct config_service *c = config_of(r);
	struct txn_request q = {.message = json_string_value(json_object_get(r->body, "message"))};
	char name[USER_NAME_LEN], path[4200] = "";
	struct err e = {0};
	unsigned saved = 0;

	if (c == NULL)
		return;
	request_who(r, &q, name);
	if (config_service_save(c, &q, path, sizeof path, &saved, &e) != 0) {
		reply_err(r, &e);
		return;
	}
	jw_open(&r->out, NULL, '{');
	jw_bool(&r->out, "ok", true);
	jw_u64(&r->out, "id", txn_id(config_service_txn(c)));
	jw_text(&r->out, "path", path);
	jw_u64(&r->out, "saved", saved);
	jw_close(&r->out, '}');
}

/* --- the table --- */

static const struct schema message_field[] = {
	{.key = "message",
		.type = SCHEMA_STRING,
		.max = STORE_MESSAGE_MAX - 1,
		.help = "Why, for the history."},
	{0},
};
static const struct schema rollback_fields[] = {
	{.key = "steps",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 1000,
		.help = "Confirmed configurations to go back; 1 by default. The one that waits counts as "
			"one."},
	{.key = "id",
		.type = SCHEMA_INT,
		.min = 1,
		.max = UINT32_MAX,
		.help = "Number in the history instead."},
	{.key = "on",
		.type = SCHEMA_INT,
		.min = 1,
		.max = UINT32_MAX,
		.help = "Number of the configuration that must run; otherwise it is refused with 412."},
	{.key = "message",
		.type = SCHEMA_STRING,
		.max = STORE_MESSAGE_MAX - 1,
		.help = "Why, for the history."},
	{0},
};
static const struct doc state_docs[] = {
	{"ok", DOC_BOOL, "Always true: what went wrong is an error."},
	{"id", DOC_U64, "Number of the running configuration."},
	{0},
};
static const struct doc save_docs[] = {
	{"ok", DOC_BOOL, "Always true: what went wrong is an error."},
	{"id", DOC_U64, "Number of the running configuration."},
	{"path", DOC_TEXT, "File that was written, or removed when nothing is left for it."},
	{"saved", DOC_U64, "Objects in it."},
	{0},
};
static const struct doc applied_docs[] = {
	{"ok", DOC_BOOL, "Always true: what went wrong is an error."},
	{"id", DOC_U64, "Number of the running configuration."},
	{"confirm_within", DOC_U64, "Seconds left to confirm it; 0: it needs no confirmation."},
	CHANGES_DOCS,
	{0},
};
static const struct doc line_docs[] = {
	{"what", DOC_TEXT, "What it is for."},
	{"count", DOC_U64, "How many."},
	{"before_bytes", DOC_U64, "With what runs."},
	{"after_bytes", DOC_U64, "With the new configuration."},
	{0},
};
static const struct doc memory_docs[] = {
	{"before_bytes", DOC_U64, "Most that tables and buffers take now."},
	{"after_bytes", DOC_U64, "Most that they would take."},
	{"limit_bytes", DOC_U64, "Most that they may take; 0: not known."},
	{"lines", DOC_LIST, "The same by purpose.", line_docs},
	{0},
};
static const struct doc plan_docs[] = {
	{"running", DOC_U64, "Number of the running configuration."},
	{"version", DOC_TEXT, "ETag of what runs, with what was changed by hand: If-Match of an apply."},
	CHANGES_DOCS,
	{"memory", DOC_OBJECT, "Memory bill.", memory_docs},
	{"port_restarts", DOC_TEXTS, "Changes that stop and start a port."},
	{"restart", DOC_TEXTS, "Changes that need a restart of weir: apply refuses them."},
	{"refusal", DOC_TEXT, "Why apply would refuse it; null: it would not.", .flags = DOC_NULL},
	{0},
};
static const struct param apply_params[] = {
	{"confirm", "Seconds to confirm it within; otherwise it is taken back.", "^[0-9]+$"},
	{"message", "Why, for the history.", NULL},
	{0},
};

static const struct endpoint endpoints[] = {
	{"POST", "/v1/config/plan", "What an apply would change, and the memory it takes; changes nothing.",
		config_plan, .reply = plan_docs, .body_json = upload_schema,
		.flags = ENDPOINT_RAW | ENDPOINT_READS},
	{"POST", "/v1/config/apply", "Applies a configuration, all or nothing.", config_apply,
		.reply = applied_docs, .body_json = upload_schema, .flags = ENDPOINT_RAW | ENDPOINT_CONFIG},
	{"PUT", "/v1/config", "Replaces the configuration by the body, JSON or YAML; needs If-Match.",
		config_put, apply_params, .reply = applied_docs, .body_json = config_schema,
		.flags = ENDPOINT_RAW | ENDPOINT_CONFIG | ENDPOINT_MATCH | ENDPOINT_YAML},
	{"PATCH", "/v1/config", "Changes the configuration by a JSON merge patch; needs If-Match.",
		config_patch, apply_params, .reply = applied_docs, .body_json = patch_schema,
		.flags = ENDPOINT_RAW | ENDPOINT_CONFIG | ENDPOINT_MATCH},
	{"POST", "/v1/config/confirm", "Keeps the configuration that waits for confirmation.", config_confirm,
		.reply = state_docs, .flags = ENDPOINT_CONFIG},
	{"POST", "/v1/config/rollback", "Takes back what waits, or applies an earlier configuration.",
		config_rollback, .body = rollback_fields, .reply = applied_docs,
		.flags = ENDPOINT_CONFIG | ENDPOINT_BARE},
	{"POST", "/v1/config/save", "Writes what the startup files lack beside them.", config_save,
		.body = message_field, .reply = save_docs, .flags = ENDPOINT_BARE},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
