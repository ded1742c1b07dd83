/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The config reader and every feature's schema: any text is either a tree or diagnostics, never both or
 * neither; what is accepted and printed again is the same config.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control/config_diff.h"

#include "control/diag.h"
#include "control/schema.h"
#include "control/tree_print.h"
#include "control/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reads_back(const struct node *root)
{
	static struct diag d;
	struct config_diff diff;
	size_t len;
	char *text = tree_yaml(root, &len);
	struct node *again;

	d = (struct diag){.file = "again", .source = text, .source_len = len};
	again = yaml_read(text, len, &d);
	if (again == NULL || schema_check(again, &d) != 0 || !node_same(root, again))
		abort();
	if (config_diff_make(&diff, root, again) != 0 || config_diff_total(&diff) != 0)
		abort();
	config_diff_free(&diff);
	node_free(again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	static struct diag d;
	struct node *root;

	if (null == NULL)
		null = fopen("/dev/null", "w");
	d = (struct diag){.file = "fuzz", .source = (const char *)data, .source_len = size};
	root = yaml_read((const char *)data, size, &d);
	if (root == NULL && d.total == 0)
		abort();
	if (root != NULL && d.total == 0)
		schema_check(root, &d);
	if (d.total != 0)
		diag_print(&d, null);
	else
		reads_back(root);
	node_free(root);
	return 0;
}
