/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What changes between two checked configs, object by object: entries of maps by name, items of lists by
 * their identity, single values by what they mean (an absent key is its default, 1000ms is 1s).
 *
 * Thread-safety: none; control thread only.
 */
#ifndef WEIR_CONTROL_PLAN_H
#define WEIR_CONTROL_PLAN_H

#include <stdbool.h>

#include "control/schema.h"

#define PLAN_LISTED 1000 /* changes that are kept with their texts; further ones are counted */

enum plan_op { PLAN_ADD, PLAN_CHANGE, PLAN_REMOVE, PLAN_OPS };
extern const char *const plan_op_words[PLAN_OPS]; /* added, changed, removed */

struct plan_change {
	enum plan_op op;
	enum schema_effect effect;
	char *path;           /* "interfaces lan mtu", "routes vrf blue 10.0.0.0/8" */
	char *before, *after; /* one line of YAML, shortened; NULL where there is none */
};

struct plan {
	struct plan_change *item;
	unsigned count, room;
	unsigned total[PLAN_OPS];
	unsigned effects[3]; /* by enum schema_effect */
	bool failed;         /* memory ran out: the list is short, the totals are right */
};

/* Both may be NULL (nothing configured). 0 or -ENOMEM. Free with plan_free() in either case. */
int plan_make(struct plan *p, const struct node *now, const struct node *next);
void plan_free(struct plan *p);
static inline unsigned plan_total(const struct plan *p)
{
	return p->total[PLAN_ADD] + p->total[PLAN_CHANGE] + p->total[PLAN_REMOVE];
}
/* "interfaces lan mtu is changed: 1500 -> 9000" */
void plan_sentence(const struct plan_change *c, char *buf, size_t size);
/* "2 added, 1 changed, 0 removed" */
void plan_summary(const struct plan *p, char *buf, size_t size);

#endif
