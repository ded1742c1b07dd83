/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/transaction.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "control/diag.h"
#include "control/tree_print.h"
#include "control/yaml.h"

struct txn {
	const struct txn_ops *ops;
	void *ctx;
	struct store *store;
	struct node *running, *previous; /* previous: while the running one waits for confirmation */
	uint32_t id, previous_id;
	uint64_t now, deadline; /* seconds; deadline 0: nothing waits */
	char startup[256], checksum[17];
};

const char *const txn_fate_words[] = {"applied", "confirmed", "taken-back", "expired", NULL};

struct txn *txn_new(const struct txn_ops *ops, void *ctx, struct store *store)
{
	struct txn *t = calloc(1, sizeof *t);

	if (t != NULL)
		*t = (struct txn){.ops = ops, .ctx = ctx, .store = store};
	return t;
}

void txn_free(struct txn *t)
{
	if (t == NULL)
		return;
	store_close(t->store);
	node_free(t->running);
	node_free(t->previous);
	free(t);
}

const struct node *txn_running(const struct txn *t)
{
	return t->running;
}

uint32_t txn_id(const struct txn *t)
{
	return t->id;
}

const struct store *txn_store(const struct txn *t)
{
	return t->store;
}

uint32_t txn_waiting(const struct txn *t)
{
	if (t->deadline == 0)
		return 0;
	return t->deadline > t->now ? (uint32_t)(t->deadline - t->now) : 1;
}

void txn_startup(struct txn *t, const char *path, const char *checksum)
{
	snprintf(t->startup, sizeof t->startup, "%s", path);
	snprintf(t->checksum, sizeof t->checksum, "%s", checksum);
}

/* --- history --- */

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from != NULL ? from : "");
}

/* Writes the tree to the history; its id, or 0 with a sentence. */
static uint32_t remember(struct txn *t, const struct node *tree, const struct txn_request *q,
	const struct config_diff *p, struct err *e)
{
	struct store_entry n = {.state = q->confirm_within != 0 ? STORE_PENDING : STORE_CONFIRMED,
		.time = (int64_t)time(NULL),
		.uid = q->uid};
	size_t len = 0;
	char *text = tree_yaml(tree, &len);
	uint32_t id = 0;

	copy_text(n.user, sizeof n.user, q->user);
	copy_text(n.message, sizeof n.message, q->message);
	copy_text(n.source, sizeof n.source, q->source);
	copy_text(n.startup, sizeof n.startup, t->startup);
	copy_text(n.checksum, sizeof n.checksum, t->checksum);
	if (p != NULL)
		diff_summary(p, n.summary, sizeof n.summary);
	if (text == NULL)
		err_set(e, ENOMEM, "not enough memory to write the configuration to the history");
	else
		id = store_put(t->store, &n, text, len, e);
	free(text);
	return id;
}

struct node *txn_recall(const struct txn *t, uint32_t id, struct err *e)
{
	size_t len = 0;
	char *text = store_text(t->store, id, &len, e);
	struct diag *d = calloc(1, sizeof *d);
	struct node *tree = NULL;

	if (text != NULL && d != NULL) {
		*d = (struct diag){.file = "history", .source = text, .source_len = len};
		tree = yaml_read(text, len, d);
		if (tree != NULL && schema_check(tree, d) != 0) {
			node_free(tree);
			tree = NULL;
		}
		if (tree == NULL)
			err_set(e, EINVAL, "configuration %" PRIu32 " is not valid any more: %s", id,
				d->entry[0].text);
	} else {
		err_set(e, ENOMEM, "not enough memory to read configuration %" PRIu32, id);
	}
	free(d);
	free(text);
	return tree;
}

static bool same_as_last(const struct txn *t, const struct node *tree)
{
	const struct store_entry *last = store_last(t->store);
	struct node *was = last != NULL ? txn_recall(t, last->id, NULL) : NULL;
	struct config_diff p;
	bool same = was != NULL && config_diff_make(&p, was, tree) == 0;

	if (was != NULL) {
		same = same && config_diff_total(&p) == 0;
		config_diff_free(&p);
	}
	node_free(was);
	return same;
}

int txn_start(struct txn *t, struct node *tree, const struct txn_request *q, struct err *e)
{
	const struct store_entry *last = store_last(t->store);

	t->running = tree;
	if (same_as_last(t, tree) && strcmp(last->startup, t->startup) == 0 &&
		strcmp(last->checksum, t->checksum) == 0) {
		t->id = last->id;
		return 0;
	}
	t->id = remember(t, tree, q, NULL, e);
	if (t->id != 0)
		return 0;
	t->id = 1;
	return -EIO;
}

