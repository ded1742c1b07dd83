/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall's policies as a table.
 */
#include <stdio.h>

#include "cli/grid.h"
#include "cli/verbs.h"

static const char *const heads[] = {"From", "To", ">Rule", "Name", "Match", "Action", ">Hits", "?Sessions"};
enum { COLUMNS = sizeof heads / sizeof heads[0] };

static void add_rule(struct grid *g, const json_t *policy, const json_t *rule, bool first)
{
	char number[TEXT_NUMBER], hits[TEXT_NUMBER];
	bool is_default = json_num(rule, "number") == 0;

	grid_row(g,
		(const char *[COLUMNS]){first ? json_str(policy, "from") : " ",
			first ? json_str(policy, "to") : " ",
			is_default ? "default" : text_number(json_num(rule, "number"), number),
			is_default ? " " : json_str(rule, "name"), is_default ? " " : json_str(rule, "match"),
			json_str(rule, "action"), text_number(json_num(rule, "hits"), hits),
			json_yes(rule, "track") ? "yes" : "no"});
}

void render_firewall(const json_t *doc, const struct show_options *o)
{
	const json_t *policies = json_object_get(doc, "policies");
	struct grid g;

	grid_init(&g, heads, COLUMNS);
	for (size_t i = 0; i < json_array_size(policies); i++) {
		const json_t *p = json_array_get(policies, i), *rules = json_object_get(p, "rules");

		for (size_t k = 0; k < json_array_size(rules); k++)
			add_rule(&g, p, json_array_get(rules, k), k == 0);
	}
	grid_flush(&g, stdout);
	grid_end(&g, stdout);
}
