/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes of a file of commands go to the daemon in lists: one request for many of them.
 */
#ifndef WEIR_CLI_BULK_H
#define WEIR_CLI_BULK_H

#include <stdint.h>

#include <jansson.h>

#include "cli/line.h"
#include "cli/words.h"

#define BULK_MAX 1000

struct bulk {
	const struct cli *c;
	const char *method; /* of all in the list; NULL: it is empty */
	json_t *list;
	uint64_t line[BULK_MAX]; /* where each came from */
	unsigned count;
	unsigned at_once; /* routes per request: fewer while routes are refused; 0: BULK_MAX */
	/* Makes cli_error() name this line. */
	void (*at)(void *ctx, uint64_t line);
	void *ctx;
};

/* Takes the command if it adds or replaces a route and has no options. False: run it as any other, after
 * bulk_flush(). *code is what a flush in between gave. */
bool bulk_take(struct bulk *b, const struct line *l, uint64_t line, int *code);

/* Sends what was taken. The exit code; with c->force it goes on behind a route that is refused. */
int bulk_flush(struct bulk *b);

#endif
