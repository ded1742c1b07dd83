/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The arguments a command line can have besides keywords: an upper-case word of a verb's grammar names one of
 * these types. Parsing, "?" help, completion and the manual pages all read this table.
 */
#ifndef WEIR_CLI_TYPES_H
#define WEIR_CLI_TYPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct arg_type {
	const char *name; /* "IFACE" */
	const char *help; /* what to write, for "?" */
	/* False with a sentence when the word cannot be one; NULL: any word that does not start with '-'. */
	bool (*valid)(const char *word, struct err *e);
	/* Live names: the string `field` of each object in the list `list` of the document at `path`. */
	const char *path, *list, *field;
	const char *only_key,
		*only_value;      /* of those only objects where this key has this value; NULL: all */
	const char *const *words; /* fixed proposals, NULL-terminated; NULL: none */
	bool file;                /* a file name: completed from the file system */
	bool file_behind_equals;  /* NAME=file */
	bool any;                 /* any word, also one that starts with '-' */
	const char *example;      /* a word that valid() takes; every type with a check has one */
};

/* The type of this name (need not be NUL-terminated), or NULL. */
const struct arg_type *type_find(const char *name, size_t len);
/* What a keyword is for, or NULL when the table lacks it (a test refuses that). */
const char *keyword_help(const char *word, size_t len);

#endif
