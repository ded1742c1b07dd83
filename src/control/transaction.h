/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Configuration changes as transactions: one config runs at a time; the next one is prepared beside it and
 * committed as a whole or not at all; what is not confirmed in time is taken back. See README.md.
 *
 * The steps of an apply: plan (what differs), refuse what needs a restart, prepare, write to the history
 * (synced), commit. Whatever fails before commit leaves everything as it was; commit cannot fail.
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_TRANSACTION_H
#define WEIR_CONTROL_TRANSACTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "control/config_diff.h"
#include "control/store.h"
#include "control/tree.h"

#define TXN_CONFIRM_MAX 86400u /* seconds */

/* Who wants a change, and how. */
struct txn_request {
	uint32_t uid;
	const char *user;        /* name or NULL */
	const char *message;     /* or NULL */
	const char *source;      /* file or request it came from, or NULL */
	uint32_t confirm_within; /* seconds; 0: it is confirmed at once */
	uint32_t if_match;       /* refused with ESTALE unless this config runs; 0: any */
};

/* What became of a change. */
enum txn_fate { TXN_APPLIED, TXN_CONFIRMED, TXN_TAKEN_BACK, TXN_EXPIRED };
extern const char *const txn_fate_words[]; /* applied, confirmed, taken-back, expired */
struct txn_news {
	enum txn_fate fate;
	uint32_t id, before;     /* the config that runs now and the one before; equal: the same runs */
	uint32_t confirm_within; /* seconds; 0: nothing waits */
	const struct txn_request *asked; /* NULL: nobody, its time was over */
	const struct config_diff *diff;  /* NULL: nothing changed */
};

/* What actually changes the router. */
struct txn_ops {
	/* Stages a config and everything that can fail. Nothing visible changes. 0, or a negative errno with
	 * a sentence and nothing staged. */
	int (*prepare)(void *ctx, const struct node *next, struct err *e);
	/* Makes what is staged the running config; it had better not fail. */
	void (*commit)(void *ctx, const struct node *next);
	/* Gives back what is staged. */
	void (*abort)(void *ctx);
	/* Tells what was done; everything is over by then. NULL: nobody listens. */
	void (*told)(void *ctx, const struct txn_news *n);
};

struct txn;

/* `store` belongs to the transaction from now on. NULL when memory is short. */
struct txn *txn_new(const struct txn_ops *ops, void *ctx, struct store *store);
void txn_free(struct txn *t);

/* The config that runs already becomes the first one (the tree is taken over). It enters the history unless
 * the last confirmed one says the same. When that cannot be written, it runs all the same: the sentence is in
 * e, and the return value is negative. */
int txn_start(struct txn *t, struct node *tree, const struct txn_request *q, struct err *e);

/* What an apply would change; free with config_diff_free(). 0 or -ENOMEM. */
int txn_plan(const struct txn *t, const struct node *next, struct config_diff *p);

/* Applies a checked tree, which is taken over on success only. 0; -EBUSY: another config waits for
 * confirmation, or a restart is needed; -ESTALE: if_match; others from prepare or the store. `done` (may be
 * NULL) receives what changed; free it. */
int txn_apply(struct txn *t, struct node *next, const struct txn_request *q, struct config_diff *done,
	struct err *e);

/* Keeps the config that waits. -ENOENT: none does. */
int txn_confirm(struct txn *t, const struct txn_request *q, struct err *e);

/* Takes back: the config that waits for confirmation (steps 0 or 1), else applies the one that many confirmed
 * configs back (0 counts as 1) as a new one. With id != 0: that one of the history. -ESTALE: if_match.
 * `done`: as in txn_apply(). */
int txn_rollback(struct txn *t, unsigned steps, uint32_t id, const struct txn_request *q,
	struct config_diff *done, struct err *e);

/* Time passes: seconds of a clock that only goes forward. Takes an unconfirmed config back when it is due;
 * when that fails, says so in the log and tries again at the next second. */
void txn_tick(struct txn *t, uint64_t now);

const struct node *txn_running(const struct txn *t); /* NULL before txn_start() */
uint32_t txn_id(const struct txn *t);                /* of the running config: its number in the history */
const struct store *txn_store(const struct txn *t);
/* A config of the history, checked again: the schema may be another one by now. NULL with a sentence. */
struct node *txn_recall(const struct txn *t, uint32_t id, struct err *e);
/* Seconds left to confirm, 0 when nothing waits. */
uint32_t txn_waiting(const struct txn *t);
/* Remembers what the startup files are, for the entries to come (see runtime: which config a start uses). */
void txn_startup(struct txn *t, const char *path, const char *checksum);

#endif
