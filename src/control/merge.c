/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Joins the trees of several files. The trees were not checked yet: what the schema does not know is moved as
 * it is and refused later, at its own position.
 */
#include <errno.h>
#include <string.h>

#include "control/identity.h"
#include "control/keyset.h"
#include "control/load.h"

/* Puts `child` (detached) behind the children of `parent`, with the key it has. */
static void move_in(struct node *parent, struct node *child)
{
	(void)node_append(parent, child, NULL);
}

/* `take` (detached) takes the place of `old` and is freed with what was there. Only the contents change
 * places, so that nothing has to be searched. */
static void replace(struct node *old, struct node *take)
{
	struct node was = *old;

	*old = *take;
	old->next = was.next;
	old->parent = was.parent;
	for (struct node *c = old->child; c != NULL; c = c->next)
		c->parent = old;
	*take = was;
	take->next = NULL;
	node_free(take);
}

static struct node *take_first(struct node *from)
{
	struct node *c = from->child;

	from->child = c->next;
	if (c->next == NULL)
		from->last = NULL;
	from->count--;
	c->next = c->parent = NULL;
	return c;
}

static int merge_list(const struct schema *s, struct node *into, struct node *from)
{
	struct identity_index x = {0};
	bool known = identity_known(s, from); /* false: not in the schema, which says so later */

	if (known && identity_build(&x, s, into) != 0)
		return -ENOMEM;
	while (from->child != NULL) {
		struct node *c = take_first(from), *old = known ? identity_find(&x, c) : NULL;

		if (old != NULL && old->file != c->file)
			replace(old, c);
		else
			move_in(into, c);
	}
	identity_free(&x);
	return 0;
}

static const struct schema *below(const struct schema *s, bool root, const char *key)
{
	if (root)
		return schema_top(key);
	return s != NULL ? schema_field(s, key) : NULL;
}

/* `named`: the children are entries of a map by name, whose fields are those of s. */
static int merge_map(const struct schema *s, bool root, bool named, struct node *into, struct node *from)
{
	struct keyset keys = {0};
	int rc = 0;

	while (from->child != NULL && rc == 0) {
		struct node *c = take_first(from), *old;
		const struct schema *f = named ? s : below(s, root, c->key);

		keyset_update(&keys, into);
		old = (struct node *)(uintptr_t)keyset_find(&keys, into, c->key);
		if (old == NULL) {
			move_in(into, c);
			continue;
		}
		if (old->kind != c->kind || c->kind == NODE_SCALAR ||
			(c->kind == NODE_LIST && f != NULL && !identity_known(f, c))) {
			replace(old, c);
			continue;
		}
		if (c->kind == NODE_LIST)
			rc = merge_list(f, old, c);
		else
			rc = merge_map(f, false, !named && f != NULL && f->type == SCHEMA_NAMED, old, c);
		node_free(c);
	}
	keyset_free(&keys);
	return rc;
}

int tree_merge(struct node *into, struct node *from)
{
	return merge_map(NULL, true, false, into, from);
}
