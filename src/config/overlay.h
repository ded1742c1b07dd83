/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What was changed by hand, as config.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_CONFIG_OVERLAY_H
#define WEIR_CONFIG_OVERLAY_H

#include "control/tree.h"

struct weir;

/* A copy of the applied config with the routes, neighbours and addresses that are there now; *changed:
 * whether it says anything else than the applied one. NULL when memory is short. */
struct node *overlay_effective(const struct weir *w, const struct node *applied, bool *changed);

/* Cheap: whether there may be a difference at all. */
bool overlay_any(const struct weir *w, const struct node *applied);

/* The config that is to be prepared for `next`: a copy with the addresses that were added by hand to
 * interfaces it still has and that it does not rule out; *out = NULL when there are none. 0 or -ENOMEM. */
int overlay_carry(
	const struct weir *w, const struct node *applied, const struct node *next, struct node **out);

#endif
