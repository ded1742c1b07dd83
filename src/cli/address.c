/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir address.
 */
#include "cli/call.h"
#include "cli/body.h"
#include "cli/verbs.h"

int verb_address_change(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct err e = {0};
	json_t *body = body_address(a, &e);

	return body != NULL ? cli_change(c, v->data, "/v1/addresses", body) : cli_usage(c, v, &e);
}
