/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir run: the daemon.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/verbs.h"
#include "runtime/runtime.h"

int verb_run(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *env = getenv("WEIR_SOCKET");
	struct run_options o = {
		.config = args_value(a, "FILE"), .state = args_value(a, "DIR"), .socket = c->socket};
	const struct words *line = c->line;

	if (o.socket == NULL && env != NULL && env[0] != '\0')
		o.socket = env;
	o.verbose = args_have(a, "-v") || args_have(a, "--verbose");
	for (unsigned i = 0; i < a->count; i++) {
		if (!a->arg[i].keyword || !arg_is(&a->arg[i], "--"))
			continue;
		o.eal_argv = line->word + a->arg[i].at + 1;
		o.eal_argc = line->count - (int)a->arg[i].at - 1;
	}
	return runtime_main(&o);
}
