/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metrics of the interfaces' twins in the kernel.
 */
#include <stdlib.h>
#include <stddef.h>
#include <string.h>

#include "feature/kernel/kernel.h"
#include "metrics/metrics.h"
#include "pipeline/weir.h"

struct twins {
	struct kernel_twin_info *list;
	unsigned count, room;
};

static void keep(void *ctx, const struct kernel_twin_info *t)
{
	struct twins *s = ctx;

	if (s->count < s->room)
		s->list[s->count++] = *t;
}

static const char *name_of(const struct weir *w, const struct kernel_twin_info *t)
{
	const struct iface *ifc = weir_generation(w)->iface[t->iface];

	return ifc != NULL ? ifc->name : "";
}

static void classes(struct metrics *m, const struct weir *w, const struct twins *s)
{
	metrics_family(
		m, "weir_kernel_punt_packets_total", METRIC_COUNTER, "Packets for the kernel that went up.");
	for (unsigned i = 0; i < s->count; i++)
		for (unsigned c = 0; c < KERNEL_CLASSES; c++)
			metrics_u64(m, s->list[i].punted[c], "interface", name_of(w, &s->list[i]), "class",
				kernel_class_names[c], NULL);
	metrics_family(m, "weir_kernel_policed_packets_total", METRIC_COUNTER,
		"Packets for the kernel over the rate of their class.");
	for (unsigned i = 0; i < s->count; i++)
		for (unsigned c = 0; c < KERNEL_CLASSES; c++)
			metrics_u64(m, s->list[i].policed[c], "interface", name_of(w, &s->list[i]), "class",
				kernel_class_names[c], NULL);
}

#define FIELD(n, f, h)                                                                                       \
	{                                                                                                    \
		"weir_kernel_" n "_total", h, offsetof(struct kernel_twin_info, f)                           \
	}
static const struct {
	const char *name, *help;
	size_t at; /* of a uint64_t */
} families[] = {
	FIELD("delivered_packets", delivered, "Frames the kernel took from a twin."),
	FIELD("refused_packets", refused, "Frames the kernel did not take from a twin."),
	FIELD("injected_packets", injected, "Frames of the kernel that were sent on."),
	FIELD("answered_packets", answered, "ARP requests and solicitations of the kernel."),
	FIELD("inject_drop_packets", inject_drops, "Frames of the kernel that were lost for want of room."),
};

static void counters(struct metrics *m, const struct weir *w, const struct twins *s)
{
	for (unsigned f = 0; f < sizeof families / sizeof families[0]; f++) {
		metrics_family(m, families[f].name, METRIC_COUNTER, families[f].help);
		for (unsigned i = 0; i < s->count; i++) {
			uint64_t v;

			memcpy(&v, (const char *)&s->list[i] + families[f].at, sizeof v);
			metrics_u64(m, v, "interface", name_of(w, &s->list[i]), NULL);
		}
	}
}

static void collect_kernel(struct metrics *m, struct weir *w)
{
	struct twins s = {.room = weir_generation(w)->iface_limit};

	if (!kernel_enabled(w))
		return;
	s.list = calloc(s.room, sizeof *s.list);
	if (s.list == NULL) {
		m->out->failed = true;
		return;
	}
	kernel_twins(w, keep, &s);
	metrics_family(m, "weir_kernel_carrier", METRIC_GAUGE, "The twin has carrier.");
	for (unsigned i = 0; i < s.count; i++)
		metrics_u64(m, s.list[i].carrier, "interface", name_of(w, &s.list[i]), NULL);
	metrics_family(m, "weir_kernel_carrier_wait_seconds", METRIC_GAUGE,
		"How long the twin waited for the kernel's routes before it might have carrier.");
	for (unsigned i = 0; i < s.count; i++)
		metrics_real(m, (double)s.list[i].waited / 1e9, "interface", name_of(w, &s.list[i]), NULL);
	metrics_family(m, "weir_kernel_expired_waits_total", METRIC_COUNTER,
		"Twins that had carrier before the kernel's routes were here.");
	metrics_u64(m, kernel_waits_expired(w), NULL);
	metrics_family(m, "weir_kernel_groups", METRIC_GAUGE,
		"Multicast groups beyond the link that programs joined.");
	for (unsigned i = 0; i < s.count; i++)
		metrics_u64(m, s.list[i].groups, "interface", name_of(w, &s.list[i]), NULL);
	metrics_family(m, "weir_kernel_groups_refused", METRIC_GAUGE, "Such groups there was no room for.");
	for (unsigned i = 0; i < s.count; i++)
		metrics_u64(m, s.list[i].groups_refused, "interface", name_of(w, &s.list[i]), NULL);
	classes(m, w, &s);
	counters(m, w, &s);
	free(s.list);
}
METRICS_REGISTER(collect_kernel)
