/* SPDX-License-Identifier: BSD-3-Clause */
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/text.h"
#include "cli/top.h"
#include "cli/verbs.h"

#define GAP 1

enum { PAIR_GOOD = 1, PAIR_BAD };

/* Text at most `columns` wide, padded on the side that `right` says. */
static void put(int y, unsigned x, const char *text, unsigned columns, bool right)
{
	unsigned width = text_width(text);

	if (width > columns)
		mvaddnstr(y, (int)x, text, (int)text_fit(text, columns));
	else
		mvaddstr(y, (int)(right ? x + columns - width : x), text);
}

static bool is_number(enum top_kind kind)
{
	return kind != TOP_TEXT && kind != TOP_STATE;
}

static unsigned width_of(const struct top_column *c, unsigned x)
{
	unsigned left = (unsigned)COLS > x ? (unsigned)COLS - x : 0;

	return c->width != 0 ? c->width : left;
}

static void draw_head(const struct top *t, unsigned panel, int y)
{
	const struct top_panel *p = &top_panels[panel];
	const struct top_view *v = &t->view[panel];
	unsigned x = 0;

	attron(A_BOLD | (panel == t->focus ? A_REVERSE : 0));
	mvhline(y, 0, ' ', COLS);
	for (unsigned i = 0; p->column[i].head != NULL; i++) {
		unsigned width = width_of(&p->column[i], x);
		char head[32];

		snprintf(head, sizeof head, "%s%s", p->column[i].head,
			v->sort != (int)i ? ""
			: v->ascending    ? "^"
					  : "v");
		if (x + width <= (unsigned)COLS && width != 0)
			put(y, x, head, width, is_number(p->column[i].kind));
		x += width + GAP;
	}
	attroff(A_BOLD | A_REVERSE);
}

static void draw_row(const struct top_panel *p, const struct top_row *r, int y)
{
	unsigned x = 0;

	for (unsigned i = 0; p->column[i].head != NULL; i++) {
		unsigned width = width_of(&p->column[i], x);
		int pair = p->column[i].kind != TOP_STATE ? 0 : r->mood == TOP_GOOD ? PAIR_GOOD : PAIR_BAD;

		attron(COLOR_PAIR(pair));
		if (x + width <= (unsigned)COLS && width != 0)
			put(y, x, r->cell[i].text, width, is_number(p->column[i].kind));
		attroff(COLOR_PAIR(pair));
		x += width + GAP;
	}
}

/* `lines` with the head. */
static void draw_panel(const struct top *t, unsigned panel, int y, unsigned lines)
{
	const struct top_view *v = &t->view[panel];
	unsigned first = t->zoom ? t->scroll : 0, room = lines - 1;
	char more[48];

	draw_head(t, panel, y);
	for (unsigned i = 0; i < room && first + i < v->rows; i++) {
		if (i + 1 == room && first + room < v->rows) {
			snprintf(more, sizeof more, "... %u more", v->rows - first - room + 1);
			put(y + 1 + (int)i, 0, more, (unsigned)COLS, false);
			return;
		}
		draw_row(&top_panels[panel], &v->row[first + i], y + 1 + (int)i);
	}
}

static void draw_title(const struct top *t)
{
	char text[256], up[TEXT_NUMBER], n[2][TEXT_NUMBER];
	double in = top_sum(t, "rx_packets"), out = top_sum(t, "tx_packets");

	snprintf(text, sizeof text, "weir %s  up %s  in %s/s  out %s/s  every %g s%s",
		json_str(t->version, "version"), text_duration(json_num(t->version, "uptime_ns"), up),
		in < 0 ? "-" : text_number((uint64_t)(in + 0.5), n[0]),
		out < 0 ? "-" : text_number((uint64_t)(out + 0.5), n[1]), t->every,
		t->paused ? "  PAUSED" : "");
	text_safe(text);
	attron(A_BOLD);
	put(0, 0, text, (unsigned)COLS, false);
	attroff(A_BOLD);
}

static void draw_footer(const struct top *t)
{
	const char *keys = "q quit  Tab panel  z zoom  < > sort  r reverse  + - speed  space pause  ? help";

	if (LINES < 3)
		return;
	if (t->status[0] != '\0') {
		attron(COLOR_PAIR(PAIR_BAD) | A_BOLD);
		put(LINES - 1, 0, t->status, (unsigned)COLS, false);
		attroff(COLOR_PAIR(PAIR_BAD) | A_BOLD);
	} else {
		attron(A_DIM);
		put(LINES - 1, 0, keys, (unsigned)COLS, false);
		attroff(A_DIM);
	}
}

static void draw_panels(const struct top *t)
{
	unsigned need[TOP_PANELS], got[TOP_PANELS], sum = 0, room = LINES > 2 ? (unsigned)LINES - 2 : 0;
	int y = 1, gap;

	for (unsigned i = 0; i < TOP_PANELS; i++)
		need[i] = t->view[i].rows + 1;
	top_layout(room, need, got);
	for (unsigned i = 0; i < TOP_PANELS; i++)
		sum += got[i];
	gap = sum + TOP_PANELS <= room;
	for (unsigned i = 0; i < TOP_PANELS; i++) {
		if (got[i] == 0)
			continue;
		draw_panel(t, i, y + gap, got[i]);
		y += (int)got[i] + gap;
	}
}

static void draw_help(void)
{
	static const char *const lines[] = {"weir top", "", "q, Esc       leave",
		"Tab, S-Tab   next or previous panel", "z, Enter     only this panel, or all again",
		"Up, Down     scroll it", "<, >         sort by the column to the left or right",
		"r            the other way round", "u            unsorted", "+, -         faster, slower",
		"space        stop and go on", "?, h         this page", "",
		"Rates are those of the last interval. Busy is the share of time a worker had packets",
		"to work on; cycles are TSC cycles, sampled per stage."};

	for (unsigned i = 0; i < sizeof lines / sizeof lines[0] && (int)i < LINES; i++)
		put((int)i, 0, lines[i], (unsigned)COLS, false);
}

void top_draw(struct top *t)
{
	erase();
	if (t->help) {
		draw_help();
	} else {
		draw_title(t);
		if (t->zoom && LINES > 3)
			draw_panel(t, t->focus, 1, (unsigned)LINES - 2);
		else
			draw_panels(t);
		draw_footer(t);
	}
	refresh();
}
