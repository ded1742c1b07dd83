/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to syntax.c and match.c: what the instructions mean.
 */
#ifndef WEIR_CLI_SYNTAX_PRIV_H
#define WEIR_CLI_SYNTAX_PRIV_H

enum syntax_op {
	OP_TOKEN,  /* a word, then the next instruction */
	OP_SPLIT,  /* x and y */
	OP_JUMP,   /* x */
	OP_CLEAR,  /* the groups of `mask` have not been seen */
	OP_CHOOSE, /* any of the y groups from x that may still come; `mask` when none is owed */
	OP_DONE,   /* the group of `mask` was seen */
	OP_MATCH,  /* the line may end */
};

#endif
