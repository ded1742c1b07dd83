/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tree as text: YAML that reads back as the same tree (comments are not kept), or JSON. Both are written
 * as they go, so that 100k routes cost their text.
 */
#ifndef WEIR_CONTROL_TREE_PRINT_H
#define WEIR_CONTROL_TREE_PRINT_H

#include <stdio.h>

#include "control/tree.h"

/* One line: {port: a, addresses: [10.0.0.1/24]}. NULL prints {}. */
void tree_print_flow(const struct node *n, FILE *out);
/* A whole file: sections in blocks, small objects on one line. */
void tree_print_yaml(const struct node *root, FILE *out);
void tree_print_json(const struct node *n, FILE *out);
/* The YAML as a string (malloc) of *len bytes; NULL when memory is short. */
char *tree_yaml(const struct node *root, size_t *len);
char *tree_json(const struct node *root, size_t *len);

/* A text between double quotes with escapes that YAML and JSON read alike. */
void print_quoted(const char *text, FILE *out);

#endif
