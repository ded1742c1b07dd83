/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir neighbor.
 */
#include <string.h>

#include "cli/call.h"
#include "cli/grammar.h"
#include "cli/verbs.h"

int verb_neighbor_change(const struct cli *c, struct words *a, const struct verb *v)
{
	const char *method = v->data;
	struct err e = {0};
	json_t *body = grammar_neighbor(a, strcmp(method, "DELETE") != 0, &e);

	return body != NULL ? cli_change(c, method, "/v1/neighbors", body) : cli_usage(c, v, &e);
}

int verb_neighbor_flush(const struct cli *c, struct words *a, const struct verb *v)
{
	struct err e = {0};
	json_t *body = grammar_flush(a, &e);

	return body != NULL ? cli_change(c, "DELETE", "/v1/neighbors", body) : cli_usage(c, v, &e);
}
