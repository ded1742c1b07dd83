/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir route: changes and look-ups.
 */
#include "cli/body.h"
#include "cli/call.h"
#include "cli/verbs.h"

int verb_route_change(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct err e = {0};
	json_t *body = body_route(a, c->family, &e);

	if (body == NULL)
		return cli_usage(c, v, &e);
	return cli_change(c, v->data, "/v1/routes", body);
}

int verb_route_get(const struct cli *c, const struct args *a, const struct verb *v)
{
	char target[512] = "/v1/route";
	const char *vrf = args_value(a, "VRF");
	json_t *doc;
	int rc;

	cli_query(target, sizeof target, "address", args_value(a, "ADDRESS"));
	if (vrf != NULL)
		cli_query(target, sizeof target, "vrf", vrf);
	rc = cli_call(c, "GET", target, NULL, &doc);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		render_route_line(doc);
	json_decref(doc);
	return rc;
}
