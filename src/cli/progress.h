/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A line on the terminal that shows how far a long operation has come. On standard error, only if that is a
 * terminal, and only once the operation has taken a while.
 */
#ifndef WEIR_CLI_PROGRESS_H
#define WEIR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	const char *what, *unit;      /* "routes.txt", "lines" */
	uint64_t total;               /* 0: unknown */
	uint64_t started_ns, next_ns; /* CLOCK_MONOTONIC */
	bool tty, drawn;
};

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total);
/* `done` of the total; `count` things so far. Cheap when there is nothing to draw. */
void progress_at(struct progress *p, uint64_t done, uint64_t count);
/* Takes the line away, before other output and at the end. */
void progress_clear(struct progress *p);

/* The line itself, for `columns`: a bar, percent, count, count per second, time left. Returns buf. */
const char *progress_line(const struct progress *p, uint64_t done, uint64_t count, uint64_t elapsed_ns,
	unsigned columns, char *buf, unsigned size);

#endif
