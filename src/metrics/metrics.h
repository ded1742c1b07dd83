/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics in Prometheus' text format (version 0.0.4), and who writes them. See README.md in this folder.
 *
 * A folder adds its own with METRICS_REGISTER: nothing else changes.
 *
 *   static void collect(struct metrics *m, struct weir *w)
 *   {
 *       metrics_family(m, "weir_route_table_entries", METRIC_GAUGE, "Routes in a table.");
 *       metrics_u64(m, n, "vrf", name, "family", "ipv4", NULL);
 *   }
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_METRICS_METRICS_H
#define WEIR_METRICS_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/json.h"

struct weir;

enum metric_type { METRIC_COUNTER, METRIC_GAUGE };

struct metrics {
	struct jw *out;
	const char *name; /* of the family that is being written */
};

/* Starts a family: its name (ending in _total for a counter, in a base unit where it has one), type and one
 * sentence. Its samples follow at once. */
void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help);
/* A sample with pairs of label name and text, NULL-terminated. Texts are escaped. */
void metrics_u64(struct metrics *m, uint64_t value, ...) __attribute__((sentinel));
void metrics_real(struct metrics *m, double value, ...) __attribute__((sentinel));

struct metrics_part {
	void (*collect)(struct metrics *m, struct weir *w);
	struct metrics_part *next;
};
void metrics_register(struct metrics_part *p);
#define METRICS_REGISTER(fn)                                                                                 \
	static struct metrics_part metrics_part_##fn = {.collect = (fn)};                                    \
	__attribute__((constructor)) static void metrics_register_##fn(void)                                 \
	{                                                                                                    \
		metrics_register(&metrics_part_##fn);                                                        \
	}

/* Everything of every part. */
void metrics_write(struct jw *out, struct weir *w);

#endif
