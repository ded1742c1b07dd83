/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The config reader and every feature's schema: any text is either a tree or diagnostics, never both or
 * neither.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	node_free(root);
	return 0;
}
