/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/tree.h"

#include <stdlib.h>
#include <string.h>

const struct node *node_get(const struct node *map, const char *key)
{
	NODE_EACH (c, map)
		if (c->key != NULL && strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

uint64_t node_u64(const struct node *map, const char *key, uint64_t fallback)
{
	const struct node *n = node_get(map, key);

	return n != NULL ? n->value.u64 : fallback;
}

bool node_bool(const struct node *map, const char *key, bool fallback)
{
	return node_u64(map, key, fallback) != 0;
}

const char *node_text(const struct node *map, const char *key, const char *fallback)
{
	const struct node *n = node_get(map, key);

	return n != NULL && n->text != NULL ? n->text : fallback;
}

struct node *node_new(enum node_kind kind, const char *text)
{
	struct node *n = calloc(1, sizeof *n);

	if (n == NULL)
		return NULL;
	n->kind = kind;
	if (text == NULL)
		return n;
	n->text = strdup(text);
	if (n->text == NULL) {
		free(n);
		return NULL;
	}
	return n;
}

/* The key is copied; a NULL key is a list item. */
void node_append(struct node *parent, struct node *child, const char *key)
{
	child->key = key != NULL ? strdup(key) : NULL;
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->child = child;
	parent->last = child;
	parent->count++;
}

void node_free(struct node *n)
{
	while (n != NULL) {
		struct node *next = n->next;

		node_free(n->child);
		free((void *)(uintptr_t)n->key);
		free(n->text);
		free(n);
		n = next;
	}
}
