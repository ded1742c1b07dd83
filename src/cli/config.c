/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir config: what needs no daemon.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/call.h"
#include "cli/verbs.h"
#include "control/reference.h"
#include "control/schema_json.h"
#include "control/yaml.h"

static json_t *mistakes(const struct diag *d)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < d->count; i++) {
		const struct diag_entry *e = &d->entry[i];

		json_array_append_new(list, json_pack("{s:s,s:i,s:i,s:s,s:s?}", "file", diag_file(d, e),
						    "line", (int)e->line, "column", (int)e->column, "text",
						    e->text, "hint", e->hint[0] != '\0' ? e->hint : NULL));
	}
	return list;
}

/* With the keys that the API uses for the same. */
static void print_verdict(const char *file, bool ok, const struct diag *d)
{
	json_t *doc = json_pack(
		"{s:b,s:s,s:o,s:i}", "ok", ok, "file", file, "errors", mistakes(d), "total", (int)d->total);

	if (doc != NULL)
		cli_print_json(doc);
	else /* a name that is not UTF-8 */
		diag_print(d, stderr);
	json_decref(doc);
}

int verb_config_check(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *file = args_value(a, "FILE");
	struct diag d = {0};
	struct node *tree;
	char *text = NULL;

	tree = config_load(file, &d, &text);
	if (c->json)
		print_verdict(file, tree != NULL && d.total == 0, &d);
	else if (tree == NULL || d.total != 0)
		diag_print(&d, stderr);
	else
		printf("%s: ok\n", file);
	node_free(tree);
	free(text);
	return tree != NULL && d.total == 0 ? CLI_OK : CLI_FAILED;
}

int verb_config_reference(const struct cli *c, const struct args *a, const struct verb *v)
{
	reference_print(stdout);
	return CLI_OK;
}

int verb_config_schema(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *doc = schema_json();

	if (doc == NULL)
		return cli_error(CLI_FAILED, "not enough memory for the schema");
	cli_print_json(doc);
	json_decref(doc);
	return CLI_OK;
}
