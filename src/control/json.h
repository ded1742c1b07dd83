/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A streaming JSON writer into one growing buffer: a page of 10 000 routes costs its text and nothing else.
 * Commas and escapes are its business; balanced opens and closes are the caller's. Text that is not UTF-8 is
 * made so ('?' for each bad byte), so that a document is always valid.
 *
 * Thread-safety: none; one owner.
 */
#ifndef WEIR_CONTROL_JSON_H
#define WEIR_CONTROL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jw {
	char *buf; /* not NUL-terminated */
	size_t len, room;
	bool comma;  /* the next value needs a comma before it */
	bool failed; /* memory ran out; everything after it is ignored */
};

/* `key` is NULL in a list and for the document itself. `kind` is '{' or '['. */
void jw_open(struct jw *j, const char *key, char kind);
/* `kind` is '}' or ']'. */
void jw_close(struct jw *j, char kind);
/* NULL text writes null. */
void jw_text(struct jw *j, const char *key, const char *text);
void jw_format(struct jw *j, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Values above INT64_MAX are written as INT64_MAX: readers of JSON have signed integers. */
void jw_u64(struct jw *j, const char *key, uint64_t value);
void jw_bool(struct jw *j, const char *key, bool value);
/* Three decimals. */
void jw_real(struct jw *j, const char *key, double value);
/* aa:bb:cc:dd:ee:ff */
void jw_mac(struct jw *j, const char *key, const uint8_t mac[6]);
/* Ends the document with a newline. */
void jw_end(struct jw *j);
/* Forgets what was written, keeps the memory. */
void jw_reset(struct jw *j);
/* Forgets the bytes that were taken away, and goes on where the document stands: for documents in pieces. */
void jw_drain(struct jw *j);
/* Bytes as they are: text that is JSON already, or no JSON at all. */
void jw_raw(struct jw *j, const char *bytes, size_t n);
void jw_free(struct jw *j);

#endif
