/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir config: check without a daemon, apply to the running one.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* Diagnostics of the daemon, line by line so that nothing but newlines controls the terminal. */
static void print_rendered(const char *text)
{
	for (; *text != '\0'; text++)
		fputc((unsigned char)*text >= 0x20 || *text == '\n' || *text == '\t' ? *text : '?', stderr);
}

int verb_config_apply(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *file = args_value(a, "FILE"), *rendered;
	char path[PATH_MAX];
	json_t *doc;
	int rc;

	if (realpath(file, path) == NULL)
		return cli_error(CLI_FAILED, "%s cannot be read: %s", file, strerror(errno));
	rc = cli_call(c, "POST", "/v1/config/apply", json_pack("{s:s}", "path", path), &doc);
	rendered = json_string_value(json_object_get(doc, "rendered"));
	if (rendered != NULL)
		print_rendered(rendered);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		printf("%s: applied\n", file);
	json_decref(doc);
	return rc;
}
