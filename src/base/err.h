/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Errors are one sentence end to end: what, where, why, what to do. A function that can fail for a
 * reason an operator should read takes a `struct err *` (may be NULL) and returns a negative errno.
 */
#ifndef WEIR_BASE_ERR_H
#define WEIR_BASE_ERR_H

struct err {
	int code;       /* positive errno value, 0 while no error was recorded */
	char text[512]; /* the sentence, never empty when code != 0 */
};

/* Records `code` (positive errno) and the formatted sentence; the first error wins. Returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence already recorded. Returns -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
