/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/keyset.h"

const struct node *node_get(const struct node *map, const char *key)
{
	if (map != NULL && map->index != NULL)
		return keyset_find(map->index, map, key);
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

static void drop_index(struct node *n)
{
	if (n->index != NULL)
		keyset_free(n->index);
	free(n->index);
	n->index = NULL;
}

void node_index(struct node *map)
{
	if (map->kind != NODE_MAP || map->index != NULL || map->count <= KEYSET_SMALL)
		return;
	map->index = calloc(1, sizeof *map->index);
	if (map->index != NULL)
		keyset_update(map->index, map);
}

int node_append(struct node *parent, struct node *child, const char *key)
{
	if (key != NULL) {
		child->key = strdup(key);
		if (child->key == NULL)
			return -ENOMEM;
	}
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->child = child;
	child->parent = parent;
	parent->last = child;
	parent->count++;
	if (parent->index != NULL)
		keyset_update(parent->index, parent);
	return 0;
}

void node_detach(struct node *parent, struct node *child)
{
	struct node **at = &parent->child, *before = NULL;

	while (*at != child) {
		before = *at;
		at = &before->next;
	}
	*at = child->next;
	if (parent->last == child)
		parent->last = before;
	child->next = child->parent = NULL;
	parent->count--;
	drop_index(parent);
}

void node_free(struct node *n)
{
	while (n != NULL) {
		struct node *next = n->next;

		node_free(n->child);
		drop_index(n);
		free((void *)(uintptr_t)n->key);
		free(n->text);
		free(n);
		n = next;
	}
}

struct node *node_copy(const struct node *n)
{
	struct node *copy = node_new(n->kind, n->text);

	if (copy == NULL)
		return NULL;
	copy->line = n->line;
	copy->column = n->column;
	copy->file = n->file;
	copy->quoted = n->quoted;
	copy->typed = n->typed;
	copy->key_line = n->key_line;
	copy->key_column = n->key_column;
	copy->value = n->value;
	NODE_EACH (c, n) {
		struct node *below = node_copy(c);

		if (below == NULL || node_append(copy, below, c->key) != 0) {
			node_free(below);
			node_free(copy);
			return NULL;
		}
	}
	if (n->index != NULL)
		node_index(copy);
	return copy;
}

static bool same_scalar(const struct node *a, const struct node *b)
{
	return (a->text != NULL) == (b->text != NULL) && (a->text == NULL || strcmp(a->text, b->text) == 0);
}

/* Usually both are in the same order: the search begins at the place where it would be then. */
static bool same_map(const struct node *a, const struct node *b)
{
	const struct node *guess = b->child;
	struct keyset keys = {0};
	bool same = true;

	NODE_EACH (c, a) {
		const struct node *other = guess;

		if (other == NULL || strcmp(other->key, c->key) != 0) {
			keyset_update(&keys, b);
			other = keyset_find(&keys, b, c->key);
		}
		same = other != NULL && node_same(c, other);
		if (!same)
			break;
		guess = other->next;
	}
	keyset_free(&keys);
	return same;
}

bool node_same(const struct node *a, const struct node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	if (a->kind != b->kind || a->count != b->count || !same_scalar(a, b))
		return false;
	if (a->kind == NODE_MAP)
		return same_map(a, b);
	for (const struct node *x = a->child, *y = b->child; x != NULL; x = x->next, y = y->next)
		if (!node_same(x, y))
			return false;
	return true;
}

bool node_is_nothing(const struct node *n)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"};

	if (n->kind != NODE_SCALAR || n->quoted)
		return false;
	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(n->text, words[i]) == 0)
			return true;
	return false;
}
