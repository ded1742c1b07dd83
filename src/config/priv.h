/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/config.
 */
#ifndef WEIR_CONFIG_PRIV_H
#define WEIR_CONFIG_PRIV_H

#include "config/config.h"
#include "pipeline/weir.h"

struct config_service {
	struct weir *w;
	struct config_hooks hooks;
	struct txn *txn;
	char *path;
	uint64_t touched;   /* changes by hand since weir started */
	uint64_t born;      /* ns since 1970; tells the changes of one run from another's */
	struct timer timer; /* asks the transaction every second whether time is up */
};

/* admission.c */
/* Bills of what runs and of what would, and the limit. */
void admission_bills(struct config_service *c, const struct node *now, const struct node *next,
	struct bill *before, struct bill *after, uint64_t *limit);
/* 0, or -ENOMEM with a sentence that names the biggest consumers. */
int admission_check(struct config_service *c, const struct node *now, const struct node *next, struct err *e);

/* Seconds on a clock that only goes forward. */
uint64_t config_clock(void);

#endif
