/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables for people: aligned columns, a header line.
 */
#ifndef WEIR_CLI_GRID_H
#define WEIR_CLI_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/text.h"

#define GRID_COLUMNS 16

struct grid {
	const char *head[GRID_COLUMNS];
	unsigned columns, rows, room;
	unsigned width[GRID_COLUMNS]; /* kept between flushes, so that pages line up */
	uint32_t right;               /* bit set: right-aligned */
	bool header_done;
	char **cell;
};

/* A leading ">" aligns the column right. The heads must outlive the grid. */
void grid_init(struct grid *g, const char *const *heads, unsigned columns);
/* Adds one row; cells are copied, NULL is "-". Fewer cells than columns are not possible. */
void grid_row(struct grid *g, const char *const *cells);
/* Prints the header (the first time) and the rows, then forgets the rows. */
void grid_flush(struct grid *g, FILE *out);
void grid_free(struct grid *g);

#endif
