/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The config tree: what the YAML reader (and later REST bodies) produce, every node with its position, and
 * typed values once the schema has checked it. Maps keep file order.
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_TREE_H
#define WEIR_CONTROL_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/addr.h"

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

struct node {
	enum node_kind kind;
	uint32_t line, column; /* 1-based */
	const char *key;       /* in a map: this child's key; else NULL */
	uint32_t key_line, key_column;
	char *text;                       /* scalar as written */
	bool quoted;                      /* "..." or '...': never a number or boolean */
	struct node *child, *next, *last; /* children in order */
	uint32_t count;                   /* children */
	struct {                          /* set by schema_check() for scalars, by the schema's type */
		uint64_t u64; /* integer, size in bytes, rate in bit/s, duration in ns, boolean 0/1, enum
				 index */
		struct prefix prefix; /* address (len = 32/128) or prefix */
		uint8_t mac[6];
	} value;
};

#define NODE_EACH(c, parent)                                                                                 \
	for (const struct node *c = (parent) != NULL ? (parent)->child : NULL; c != NULL; c = c->next)

/* Child of a map by key, NULL if absent (or map is NULL). */
const struct node *node_get(const struct node *map, const char *key);
/* Typed reads with a default for an absent key. */
uint64_t node_u64(const struct node *map, const char *key, uint64_t fallback);
bool node_bool(const struct node *map, const char *key, bool fallback);
const char *node_text(const struct node *map, const char *key, const char *fallback);

/* Building and freeing. Constructors return NULL when memory is short. */
struct node *node_new(enum node_kind kind, const char *text);
void node_append(struct node *parent, struct node *child, const char *key);
void node_free(struct node *n);

#endif
