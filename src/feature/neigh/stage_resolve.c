/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_RESOLVE: packets whose neighbour's link-layer address is not known wait with the control thread,
 * which asks for it (RFC 4861 7.2.2, RFC 1122 2.3.2.2).
 */
#include "pipeline/worker.h"

static void resolve_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		worker_punt(w, b, (unsigned)i, PUNT_RESOLVE);
}

static const struct stage stage_resolve = {
	.name = "resolve",
	.help = "next hop not resolved yet: wait with the control thread",
	.id = STAGE_RESOLVE,
	.run = resolve_run,
	.after = STAGE_BIT(STAGE_ROUTE),
	.before = STAGE_BIT(STAGE_REWRITE),
	.next = STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_resolve)
