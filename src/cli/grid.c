/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

void grid_init(struct grid *g, const char *const *heads, unsigned columns)
{
	*g = (struct grid){.columns = columns};
	for (unsigned i = 0; i < columns; i++) {
		g->head[i] = heads[i][0] == '>' ? heads[i] + 1 : heads[i];
		g->right |= (uint32_t)(heads[i][0] == '>') << i;
		g->width[i] = text_width(g->head[i]);
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
		char **p = realloc(g->cell, (g->room = g->room * 2 + 64) * g->columns * sizeof *p);

		if (p == NULL)
			abort();
		g->cell = p;
	}
	for (unsigned i = 0; i < g->columns; i++) {
		char *s = copy(cells[i]);
		unsigned w = text_width(s);

		g->cell[g->rows * g->columns + i] = s;
		if (w > g->width[i] && (i + 1 < g->columns || g->right >> i != 0))
			g->width[i] = w;
	}
	g->rows++;
}

static void line(const struct grid *g, const char *const *cell, FILE *out)
{
	for (unsigned i = 0; i < g->columns; i++) {
		int pad = (int)g->width[i] - (int)text_width(cell[i]);
		bool right = (g->right >> i & 1) != 0, last = i + 1 == g->columns;

		if (pad < 0)
			pad = 0;
		fprintf(out, "%s%*s%s%*s", i != 0 ? "  " : "", right ? pad : 0, "", cell[i],
			!right && !last ? pad : 0, "");
	}
	fputc('\n', out);
}

void grid_flush(struct grid *g, FILE *out)
{
	if (!g->header_done)
		line(g, g->head, out);
	g->header_done = true;
	for (unsigned r = 0; r < g->rows; r++)
		line(g, (const char *const *)&g->cell[r * g->columns], out);
	for (unsigned i = 0; i < g->rows * g->columns; i++)
		free(g->cell[i]);
	g->rows = 0;
}

void grid_free(struct grid *g)
{
	for (unsigned i = 0; i < g->rows * g->columns; i++)
		free(g->cell[i]);
	free(g->cell);
	*g = (struct grid){0};
}
