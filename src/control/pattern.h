/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Regular expressions (the ECMA-262 dialect of JSON Schema) that accept exactly what the parsers of values
 * accept: numbers in a range, numbers with units, addresses.
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_CONTROL_PATTERN_H
#define WEIR_CONTROL_PATTERN_H

#include <stdint.h>
#include <stdio.h>

#include "control/value.h"

/* A whole number from lo to hi, no leading zeros; not anchored. */
void pattern_number(FILE *out, uint64_t lo, uint64_t hi);
/* Numbers with a unit whose value is from min to max (max 0: no limit below 10^17 units); not anchored. */
void pattern_units(FILE *out, const struct value_unit *units, uint64_t min, uint64_t max);
/* An IPv4 / IPv6 address as inet_pton() takes it; not anchored. */
void pattern_address4(FILE *out);
void pattern_address6(FILE *out);

#endif
