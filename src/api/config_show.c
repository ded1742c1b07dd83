/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading configurations: what runs, what the files say, the history, differences.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/config_priv.h"
#include "control/tree_print.h"

/* --- parts of documents --- */

static const char *const effect_words[] = {"live", "port-restart", "restart", NULL};
static const char *const op_words[] = {"added", "changed", "removed", NULL};

const struct doc change_docs[] = {
	{"op", DOC_TEXT, "What happens.", .words = op_words},
	{"path", DOC_TEXT, "Where: section, name, key."},
	{"before", DOC_TEXT, "As YAML on one line.", .flags = DOC_NULL},
	{"after", DOC_TEXT, "As YAML on one line.", .flags = DOC_NULL},
	{"effect", DOC_TEXT, "What it takes besides a commit.", .words = effect_words},
	{"text", DOC_TEXT, "The same as a sentence."},
	{0},
};

static void put_change(struct jw *j, const struct diff_change *c)
{
	char text[1024];

	diff_sentence(c, text, sizeof text);
	jw_open(j, NULL, '{');
	jw_text(j, "op", diff_op_words[c->op]);
	jw_text(j, "path", c->path);
	jw_text(j, "before", c->before);
	jw_text(j, "after", c->after);
	jw_text(j, "effect", effect_words[c->effect]);
	jw_text(j, "text", text);
	jw_close(j, '}');
}

void put_changes(struct jw *j, const struct config_diff *d)
{
	jw_u64(j, "added", d->total[DIFF_ADD]);
	jw_u64(j, "changed", d->total[DIFF_CHANGE]);
	jw_u64(j, "removed", d->total[DIFF_REMOVE]);
	jw_open(j, "changes", '[');
	for (unsigned i = 0; i < d->count; i++)
		put_change(j, &d->item[i]);
	jw_close(j, ']');
	jw_u64(j, "unlisted", config_diff_total(d) - d->count);
}

/* --- documents --- */

static bool wants_yaml(struct request *r, bool *yaml)
{
	const char *format = r->query(r, "format");

	*yaml = format != NULL && strcmp(format, "yaml") == 0;
	if (format == NULL || *yaml || strcmp(format, "json") == 0)
		return true;
	reply_error(r, 400, "format must be json or yaml, not '%.32s'", format);
	return false;
}

static void put_tree(struct request *r, const struct node *tree, bool yaml)
{
	size_t len = 0;
	char *text = yaml ? tree_yaml(tree, &len) : tree_json(tree, &len);

	if (text == NULL) {
		reply_error(r, 507, "not enough memory for the configuration");
		return;
	}
	if (yaml)
		r->type = "application/yaml";
	jw_raw(&r->out, text, len);
	free(text);
}

static void show_running(struct request *r, bool yaml)
{
	struct config_service *c = r->w->config;
	struct node *own;
	const struct node *tree = config_service_effective(c, &own);
	char version[CONFIG_VERSION_LEN];

	if (tree == NULL) {
		reply_error(r, 507, "not enough memory for the configuration");
		return;
	}
	put_tree(r, tree, yaml);
	node_free(own);
	config_service_version(c, version);
	reply_etag(r, version);
}

/* Without what was changed by hand: its version does not say what runs. */
static void show_applied(struct request *r, bool yaml)
{
	const struct txn *t = config_service_txn(r->w->config);
	char version[32];

	put_tree(r, txn_running(t), yaml);
	snprintf(version, sizeof version, "%" PRIu32 API_ETAG_APPLIED, txn_id(t));
	reply_etag(r, version);
}

static void show_startup(struct request *r, bool yaml)
{
	struct config_files f;
	struct diag *d = calloc(1, sizeof *d);
	struct node *tree = d != NULL ? config_service_startup(r->w->config, &f, d) : NULL;

	if (tree != NULL)
		put_tree(r, tree, yaml);
	else if (d != NULL)
		reply_diag(r, "the startup configuration", d);
	else
		reply_error(r, 507, "not enough memory for the configuration");
	node_free(tree);
	if (d != NULL)
		config_files_free(&f);
	free(d);
}

