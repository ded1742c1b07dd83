/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the store: the first line of its files.
 */
#ifndef WEIR_CONTROL_STORE_PRIV_H
#define WEIR_CONTROL_STORE_PRIV_H

#include <stdbool.h>

#include "control/store.h"

#define STORE_HEADER_MAX 8192 /* bytes */

/* The line with its newline (malloc), NULL when memory is short. */
char *store_header(const struct store_entry *n);
/* Reads the facts of a line of len bytes without its newline. False when it is not one of ours. */
bool store_parse_header(const char *line, size_t len, struct store_entry *n);

#endif
