/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between the config tree and JSON. A JSON text is what the YAML file with the same meaning would be: a
 * string is a quoted scalar, a number or boolean a plain one, null is nothing. Positions in such a tree are
 * JSON pointers (RFC 6901).
 */
#ifndef WEIR_CONTROL_TREE_JSON_H
#define WEIR_CONTROL_TREE_JSON_H

#include <jansson.h>

#include "control/diag.h"
#include "control/tree.h"

/* A scalar as JSON: plain whole numbers that JSON readers hold and true/false keep their type. */
json_t *json_from_scalar(const char *text, bool quoted);
/* The whole tree; NULL stands for an empty map. NULL when memory is short. */
json_t *json_from_tree(const struct node *n);

/* A tree from a JSON value. NULL with entries in d: nesting deeper than CONFIG_DEPTH_MAX, text with a NUL
 * character, no memory. The schema has not looked at it. */
struct node *tree_from_json(const json_t *j, struct diag *d);

/* RFC 7396: applies a merge patch to a copy of `target`. A new value, or NULL when memory is short. */
json_t *json_merge_patch(const json_t *target, const json_t *patch);

#endif
