/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of rules and named sets as tables.
 */
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/verbs.h"

static const char *const rule_heads[] = {
	">Rule", "?Name", "Action", ">Packets", ">Bytes", ">Last hit", "?Comment"};

/* "3.2 s ago" */
static const char *age(const json_t *rule, char *buf, size_t size)
{
	const json_t *ns = json_object_get(rule, "age_ns");
	const double s = (double)json_integer_value(ns) / 1e9;

	if (!json_is_integer(ns))
		return "never";
	if (s < 60)
		snprintf(buf, size, "%.1f s ago", s);
	else if (s < 7200)
		snprintf(buf, size, "%.0f min ago", s / 60);
	else
		snprintf(buf, size, "%.0f h ago", s / 3600);
	return buf;
}

static void rule_row(struct grid *g, const json_t *r)
{
	char id[TEXT_NUMBER], packets[TEXT_NUMBER], bytes[TEXT_NUMBER], when[32], action[64];
	const char *to = json_string_value(json_object_get(r, "goto"));
	const bool is_default = json_num(r, "id") == 0;
	const char *const row[] = {is_default ? "default" : text_number(json_num(r, "id"), id),
		json_string_value(json_object_get(r, "name")), action,
		text_number(json_num(r, "packets"), packets), text_number(json_num(r, "bytes"), bytes),
		age(r, when, sizeof when), json_string_value(json_object_get(r, "comment"))};

	snprintf(action, sizeof action, "%s%s%s", json_str(r, "action"), to != NULL ? " " : "",
		to != NULL ? to : "");
	grid_row(g, row);
}

static void list_head(const json_t *l)
{
	const json_t *uses = json_object_get(l, "interfaces");

	printf("%s (%s", json_str(l, "name"), json_str(l, "matcher"));
	for (size_t i = 0; i < json_array_size(uses); i++)
		printf(", %s of %s", json_str(json_array_get(uses, i), "direction"),
			json_str(json_array_get(uses, i), "interface"));
	puts(json_array_size(uses) != 0 ? ")" : ", not used)");
}

void render_acls(const json_t *doc, const struct show_options *o)
{
	const json_t *lists = json_object_get(doc, "acls");

	if (json_array_size(lists) == 0)
		puts("The configuration has no 'acls'.");
	for (size_t i = 0; i < json_array_size(lists); i++) {
		const json_t *l = json_array_get(lists, i), *rules = json_object_get(l, "rules");
		struct grid g;

		if (i != 0)
			putchar('\n');
		list_head(l);
		grid_init(&g, rule_heads, sizeof rule_heads / sizeof rule_heads[0]);
		for (size_t k = 0; k < json_array_size(rules); k++)
			rule_row(&g, json_array_get(rules, k));
		grid_end(&g, stdout);
	}
}

static const char *const set_heads[] = {
	"Set", "Kind", ">Entries", ">IPv4 ranges", ">IPv6 ranges", ">Port ranges"};

void render_sets(const json_t *doc, const struct show_options *o)
{
	static const char *const keys[] = {"entries", "ipv4_ranges", "ipv6_ranges", "port_ranges"};
	const json_t *sets = json_object_get(doc, "sets");
	struct grid g;

	grid_init(&g, set_heads, sizeof set_heads / sizeof set_heads[0]);
	for (size_t i = 0; i < json_array_size(sets); i++) {
		const json_t *s = json_array_get(sets, i);
		char n[4][TEXT_NUMBER];
		const char *row[6] = {json_str(s, "name"), json_str(s, "kind")};

		for (unsigned k = 0; k < 4; k++)
			row[2 + k] = text_number(json_num(s, keys[k]), n[k]);
		grid_row(&g, row);
	}
	grid_end(&g, stdout);
}
