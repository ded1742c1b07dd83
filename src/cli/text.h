/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Text on a terminal: how wide it is, what may be printed, and numbers for people. Text is UTF-8; what is not
 * valid, and every control character, counts and prints as "?".
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_CLI_TEXT_H
#define WEIR_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define TEXT_NUMBER 40

/* Columns the text takes. */
unsigned text_width(const char *s);
/* Replaces what must not reach a terminal by "?", in place; the text may become shorter. */
void text_safe(char *s);
/* Bytes of `s` that fit into `columns`. */
size_t text_fit(const char *s, unsigned columns);

/* 12,345,678 */
const char *text_number(uint64_t n, char buf[static TEXT_NUMBER]);
/* 1.5 KiB, 12 MiB */
const char *text_bytes(uint64_t n, char buf[static TEXT_NUMBER]);
/* 12 ms, 4.2 s, 3m05s, 2h07m, 5d02h */
const char *text_duration(uint64_t ns, char buf[static TEXT_NUMBER]);
/* 10 Gbit/s, 100 Mbit/s; 0 is "-" */
const char *text_speed(uint64_t mbit, char buf[static TEXT_NUMBER]);

/* Writes text whose first word begins at column `at`, broken between words before `columns` (0: no limit);
 * further lines begin at column `indent`. Ends with a newline. */
void text_wrap(FILE *out, unsigned at, unsigned indent, unsigned columns, const char *text);

#endif