/* A number of the history; 0 after a reply. */
static uint32_t read_id(struct request *r, const char *text)
{
	char *end;
	unsigned long id = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && *end == '\0' && id != 0 && id <= UINT32_MAX)
		return (uint32_t)id;
	reply_error(r, 400, "'%.32s' is not the number of a configuration", text);
	return 0;
}

static void show_old(struct request *r, uint32_t id, bool yaml)
{
	struct err e = {0};
	struct node *tree = txn_recall(config_service_txn(r->w->config), id, &e);

	if (tree != NULL)
		put_tree(r, tree, yaml);
	else
		reply_err(r, &e);
	node_free(tree);
}

static void config_get(struct request *r)
{
	const char *source = r->query(r, "source");
	bool yaml;
	uint32_t id;

	if (config_of(r) == NULL || !wants_yaml(r, &yaml))
		return;
	if (source == NULL || strcmp(source, "running") == 0)
		show_running(r, yaml);
	else if (strcmp(source, "applied") == 0)
		show_applied(r, yaml);
	else if (strcmp(source, "startup") == 0)
		show_startup(r, yaml);
	else if ((id = read_id(r, source)) != 0)
		show_old(r, id, yaml);
}

/* --- differences --- */

static void config_diff(struct request *r)
{
	struct config_service *c = config_of(r);
	struct config_files f = {0};
	struct diag *d = calloc(1, sizeof *d);
	struct node *startup = c != NULL && d != NULL ? config_service_startup(c, &f, d) : NULL, *own = NULL;
	const struct node *running = startup != NULL ? config_service_effective(c, &own) : NULL;
	struct config_diff x;

	if (startup == NULL && d != NULL && c != NULL) {
		reply_diag(r, "the startup configuration", d);
	} else if (running == NULL || config_diff_make(&x, startup, running) != 0) {
		if (r->status == 0)
			reply_error(r, 507, "not enough memory to compare the configurations");
	} else {
		jw_open(&r->out, NULL, '{');
		jw_bool(&r->out, "different", config_diff_total(&x) != 0);
		put_changes(&r->out, &x);
		jw_close(&r->out, '}');
		config_diff_free(&x);
	}
	node_free(startup);
	node_free(own);
	config_files_free(&f);
	free(d);
}

/* --- history --- */

static void put_entry(struct jw *j, const struct txn *t, const struct store_entry *n, unsigned back)
{
	jw_u64(j, "id", n->id);
	jw_text(j, "state", store_state_words[n->state]);
	jw_bool(j, "running", n->id == txn_id(t));
	if (n->state == STORE_CONFIRMED && n->id < txn_id(t))
		jw_u64(j, "back", back);
	else
		jw_text(j, "back", NULL);
	jw_u64(j, "time", (uint64_t)n->time);
	if (n->uid != UINT32_MAX)
		jw_u64(j, "uid", n->uid);
	else
		jw_text(j, "uid", NULL);
	jw_text(j, "user", n->user);
	jw_text(j, "message", n->message);
	jw_text(j, "source", n->source);
	jw_text(j, "summary", n->summary);
	jw_u64(j, "bytes", n->size);
}

