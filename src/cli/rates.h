/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rates from two documents of the same kind, for --watch and top.
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_CLI_RATES_H
#define WEIR_CLI_RATES_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/text.h"

struct rates {
	const json_t *before; /* the older document, or NULL: no rates yet */
	double seconds;       /* between the two */
};

/* The row of the older document's list `list` that has the same `key`, or NULL. */
const json_t *rates_row(const struct rates *r, const char *list, const char *key, const json_t *row);

/* How much the counter grew: false when there is nothing older or it was cleared in between. */
bool rates_growth(const json_t *before, const json_t *now, const char *counter, double *growth);

/* Per second, as text ("1,234" or "0.5"); NULL when unknown. */
const char *rates_text(const struct rates *r, const json_t *before, const json_t *now, const char *counter,
	char buf[static TEXT_NUMBER]);

/* Share of busy cycles in the interval (since the start when there is none before), 0 to 1. */
double rates_busy(const json_t *before, const json_t *now);

/* Cycles per packet of a stage in the interval, or since the start; negative when no packet was sampled. */
double rates_cycles(const json_t *before, const json_t *now);

#endif
