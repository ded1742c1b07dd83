/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir show: options, fetching, --watch. The tables are in show_*.c.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/call.h"
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
	if (rc == CLI_OK && o->only != NULL && !select_only(doc, view, o->only))
		rc = cli_error(CLI_FAILED, "there is no %s '%.64s'", view->noun, o->only);
	else if (c->json && doc != NULL)
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

int verb_show(const struct cli *c, const struct args *a, const struct verb *v)
{
	const struct view *view = v->data;
	const char *seconds = args_value(a, "SECONDS");
	struct show_options o = {.family = c->family,
		.xstats = args_have(a, "--xstats"),
		.all = args_have(a, "--all"),
		.dot = args_have(a, "--dot"),
		.vrf = args_value(a, "VRF"),
		.only = args_value(a, view == &view_ports ? "PORT" : "IFACE")};
	bool clear = isatty(STDOUT_FILENO) != 0;
	int rc;

	if (args_have(a, "--watch"))
		o.watch = seconds != NULL ? strtod(seconds, NULL) : 1;
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