static void config_history(struct request *r)
{
	struct config_service *c = config_of(r);
	const struct txn *t = c != NULL ? config_service_txn(c) : NULL;
	const struct store *s = t != NULL ? txn_store(t) : NULL;
	const struct store_entry *n;
	struct jw *j = &r->out;
	char version[CONFIG_VERSION_LEN];
	unsigned back = 0;

	if (c == NULL)
		return;
	config_service_version(c, version);
	jw_open(j, NULL, '{');
	jw_u64(j, "running", txn_id(t));
	jw_text(j, "version", version);
	jw_u64(j, "confirm_within", txn_waiting(t));
	jw_text(j, "directory", store_directory(s));
	jw_text(j, "startup", config_service_path(c));
	jw_open(j, "entries", '[');
	for (unsigned i = 0; (n = store_at(s, i)) != NULL; i++) {
		back += n->state == STORE_CONFIRMED && n->id < txn_id(t);
		jw_open(j, NULL, '{');
		put_entry(j, t, n, back);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_close(j, '}');
}

/* The confirmed entry before one, which is what it was applied on; NULL if there is none. */
static const struct store_entry *before(const struct store *s, uint32_t id)
{
	const struct store_entry *n;

	for (unsigned i = 0; (n = store_at(s, i)) != NULL; i++)
		if (n->id < id && n->state == STORE_CONFIRMED)
			return n;
	return NULL;
}

static void put_old_changes(struct request *r, struct txn *t, uint32_t id)
{
	const struct store_entry *was = before(txn_store(t), id);
	struct err e = {0};
	struct node *now = txn_recall(t, id, &e), *then = was != NULL ? txn_recall(t, was->id, &e) : NULL;
	struct config_diff d = {0};

	if (e.code != 0)
		reply_err(r, &e);
	else if (config_diff_make(&d, then, now) != 0)
		reply_error(r, 507, "not enough memory to compare the configurations");
	else
		put_changes(&r->out, &d);
	config_diff_free(&d);
	node_free(now);
	node_free(then);
}

static void config_history_one(struct request *r)
{
	struct config_service *c = config_of(r);
	uint32_t id = c != NULL ? read_id(r, r->name) : 0;
	struct txn *t = id != 0 ? config_service_txn(c) : NULL;
	const struct store_entry *n = t != NULL ? store_find(txn_store(t), id) : NULL;

	if (t == NULL)
		return;
	if (n == NULL) {
		reply_error(r, 404, "there is no configuration %" PRIu32 " in the history", id);
		return;
	}
	jw_open(&r->out, NULL, '{');
	put_entry(&r->out, t, n, 0);
	put_old_changes(r, t, id);
	if (r->status == 0)
		jw_close(&r->out, '}');
}

static const char *const state_words[] = {"confirmed", "pending", "undone", NULL};

#define ENTRY_DOCS                                                                                           \
	{"id", DOC_U64, "Its number."}, {"state", DOC_TEXT, "What became of it.", .words = state_words},     \
		{"running", DOC_BOOL, "It is in force."},                                                    \
		{"back", DOC_U64, "Steps for rollback; null: not one to roll back to.", .flags = DOC_NULL},  \
		{"time", DOC_U64, "Seconds since 1970."},                                                    \
		{"uid", DOC_U64, "Who applied it; null: not a user of this machine.", .flags = DOC_NULL},    \
		{"user", DOC_TEXT, "The same by name."}, {"message", DOC_TEXT, "Why."},                      \
		{"source", DOC_TEXT, "File or request it came from."},                                       \
		{"summary", DOC_TEXT, "How it differed from the one before."},                               \
	{                                                                                                    \
		"bytes", DOC_U64, "Of its text."                                                             \
	}

static const struct doc entry_docs[] = {ENTRY_DOCS, {0}};
static const struct doc one_docs[] = {ENTRY_DOCS, CHANGES_DOCS, {0}};
static const struct doc history_docs[] = {
	{"running", DOC_U64, "Number of the running configuration."},
	{"version", DOC_TEXT, "ETag of what runs, with what was changed by hand."},
	{"confirm_within", DOC_U64, "Seconds left to confirm it; 0: it needs no confirmation."},
	{"directory", DOC_TEXT, "Where it is kept; null: in memory only.", .flags = DOC_NULL},
	{"startup", DOC_TEXT, "The startup file; null: there is none.", .flags = DOC_NULL},
	{"entries", DOC_LIST, "Newest first.", entry_docs},
	{0},
};
static const struct doc diff_docs[] = {{"different", DOC_BOOL, "Something differs."}, CHANGES_DOCS, {0}};
static const struct param get_params[] = {
	{"source",
		"running (the default), applied (without what was changed by hand), startup, or a number of "
		"the "
		"history.",
		"^(running|applied|startup|[0-9]+)?$"},
	{"format", "json (the default) or yaml.", "^(json|yaml)?$"},
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/config", "The configuration that runs, with what was changed by hand; or another one.",
		config_get, get_params, .reply_json = config_schema, .flags = ENDPOINT_YAML},
	{"GET", "/v1/config/diff", "What runs compared with what the startup files say.", config_diff,
		.reply = diff_docs},
	{"GET", "/v1/config/history", "Configurations that were applied: who, when, why.", config_history,
		.reply = history_docs},
	{"GET", "/v1/config/history/{name}", "One of them, and what it changed.", config_history_one,
		.reply = one_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
