/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The reference of the config file, written from the schema tables.
 */
#ifndef WEIR_CONTROL_REFERENCE_H
#define WEIR_CONTROL_REFERENCE_H

#include <stdio.h>

/* Markdown for every registered key, sections in alphabetical order: the same text from the same schema. */
void reference_print(FILE *out);

#endif
