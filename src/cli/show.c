/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir show: options, fetching, --watch. The tables are in show_*.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/verbs.h"

const struct view view_version = {"/v1/version", render_version};
const struct view view_interfaces = {"/v1/interfaces", render_interfaces};
const struct view view_ports = {"/v1/ports", render_ports, .xstats = true};
const struct view view_routes = {"/v1/routes", NULL, .routes = true};
const struct view view_neighbors = {"/v1/neighbors", render_neighbors};
const struct view view_vrfs = {"/v1/vrfs", render_vrfs};
const struct view view_stages = {"/v1/stages", render_stages};
const struct view view_drops = {"/v1/drops", render_drops, .all = true};
const struct view view_workers = {"/v1/workers", render_workers};
const struct view view_memory = {"/v1/memory", render_memory};
const struct view view_pipeline = {"/v1/pipeline", render_pipeline, .dot = true};

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

/* "--watch", "--watch 2", "--watch=0.5" */
static void take_watch(struct words *a, const char *value, struct show_options *o, struct err *e)
{
	const char *next = words_peek(a);
	char *end;

	if (value == NULL && next != NULL && isdigit((unsigned char)next[0]))
		value = words_take(a);
	o->watch = value != NULL ? strtod(value, &end) : 1;
	if (value != NULL && (*end != '\0' || !(o->watch >= 0.1 && o->watch <= 86400)))
		err_set(e, EINVAL, "--watch '%.64s' is not a number of seconds from 0.1 to 86400", value);
}

static bool take_option(struct words *a, const struct view *view, struct show_options *o, struct err *e)
{
	const char *w = words_peek(a);

	if (strncmp(w, "--watch", 7) == 0 && (w[7] == '\0' || w[7] == '=')) {
		words_take(a);
		take_watch(a, w[7] == '=' ? w + 8 : NULL, o, e);
	} else if (view->xstats && strcmp(w, "--xstats") == 0) {
		o->xstats = words_take(a) != NULL;
	} else if (view->all && strcmp(w, "--all") == 0) {
		o->all = words_take(a) != NULL;
	} else if (view->dot && strcmp(w, "--dot") == 0) {
		o->dot = words_take(a) != NULL;
	} else if (view->routes && words_accept(a, "vrf", 1)) {
		o->vrf = words_take(a);
		if (o->vrf == NULL)
			err_set(e, EINVAL, "vrf needs a name");
	} else {
		return false;
	}
	return true;
}

static int show_once(const struct cli *c, const struct view *view, const struct show_options *o)
{
	char target[128];
	json_t *doc;
	int rc;

	if (view->routes)
		return show_route_pages(c, o);
	snprintf(target, sizeof target, "%s", view->path);
	if (o->xstats)
		cli_query(target, sizeof target, "xstats", "1");
	if (o->all)
		cli_query(target, sizeof target, "all", "1");
	rc = cli_call(c, "GET", target, NULL, &doc);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		view->render(doc, o);
	json_decref(doc);
	return rc;
}

static void pause_for(double seconds)
{
	struct timespec t = {.tv_sec = (time_t)seconds};

	t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
	nanosleep(&t, NULL);
}

int verb_show(const struct cli *c, struct words *a, const struct verb *v)
{
	const struct view *view = v->data;
	struct show_options o = {.family = c->family};
	bool clear = isatty(STDOUT_FILENO) != 0;
	struct err e = {0};
	int rc;

	while (e.code == 0 && words_peek(a) != NULL && take_option(a, view, &o, &e))
		;
	if (words_end(a, &e) != 0)
		return cli_usage(c, v, &e);
	for (unsigned turn = 0;; turn++) {
		if (clear && o.watch > 0 && !c->json)
			fputs("\033[H\033[2J", stdout);
		else if (turn != 0 && !c->json)
			putchar('\n');
		rc = show_once(c, view, &o);
		if (rc != CLI_OK || o.watch <= 0 || fflush(stdout) != 0)
			return rc;
		pause_for(o.watch);
	}
}
