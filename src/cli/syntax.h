/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The grammar of what follows a verb, written in its row of the tree (tree.c) and compiled from there:
 *
 *   word          a keyword; a unique prefix of it will do, unless it starts with '-'
 *   word/other    a keyword with another name, which is understood but not offered
 *   TYPE          an argument of a type from types.c
 *   [a b]         optional
 *   (a b)         optional, understood but not offered
 *   {a b | c}     one of the alternatives; also a required group
 *   x...          x again and again; [x]... may also be absent
 *
 * Brackets of either kind that stand side by side may come in any order: "[vrf VRF] [distance DISTANCE]" or
 * "IFADDR {lladdr MAC} {dev IFACE}".
 *
 * A matcher reads words one at a time and knows at each point what may come next. Parsing, "?" and TAB all
 * use it, so they cannot disagree.
 */
#ifndef WEIR_CLI_SYNTAX_H
#define WEIR_CLI_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "cli/types.h"

#define SYNTAX_CODE 192   /* instructions of one grammar */
#define SYNTAX_GROUPS 32  /* brackets that stand side by side */
#define SYNTAX_THREADS 64 /* readings of a line that are possible at once */

struct syntax_code {
	uint8_t op;
	uint8_t x, y;     /* targets, or first group and count */
	uint8_t len;      /* of `text` */
	uint8_t others;   /* length of "/other/other" behind it */
	bool quiet;       /* not offered */
	const char *text; /* keyword or type */
	const struct arg_type *type;
	uint32_t mask;
};

struct syntax_group {
	uint8_t start;
	bool optional, repeat;
};

struct syntax {
	struct syntax_code code[SYNTAX_CODE];
	struct syntax_group group[SYNTAX_GROUPS];
	unsigned codes, groups;
};

/* Compiles `args`, which must outlive it (NULL: nothing follows). -EINVAL with a sentence when it is not a
 * grammar, uses an unknown type or a keyword without help: a fault of the table, not of the user. */
int syntax_compile(struct syntax *s, const char *args, struct err *e);

/* The grammar for people, one line per alternative: required groups of one alternative lose their braces,
 * what is not offered is left out. Returns buf. */
const char *syntax_text(const char *args, char *buf, size_t size);

/* Something that may come next. */
struct want {
	const char *text; /* keyword or type name, not NUL-terminated */
	size_t len, others;
	const struct arg_type *type; /* NULL: a keyword */
	bool quiet;                  /* understood, not offered */
};
#define WANTS_MAX 32

struct matcher {
	const struct syntax *s;
	bool raw; /* "--" was read: no keywords any more */
	unsigned count;
	struct {
		uint8_t at;
		uint32_t done;
	} thread[SYNTAX_THREADS];
};

void matcher_start(struct matcher *m, const struct syntax *s);
/* May the line end here? */
bool matcher_end(const struct matcher *m);
/* What may come next, without repetition; returns how many. */
unsigned matcher_wants(const struct matcher *m, struct want wants[static WANTS_MAX]);
/* The same without what is not offered to people. */
unsigned matcher_offers(const struct matcher *m, struct want wants[static WANTS_MAX]);
/* Reads a word. *took is what it was taken for. -EINVAL with a sentence when it is nothing that may come. */
int matcher_step(struct matcher *m, const char *word, struct want *took, struct err *e);

/* Every keyword and type of the grammar, in its order; returns how many. */
unsigned syntax_words(const struct syntax *s, struct want wants[static WANTS_MAX]);

/* "'via', 'dev' or PREFIX" */
const char *wants_text(const struct want *wants, unsigned count, char *buf, size_t size);

#endif
