/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Tables for people: aligned columns, a header line. On a terminal they fit: the last column wraps, columns
 * that matter less are left out (and named below), long cells are cut.
 */
#ifndef WEIR_CLI_GRID_H
#define WEIR_CLI_GRID_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/term.h"
#include "cli/text.h"

#define GRID_COLUMNS 20

struct grid_cell {
	char *text;
	uint8_t color; /* enum color */
};

struct grid {
	const char *head[GRID_COLUMNS];
	unsigned columns, rows, room;
	unsigned limit;                /* columns of the terminal; 0: as wide as it gets */
	unsigned wide[GRID_COLUMNS];   /* widest cell so far, kept between flushes, so that pages line up */
	unsigned width[GRID_COLUMNS];  /* what is printed */
	uint32_t right, minor, hidden; /* by column: right-aligned; left out first; left out */
	bool header_done;
	struct grid_cell *cell;
};

/* A leading ">" aligns the column right, a leading "?" lets it be left out where room is short ("?>MTU"). The
 * heads must outlive the grid. The terminal's width is that of term(). */
void grid_init(struct grid *g, const char *const *heads, unsigned columns);
/* Adds one row; cells are copied, NULL is "-". Fewer cells than columns are not possible. */
void grid_row(struct grid *g, const char *const *cells);
/* Colours a cell of the row that was added last. */
void grid_color(struct grid *g, unsigned column, enum color c);
/* Prints the header (the first time) and the rows, then forgets the rows. */
void grid_flush(struct grid *g, FILE *out);
/* Flushes, says which columns were left out, and frees. */
void grid_end(struct grid *g, FILE *out);

#endif
