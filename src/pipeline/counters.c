/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading counters: workers only ever add to their own; readers sum, and "clear" moves a baseline.
 */
#include <stddef.h>
#include <string.h>

#include "base/race.h"
#include "pipeline/weir.h"

/* Workers go on counting: single aligned words that only grow. */
SHARED_ON_PURPOSE static void add(struct counters *sum, const struct counters *c, int sign)
{
	uint64_t s = (uint64_t)(int64_t)sign;

	sum->bursts += s * c->bursts;
	sum->received += s * c->received;
	sum->originated += s * c->originated;
	sum->transmitted += s * c->transmitted;
	sum->icmp_suppressed += s * c->icmp_suppressed;
	for (unsigned i = 0; i < REASON_MAX; i++)
		sum->reason[i] += s * c->reason[i];
	for (unsigned i = 0; i < STAGE_COUNT; i++) {
		sum->stage[i].bursts += s * c->stage[i].bursts;
		sum->stage[i].packets += s * c->stage[i].packets;
		sum->stage[i].sampled_packets += s * c->stage[i].sampled_packets;
		sum->stage[i].sampled_cycles += s * c->stage[i].sampled_cycles;
	}
	if (sum->iface == NULL || c->iface == NULL)
		return;
	for (unsigned i = 0; i < IFACE_MAX; i++) {
		sum->iface[i].rx_packets += s * c->iface[i].rx_packets;
		sum->iface[i].rx_bytes += s * c->iface[i].rx_bytes;
		sum->iface[i].tx_packets += s * c->iface[i].tx_packets;
		sum->iface[i].tx_bytes += s * c->iface[i].tx_bytes;
		sum->iface[i].drops += s * c->iface[i].drops;
	}
}

static void clear(struct counters *c)
{
	struct iface_counters *iface = c->iface;

	memset(c, 0, sizeof *c);
	c->iface = iface;
	if (iface != NULL)
		memset(iface, 0, IFACE_MAX * sizeof *iface);
}

static void sum_all(const struct weir *w, struct counters *out)
{
	clear(out);
	add(out, &w->counters, 1);
	if (w->twins != NULL)
		add(out, w->twins, 1);
	for (unsigned i = 0; i < w->worker_count; i++)
		add(out, &w->worker[i]->counters, 1);
}

void weir_counters(const struct weir *w, struct counters *out)
{
	sum_all(w, out);
	add(out, &w->baseline, -1);
}

void weir_counters_clear(struct weir *w)
{
	sum_all(w, &w->baseline);
	w->control.longest = w->control.longest_cpu = 0;
	weir_features_clear(w);
}

void weir_counters_total(const struct weir *w, struct counters *out)
{
	sum_all(w, out);
}

SHARED_ON_PURPOSE uint64_t weir_held(const struct weir *w)
{
	uint64_t held = w->held;

	for (unsigned i = 0; i < w->worker_count; i++)
		held += w->worker[i]->held;
	return held;
}
