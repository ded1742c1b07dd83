/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

#define GAP 2
#define LAST_LEAST 24 /* the last column wraps at this width or above it */
#define CELL_LEAST 8  /* cells are cut to this width or above it */

void grid_init(struct grid *g, const char *const *heads, unsigned columns)
{
	*g = (struct grid){.columns = columns, .limit = term()->columns};
	for (unsigned i = 0; i < columns; i++) {
		const char *head = heads[i];

		g->minor |= (uint32_t)(head[0] == '?') << i;
		head += head[0] == '?';
		g->right |= (uint32_t)(head[0] == '>') << i;
		head += head[0] == '>';
		g->head[i] = head;
		g->wide[i] = text_width(head);
	}
}

static char *copy(const char *cell)
{
	char *s = strdup(cell != NULL && cell[0] != '\0' ? cell : "-");

	if (s == NULL)
		abort();
	text_safe(s);
	return s;
}

void grid_row(struct grid *g, const char *const *cells)
{
	if (g->rows == g->room) {
		struct grid_cell *p = realloc(g->cell, (g->room = g->room * 2 + 64) * g->columns * sizeof *p);

		if (p == NULL)
			abort();
		g->cell = p;
	}
	for (unsigned i = 0; i < g->columns; i++) {
		char *s = copy(cells[i]);
		unsigned w = text_width(s);

		g->cell[g->rows * g->columns + i] = (struct grid_cell){.text = s};
		if (w > g->wide[i])
			g->wide[i] = w;
	}
	g->rows++;
}

void grid_color(struct grid *g, unsigned column, enum color c)
{
	g->cell[(g->rows - 1) * g->columns + column].color = (uint8_t)c;
}

/* --- layout --- */

static bool is_hidden(const struct grid *g, unsigned i)
{
	return (g->hidden >> i & 1) != 0;
}

static bool is_right(const struct grid *g, unsigned i)
{
	return (g->right >> i & 1) != 0;
}

static unsigned total(const struct grid *g)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < g->columns; i++)
		if (!is_hidden(g, i))
			sum += g->width[i] + (sum != 0 ? GAP : 0);
	return sum;
}

/* Makes column i narrower, as far as needed and down to `least`. */
static void shrink(struct grid *g, unsigned i, unsigned least)
{
	unsigned over = total(g) > g->limit ? total(g) - g->limit : 0, head = text_width(g->head[i]);

	least = least > head ? least : head;
	if (is_right(g, i) || is_hidden(g, i) || g->width[i] <= least)
		return;
	g->width[i] = g->width[i] - least > over ? g->width[i] - over : least;
}

static void layout(struct grid *g)
{
	unsigned last = g->columns - 1;

	for (unsigned i = 0; i < g->columns; i++)
		g->width[i] = g->wide[i];
	if (g->limit == 0)
		return;
	if (!g->header_done) {
		shrink(g, last, LAST_LEAST);
		for (unsigned i = g->columns; i-- > 1 && total(g) > g->limit;)
			if ((g->minor >> i & 1) != 0)
				g->hidden |= 1u << i;
	}
	for (unsigned i = g->columns; i-- > 0 && total(g) > g->limit;)
		shrink(g, i, i == last ? LAST_LEAST / 2 : CELL_LEAST);
	for (unsigned i = g->columns; i-- > 1 && total(g) > g->limit && !g->header_done;)
		g->hidden |= 1u << i;
	for (unsigned i = 0; i < g->columns; i++) /* what became free goes to the last column again */
		if (i == last && !is_hidden(g, i) && total(g) < g->limit) {
			g->width[i] += g->limit - total(g);
			g->width[i] = g->width[i] < g->wide[i] ? g->width[i] : g->wide[i];
		}
}

/* --- printing --- */

static void pad(FILE *out, unsigned columns)
{
	fprintf(out, "%*s", (int)columns, "");
}

/* One cell without padding behind it; cut to its column. Returns the columns it took. */
static unsigned print_cell(const struct grid *g, unsigned i, const char *text, enum color c, FILE *out)
{
	unsigned width = text_width(text), room = g->width[i];
	const char *begin = c != COLOR_NONE ? term_color(c) : "",
		   *end = begin[0] != '\0' ? term_color(COLOR_NONE) : "";
	size_t fit;

	if (is_right(g, i) && width < room)
		pad(out, room - width);
	if (width <= room || g->limit == 0) {
		fprintf(out, "%s%s%s", begin, text, end);
		return is_right(g, i) && width < room ? room : width;
	}
	fit = text_fit(text, room - 1);
	fprintf(out, "%s%.*s~%s", begin, (int)fit, text, end);
	return room;
}

/* Bytes of `text` for one line of the last column: up to a space if there is one. */
static size_t wrap(const char *text, unsigned room)
{
	size_t fit = text_fit(text, room), cut = fit;

	if (text[fit] == '\0')
		return fit;
	while (cut > 0 && text[cut] != ' ')
		cut--;
	return cut != 0 ? cut : fit;
}

/* The last column, over as many lines as it takes; `indent` is where it starts. */
static void print_last(const struct grid *g, const char *text, unsigned indent, enum color c, FILE *out)
{
	const char *begin = c != COLOR_NONE ? term_color(c) : "",
		   *end = begin[0] != '\0' ? term_color(COLOR_NONE) : "";
	unsigned room = g->width[g->columns - 1];

	for (;;) {
		size_t n = g->limit != 0 ? wrap(text, room) : strlen(text);

		fprintf(out, "%s%.*s%s", begin, (int)n, text, end);
		text += n;
		text += strspn(text, " ");
		if (*text == '\0' || n == 0)
			break;
		fputc('\n', out);
		pad(out, indent);
	}
}

static void line(const struct grid *g, const struct grid_cell *cell, FILE *out)
{
	unsigned at = 0, owed = 0, last = g->columns - 1;

	for (unsigned i = 0; i < g->columns; i++) {
		unsigned start = at != 0 ? at + GAP : 0;

		if (is_hidden(g, i))
			continue;
		pad(out, at != 0 ? owed + GAP : 0);
		if (i == last && !is_right(g, i))
			print_last(g, cell[i].text, start, cell[i].color, out);
		else
			owed = g->width[i] - print_cell(g, i, cell[i].text, cell[i].color, out);
		at = start + g->width[i];
	}
	fputc('\n', out);
}

void grid_flush(struct grid *g, FILE *out)
{
	struct grid_cell heads[GRID_COLUMNS];

	layout(g);
	for (unsigned i = 0; i < g->columns; i++)
		heads[i] = (struct grid_cell){.text = (char *)(uintptr_t)g->head[i], .color = COLOR_BOLD};
	if (!g->header_done)
		line(g, heads, out);
	g->header_done = true;
	for (unsigned r = 0; r < g->rows; r++)
		line(g, &g->cell[r * g->columns], out);
	for (unsigned i = 0; i < g->rows * g->columns; i++)
		free(g->cell[i].text);
	g->rows = 0;
}

void grid_end(struct grid *g, FILE *out)
{
	bool first = true;

	grid_flush(g, out);
	for (unsigned i = 0; i < g->columns; i++) {
		if (!is_hidden(g, i))
			continue;
		if (first)
			fprintf(out, "%s(no room for: %s", term_color(COLOR_DIM), g->head[i]);
		else
			fprintf(out, ", %s", g->head[i]);
		first = false;
	}
	if (!first)
		fprintf(out, ")%s\n", term_color(COLOR_NONE));
	free(g->cell);
	*g = (struct grid){0};
}
