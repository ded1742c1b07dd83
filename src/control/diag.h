/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Diagnostics with positions: file:line:column, the sentence, the offending line with a caret, and what to
 * write instead. At most DIAG_MAX are kept.
 */
#ifndef WEIR_CONTROL_DIAG_H
#define WEIR_CONTROL_DIAG_H

#include <stdint.h>
#include <stdio.h>

#include "control/tree.h"

#define DIAG_MAX 20

/* One of several files a config was read from. */
struct diag_source {
	const char *file, *text;
	size_t len;
};

struct diag_entry {
	uint32_t line, column;
	uint16_t file;   /* index into diag.sources, when there are any */
	char where[160]; /* JSON pointer instead of line and column, or empty */
	char text[384];
	char hint[160]; /* "did you mean 'addresses'?" or empty */
};

struct diag {
	const char *file;
	const char *source; /* the file's text, for the caret line; may be NULL */
	size_t source_len;
	const struct diag_source *sources; /* where node.file points into; NULL: the one file above */
	unsigned source_count;
	uint16_t reading; /* file that diag_add() means */
	unsigned count;   /* recorded */
	unsigned total;   /* seen, may exceed DIAG_MAX */
	struct diag_entry entry[DIAG_MAX];
};

/* `hint` is the suggested word (it becomes "did you mean 'word'?"), or a sentence (anything with a space,
 * kept as it is), or NULL. Line 0 means the file as a whole. Text is made safe to print: control characters
 * and broken UTF-8 become '?'. */
void diag_add(struct diag *d, uint32_t line, uint32_t column, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/* At a node's value / at its key. */
void diag_node(struct diag *d, const struct node *n, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void diag_key(struct diag *d, const struct node *n, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Name of an entry's file. */
const char *diag_file(const struct diag *d, const struct diag_entry *e);
/* All entries with carets, nft style, as text for people. */
void diag_print(const struct diag *d, FILE *out);
/* True once DIAG_MAX entries are kept: further ones are only counted, so a costly hint is not worth finding.
 */
static inline bool diag_full(const struct diag *d)
{
	return d->count >= DIAG_MAX;
}

/* The nearest of many candidates, one at a time: diag_near_init(), diag_near_try() for each, then `best`. */
struct diag_near {
	const char *word;
	const char *best; /* NULL: none was near */
	unsigned limit;   /* a candidate has to be nearer than this */
};
void diag_near_init(struct diag_near *n, const char *word);
void diag_near_try(struct diag_near *n, const char *candidate);
/* Nearest word of a NULL-terminated list by edit distance (<= 2 or a third of the length), or NULL. */
const char *diag_nearest(const char *word, const char *const *words);

#endif
