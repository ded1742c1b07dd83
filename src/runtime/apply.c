/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration of the daemon: where it comes from at the start, and what a change means for the runtime
 * besides the features.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/user.h"
#include "config/config.h"
#include "control/tree.h"
#include "control/yaml.h"
#include "runtime/priv.h"

#define STATE_DIRECTORY "/var/lib/weir"

/* --- the start --- */

/* A directory that was asked for must do; the usual one is done without when it cannot be had, so that weir
 * runs without privileges and several times on a machine. */
static struct store *open_store(const char *asked, const char *usual, struct err *e)
{
	struct err local = {0};
	struct store *s = store_open(asked != NULL ? asked : usual, asked != NULL ? e : &local);

	if (s != NULL || asked != NULL)
		return s;
	log_warning("%s. The history of configurations is kept in memory only", local.text);
	return store_open(NULL, e);
}

static const char *asked_directory(const struct run_options *o)
{
	const char *env = getenv("WEIR_STATE");

	if (o->state != NULL)
		return o->state;
	return env != NULL && env[0] != '\0' ? env : NULL;
}

/* A second weir on the machine has another file prefix, and so another directory. */
static void usual_directory(const struct node *cfg, char *buf, size_t size)
{
	const char *prefix = node_text(node_get(cfg, "dpdk"), "file-prefix", "weir");

	if (strcmp(prefix, "weir") == 0)
		snprintf(buf, size, "%s", STATE_DIRECTORY);
	else
		snprintf(buf, size, "%s/%s", STATE_DIRECTORY, prefix);
}

int runtime_load_config(struct runtime *r, const struct run_options *o, struct err *e)
{
	const char *asked = asked_directory(o), *path = NULL;
	char usual[128];

	if (o->config == NULL || asked != NULL) {
		r->store = open_store(asked, STATE_DIRECTORY, e);
		if (r->store == NULL)
			return -e->code;
	}
	r->config = config_choose(o->config, CONFIG_DEFAULT, r->store, &path, e);
	if (r->config == NULL)
		return -e->code;
	r->config_path = strdup(path); /* it may be part of the history, which changes */
	if (r->config_path == NULL)
		return err_set(e, ENOMEM, "not enough memory to start");
	usual_directory(r->config, usual, sizeof usual);
	if (r->store == NULL)
		r->store = open_store(NULL, usual, e);
	return r->store != NULL ? 0 : -e->code;
}

/* --- changes --- */

void runtime_log_level(const struct runtime *r, const struct node *cfg)
{
	uint64_t level = node_u64(node_get(cfg, "log"), "level", LOG_NOTICE);

	if (r->verbose && level < LOG_INFO)
		level = LOG_INFO;
	log_set_level((enum log_level)level);
}

static void commit(struct weir *w, const struct node *next)
{
	runtime_log_level(runtime_of(w), next);
}

static void bill(struct weir *w, const struct node *cfg, struct bill *b)
{
	memory_bill(runtime_of(w), cfg, b);
}

static const struct config_hooks hooks = {.commit = commit, .bill = bill};

int runtime_config_start(struct runtime *r, struct err *e)
{
	char name[USER_NAME_LEN];
	struct txn_request q = {.uid = getuid(),
		.user = user_name(getuid(), name),
		.message = "start",
		.source = r->config_path};
	struct node *tree = r->config;
	struct store *store = r->store;

	r->config = NULL;
	r->store = NULL;
	return config_service_new(r->weir, &hooks, store, tree, r->config_path, &q, e) != NULL ? 0 : -e->code;
}

int runtime_apply_file(struct weir *w, const char *path, struct diag *d, char **text, struct err *e)
{
	char name[USER_NAME_LEN];
	struct txn_request q = {
		.uid = getuid(), .user = user_name(getuid(), name), .message = "reload", .source = path};
	struct node *next = config_load(path, d, text);
	int rc;

	if (next == NULL)
		return -EINVAL;
	rc = config_service_apply(w->config, next, &q, NULL, e);
	if (rc != 0)
		node_free(next);
	return rc;
}
