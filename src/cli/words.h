/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Words of a command line: the tree of verbs, unique prefixes, options. Pure functions over argv, so that
 * tests can look at the grammar without a daemon.
 */
#ifndef WEIR_CLI_WORDS_H
#define WEIR_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Exit codes of every verb. */
enum cli_exit {
	CLI_OK,
	CLI_FAILED,      /* refused or failed; the sentence is on stderr */
	CLI_USAGE,       /* the command line itself is wrong */
	CLI_UNREACHABLE, /* no daemon answers on the socket */
	CLI_TIMEOUT,
	CLI_DIFFERENT, /* it worked, and what was compared differs */
};

struct cli {
	const char *socket; /* NULL: not given on the command line */
	const char *path;   /* the verb's words, for messages */
	const char *file;   /* -f: a file of commands */
	bool json, help, version, force, no_pager, shell;
	uint8_t family;           /* -4, -6, or FAMILY_NONE */
	bool *leave;              /* of the shell, set by exit; NULL elsewhere */
	const struct words *line; /* what is being run; VERB_OWN_WORDS reads on from its `at` */
};

struct args; /* cli/args.h */

/* A cursor over the words that are left. */
struct words {
	int count, at;
	char **word;
};

enum verb_flag {
	VERB_OWN_WORDS = 1, /* reads its words by itself: `args` is for help and completion only */
	VERB_PROCESS = 2,   /* takes a process of its own: the shell starts one */
	VERB_PAGED = 4,     /* long output: through a pager on a terminal */
	VERB_HIDDEN = 8,    /* not in help and completion */
	VERB_SHELL = 16,    /* of the shell only */
	VERB_FULL = 32,     /* may not be shortened */
};

struct verb {
	const char *word;       /* NULL ends a table */
	const char *args;       /* the grammar of what follows: see syntax.h */
	const char *help;       /* one sentence */
	const struct verb *sub; /* the words that may follow, or */
	int (*run)(const struct cli *c, const struct args *a, const struct verb *v);
	const void *data; /* the verb's own */
	unsigned flags;   /* of VERB_ */
};

/* An option that every command line may have. */
struct global {
	char letter;       /* 0: none */
	const char *name;  /* NULL: none */
	const char *value; /* what it takes, NULL: nothing */
	const char *help;
};
extern const struct global words_options[]; /* ended by {0} */

/* Takes the global options out of argv (before or after the verb, up to "--"; what stands behind the verb
 * `raw` is its own and left alone). `out->word` is argv, reordered. -EINVAL with a sentence. */
int words_globals(int argc, char **argv, const char *raw, struct cli *c, struct words *out, struct err *e);

/* Next word or NULL; words_take() moves on. */
const char *words_peek(const struct words *a);
const char *words_take(struct words *a);
/* Takes an option and its value: "--name VALUE", "--name=VALUE" or "-x VALUE" (x may be 0). NULL if the next
 * word is something else; a value that is missing is recorded in e. */
const char *words_option(struct words *a, const char *name, char letter, struct err *e);
/* The verb a word means: exact, or a prefix of just one. NULL with a sentence (what was expected, what may
 * have been meant); `after` is the path so far, for the sentence. */
const struct verb *verb_find(const struct verb *table, const char *word, const char *after, struct err *e);

#endif
