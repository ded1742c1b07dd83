/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The API as an OpenAPI 3.1 document.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_API_OPENAPI_H
#define WEIR_API_OPENAPI_H

#include "api/api_priv.h"

/* The whole document, new; NULL when memory is short. */
json_t *openapi(void);

/* openapi_schema.c: JSON Schemas of the tables. */
json_t *openapi_doc(const struct doc *fields);
json_t *openapi_fields(const struct schema *fields);

#endif
