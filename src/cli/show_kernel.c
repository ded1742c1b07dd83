/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The interfaces' twins in the kernel as tables.
 */
#include <stdio.h>
#include <string.h>

#include "cli/grid.h"
#include "cli/verbs.h"

static const char *number(const json_t *o, const char *key, char buf[static TEXT_NUMBER])
{
	return text_number(json_num(o, key), buf);
}

static uint64_t sum(const json_t *twin, const char *key)
{
	const json_t *list = json_object_get(twin, "classes");
	uint64_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += json_num(json_array_get(list, i), key);
	return n;
}

static const char *const twin_heads[] = {"Interface", "Link", "?Namespace", "Carrier", ">Up", "?>Copies",
	">Policed", ">Refused", ">Down", "?>Answered", ">Down drops", "?>Groups"};

static void twin_row(struct grid *g, const json_t *t)
{
	char up[TEXT_NUMBER], policed[TEXT_NUMBER], n[6][TEXT_NUMBER];
	const char *place = json_string_value(json_object_get(t, "namespace"));
	const char *const row[] = {json_str(t, "interface"), json_str(t, "link"), place,
		json_yes(t, "carrier") ? "on"
		: json_yes(t, "held")  ? "waits"
				       : "off",
		text_number(sum(t, "punted"), up), number(t, "copies", n[0]),
		text_number(sum(t, "policed"), policed), number(t, "refused", n[1]),
		number(t, "injected", n[2]), number(t, "answered", n[3]), number(t, "inject_drops", n[4]),
		number(t, "groups", n[5])};

	grid_row(g, row);
	grid_color(g, 3, json_yes(t, "carrier") ? COLOR_GOOD : COLOR_BAD);
}

static const char *const class_heads[] = {"Interface", "Class", ">Up", ">Policed"};

/* Classes that saw packets. */
static void class_rows(struct grid *g, const json_t *t)
{
	const json_t *list = json_object_get(t, "classes");
	char up[TEXT_NUMBER], policed[TEXT_NUMBER];

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *c = json_array_get(list, i);
		const char *const row[] = {json_str(t, "interface"), json_str(c, "class"),
			number(c, "punted", up), number(c, "policed", policed)};

		if (json_num(c, "punted") + json_num(c, "policed") != 0)
			grid_row(g, row);
	}
}

void render_kernel(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "twins");
	struct grid g;

	if (!json_yes(doc, "enabled")) {
		puts("The configuration has no 'kernel': there are no twins.");
		return;
	}
	grid_init(&g, twin_heads, sizeof twin_heads / sizeof twin_heads[0]);
	for (size_t i = 0; i < json_array_size(list); i++)
		twin_row(&g, json_array_get(list, i));
	grid_end(&g, stdout);
	putchar('\n');
	grid_init(&g, class_heads, sizeof class_heads / sizeof class_heads[0]);
	for (size_t i = 0; i < json_array_size(list); i++)
		class_rows(&g, json_array_get(list, i));
	grid_end(&g, stdout);
}
