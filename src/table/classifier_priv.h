/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the classifier: building one dimension. See classifier_dim.c.
 *
 * Thread-safety: one builder belongs to one thread.
 */
#ifndef WEIR_TABLE_CLASSIFIER_PRIV_H
#define WEIR_TABLE_CLASSIFIER_PRIV_H

#include "table/classifier.h"

/* Conditions on one field: sets of its values, each once, and which rule has which. */
struct class_conds {
	const struct ranges **cond;
	uint32_t count;
	uint32_t *of_rule; /* [rules] index, or CLASS_NO_COND: the rule takes any value */
	uint32_t *slot;    /* hash table of index + 1 */
	uint32_t mask;
};
#define CLASS_NO_COND UINT32_MAX

/* 0 or -ENOMEM. Free in either case. */
int class_conds_init(struct class_conds *t, uint32_t rules);
void class_conds_free(struct class_conds *t);
/* The rule takes these values; NULL: any. `values` must live as long as the table. */
void class_conds_set(struct class_conds *t, uint32_t rule, const struct ranges *values);

/* Where the values of the field are looked up. */
struct class_domain {
	uint8_t id;       /* enum class_dim_id */
	unsigned bits;    /* 32 or 128: addresses; 0: a table */
	uint32_t size;    /* of the table */
	bool has_unknown; /* the table's last value: meets every condition */
};

/* Makes classes, bits and map of a dimension. 0, or -ENOMEM, -E2BIG (more classes than a table can name). */
int class_dim_build(struct class_dim *d, const struct class_domain *domain, const struct class_conds *t,
	uint32_t rules, uint32_t words);
void class_dim_free(struct class_dim *d, bool shared);
uint64_t class_dim_memory(const struct class_dim *d, uint32_t words, uint32_t table);

static inline bool class_is_address(uint8_t id)
{
	return id == CLASS_SRC || id == CLASS_DST;
}

#endif
