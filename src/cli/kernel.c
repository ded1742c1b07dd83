/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir show sources, weir kernel diff.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define POLL_US 20000
#define DIFF_SECONDS 60

/* --- show sources --- */

static void print_map(const json_t *source, const char *key)
{
	char number[TEXT_NUMBER];
	const char *name;
	bool any = false;
	json_t *v;

	json_object_foreach(json_object_get(source, key), name, v)
	{
		if (json_integer_value(v) == 0)
			continue;
		printf("%s%s %s", any ? ", " : "  ", text_number((uint64_t)json_integer_value(v), number),
			name);
		any = true;
	}
	if (any)
		printf(" (%s)\n", key);
}

static void print_protocols(const json_t *source)
{
	const json_t *list = json_object_get(source, "protocols");
	char number[TEXT_NUMBER];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		printf("%s%s %s", i != 0 ? ", " : "  ", text_number(json_num(p, "routes"), number),
			json_str(p, "protocol"));
	}
	if (json_array_size(list) != 0)
		puts(" (routes)");
}

void render_sources(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "sources");
	static const char *const heads[] = {"Source", "?Namespace", "State", "?>Synced ago", ">IPv4 routes",
		">IPv6 routes", "?>Objects", "?>Messages", "?>Syncs", "?>Overruns", "?>Stalls"};
	static const char *const keys[] = {
		"ipv4_routes", "ipv6_routes", "objects", "messages", "syncs", "overruns", "stalls"};
	char n[7][TEXT_NUMBER], ago[TEXT_NUMBER];
	struct grid g;

	grid_init(&g, heads, sizeof heads / sizeof heads[0]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);
		bool never = json_is_null(json_object_get(s, "synced_ago_ns"));

		for (unsigned k = 0; k < 7; k++)
			text_number(json_num(s, keys[k]), n[k]);
		grid_row(&g, (const char *const[]){json_str(s, "name"),
				     json_string_value(json_object_get(s, "namespace")), json_str(s, "state"),
				     never ? NULL : text_duration(json_num(s, "synced_ago_ns"), ago), n[0],
				     n[1], n[2], n[3], n[4], n[5], n[6]});
	}
	grid_end(&g, stdout);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);

		printf("\n%s%s%s\n", json_str(s, "name"), json_str(s, "namespace")[0] != '\0' ? " of " : "",
			json_str(s, "namespace"));
		print_protocols(s);
		print_map(s, "ignored");
		print_map(s, "refused");
	}
}

/* --- kernel diff --- */

static uint64_t differences(const json_t *doc)
{
	return json_num(doc, "missing") + json_num(doc, "different") + json_num(doc, "extra") +
	       json_num(doc, "astray");
}

/* Waits for the comparison after number `before`. */
static int wait_for(const struct cli *c, uint64_t before, json_t **doc)
{
	for (unsigned i = 0; i < DIFF_SECONDS * (1000000u / POLL_US); i++) {
		int rc = cli_call(c, "GET", "/v1/kernel/diff", NULL, doc);

		if (rc != CLI_OK || json_num(*doc, "number") > before)
			return rc;
		json_decref(*doc);
		*doc = NULL;
		usleep(POLL_US);
	}
	return cli_error(CLI_TIMEOUT,
		"the comparison is not done after %d s; 'weir show sources' says what the "
		"source is doing",
		DIFF_SECONDS);
}

static int report(const struct cli *c, const json_t *doc)
{
	const json_t *lines = json_object_get(doc, "lines");
	uint64_t n = differences(doc);

	if (c->json) {
		cli_print_json(doc);
		return n != 0 ? CLI_DIFFERENT : CLI_OK;
	}
	for (size_t i = 0; i < json_array_size(lines); i++)
		puts(json_string_value(json_array_get(lines, i)));
	if (n > json_array_size(lines))
		printf("... and %llu more\n", (unsigned long long)(n - json_array_size(lines)));
	printf("%llu routes of the kernel compared, %llu differences\n",
		(unsigned long long)json_num(doc, "compared"), (unsigned long long)n);
	return n != 0 ? CLI_DIFFERENT : CLI_OK;
}

int verb_kernel_diff(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *doc = NULL;
	uint64_t before;
	int rc = cli_call(c, "POST", "/v1/kernel/diff", json_object(), &doc);

	if (rc == CLI_OK) {
		before = json_num(doc, "number");
		json_decref(doc);
		doc = NULL;
		rc = wait_for(c, before, &doc);
	}
	if (rc == CLI_OK && json_str(doc, "error")[0] != '\0')
		rc = cli_error(CLI_FAILED, "%s", json_str(doc, "error"));
	else if (rc == CLI_OK)
		rc = report(c, doc);
	json_decref(doc);
	return rc;
}
