/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ACL_OUT: what is forwarded meets the list of the interface it leaves by, still as it came. What weir
 * makes is not asked.
 */
#include "feature/acl/stage.h"

static uint64_t originated(const struct burst *b, uint64_t slots)
{
	uint64_t made = 0;

	BURST_EACH (i, slots & ~b->plain)
		made |= (uint64_t)((b->flags[i] & SLOT_ORIGINATED) != 0) << i;
	return made;
}

static void acl_out_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	slots &= ~originated(b, slots);
	if (slots != 0)
		acl_run(w, g, b, slots, true);
}

static const struct stage stage_acl_out = {
	.name = "acl-out",
	.help = "rules for packets that are forwarded out",
	.id = STAGE_ACL_OUT,
	.run = acl_out_run,
	.after = STAGE_BIT(STAGE_ROUTE),
	.before = STAGE_BIT(STAGE_FORWARD) | STAGE_BIT(STAGE_RESOLVE) | STAGE_BIT(STAGE_ICMP_ERROR),
	.next = STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_acl_out)
