/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir clear.
 */
#include <jansson.h>

#include "cli/call.h"
#include "cli/verbs.h"

int verb_clear_counters(const struct cli *c, const struct args *a, const struct verb *v)
{
	return cli_change(c, "POST", "/v1/counters/clear", NULL);
}

int verb_clear_acls(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *name = args_value(a, "ACL");
	json_t *body = name != NULL ? json_pack("{s:s}", "name", name) : NULL;
	int rc = cli_change(c, "POST", "/v1/acls/clear", body);

	json_decref(body);
	return rc;
}
