/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Path-compressed binary trie of prefixes of one family: exact match, longest match, covering prefix and
 * ordered walk. Both families through one source (keys are up to 128 bits, most significant bit first).
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_TABLE_RADIX_H
#define WEIR_TABLE_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct radix;

struct radix *radix_new(unsigned bits);                            /* 32 or 128; NULL when memory is short */
void radix_free(struct radix *r, void (*value_free)(void *value)); /* value_free may be NULL */
uint32_t radix_count(const struct radix *r);
uint64_t radix_memory(const struct radix *r);

/* Bytes of a node, and how many an insert makes at most: for reserve_add(). */
#define RADIX_NODE_BYTES 64
#define RADIX_NODES_PER_INSERT 2

/* key: network-order bytes (4 or 16), bits beyond len are ignored. */
/* Slot of the prefix's value, created (NULL value) if absent; NULL when memory is short. Values must be made
 * non-NULL by the caller; a slot with a NULL value does not exist for the other functions. */
void **radix_insert(struct radix *r, const uint8_t *key, unsigned len);
void *radix_get(const struct radix *r, const uint8_t *key, unsigned len);
/* Removes the prefix and returns its value (NULL if it was absent). */
void *radix_remove(struct radix *r, const uint8_t *key, unsigned len);
/* Longest match for the address / longest prefix strictly shorter than len that covers key; *out_len may be
 * NULL. */
void *radix_match(const struct radix *r, const uint8_t *key, unsigned *out_len);
void *radix_parent(const struct radix *r, const uint8_t *key, unsigned len, unsigned *out_len);

/* Walks prefixes in address order (shorter first), starting after (key,len) or from the start when key is
 * NULL, until fn returns false. The tree must not change meanwhile. */
void radix_walk(const struct radix *r, const uint8_t *after_key, unsigned after_len,
	bool (*fn)(void *ctx, const uint8_t *key, unsigned len, void *value), void *ctx);

#endif
