/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What changes between two checked configs, object by object: entries of maps by name, items of lists by
 * their identity, single values by what they mean (an absent key is its default, 1000ms is 1s).
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_DIFF_H
#define WEIR_CONTROL_DIFF_H

#include <stdbool.h>

#include "control/schema.h"

#define DIFF_LISTED 1000 /* changes that are kept with their texts; further ones are counted */

enum diff_op { DIFF_ADD, DIFF_CHANGE, DIFF_REMOVE, DIFF_OPS };
extern const char *const diff_op_words[DIFF_OPS]; /* added, changed, removed */

struct diff_change {
	enum diff_op op;
	enum schema_effect effect;
	char *path;           /* "interfaces lan mtu", "routes vrf blue 10.0.0.0/8" */
	char *before, *after; /* one line of YAML, shortened; NULL where there is none */
};

struct config_diff {
	struct diff_change *item;
	unsigned count, room;
	unsigned total[DIFF_OPS];
	unsigned effects[3]; /* by enum schema_effect */
	bool failed;         /* memory ran out: the list is short, the totals are right */
};

/* Both may be NULL (nothing configured). 0 or -ENOMEM. Free with config_diff_free() in either case. */
int config_diff_make(struct config_diff *p, const struct node *now, const struct node *next);
void config_diff_free(struct config_diff *p);
static inline unsigned config_diff_total(const struct config_diff *p)
{
	return p->total[DIFF_ADD] + p->total[DIFF_CHANGE] + p->total[DIFF_REMOVE];
}
/* "interfaces lan mtu is changed: 1500 -> 9000" */
void diff_sentence(const struct diff_change *c, char *buf, size_t size);
/* "2 added, 1 changed, 0 removed" */
void diff_summary(const struct config_diff *p, char *buf, size_t size);

#endif
