/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir clear.
 */
#include "cli/call.h"
#include "cli/verbs.h"

int verb_clear_counters(const struct cli *c, const struct args *a, const struct verb *v)
{
	return cli_change(c, "POST", "/v1/counters/clear", NULL);
}
