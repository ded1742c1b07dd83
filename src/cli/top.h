/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir top: panels of rates that are drawn again and again. top.c is the loop and the keys, top_data.c what
 * the panels hold, top_draw.c the screen.
 */
#ifndef WEIR_CLI_TOP_H
#define WEIR_CLI_TOP_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/rates.h"
#include "cli/words.h"

#define TOP_COLUMNS 8

enum top_kind {
	TOP_TEXT,   /* a string or a number as it is */
	TOP_STATE,  /* up, down, disabled */
	TOP_COUNT,  /* a counter */
	TOP_RATE,   /* its growth per second */
	TOP_MBIT,   /* growth of bytes in Mbit/s */
	TOP_BUSY,   /* share of busy cycles */
	TOP_CYCLES, /* cycles per sampled packet */
	TOP_COST,   /* busy cycles per packet */
};

struct top_column {
	const char *head; /* NULL ends the list */
	enum top_kind kind;
	const char *key;
	unsigned width; /* 0: what is left */
};

struct top_panel {
	const char *path, *list, *id; /* where the rows are, and which key names one */
	struct top_column column[TOP_COLUMNS + 1];
};

/* One cell: text to show, number to sort by. */
struct top_cell {
	char text[64];
	double number;
};

enum top_mood { TOP_PLAIN, TOP_GOOD, TOP_BAD };

struct top_row {
	struct top_cell cell[TOP_COLUMNS];
	enum top_mood mood;
};

enum { TOP_PORTS, TOP_INTERFACES, TOP_WORKERS, TOP_DROPS, TOP_STAGES, TOP_PANELS };
extern const struct top_panel top_panels[TOP_PANELS];

struct top_view {
	json_t *doc, *before;
	struct top_row *row;
	unsigned rows;
	int sort; /* column, or -1: as the daemon sends them */
	bool ascending;
};

struct top {
	const struct cli *c;
	struct top_view view[TOP_PANELS];
	json_t *version;
	double at, before_at; /* of the documents, seconds */
	double every;         /* seconds */
	unsigned focus, scroll;
	bool zoom, paused, help;
	int code;         /* CLI_OK, or how the last fetch ended */
	char status[256]; /* why there is nothing new; "" */
};

/* Fetches all documents and makes the rows. CLI_OK or why not (t->status says it). */
int top_fetch(struct top *t);
/* Sorts the rows again. */
void top_sort(struct top *t, unsigned panel);
void top_free(struct top *t);
/* Packets per second over all ports ("rx_packets", "tx_packets"), or negative. */
double top_sum(const struct top *t, const char *counter);

/* Draws everything (ncurses must be up). */
void top_draw(struct top *t);

/* Lines each panel gets of `room`, its head included; 0 leaves it out. `need` is what each would like. */
void top_layout(unsigned room, const unsigned need[TOP_PANELS], unsigned got[TOP_PANELS]);

#endif
