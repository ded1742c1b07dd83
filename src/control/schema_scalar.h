/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside of the schema check: one scalar against one type. Knows nothing of the tree around it.
 *
 * Thread-safety: pure functions.
 */
#ifndef WEIR_CONTROL_SCHEMA_SCALAR_H
#define WEIR_CONTROL_SCHEMA_SCALAR_H

#include "control/schema.h"

/* What is wrong with a scalar. `close` when it has the right form but a wrong value: of several alternatives
 * that one tells most. */
struct fault {
	bool close;
	char text[384];
	char hint[128]; /* for diag_add(), empty if there is none */
};

/* Types the scalar into n->value. 0, or -EINVAL with the sentence in f, which names the value `label`.
 * Not for MAP, NAMED, LIST and ANY_OF; does not look at `refers`. */
int schema_scalar(const struct schema *s, const char *label, struct node *n, struct fault *f);
/* Records a sentence and a hint (may be NULL); returns -EINVAL. */
int fault_set(struct fault *f, bool close, const char *hint, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* What the schema wants, with its range or an example: "a whole number from 68 to 9216". Returns buf. */
const char *schema_describe(const struct schema *s, char *buf, size_t size);
/* A SCHEMA_NAME of at most max characters. */
bool schema_name_ok(const char *text, uint64_t max);
uint64_t schema_name_max(const struct schema *s);

#endif
