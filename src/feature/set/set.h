/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Named sets of addresses and ports. See README.md in this folder.
 *
 * Thread-safety: control thread only; what a set holds does not change, and may be read by anyone who has a
 * reference.
 */
#ifndef WEIR_FEATURE_SET_H
#define WEIR_FEATURE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table/ranges.h"

#define SET_NAME 32
#define SET_ENTRIES_MAX 1000000u
#define SET_FILE_MAX (64u << 20)

struct weir;
struct node;

struct set {
	char name[SET_NAME];
	bool is_ports;
	struct addr_set addresses; /* merged */
	struct ranges ports;       /* merged */
	uint32_t entries;          /* as written */
	uint64_t serial;           /* changes with the content */
	unsigned refs;
};

/* The set of that name: of the config that is being prepared, else of the one that runs. NULL: there is none.
 */
const struct set *sets_find(const struct weir *w, const char *name);
void set_ref(const struct set *s);
void set_unref(const struct set *s);

/* Calls fn for each set of the config that runs. */
void sets_walk(const struct weir *w, void (*fn)(void *ctx, const struct set *s), void *ctx);

/* Bytes that are left of addresses in a set of a config tree, at most; 0 when there is no such set. */
uint64_t set_ranges_bound(const struct node *cfg, const char *name);

/* --- text --- */

/* Adds one address, prefix (without host bits) or range. 0, -EINVAL with the reason in *why, or -ENOMEM. */
int set_parse_address(const char *text, struct addr_set *s, const char **why);
/* Adds one port or range of ports. */
int set_parse_port(const char *text, struct ranges *r, const char **why);

/* What is wrong with a file's text. */
struct set_fault {
	uint32_t line;
	char text[160];
};
/* Adds every line of a text. The number of entries, or -EINVAL with *f filled, -ENOMEM, -E2BIG. */
long set_parse_lines(const char *text, size_t len, struct addr_set *s, struct set_fault *f);

#endif