/* --- apply --- */

int txn_plan(const struct txn *t, const struct node *next, struct config_diff *p)
{
	return config_diff_make(p, t->running, next);
}

static int refuse_waiting(const struct txn *t, struct err *e)
{
	const struct store_entry *n = store_find(t->store, t->id);

	return err_set(e, EBUSY,
		"configuration %" PRIu32 "%s%s waits for confirmation (%" PRIu32
		" s left): confirm it or roll it back first",
		t->id, n != NULL && n->user[0] != '\0' ? " of " : "", n != NULL ? n->user : "",
		txn_waiting(t));
}

static bool is_stale(const struct txn *t, const struct txn_request *q)
{
	return q->if_match != 0 && q->if_match != t->id;
}

static int refuse_stale(const struct txn *t, const struct txn_request *q, struct err *e)
{
	const struct store_entry *n = store_find(t->store, t->id);

	return err_set(e, ESTALE,
		"configuration %" PRIu32 "%s%s runs, not %" PRIu32
		" any more: see what it changed (weir config history %" PRIu32 "), then plan again",
		t->id, n != NULL && n->user[0] != '\0' ? " of " : "", n != NULL ? n->user : "", q->if_match,
		t->id);
}

/* Names the first keys that a running weir cannot change. */
static int refuse_restart(const struct config_diff *p, struct err *e)
{
	char names[256] = "";
	size_t len = 0;
	unsigned shown = 0;

	for (unsigned i = 0; i < p->count && shown < 4; i++) {
		if (p->item[i].effect != EFFECT_RESTART || len >= sizeof names)
			continue;
		len += (size_t)snprintf(names + len, sizeof names - len, "%s'%.60s'", shown != 0 ? ", " : "",
			p->item[i].path);
		shown++;
	}
	return err_set(e, EBUSY,
		"%s%s cannot change while weir runs; restart weir with the new file. Nothing was changed",
		names, p->effects[EFFECT_RESTART] > shown ? " and more" : "");
}

static void tell(struct txn *t, enum txn_fate fate, uint32_t before, const struct txn_request *q,
	const struct config_diff *d)
{
	const struct txn_news n = {.fate = fate,
		.id = t->id,
		.before = before,
		.confirm_within = txn_waiting(t),
		.asked = q,
		.diff = d};

	if (t->ops->told != NULL)
		t->ops->told(t->ctx, &n);
}

/* What changed goes to who asked for it, or nowhere. */
static void hand_out(struct config_diff *d, struct config_diff *done, bool good)
{
	if (good && done != NULL)
		*done = *d;
	else
		config_diff_free(d);
}

/* The running tree becomes `next`; `old` is where the one before goes. */
static void switch_to(struct txn *t, struct node *next, uint32_t id)
{
	t->ops->commit(t->ctx, next);
	t->running = next;
	t->id = id;
}

static int prepare_and_write(struct txn *t, struct node *next, const struct txn_request *q,
	const struct config_diff *p, uint32_t *id, struct err *e)
{
	int rc = t->ops->prepare(t->ctx, next, e);

	if (rc != 0)
		return rc;
	*id = t->id;
	if (config_diff_total(p) == 0) /* the same config again: nothing to remember, nothing to confirm */
		return 0;
	*id = remember(t, next, q, p, e);
	if (*id != 0)
		return 0;
	t->ops->abort(t->ctx);
	return e != NULL && e->code != 0 ? -e->code : -EIO;
}

static int apply_planned(struct txn *t, struct node *next, const struct txn_request *q,
	const struct config_diff *p, struct err *e)
{
	struct node *old = t->running;
	uint32_t old_id = t->id, id;
	int rc;

	if (p->effects[EFFECT_RESTART] != 0)
		return refuse_restart(p, e);
	rc = prepare_and_write(t, next, q, p, &id, e);
	if (rc != 0)
		return rc;
	switch_to(t, next, id);
	if (q->confirm_within == 0 || id == old_id) {
		node_free(old);
		return 0;
	}
	t->previous = old;
	t->previous_id = old_id;
	t->deadline = t->now + q->confirm_within;
	return 0;
}

int txn_apply(struct txn *t, struct node *next, const struct txn_request *q, struct config_diff *done,
	struct err *e)
{
	const uint32_t before = t->id;
	struct config_diff p = {0};
	int rc;

