/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A new configuration for the running daemon, all or nothing.
 */
#include <errno.h>
#include <string.h>

#include "control/tree.h"
#include "control/yaml.h"
#include "runtime/priv.h"

/* What EAL, the ports and the workers were started with. */
static const char *const fixed[] = {"ports", "dataplane", "dpdk", "api"};

static bool same_tree(const struct node *a, const struct node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->count != b->count || (a->text != NULL) != (b->text != NULL) ||
		(a->text != NULL && strcmp(a->text, b->text) != 0))
		return false;
	NODE_EACH (c, a) {
		const struct node *other = b->child;

		while (other != NULL && (a->kind == NODE_MAP ? strcmp(other->key, c->key) != 0 : false))
			other = other->next;
		if (a->kind == NODE_LIST)
			break;
		if (!same_tree(c, other))
			return false;
	}
	if (a->kind != NODE_LIST)
		return true;
	for (const struct node *x = a->child, *y = b->child; x != NULL; x = x->next, y = y->next)
		if (!same_tree(x, y))
			return false;
	return true;
}

static int check_fixed(const struct node *now, const struct node *next, struct err *e)
{
	for (unsigned i = 0; i < RTE_DIM(fixed); i++)
		if (!same_tree(node_get(now, fixed[i]), node_get(next, fixed[i])))
			return err_set(e, EBUSY,
				"'%s' differs from the running configuration and cannot change while weir "
				"runs; restart weir "
				"with the new file. Nothing was changed",
				fixed[i]);
	return 0;
}

int runtime_apply_file(struct weir *w, const char *path, struct diag *d, char **text, struct err *e)
{
	struct runtime *r = runtime_of(w);
	struct node *next = config_load(path, d, text);
	int rc;

	if (next == NULL)
		return -EINVAL;
	rc = check_fixed(r->config, next, e);
	if (rc == 0)
		rc = weir_apply(w, next, e);
	if (rc != 0) {
		node_free(next);
		return rc;
	}
	node_free(r->config);
	r->config = next;
	return 0;
}
