/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A memory bill: what takes how many bytes. Features write one for a config before it is committed.
 *
 * Thread-safety: none; one owner.
 */
#ifndef WEIR_PIPELINE_BILL_H
#define WEIR_PIPELINE_BILL_H

#include <stdint.h>

#define BILL_LINES_MAX 32

struct bill_line {
	const char *what; /* for people; a constant */
	uint64_t bytes, count;
};

struct bill {
	struct bill_line line[BILL_LINES_MAX];
	unsigned lines;
	uint64_t total;
};

/* Adds a line; beyond BILL_LINES_MAX only to the total. */
static inline void bill_add(struct bill *b, const char *what, uint64_t count, uint64_t bytes)
{
	b->total += bytes;
	if (b->lines < BILL_LINES_MAX)
		b->line[b->lines++] = (struct bill_line){.what = what, .bytes = bytes, .count = count};
}

#endif