	if (done != NULL)
		*done = p;
	if (t->deadline != 0)
		return refuse_waiting(t, e);
	if (is_stale(t, q))
		return refuse_stale(t, q, e);
	if (q->confirm_within > TXN_CONFIRM_MAX)
		return err_set(e, EINVAL, "the time to confirm must be 1 to %u seconds", TXN_CONFIRM_MAX);
	if (config_diff_make(&p, t->running, next) != 0)
		rc = err_set(e, ENOMEM, "not enough memory to compare the configurations");
	else
		rc = apply_planned(t, next, q, &p, e);
	if (rc == 0)
		tell(t, TXN_APPLIED, before, q, &p);
	hand_out(&p, done, rc == 0);
	return rc;
}

/* --- confirm and roll back --- */

int txn_confirm(struct txn *t, const struct txn_request *q, struct err *e)
{
	int rc;

	if (t->deadline == 0)
		return err_set(e, ENOENT, "no configuration waits for confirmation");
	rc = store_settle(t->store, t->id, STORE_CONFIRMED, e);
	if (rc != 0)
		return rc;
	t->deadline = 0;
	node_free(t->previous);
	t->previous = NULL;
	tell(t, TXN_CONFIRMED, t->id, q, NULL);
	return 0;
}

/* The config before the one that waits, again. `q` NULL: its time is over. */
static int take_back(struct txn *t, const struct txn_request *q, struct config_diff *done, struct err *e)
{
	struct node *unwanted = t->running;
	uint32_t id = t->id;
	struct config_diff d = {0};
	struct err local = {0};
	int rc = t->ops->prepare(t->ctx, t->previous, e);

	if (rc != 0)
		return rc;
	if (config_diff_make(&d, unwanted, t->previous) != 0)
		log_warning("not enough memory to tell what the way back changes");
	switch_to(t, t->previous, t->previous_id);
	t->previous = NULL;
	t->deadline = 0;
	node_free(unwanted);
	/* When this cannot be written, the next start does it: nothing pending survives one. */
	if (store_settle(t->store, id, STORE_UNDONE, &local) != 0)
		log_warning("%s", local.text);
	tell(t, q != NULL ? TXN_TAKEN_BACK : TXN_EXPIRED, id, q, &d);
	hand_out(&d, done, true);
	return 0;
}

/* The entry `steps` confirmed ones before the running one, or 0. */
static uint32_t steps_back(const struct txn *t, unsigned steps)
{
	const struct store_entry *n;

	for (unsigned i = 0; (n = store_at(t->store, i)) != NULL; i++)
		if (n->id < t->id && n->state == STORE_CONFIRMED && --steps == 0)
			return n->id;
	return 0;
}

static int apply_old(
	struct txn *t, uint32_t id, const struct txn_request *q, struct config_diff *done, struct err *e)
{
	struct node *tree = txn_recall(t, id, e);
	struct txn_request r = *q;
	char message[64];
	int rc;

	if (tree == NULL)
		return e != NULL && e->code != 0 ? -e->code : -EINVAL;
	snprintf(message, sizeof message, "rollback to %" PRIu32, id);
	if (r.message == NULL)
		r.message = message;
	rc = txn_apply(t, tree, &r, done, e);
	if (rc != 0)
		node_free(tree);
	return rc;
}

int txn_rollback(struct txn *t, unsigned steps, uint32_t id, const struct txn_request *q,
	struct config_diff *done, struct err *e)
{
	if (done != NULL)
		*done = (struct config_diff){0};
	if (is_stale(t, q))
		return refuse_stale(t, q, e);
	if (t->deadline != 0 && id == 0 && steps <= 1)
		return take_back(t, q, done, e);
	if (t->deadline != 0)
		return refuse_waiting(t, e);
	if (id == 0) {
		id = steps_back(t, steps != 0 ? steps : 1);
		if (id == 0)
			return err_set(e, ENOENT, "the history does not reach back that far");
	}
	return apply_old(t, id, q, done, e);
}

void txn_tick(struct txn *t, uint64_t now)
{
	struct err e = {0};
	uint32_t id = t->id;

	t->now = now;
	if (t->deadline == 0 || now < t->deadline)
		return;
	if (take_back(t, NULL, NULL, &e) == 0) {
		log_warning(
			"configuration %" PRIu32 " was not confirmed in time: back to %" PRIu32, id, t->id);
		return;
	}
	log_error("configuration %" PRIu32 " was not confirmed in time and cannot be taken back yet: %s", id,
		e.text);
	t->deadline = now + 1;
}
