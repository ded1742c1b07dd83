/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Types of events and what they hold, for OpenAPI and the test that compares.
 *
 * Thread-safety: constants.
 */
#ifndef WEIR_API_EVENT_DOCS_H
#define WEIR_API_EVENT_DOCS_H

#include "api/api_priv.h"

struct event_doc {
	const char *type, *help;
	const struct doc *fields; /* besides id, time and type */
};
extern const struct event_doc event_docs[]; /* ended by {0} */
extern const struct event_doc lagged_doc;   /* both streams send it; it has no id */

/* Writes a lagged event. */
void put_lagged(struct jw *j, uint64_t missed, uint64_t total);

#endif
