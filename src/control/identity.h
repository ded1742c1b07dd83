/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which item of a list is which: a route by VRF and prefix, an address by itself. Lists whose items have no
 * identity go by place. Also the canonical text of a value: what it means, not how it was written.
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_IDENTITY_H
#define WEIR_CONTROL_IDENTITY_H

#include <stdbool.h>

#include "control/schema.h"

#define CANONICAL_MAX 600 /* longer texts are compared as written */

/* A scalar as its type says ("1000ms" is "1s"); the text itself where that says no more. Returns buf or the
 * node's text. */
const char *canonical(const struct schema *s, const struct node *n, char buf[static CANONICAL_MAX]);

/* True when items of the list have an identity. */
bool identity_known(const struct schema *list, const struct node *items);
/* "198.51.100.0/24" or "vrf blue 10.0.0.0/8": identity of an item for people. */
void identity_text(const struct schema *list, const struct node *item, char *buf, size_t size);

/* Finds items of a list by the identity of another one, in constant time. */
struct identity_index {
	const struct schema *list;
	struct node **slot;
	size_t mask;
};
/* 0 or -ENOMEM. */
int identity_build(struct identity_index *x, const struct schema *list, const struct node *items);
struct node *identity_find(const struct identity_index *x, const struct node *like);
void identity_free(struct identity_index *x);

#endif
