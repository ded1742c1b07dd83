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

int verb_config_check(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *file = args_value(a, "FILE");
	struct diag d = {0};
	struct node *tree;
	char *text = NULL;

	tree = config_load(file, &d, &text);
	if (tree == NULL || d.total != 0)
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
