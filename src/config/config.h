/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The configuration of a running instance: applied configs (control/transaction.h), what was changed by hand
 * since (routes, neighbours, addresses), the startup files, and memory. See README.md in this folder.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_CONFIG_CONFIG_H
#define WEIR_CONFIG_CONFIG_H

#include "base/err.h"
#include "control/diag.h"
#include "control/load.h"
#include "control/transaction.h"
#include "pipeline/bill.h"

struct weir;
struct config_service;

/* What changes besides the features: ports, workers, buffers. Each may be NULL. */
struct config_hooks {
	/* As in struct txn_ops; called after the features have prepared. */
	int (*prepare)(struct weir *w, const struct node *next, struct err *e);
	void (*commit)(struct weir *w, const struct node *next);
	void (*abort)(struct weir *w);
	/* Adds what it takes with a config to the bill. */
	void (*bill)(struct weir *w, const struct node *cfg, struct bill *b);
};

/* Begins to manage `w`, on which `running` was applied already; both `running` and `store` are taken over,
 * also on failure. `path`: the startup file or directory, NULL if there is none. `q`: who started it. NULL
 * with a sentence. Sets w->config. */
struct config_service *config_service_new(struct weir *w, const struct config_hooks *hooks,
	struct store *store, struct node *running, const char *path, const struct txn_request *q,
	struct err *e);
void config_service_free(struct config_service *c);

struct txn *config_service_txn(struct config_service *c);
const char *config_service_path(const struct config_service *c); /* NULL if there is none */

/* --- what runs --- */

/* The config that would make the router what it is: the applied one with what was changed by hand. *own: a
 * tree to free (NULL when nothing was changed by hand). NULL when memory is short. */
const struct node *config_service_effective(struct config_service *c, struct node **own);

/* Somebody changed by hand what a config can say: a route, a neighbour, an address. */
void config_service_touch(struct config_service *c);

/* What stands for all that people change, as an ETag: the number of the applied config and, once something
 * was changed by hand, what tells this state from every other, also of an earlier run. Equal versions mean
 * that the same runs. */
#define CONFIG_VERSION_LEN 56
void config_service_version(const struct config_service *c, char buf[static CONFIG_VERSION_LEN]);

/* --- changes --- */

/* Steps of an apply, without doing it: what differs, and the bills. */
struct config_plan {
	struct config_diff diff;
	struct bill before, after;
	uint64_t limit;    /* bytes tables and buffers may take, 0: not limited */
	char refusal[512]; /* why it would be refused, empty if it would not */
};
/* 0 or -ENOMEM. Free with config_plan_free(). */
int config_service_plan(struct config_service *c, const struct node *next, struct config_plan *p);
void config_plan_free(struct config_plan *p);

/* As txn_apply(). */
int config_service_apply(struct config_service *c, struct node *next, const struct txn_request *q,
	struct config_diff *done, struct err *e);

/* The startup files as they are now: the tree, NULL with entries in d (which points into f then). */
struct node *config_service_startup(const struct config_service *c, struct config_files *f, struct diag *d);

/* Writes what the startup files lack of the running config to conf.d/90-saved.yaml, so that the next start
 * gives what runs now. Refused (nothing is written) when files can only say it by being edited: the sentence
 * says where. `path` receives the name of the file, `saved` how many objects are in it. */
int config_service_save(struct config_service *c, const struct txn_request *q, char *path, size_t size,
	unsigned *saved, struct err *e);

/* --- start --- */

/* The config a start uses (see README.md): `path` explicit (-c) or NULL for the default file; `store` may be
 * NULL. The tree, NULL after errors went to stderr. *used: path of the startup files. */
struct node *config_choose(
	const char *path, const char *standard, struct store *store, const char **used, struct err *e);
/* Sum of the startup files as text; "-" when they cannot be read. */
void config_checksum(const char *path, char buf[static 17]);

#endif
