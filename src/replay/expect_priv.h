/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the expectations: the document and the differences found.
 */
#ifndef WEIR_REPLAY_EXPECT_PRIV_H
#define WEIR_REPLAY_EXPECT_PRIV_H

#include <jansson.h>

#include "replay/priv.h"

#define DIFFERENCES_SHOWN 20

/* The first ones are kept: they are printed after the run, when nothing else writes on the terminal. */
struct differences {
	uint64_t count;
	char *text[DIFFERENCES_SHOWN];
};

struct expected {
	unsigned input;
	uint64_t n;
	json_t *packet; /* borrowed from the document */
};

struct expect {
	const char *path;
	json_t *root, *packets, *drops, *outputs, *ports, *summary; /* all but the first NULL when absent */
	struct expected *row;                                       /* by (input, n) */
	size_t rows;
	size_t cursor[INPUT_MAX]; /* row of each input that is probably next */
	struct differences d;
	const struct replay *replay;
};

/* Members of a packet that can be expected: texts, or null for "none". */
extern const char *const expect_texts[];

void differ(struct differences *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Path of a golden capture, which is relative to the document. */
const char *golden_path(const struct expect *x, const char *name, char *buf, size_t size);
/* Compares the packets of two captures byte by byte. */
void golden_compare(struct differences *d, const char *port, const char *golden, const char *written);

#endif
