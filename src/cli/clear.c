/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir clear.
 */
#include "cli/call.h"
#include "cli/verbs.h"

int verb_clear_counters(const struct cli *c, struct words *a, const struct verb *v)
{
	struct err e = {0};

	if (words_end(a, &e) != 0)
		return cli_usage(c, v, &e);
	return cli_change(c, "POST", "/v1/counters/clear", NULL);
}
