/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The transaction's operations on an instance: features first, then what the runtime adds.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "config/overlay.h"
#include "config/priv.h"
#include "control/events.h"

uint64_t config_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

/* --- operations --- */

static int prepare_features(struct config_service *c, const struct node *next, struct err *e)
{
	struct node *carried = NULL;
	int rc = overlay_carry(c->w, txn_running(c->txn), next, &carried);

	if (rc != 0)
		return err_set(e, ENOMEM, "not enough memory for a new configuration; nothing was changed");
	rc = weir_prepare(c->w, carried != NULL ? carried : next, e);
	node_free(carried);
	return rc;
}

static int prepare(void *ctx, const struct node *next, struct err *e)
{
	struct config_service *c = ctx;
	int rc = admission_check(c, txn_running(c->txn), next, e);

	if (rc == 0)
		rc = prepare_features(c, next, e);
	if (rc != 0 || c->hooks.prepare == NULL)
		return rc;
	rc = c->hooks.prepare(c->w, next, e);
	if (rc != 0)
		weir_abort(c->w);
	return rc;
}

static void commit(void *ctx, const struct node *next)
{
	struct config_service *c = ctx;

	weir_commit(c->w);
	if (c->hooks.commit != NULL)
		c->hooks.commit(c->w, next);
}

static void abort_all(void *ctx)
{
	struct config_service *c = ctx;

	if (c->hooks.abort != NULL)
		c->hooks.abort(c->w);
	weir_abort(c->w);
}

/* Links, routes and neighbours speak for themselves; who changed the configuration, only this says. */
static void told(void *ctx, const struct txn_news *n)
{
	const struct config_service *c = ctx;
	const struct txn_request *q = n->asked;
	const unsigned none[DIFF_OPS] = {0}, *total = n->diff != NULL ? n->diff->total : none;

	event_publish(c->w, "config", EV_TEXT("action", txn_fate_words[n->fate]), EV_U64("id", n->id),
		EV_U64("before", n->before), EV_U64("confirm_within", n->confirm_within),
		EV_U64("added", total[DIFF_ADD]), EV_U64("changed", total[DIFF_CHANGE]),
		EV_U64("removed", total[DIFF_REMOVE]), EV_TEXT("user", q != NULL ? q->user : NULL),
		EV_TEXT("message", q != NULL ? q->message : NULL));
}

static const struct txn_ops ops = {.prepare = prepare, .commit = commit, .abort = abort_all, .told = told};

/* --- life --- */

static uint64_t wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Called in the control thread's turn. The instance's clock may be a capture's: only used to come back. */
static void tick(struct weir *w, struct timer *t)
{
	struct config_service *c = w->config;

	txn_tick(c->txn, config_clock());
	timer_set(w, t, w->now + UINT64_C(250000000));
}

static void remember_startup(struct config_service *c)
{
	char sum[17];

	if (c->path == NULL)
		return;
	config_checksum(c->path, sum);
	txn_startup(c->txn, c->path, sum);
}

struct config_service *config_service_new(struct weir *w, const struct config_hooks *hooks,
	struct store *store, struct node *running, const char *path, const struct txn_request *q,
	struct err *e)
{
	struct config_service *c = calloc(1, sizeof *c);
	struct err local = {0};

	if (c != NULL) {
		c->w = w;
		c->hooks = hooks != NULL ? *hooks : (struct config_hooks){0};
		c->timer.fn = tick;
		c->born = wall_clock();
		c->path = path != NULL ? strdup(path) : NULL;
		c->txn = txn_new(&ops, c, store);
	}
	if (c == NULL || c->txn == NULL || (path != NULL && c->path == NULL) ||
		timer_set(w, &c->timer, w->now) != 0) {
		if (c == NULL || c->txn == NULL)
			store_close(store);
		node_free(running);
		config_service_free(c);
		err_set(e, ENOMEM, "not enough memory for the configuration service");
		return NULL;
	}
	w->config = c;
	txn_tick(c->txn, config_clock());
	remember_startup(c);
	if (txn_start(c->txn, running, q, &local) != 0)
		log_error("the history of configurations was not written: %s", local.text);
	return c;
}

void config_service_free(struct config_service *c)
{
	if (c == NULL)
		return;
	timer_cancel(c->w, &c->timer);
	if (c->w->config == c)
		c->w->config = NULL;
	txn_free(c->txn);
	free(c->path);
	free(c);
}

struct txn *config_service_txn(struct config_service *c)
{
	return c->txn;
}

const char *config_service_path(const struct config_service *c)
{
	return c->path;
}

/* --- versions --- */

void config_service_touch(struct config_service *c)
{
	c->touched++;
}

void config_service_version(const struct config_service *c, char buf[static CONFIG_VERSION_LEN])
{
	int n = snprintf(buf, CONFIG_VERSION_LEN, "%" PRIu32, txn_id(c->txn));

	if (c->touched != 0)
		snprintf(buf + n, CONFIG_VERSION_LEN - (size_t)n, "-%" PRIx64 ".%" PRIu64, c->born,
			c->touched);
}

/* --- what runs, what would --- */

const struct node *config_service_effective(struct config_service *c, struct node **own)
{
	const struct node *applied = txn_running(c->txn);
	bool changed = false;

	*own = NULL;
	if (!overlay_any(c->w, applied))
		return applied;
	*own = overlay_effective(c->w, applied, &changed);
	if (*own == NULL || changed)
		return *own;
	node_free(*own);
	*own = NULL;
	return applied;
}

/* Whether all that can refuse would: prepared, and given back at once. */
static void try_it(struct config_service *c, const struct node *next, struct config_plan *p)
{
	struct err e = {0};

	if (p->diff.effects[EFFECT_RESTART] != 0)
		return;
	c->w->trial = true;
	if (prepare(c, next, &e) == 0)
		abort_all(c);
	else
		snprintf(p->refusal, sizeof p->refusal, "%s", e.text);
	c->w->trial = false;
}

int config_service_plan(struct config_service *c, const struct node *next, struct config_plan *p)
{
	const struct node *now = txn_running(c->txn);

	*p = (struct config_plan){0};
	if (config_diff_make(&p->diff, now, next) != 0)
		return -ENOMEM;
	admission_bills(c, now, next, &p->before, &p->after, &p->limit);
	try_it(c, next, p);
	return 0;
}

void config_plan_free(struct config_plan *p)
{
	config_diff_free(&p->diff);
}

int config_service_apply(struct config_service *c, struct node *next, const struct txn_request *q,
	struct config_diff *done, struct err *e)
{
	txn_tick(c->txn, config_clock());
	remember_startup(c);
	return txn_apply(c->txn, next, q, done, e);
}
