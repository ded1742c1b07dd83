/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Help as text, made from the tree.
 */
#ifndef WEIR_CLI_HELP_H
#define WEIR_CLI_HELP_H

#include <stdio.h>

#include "cli/words.h"

/* Help for a table of verbs; `path` is the words before it ("weir", "weir route"). */
void help_table(FILE *out, const struct verb *table, const char *path);
/* Synopsis, sentence, and what each word of the grammar is for. */
void help_verb(FILE *out, const struct verb *v, const char *path);
/* "usage: weir route add ..." with the braces people do not need left out. */
void help_usage(FILE *out, const struct verb *v, const char *path);

#endif
