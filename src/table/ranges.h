/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sets of numbers as sorted ranges: addresses of either family as 128-bit numbers, ports, lengths.
 *
 * Thread-safety: none; one owner. What is not changed any more may be read by anyone.
 */
#ifndef WEIR_TABLE_RANGES_H
#define WEIR_TABLE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "packet/addr.h"

typedef unsigned __int128 u128;

struct range {
	u128 first, last; /* inclusive */
};

struct ranges {
	struct range *at; /* malloc */
	uint32_t count, room;
};

/* Addresses of both families. */
struct addr_set {
	struct ranges v4, v6;
};

/* Appends a range. 0 or -ENOMEM. */
int ranges_add(struct ranges *r, u128 first, u128 last);
/* Sorts, and joins what overlaps or touches: afterwards no two ranges do. */
void ranges_merge(struct ranges *r);
void ranges_free(struct ranges *r);
/* Of merged ranges. */
bool ranges_have(const struct ranges *r, u128 v);
bool ranges_equal(const struct ranges *a, const struct ranges *b);

/* An address as a number: 32 or 128 bits. */
u128 addr_number(const struct ipaddr *a);

/* Adds the addresses from..to (of one family). 0, or -ENOMEM; -EINVAL: of two families, or to is below from.
 */
int addr_set_add(struct addr_set *s, const struct ipaddr *from, const struct ipaddr *to);
int addr_set_add_prefix(struct addr_set *s, const struct prefix *p);
void addr_set_merge(struct addr_set *s);
void addr_set_free(struct addr_set *s);
bool addr_set_equal(const struct addr_set *a, const struct addr_set *b);

#endif
