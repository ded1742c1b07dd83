/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of lists of rules: packets by list and action, and by rule for the first rules that have a name.
 */
#include "feature/acl/acl.h"
#include "metrics/metrics.h"
#include "pipeline/weir.h"

#define NAMED_MAX 1000 /* rules with series of their own */

static void by_action(struct metrics *m, const struct weir *w, bool bytes)
{
	for (uint32_t i = 0; i < acl_lists(w); i++) {
		uint64_t sum[8] = {0};
		struct acl_list_info l;
		struct acl_rule_info r;

		acl_list_info(w, i, &l);
		for (uint32_t k = 0; k <= l.rules; k++) {
			acl_rule_info(w, i, k, true, &r);
			sum[r.action] += bytes ? r.bytes : r.packets;
		}
		for (unsigned a = 0; acl_action_names[a] != NULL; a++)
			metrics_u64(m, sum[a], "acl", l.name, "action", acl_action_names[a], NULL);
	}
}

static void by_rule(struct metrics *m, const struct weir *w)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < acl_lists(w); i++) {
		struct acl_list_info l;
		struct acl_rule_info r;

		acl_list_info(w, i, &l);
		for (uint32_t k = 0; k < l.rules && n < NAMED_MAX; k++) {
			acl_rule_info(w, i, k, true, &r);
			if (r.name[0] == '\0')
				continue;
			metrics_u64(m, r.packets, "acl", l.name, "rule", r.name, NULL);
			n++;
		}
	}
}

static void collect(struct metrics *m, struct weir *w)
{
	metrics_family(m, "weir_acl_packets_total", METRIC_COUNTER,
		"Packets that rules matched, by list and action.");
	by_action(m, w, false);
	metrics_family(m, "weir_acl_bytes_total", METRIC_COUNTER, "Their IP lengths.");
	by_action(m, w, true);
	metrics_family(m, "weir_acl_rule_packets_total", METRIC_COUNTER,
		"Packets that a rule matched, of the first 1000 rules with a name.");
	by_rule(m, w);
	metrics_family(m, "weir_acl_log_suppressed_packets_total", METRIC_COUNTER,
		"Packets that rules wanted logged and were not, because of the rate.");
	metrics_u64(m, acl_log_suppressed(w), NULL);
}
METRICS_REGISTER(collect)
