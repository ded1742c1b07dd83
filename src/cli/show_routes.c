/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes as a table or as JSON, page by page: a million of them need the memory of one page.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/verbs.h"

#define PAGE "5000"

static const char *const heads[] = {
	"Prefix", "Via", "Interface", "?>Weight", "?Source", "?>Distance", "State"};
enum { COLUMNS = sizeof heads / sizeof heads[0] };

static const char *state_of(const json_t *route, const json_t *via)
{
	if (!json_yes(route, "active"))
		return json_str(route, "reason");
	return via == NULL || json_yes(via, "usable") ? "active" : "active, but not over this next hop";
}

/* "static", or "kernel/bgp". */
static const char *source_of(const json_t *route, char *buf, size_t size)
{
	const char *protocol = json_str(route, "protocol");

	snprintf(buf, size, "%s%s%s", json_str(route, "source"), protocol[0] != '\0' ? "/" : "", protocol);
	return buf;
}

/* A route is one row per next hop; what belongs to the route is in its first row. */
static void add_rows(struct grid *g, const json_t *route)
{
	const json_t *list = json_object_get(route, "via");
	const char *type = json_str(route, "type");
	size_t n = json_array_size(list);
	char distance[TEXT_NUMBER], weight[TEXT_NUMBER], source[48];

	text_number(json_num(route, "distance"), distance);
	source_of(route, source, sizeof source);
	for (size_t i = 0; i < n || i == 0; i++) {
		const json_t *via = json_array_get(list, i);
		const char *to = strcmp(type, "unicast") != 0 ? type : json_str(via, "address");

		grid_row(g,
			(const char *[COLUMNS]){i == 0 ? json_str(route, "prefix") : " ",
				via != NULL && to[0] == '\0' ? "connected" : to, json_str(via, "interface"),
				via != NULL ? text_number(json_num(via, "weight"), weight) : NULL,
				i == 0 ? source : " ", i == 0 ? distance : " ", state_of(route, via)});
	}
}

static void print_rows_json(const json_t *list, bool *first)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		fputs(*first ? "\n    " : ",\n    ", stdout);
		json_dumpf(json_array_get(list, i), stdout, JSON_COMPACT);
		*first = false;
	}
}

static int fetch(const struct cli *c, const struct show_options *o, const char *after, json_t **doc)
{
	char target[512] = "/v1/routes?limit=" PAGE;

	if (o->vrf != NULL)
		cli_query(target, sizeof target, "vrf", o->vrf);
	if (o->family != 0)
		cli_query(target, sizeof target, "family", o->family == 6 ? "6" : "4");
	if (after[0] != '\0')
		cli_query(target, sizeof target, "after", after);
	return cli_call(c, "GET", target, NULL, doc);
}

static void print_page(const struct cli *c, struct grid *g, const json_t *list, bool *first)
{
	if (c->json) {
		print_rows_json(list, first);
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++)
		add_rows(g, json_array_get(list, i));
	grid_flush(g, stdout);
}

int show_route_pages(const struct cli *c, const struct show_options *o)
{
	char after[64] = "";
	bool first = true, started = false;
	struct grid g;
	json_t *doc;
	int rc;

	grid_init(&g, heads, COLUMNS);
	do {
		rc = fetch(c, o, after, &doc);
		if (rc == CLI_OK && c->json && !started)
			fputs("{\n  \"routes\": [", stdout);
		if (rc == CLI_OK) {
			started = true;
			print_page(c, &g, json_object_get(doc, "routes"), &first);
			snprintf(after, sizeof after, "%s", json_str(doc, "next"));
		}
		json_decref(doc);
		/* a watched screen shows the first of them only */
	} while (rc == CLI_OK && after[0] != '\0' && !ferror(stdout) && !(o->watch > 0 && term()->tty));
	if (started && c->json)
		fputs(first ? "],\n  \"next\": null\n}\n" : "\n  ],\n  \"next\": null\n}\n", stdout);
	if (!c->json && started)
		grid_end(&g, stdout);
	return rc;
}

void render_route_line(const json_t *route)
{
	const json_t *list = json_object_get(route, "via");
	const char *type = json_str(route, "type");
	bool several = json_array_size(list) > 1;
	char source[48];

	printf("%s", json_str(route, "address"));
	if (strcmp(type, "unicast") != 0)
		printf(" %s", type);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *via = json_array_get(list, i);

		fputs(several ? " nexthop" : "", stdout);
		if (json_str(via, "address")[0] != '\0')
			printf(" via %s", json_str(via, "address"));
		if (json_str(via, "interface")[0] != '\0')
			printf(" dev %s", json_str(via, "interface"));
		if (several)
			printf(" weight %llu", (unsigned long long)json_num(via, "weight"));
	}
	printf(" by %s vrf %s source %s distance %llu\n", json_str(route, "prefix"), json_str(route, "vrf"),
		source_of(route, source, sizeof source), (unsigned long long)json_num(route, "distance"));
}
