/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Text to typed value and back. The parsers take the whole text (no spaces, no sign, no fraction, no leading
 * zeros, since 010 is eight to some readers) and return 0 or -EINVAL with *out untouched; too large a value
 * is -EINVAL too.
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_CONTROL_VALUE_H
#define WEIR_CONTROL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#define VALUE_STRLEN 32

struct value_unit {
	const char *suffix;
	uint64_t factor;
};
/* What may stand behind a number, ended by a NULL suffix; "" is the bare number. */
extern const struct value_unit value_size_units[], value_rate_units[], value_duration_units[];

int value_u64(const char *text, uint64_t *out);
/* Bytes. 1024-based: k K KiB, M MiB, G GiB, T TiB; 1000-based: kB MB GB TB; a bare number is bytes. */
int value_size(const char *text, uint64_t *out);
/* bit/s, 1000-based: a bare number, kbit, Mbit, Gbit. */
int value_rate(const char *text, uint64_t *out);
/* Nanoseconds: ns us ms s m h. Only 0 may stand without a unit. */
int value_duration(const char *text, uint64_t *out);
/* true and false only. */
int value_bool(const char *text, bool *out);
/* aa:bb:cc:dd:ee:ff, either case. */
int value_mac(const char *text, uint8_t out[static 6]);

/* Write with the largest unit that divides the value, so that the parser reads back the same; return buf. */
const char *value_format_size(uint64_t bytes, char buf[static VALUE_STRLEN]);
const char *value_format_rate(uint64_t bits, char buf[static VALUE_STRLEN]);
const char *value_format_duration(uint64_t ns, char buf[static VALUE_STRLEN]);

#endif
