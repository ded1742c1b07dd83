/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir top: the loop and the keys.
 */
#include "cli/top.h"

#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/term.h"
#include "cli/verbs.h"

#define EVERY_LEAST 0.25
#define EVERY_MOST 60

static unsigned columns_of(unsigned panel)
{
	unsigned n = 0;

	while (top_panels[panel].column[n].head != NULL)
		n++;
	return n;
}

static void move_sort(struct top *t, int by)
{
	struct top_view *v = &t->view[t->focus];
	int n = (int)columns_of(t->focus);

	v->sort = v->sort < 0 ? (by > 0 ? 0 : n - 1) : (v->sort + by + n) % n;
	v->ascending = false;
	top_sort(t, t->focus);
}

static void move_focus(struct top *t, unsigned by)
{
	t->focus = (t->focus + by) % TOP_PANELS;
	t->scroll = 0;
}

static void reverse(struct top *t)
{
	t->view[t->focus].ascending = !t->view[t->focus].ascending;
	top_sort(t, t->focus);
}

static void scroll_by(struct top *t, int by)
{
	int last = (int)t->view[t->focus].rows - 1, to = (int)t->scroll + by;

	if (t->zoom)
		t->scroll = to < 0 || last < 0 ? 0 : (unsigned)(to > last ? last : to);
}

static void faster(struct top *t, double factor)
{
	t->every *= factor;
	t->every = t->every < EVERY_LEAST ? EVERY_LEAST : t->every > EVERY_MOST ? EVERY_MOST : t->every;
}

/* False: leave. */
static bool key(struct top *t, int ch)
{
	switch (ch) {
	case 'q':
	case 'Q':
	case 27:
		return t->help && ch == 27 ? (t->help = false, true) : false;
	case '\t':
		move_focus(t, 1);
		break;
	case KEY_BTAB:
		move_focus(t, TOP_PANELS - 1);
		break;
	case 'z':
	case '\r':
	case KEY_ENTER:
		t->zoom = !t->zoom;
		t->scroll = 0;
		break;
	case '<':
	case KEY_LEFT:
		move_sort(t, -1);
		break;
	case '>':
	case KEY_RIGHT:
		move_sort(t, 1);
		break;
	case 'r':
		reverse(t);
		break;
	case 'u':
		t->view[t->focus].sort = -1;
		break;
	case KEY_UP:
	case 'k':
		scroll_by(t, -1);
		break;
	case KEY_DOWN:
	case 'j':
		scroll_by(t, 1);
		break;
	case '+':
		faster(t, 0.5);
		break;
	case '-':
		faster(t, 2);
		break;
	case ' ':
		t->paused = !t->paused;
		break;
	case '?':
	case 'h':
		t->help = !t->help;
		break;
	default:
		break;
	}
	return true;
}

static double now(void)
{
	struct timespec s;

	clock_gettime(CLOCK_MONOTONIC, &s);
	return (double)s.tv_sec + (double)s.tv_nsec / 1e9;
}

static void loop(struct top *t)
{
	/* The first rates come soon: half an interval, at most half a second. */
	double next = now() + (t->every < 1 ? t->every / 2 : 0.5);

	for (;;) {
		double left;
		int ch;

		top_draw(t);
		left = next - now();
		timeout(left > 0 ? (int)(left * 1000) + 1 : 0);
		ch = getch();
		if (interrupted() || (ch != ERR && !key(t, ch)))
			return;
		if (now() < next)
			continue;
		if (!t->paused)
			top_fetch(t);
		next = now() + t->every;
	}
}

static SCREEN *screen_start(void)
{
	SCREEN *s;

	/* Ours would keep ncurses from seeing that the window changed; Ctrl-C stays with us. */
	signal(SIGWINCH, SIG_DFL);
	s = newterm(NULL, stdout, stdin);
	if (s == NULL)
		return NULL;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	set_escdelay(50);
	curs_set(0);
	if (term()->color && has_colors()) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_GREEN, -1);
		init_pair(2, COLOR_RED, -1);
	}
	return s;
}

int verb_top(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *seconds = args_value(a, "SECONDS");
	struct top t = {.c = c, .every = seconds != NULL ? strtod(seconds, NULL) : 1};
	SCREEN *s = NULL;
	int rc;

	if (!term()->tty || !isatty(STDIN_FILENO))
		return cli_error(CLI_FAILED, "top needs a terminal; 'weir show ... --watch' does not");
	for (unsigned i = 0; i < TOP_PANELS; i++)
		t.view[i].sort = -1;
	t.view[TOP_DROPS].sort = 1;
	rc = top_fetch(&t);
	interrupt_catch();
	if (rc == CLI_OK)
		s = screen_start();
	if (s != NULL) {
		loop(&t);
		endwin();
		delscreen(s);
	}
	interrupt_release();
	if (rc != CLI_OK)
		cli_error(rc, "%s", t.status);
	else if (s == NULL)
		rc = cli_error(CLI_FAILED, "the terminal '%s' cannot be used for top", getenv("TERM"));
	top_free(&t);
	return rc;
}
