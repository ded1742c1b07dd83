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

struct keyset; /* control/keyset.h */

enum node_kind { NODE_SCALAR, NODE_MAP, NODE_LIST };

struct node {
	enum node_kind kind;
	uint32_t line, column; /* 1-based; line 0: not from a text, its place is a JSON pointer */
	uint16_t file;         /* which of several files, see struct diag */
	bool quoted;           /* "..." or '...': never a number or boolean */
	bool typed;            /* value holds what the schema made of the text */
	const char *key;       /* in a map: this child's key; else NULL */
	uint32_t key_line, key_column;
	char *text;                       /* scalar as written */
	struct node *parent;              /* NULL at the root */
	struct node *child, *next, *last; /* children in order */
	struct keyset *index;             /* of a large map that was read from a text, else NULL */
	uint32_t count;                   /* children */
	union {                           /* set by schema_check() for scalars, by the schema's type */
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
/* The key is copied; a NULL key is a list item. -ENOMEM: the child was not appended. */
int node_append(struct node *parent, struct node *child, const char *key);
/* Takes a child out of its parent; it is the caller's then. */
void node_detach(struct node *parent, struct node *child);
/* Makes node_get() of a large map fast from now on; forgotten when a child is detached. */
void node_index(struct node *map);
void node_free(struct node *n);
/* Deep copy with positions and typed values; NULL when memory is short. */
struct node *node_copy(const struct node *n);

/* True when both say the same: kinds, keys in any order, items in order, text as written. NULL equals NULL.
 */
bool node_same(const struct node *a, const struct node *b);

/* Plain text that YAML reads as "no value": empty, ~, null, Null, NULL. */
bool node_is_nothing(const struct node *n);

#endif
