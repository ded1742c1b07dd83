/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A line of text as words, for files of commands and the shell: spaces separate, '...', "..." and \ quote, #
 * at the start of a word begins a comment.
 */
#ifndef WEIR_CLI_LINE_H
#define WEIR_CLI_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct line {
	char **word; /* word[0] is "weir", as in argv; NULL-terminated */
	int count;
	bool within; /* the end of the text touches the last word, so that TAB extends it */
	bool comment;
	char quote; /* the quote that is open at the end, or 0 */
	char *text; /* owns the words */
};

/* Splits `len` bytes. -ENOMEM only; whether an open quote matters is for the caller. */
int line_split(struct line *out, const char *text, size_t len, struct err *e);
void line_free(struct line *l);

/* Writes the word so that line_split() reads it back, to a fresh string (free it). */
char *line_quote(const char *word);

#endif
