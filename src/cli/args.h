/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The words of a verb after its grammar accepted them.
 */
#ifndef WEIR_CLI_ARGS_H
#define WEIR_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cli/words.h"

struct arg {
	const char *name; /* the keyword in full, or the name of the type; not NUL-terminated */
	size_t len;
	bool keyword;
	const char *word; /* as given */
	unsigned at;      /* its index in the words */
};

struct args {
	struct arg *arg;
	unsigned count;
};

/* Reads the words that are left by the grammar of `v`. -EINVAL with a sentence; a->at is then the word that
 * is wrong (or the count when something is missing). Free with args_free(), also after an error. */
int args_read(struct args *out, const struct verb *v, struct words *a, struct err *e);
void args_free(struct args *a);

/* Is it the keyword (or type) `name`? */
bool arg_is(const struct arg *a, const char *name);
/* Was the keyword given? */
bool args_have(const struct args *a, const char *keyword);
/* The first argument of a type, or the word behind a keyword; NULL when absent. */
const char *args_value(const struct args *a, const char *type);
const char *args_after(const struct args *a, const char *keyword);

#endif
