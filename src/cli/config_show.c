/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir config show, diff, history.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/args.h"
#include "cli/call.h"
#include "cli/grid.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "control/tree_json.h"
#include "control/tree_print.h"

/* --- changes --- */

static void print_change(const json_t *c)
{
	const bool added = strcmp(json_str(c, "op"), "added") == 0;
	const char *path = json_str(c, "path"), *before = json_str(c, "before"),
		   *after = json_str(c, "after");
	const char *value = added ? after : before;
	char text[1024];

	if (strcmp(json_str(c, "op"), "changed") == 0)
		snprintf(text, sizeof text, "~ %s: %s -> %s", path, before, after);
	else if (strlen(value) <= strlen(path) && strcmp(path + strlen(path) - strlen(value), value) == 0)
		snprintf(text, sizeof text, "%c %s", added ? '+' : '-', path); /* it is its own name */
	else
		snprintf(text, sizeof text, "%c %s: %s", added ? '+' : '-', path, value);
	text_safe(text);
	puts(text);
}

void render_changes(const json_t *doc)
{
	size_t i;
	json_t *v;

	json_array_foreach(json_object_get(doc, "changes"), i, v) print_change(v);
	if (json_num(doc, "unlisted") != 0)
		printf("... and %llu more changes\n", (unsigned long long)json_num(doc, "unlisted"));
}

/* --- show --- */

int verb_config_show(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *id = args_after(a, "--id"), *source = id;
	char target[64] = "/v1/config";
	struct diag d = {0};
	struct node *tree;
	json_t *doc;
	int rc;

	if (args_have(a, "--startup"))
		source = "startup";
	else if (args_have(a, "--applied"))
		source = "applied";
	if (source != NULL)
		cli_query(target, sizeof target, "source", source);
	rc = cli_call(c, "GET", target, NULL, &doc);
	if (rc == CLI_OK && c->json) {
		cli_print_json(doc);
	} else if (rc == CLI_OK) {
		tree = tree_from_json(doc, &d);
		if (tree != NULL)
			tree_print_yaml(tree, stdout);
		else
			rc = cli_error(CLI_FAILED, "%s", d.entry[0].text);
		node_free(tree);
	}
	json_decref(doc);
	return rc;
}

/* --- diff --- */

int verb_config_diff(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *doc;
	int rc = cli_call(c, "GET", "/v1/config/diff", NULL, &doc);

	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		render_changes(doc);
	if (rc == CLI_OK && json_yes(doc, "different"))
		rc = CLI_DIFFERENT;
	json_decref(doc);
	return rc;
}

/* --- history --- */

static void format_time(uint64_t when, char buf[static 24])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL || strftime(buf, 24, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buf, 24, "-");
}

/* "2 added, 0 changed, 1 removed" as "+2 ~0 -1", the signs of a plan; other text as it is. */
static const char *short_summary(const char *text, char buf[static 40])
{
	unsigned added, changed, removed;
	int end = -1;

	if (sscanf(text, "%u added, %u changed, %u removed%n", &added, &changed, &removed, &end) != 3 ||
		end < 0 || text[end] != '\0')
		return text;
	snprintf(buf, 40, "+%u ~%u -%u", added, changed, removed);
	return buf;
}

static void add_entry(struct grid *g, const json_t *n)
{
	const char *state = json_yes(n, "running") && strcmp(json_str(n, "state"), "confirmed") == 0
				    ? "running"
				    : json_str(n, "state");
	char id[24], back[24], when[24], changes[40];
	const char *cells[] = {id, json_is_null(json_object_get(n, "back")) ? NULL : back, state, when,
		json_str(n, "user"), short_summary(json_str(n, "summary"), changes), json_str(n, "message")};

	snprintf(id, sizeof id, "%llu", (unsigned long long)json_num(n, "id"));
	snprintf(back, sizeof back, "%llu", (unsigned long long)json_num(n, "back"));
	format_time(json_num(n, "time"), when);
	grid_row(g, cells);
}

static void render_history(const json_t *doc)
{
	static const char *const heads[] = {">ID", ">BACK", "STATE", "TIME", "USER", "CHANGES", "MESSAGE"};
	struct grid g;
	size_t i;
	json_t *v;

	grid_init(&g, heads, 7);
	json_array_foreach(json_object_get(doc, "entries"), i, v) add_entry(&g, v);
	grid_end(&g, stdout);
	if (json_num(doc, "confirm_within") != 0)
		printf("configuration %llu is taken back in %llu s unless 'weir config confirm' comes "
		       "first\n",
			(unsigned long long)json_num(doc, "running"),
			(unsigned long long)json_num(doc, "confirm_within"));
}

static void print_line(const char *head, const char *value)
{
	char text[512];

	snprintf(text, sizeof text, "%s", value);
	text_safe(text);
	if (text[0] != '\0')
		printf("%-9s %s\n", head, text);
}

static void render_entry(const json_t *n)
{
	char when[24];

	format_time(json_num(n, "time"), when);
	printf("configuration %llu, %s%s\n", (unsigned long long)json_num(n, "id"), json_str(n, "state"),
		json_yes(n, "running") ? ", running" : "");
	print_line("when", when);
	print_line("who", json_str(n, "user"));
	print_line("why", json_str(n, "message"));
	print_line("from", json_str(n, "source"));
	render_changes(n);
}

int verb_config_history(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *id = args_value(a, "CONFIG");
	char target[64] = "/v1/config/history";
	json_t *doc;
	int rc;

	if (id != NULL)
		snprintf(target, sizeof target, "/v1/config/history/%s", id);
	rc = cli_call(c, "GET", target, NULL, &doc);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK && id != NULL)
		render_entry(doc);
	else if (rc == CLI_OK)
		render_history(doc);
	json_decref(doc);
	return rc;
}
