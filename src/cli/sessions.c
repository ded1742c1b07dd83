/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir show sessions, weir clear sessions: page by page, so that any number of them needs the memory of one
 * page.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/verbs.h"

#define PAGE "5000"

static const char *const heads[] = {
	"Protocol", "Source", "Destination", "State", ">Expires", "In", "Out", "?Rule", "?VRF"};
enum { COLUMNS = sizeof heads / sizeof heads[0] };

/* Keyword of the command line, key of the API, in the order of the words behind them. */
static const struct {
	const char *word, *key;
} filters[] = {{"protocol", "protocol"}, {"address", "address"}, {"source", "source"},
	{"destination", "destination"}, {"port", "port"}, {"source-port", "source-port"},
	{"destination-port", "destination-port"}, {"state", "state"}, {"dev", "interface"}, {"vrf", "vrf"}};

static void end_text(const json_t *direction, const char *address, const char *port, char *buf, size_t size)
{
	const char *text = json_str(direction, address);

	if (json_num(direction, port) == 0)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, strchr(text, ':') != NULL ? "[%s]:%llu" : "%s:%llu", text,
			(unsigned long long)json_num(direction, port));
}

static void seconds_text(uint64_t s, char *buf, size_t size)
{
	if (s >= 3600)
		snprintf(buf, size, "%lluh%02llum", (unsigned long long)(s / 3600),
			(unsigned long long)(s / 60 % 60));
	else if (s >= 60)
		snprintf(buf, size, "%llum%02llus", (unsigned long long)(s / 60),
			(unsigned long long)(s % 60));
	else
		snprintf(buf, size, "%llus", (unsigned long long)s);
}

static void add_row(struct grid *g, const json_t *s)
{
	const json_t *o = json_object_get(s, "original");
	char from[64], to[64], left[32];

	end_text(o, "source", "source_port", from, sizeof from);
	end_text(o, "destination", "destination_port", to, sizeof to);
	seconds_text(json_num(s, "expires_seconds"), left, sizeof left);
	grid_row(g, (const char *[COLUMNS]){json_str(s, "protocol"), from, to, json_str(s, "state"), left,
			    json_str(s, "interface_in"), json_str(s, "interface_out"), json_str(s, "rule"),
			    json_str(s, "vrf")});
}

static void print_page(const struct cli *c, struct grid *g, const json_t *list, bool *first)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!c->json) {
			add_row(g, json_array_get(list, i));
			continue;
		}
		fputs(*first ? "\n    " : ",\n    ", stdout);
		json_dumpf(json_array_get(list, i), stdout, JSON_COMPACT);
		*first = false;
	}
	if (!c->json)
		grid_flush(g, stdout);
}

static int fetch(const struct cli *c, const struct args *a, const char *after, json_t **doc)
{
	char target[1024] = "/v1/sessions?limit=" PAGE;

	for (unsigned i = 0; i < sizeof filters / sizeof filters[0]; i++)
		if (args_after(a, filters[i].word) != NULL)
			cli_query(target, sizeof target, filters[i].key, args_after(a, filters[i].word));
	if (after[0] != '\0')
		cli_query(target, sizeof target, "after", after);
	return cli_call(c, "GET", target, NULL, doc);
}

static int show_pages(const struct cli *c, const struct args *a)
{
	bool first = true, started = false;
	char after[64] = "";
	struct grid g;
	json_t *doc;
	int rc;

	grid_init(&g, heads, COLUMNS);
	do {
		rc = fetch(c, a, after, &doc);
		if (rc == CLI_OK && c->json && !started)
			fputs("{\n  \"sessions\": [", stdout);
		if (rc == CLI_OK) {
			started = true;
			print_page(c, &g, json_object_get(doc, "sessions"), &first);
			snprintf(after, sizeof after, "%s", json_str(doc, "next"));
		}
		json_decref(doc);
	} while (rc == CLI_OK && after[0] != '\0' && !ferror(stdout));
	if (started && c->json)
		fputs(first ? "],\n  \"next\": null\n}\n" : "\n  ],\n  \"next\": null\n}\n", stdout);
	if (!c->json && started)
		grid_end(&g, stdout);
	return rc;
}

static void print_totals(json_t *doc)
{
	json_t *states = json_object_get(doc, "states"), *v;
	const char *key;

	json_object_foreach(doc, key, v) if (v != states)
		printf("%-20s %llu\n", key, (unsigned long long)json_integer_value(v));
	json_object_foreach(states, key, v) if (json_integer_value(v) != 0)
		printf("  %-18s %llu\n", key, (unsigned long long)json_integer_value(v));
}

static int show_totals(const struct cli *c)
{
	json_t *doc;
	int rc = cli_call(c, "GET", "/v1/sessions/totals", NULL, &doc);

	if (rc == CLI_OK && c->json)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		print_totals(doc);
	json_decref(doc);
	return rc;
}

static int clear(const struct cli *c, const struct args *a)
{
	json_t *body = json_object(), *doc;
	int rc;

	for (unsigned i = 0; i < sizeof filters / sizeof filters[0]; i++) {
		const char *value = args_after(a, filters[i].word);
		bool port = strstr(filters[i].key, "port") != NULL;

		if (value != NULL)
			json_object_set_new(body, filters[i].key,
				port ? json_integer(strtol(value, NULL, 10)) : json_string(value));
	}
	rc = cli_call(c, "POST", "/v1/sessions/clear", body, &doc);
	if (rc == CLI_OK && c->json)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		printf("%llu sessions ended\n", (unsigned long long)json_num(doc, "cleared"));
	json_decref(doc);
	return rc;
}

int verb_sessions(const struct cli *c, const struct args *a, const struct verb *v)
{
	if (strcmp(v->data, "clear") == 0)
		return clear(c, a);
	return args_have(a, "--totals") ? show_totals(c) : show_pages(c, a);
}
