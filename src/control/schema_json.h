/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON Schema 2020-12 of the config file, made from the schema tables: for editors, and for the test that
 * compares its verdicts with ours.
 */
#ifndef WEIR_CONTROL_SCHEMA_JSON_H
#define WEIR_CONTROL_SCHEMA_JSON_H

#include <jansson.h>

/* A new object, or NULL when memory is short. The same text from the same tables. */
json_t *schema_json(void);

#endif
