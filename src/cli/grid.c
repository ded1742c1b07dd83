/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/grid.h"

#include <stdlib.h>
#include <string.h>

/* Columns a text takes: code points, which is right for what the API sends. */
static unsigned width_of(const char *s)
{
	unsigned n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void grid_init(struct grid *g, const char *const *heads, unsigned columns)
{
	*g = (struct grid){.columns = columns};
	for (unsigned i = 0; i < columns; i++) {
		g->head[i] = heads[i][0] == '>' ? heads[i] + 1 : heads[i];
		g->right |= (uint32_t)(heads[i][0] == '>') << i;
		g->width[i] = width_of(g->head[i]);
	}
}

static char *copy(const char *cell)
{
	char *s = strdup(cell != NULL && cell[0] != '\0' ? cell : "-");

	if (s == NULL)
		abort();
	for (char *c = s; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
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
		unsigned w = width_of(s);

		g->cell[g->rows * g->columns + i] = s;
		if (w > g->width[i] && (i + 1 < g->columns || g->right >> i != 0))
			g->width[i] = w;
	}
	g->rows++;
}

static void line(const struct grid *g, const char *const *cell, FILE *out)
{
	for (unsigned i = 0; i < g->columns; i++) {
		int pad = (int)g->width[i] - (int)width_of(cell[i]);
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

/* --- numbers --- */

const char *text_number(uint64_t n, char buf[static TEXT_NUMBER])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i != 0 && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *text_bytes(uint64_t n, char buf[static TEXT_NUMBER])
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n;
	unsigned i = 0;

	while (v >= 1023.95 && i < 6) {
		v /= 1024;
		i++;
	}
	snprintf(buf, TEXT_NUMBER, i == 0 || v >= 99.95 ? "%.0f %s" : "%.1f %s", v, unit[i]);
	return buf;
}

const char *text_duration(uint64_t ns, char buf[static TEXT_NUMBER])
{
	unsigned long long s = ns / 1000000000;

	if (s == 0)
		snprintf(buf, TEXT_NUMBER, "%llu ms", (unsigned long long)(ns / 1000000));
	else if (s < 60)
		snprintf(buf, TEXT_NUMBER, "%llu.%llu s", s, (unsigned long long)(ns / 100000000 % 10));
	else if (s < 3600)
		snprintf(buf, TEXT_NUMBER, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TEXT_NUMBER, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, TEXT_NUMBER, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *text_speed(uint64_t mbit, char buf[static TEXT_NUMBER])
{
	if (mbit == 0)
		snprintf(buf, TEXT_NUMBER, "-");
	else if (mbit % 1000 == 0)
		snprintf(buf, TEXT_NUMBER, "%llu Gbit/s", (unsigned long long)(mbit / 1000));
	else
		snprintf(buf, TEXT_NUMBER, "%llu Mbit/s", (unsigned long long)mbit);
	return buf;
}
