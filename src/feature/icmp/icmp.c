/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature's part in commits: limits from the config to the generation.
 */
#include "feature/icmp/redirect.h"

#include "control/tree.h"

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	const struct node *n = node_get(cfg, "icmp");

	next->icmp_error_rate = (uint32_t)node_u64(n, "error-rate", 1000);
	next->icmp_error_burst = (uint32_t)node_u64(n, "error-burst", 100);
	next->icmp_echo = node_bool(n, "echo", true);
	return 0;
}

static struct feature feature_icmp = {
	.name = "icmp", .order = 40, .init = redirect_init, .fini = redirect_fini, .prepare = prepare};
FEATURE_REGISTER(feature_icmp)
