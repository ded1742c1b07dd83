/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A file that is written in large pieces. The first error is kept, nothing is written after it, and closing
 * tells it: callers write without looking.
 *
 * Thread-safety: none; one thread per writer.
 */
#ifndef WEIR_REPLAY_WRITER_H
#define WEIR_REPLAY_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define WRITER_BUFFER (512u << 10) /* bytes: stays in the second-level cache */

struct writer {
	int fd;
	uint8_t *buffer;
	size_t fill;
	char *path;     /* for messages */
	struct err why; /* the first error */
};

/* Creates or empties a file; "-" is standard output. 0 or a negative errno with a sentence. */
int writer_open(struct writer *w, const char *path, struct err *e);
/* Writes what is buffered and closes the file; nothing when w is all zero. 0, or a negative errno with the
 * first sentence of what went wrong since it was opened. */
int writer_close(struct writer *w, struct err *e);
void writer_flush(struct writer *w);

/* Room for `len` bytes (at most WRITER_BUFFER) that the caller fills, all of them, before the next call. */
static inline uint8_t *writer_take(struct writer *w, size_t len)
{
	if (__builtin_expect(len > WRITER_BUFFER - w->fill, 0))
		writer_flush(w);
	w->fill += len;
	return w->buffer + w->fill - len;
}

/* Any number of bytes. */
void writer_put_long(struct writer *w, const void *data, size_t len);

static inline void writer_put(struct writer *w, const void *data, size_t len)
{
	if (__builtin_expect(len <= WRITER_BUFFER, 1))
		memcpy(writer_take(w, len), data, len);
	else
		writer_put_long(w, data, len);
}

static inline void writer_text(struct writer *w, const char *text)
{
	writer_put(w, text, strlen(text));
}

/* The end of what was taken last that was not needed. */
static inline void writer_give_back(struct writer *w, size_t len)
{
	w->fill -= len;
}

/* Decimal digits of n (up to 20) at `to`; their end. */
uint8_t *number_text(uint8_t *to, uint64_t n);

#endif
