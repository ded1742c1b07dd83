/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Finds a map's child by key without a linear search once the map is large, so that 100k keys take linear
 * time both while a map is read (duplicates) and when names are looked up (references). Small maps use no
 * memory.
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_KEYSET_H
#define WEIR_CONTROL_KEYSET_H

#include "control/tree.h"

#define KEYSET_SMALL 16 /* children up to which a map is searched */

struct keyset {
	struct keyset_slot *slot; /* NULL: the map is small (or memory short): search its children */
	size_t mask, used;
};

/* Brings the set up to date after children were appended to the map (never removed). Cannot fail: without
 * memory the search is linear. */
void keyset_update(struct keyset *k, const struct node *map);
/* First child of that key, NULL if absent. */
const struct node *keyset_find(const struct keyset *k, const struct node *map, const char *key);
void keyset_free(struct keyset *k);

#endif
