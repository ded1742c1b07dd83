/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/feature/set: a set from the config tree.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_FEATURE_SET_PRIV_H
#define WEIR_FEATURE_SET_PRIV_H

#include "base/err.h"
#include "control/tree.h"
#include "feature/set/set.h"

/* Reads a set and its file, merged. 0, or a negative errno with a sentence; *at: the node it is about. */
int set_read(const struct node *n, struct set *s, const struct node **at, struct err *e);
/* Frees what a set holds. */
void set_clear(struct set *s);

#endif
