/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir route: changes and look-ups.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/grammar.h"
#include "cli/verbs.h"
#include "packet/addr.h"

int verb_route_change(const struct cli *c, struct words *a, const struct verb *v)
{
	const char *method = v->data;
	struct err e = {0};
	json_t *body = grammar_route(a, c->family, strcmp(method, "DELETE") != 0, &e);

	return body != NULL ? cli_change(c, method, "/v1/routes", body) : cli_usage(c, v, &e);
}

int verb_route_get(const struct cli *c, struct words *a, const struct verb *v)
{
	char target[512] = "/v1/route";
	const char *address = words_take(a), *vrf = NULL;
	struct ipaddr parsed;
	struct err e = {0};
	json_t *doc;
	int rc;

	if (address == NULL)
		err_set(&e, EINVAL, "the address is missing");
	else if (ipaddr_parse(address, &parsed) != 0)
		err_set(&e, EINVAL, "'%.64s' is not an IPv4 or IPv6 address", address);
	if (words_accept(a, "vrf", 1) && (vrf = words_take(a)) == NULL)
		err_set(&e, EINVAL, "vrf needs a name");
	if (words_end(a, &e) != 0)
		return cli_usage(c, v, &e);
	cli_query(target, sizeof target, "address", address);
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
