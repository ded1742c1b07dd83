/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the classifier: long lists by rte_acl. Its key are the protocol, the ordinals of both addresses
 * among the rules' single prefixes and ranges, the ports, and a word with a bit for each way in which rules
 * differ otherwise (sets of many ranges, flags, DSCP, ...), which a small classifier of its own fills.
 *
 * Thread-safety: as the classifier's.
 */
#ifndef WEIR_TABLE_CLASSIFIER_BIG_H
#define WEIR_TABLE_CLASSIFIER_BIG_H

#include "table/classifier.h"

int classifier_big_build(
	struct classifier_big **out, const struct class_rule *rule, uint32_t count, struct err *e);
void classifier_big_free(struct classifier_big *b);
uint64_t classifier_big_memory(const struct classifier_big *b);

/* Writes first[] of the slots it answers for, and returns them; not those whose ports and flags are unknown.
 */
uint64_t classifier_big_first(const struct classifier_big *b, const struct class_keys *k, uint64_t slots,
	uint32_t first[CLASSIFIER_BURST]);

#endif
