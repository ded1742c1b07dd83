/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_ACL_IN: IP packets meet the list of the interface they came in by.
 */
#include "feature/acl/stage.h"

static void acl_in_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	acl_run(w, g, b, slots, false);
}

static const struct stage stage_acl_in = {
	.name = "acl-in",
	.help = "rules for packets that come in",
	.id = STAGE_ACL_IN,
	.run = acl_in_run,
	.after = STAGE_BIT(STAGE_PARSE) | STAGE_BIT(STAGE_IP_INPUT),
	.before = STAGE_BIT(STAGE_ROUTE) | STAGE_BIT(STAGE_LOCAL) | STAGE_BIT(STAGE_ICMP_ERROR),
	.next = STAGE_BIT(STAGE_ICMP_ERROR) | STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_acl_in)
