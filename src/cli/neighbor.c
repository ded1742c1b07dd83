/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir neighbor.
 */
#include "cli/call.h"
#include "cli/body.h"
#include "cli/verbs.h"

int verb_neighbor_change(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct err e = {0};
	json_t *body = body_neighbor(a, &e);

	return body != NULL ? cli_change(c, v->data, "/v1/neighbors", body) : cli_usage(c, v, &e);
}

int verb_neighbor_flush(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct err e = {0};
	json_t *body = body_flush(a, &e);

	return body != NULL ? cli_change(c, "DELETE", "/v1/neighbors", body) : cli_usage(c, v, &e);
}
