/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir show: fetching, --watch. The tables are in show_*.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/term.h"
#include "cli/verbs.h"

const struct view view_version = {"/v1/version", render_version};
const struct view view_interfaces = {
	"/v1/interfaces", render_interfaces, .list = "interfaces", .key = "name", .noun = "interface"};
const struct view view_ports = {"/v1/ports", render_ports, .list = "ports", .key = "name", .noun = "port"};
const struct view view_routes = {"/v1/routes", NULL, .routes = true};
const struct view view_neighbors = {
	"/v1/neighbors", render_neighbors, .list = "neighbors", .key = "interface"};
const struct view view_vrfs = {"/v1/vrfs", render_vrfs};
const struct view view_stages = {"/v1/stages", render_stages};
const struct view view_drops = {"/v1/drops", render_drops};
const struct view view_workers = {"/v1/workers", render_workers};
const struct view view_memory = {"/v1/memory", render_memory};
const struct view view_kernel = {
	"/v1/kernel", render_kernel, .list = "twins", .key = "interface", .noun = "twin of interface"};
const struct view view_acls = {"/v1/acls", render_acls, .list = "acls", .key = "name", .noun = "list"};
const struct view view_sets = {"/v1/sets", render_sets, .list = "sets", .key = "name", .noun = "set"};
const struct view view_sources = {"/v1/sources", render_sources};
const struct view view_firewall = {"/v1/firewall", render_firewall};
const struct view view_pipeline = {"/v1/pipeline", render_pipeline};

const char *json_str(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

uint64_t json_num(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

bool json_yes(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

/* Keeps what `only` selects. False when that leaves nothing of a kind that must be there. */
static bool select_only(json_t *doc, const struct view *view, const char *only)
{
	json_t *list = json_object_get(doc, view->list);

	for (size_t i = json_array_size(list); i-- > 0;)
		if (strcmp(json_str(json_array_get(list, i), view->key), only) != 0)
			json_array_remove(list, i);
	return json_array_size(list) != 0 || view->noun == NULL;
}

/* Fetches the document and keeps what was asked for. */
static int fetch(const struct cli *c, const struct view *view, const struct show_options *o, json_t **doc)
{
	char target[128];
	int rc;

	snprintf(target, sizeof target, "%s", view->path);
	if (o->xstats)
		cli_query(target, sizeof target, "xstats", "1");
	if (o->all)
		cli_query(target, sizeof target, "all", "1");
	rc = cli_call(c, "GET", target, NULL, doc);
	if (rc == CLI_OK && o->only != NULL && !select_only(*doc, view, o->only))
		rc = cli_error(CLI_FAILED, "there is no %s '%.64s'", view->noun, o->only);
	return rc;
}

static int show_once(const struct cli *c, const struct view *view, const struct show_options *o)
{
	json_t *doc;
	int rc;

	if (view->routes)
		return show_route_pages(c, o);
	rc = fetch(c, view, o, &doc);
	if (c->json && rc == CLI_OK)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		view->render(doc, o);
	json_decref(doc);
	return rc;
}

/* --- again and again --- */

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Draws over what is there, without clearing first: no flicker. At most one screen. */
static void draw(char *text, unsigned rows)
{
	char *rest = text;

	fputs("\033[H", stdout);
	for (unsigned n = 1; n < rows && rest != NULL && *rest != '\0'; n++)
		printf("%s\033[K\n", strsep(&rest, "\n"));
	fputs("\033[J", stdout);
}

struct watch {
	const struct cli *c;
	const struct view *view;
	struct show_options o;
	json_t *before;
	double at; /* when `before` was fetched */
};

/* One turn's text on standard output. */
static int turn_text(struct watch *w)
{
	json_t *doc = NULL;
	double now;
	int rc;

	if (w->view->routes)
		return show_route_pages(w->c, &w->o);
	rc = fetch(w->c, w->view, &w->o, &doc);
	now = seconds_now();
	w->o.rates = (struct rates){w->before, w->before != NULL ? now - w->at : 0};
	if (w->c->json && rc == CLI_OK)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		w->view->render(doc, &w->o);
	json_decref(w->before);
	w->before = doc;
	w->at = now;
	return rc;
}

/* The same, drawn as a screen: the renderers' standard output is memory meanwhile. */
static int turn_screen(struct watch *w)
{
	FILE *terminal = stdout, *memory;
	char *text = NULL;
	size_t size = 0;
	int rc;

	term_look();
	memory = open_memstream(&text, &size);
	if (memory == NULL)
		return cli_error(CLI_FAILED, "not enough memory for the screen");
	stdout = memory;
	printf("%severy %g s: weir %s; Ctrl-C ends%s\n\n", term_color(COLOR_DIM), w->o.watch, w->c->path + 5,
		term_color(COLOR_NONE));
	rc = turn_text(w);
	stdout = terminal;
	fclose(memory);
	if (rc == CLI_OK)
		draw(text, term()->rows);
	free(text);
	return rc;
}

static int watch(const struct cli *c, const struct view *view, const struct show_options *o)
{
	struct watch w = {.c = c, .view = view, .o = *o};
	bool screen = term()->tty && !c->json;
	int rc = CLI_OK;

	interrupt_catch();
	if (screen)
		fputs("\033[?1049h\033[?25l", stdout); /* the other screen, no cursor */
	for (unsigned turn = 0; rc == CLI_OK && !interrupted(); turn++) {
		if (turn != 0 && !screen && !c->json)
			putchar('\n');
		rc = screen ? turn_screen(&w) : turn_text(&w);
		if (rc == CLI_OK && (fflush(stdout) != 0 || !term_sleep(o->watch)))
			break;
	}
	if (interrupted())
		rc = CLI_OK;
	if (screen)
		fputs("\033[?25h\033[?1049l", stdout);
	interrupt_release();
	json_decref(w.before);
	return rc;
}

int verb_show(const struct cli *c, const struct args *a, const struct verb *v)
{
	const struct view *view = v->data;
	const char *seconds = args_value(a, "SECONDS");
	struct show_options o = {.family = c->family,
		.xstats = args_have(a, "--xstats"),
		.all = args_have(a, "--all"),
		.dot = args_have(a, "--dot"),
		.vrf = args_value(a, "VRF"),
		.only = args_value(a, view == &view_ports  ? "PORT"
				      : view == &view_acls ? "ACL"
				      : view == &view_sets ? "SET"
							   : "IFACE")};

	if (!args_have(a, "--watch"))
		return show_once(c, view, &o);
	o.watch = seconds != NULL ? strtod(seconds, NULL) : 1;
	return watch(c, view, &o);
}
