/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A config as a JSON body: to a tree, through the schema, back to JSON; and as a merge patch on a config. The
 * first byte decides which.
 */
#include <stdio.h>
#include <stdlib.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/tree_json.h"
#include "control/tree_print.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *patched(json_t *patch)
{
	json_t *target = json_pack("{s:{s:{s:s,s:[s,s]}},s:[{s:s}]}", "interfaces", "lan", "port", "a",
		"addresses", "10.0.0.1/24", "10.0.1.1/24", "routes", "prefix", "10.0.0.0/8");
	json_t *out = json_merge_patch(target, patch);

	json_decref(target);
	json_decref(patch);
	return out;
}

/* What the tree prints is the JSON it came from, as far as numbers go into text and back. */
static void prints(const struct node *root)
{
	size_t len;
	char *text = tree_json(root, &len);
	json_t *a = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL),
	       *b = json_from_tree(root);

	if (a == NULL || b == NULL || !json_equal(a, b))
		abort();
	json_decref(a);
	json_decref(b);
	free(text);
	free(tree_yaml(root, &len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *null;
	static struct diag d;
	struct node *root;
	json_t *j;

	if (null == NULL)
		null = fopen("/dev/null", "w");
	if (size < 2)
		return 0;
	j = json_loadb((const char *)data + 1, size - 1, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	if (j == NULL)
		return 0;
	if ((data[0] & 1) != 0)
		j = patched(j);
	d = (struct diag){.file = "body"};
	root = tree_from_json(j, &d);
	if (root == NULL && d.total == 0)
		abort();
	if (root != NULL)
		prints(root);
	if (root != NULL && root->kind == NODE_MAP)
		schema_check(root, &d);
	diag_print(&d, null);
	node_free(root);
	json_decref(j);
	return 0;
}
