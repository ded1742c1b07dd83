/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What may come next on a command line: for "?", TAB and the completion of bash.
 */
#ifndef WEIR_CLI_COMPLETE_H
#define WEIR_CLI_COMPLETE_H

#include "cli/words.h"

struct offer {
	char *text;       /* the whole word */
	const char *help; /* NULL: a live name or a file */
};

struct offers {
	struct offer *list; /* sorted, without repetition */
	unsigned count;
	bool end;   /* the command may end here */
	bool files; /* some are names of files */
	/* A sentence when the words so far are wrong, and the index of that word. */
	struct err why;
	int wrong;
};

enum complete_for {
	COMPLETE_WORDS, /* words to insert: names instead of types */
	COMPLETE_HELP,  /* words to explain: types as well */
};

/* `line` holds the words before the one at the cursor, argv[0] first; `word` is its beginning ("" when it has
 * not begun). Live names are asked from the daemon, for a moment, and silence is an answer. */
void complete(const struct cli *c, int argc, char **argv, const char *word, enum complete_for what,
	struct offers *out);
void offers_free(struct offers *o);

/* `weir --complete`: reads COMP_LINE and COMP_POINT, prints a directive (":" and " files" or " nospace") and
 * one offer per line. Always succeeds. */
int complete_for_bash(const struct cli *c);

#endif
