/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir run: the daemon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/verbs.h"
#include "runtime/runtime.h"

int verb_run(const struct cli *c, struct words *a, const struct verb *v)
{
	const char *env = getenv("WEIR_SOCKET");
	struct run_options o = {.socket = c->socket};
	struct err e = {0};
	const char *value;

	if (o.socket == NULL && env != NULL && env[0] != '\0')
		o.socket = env;
	while (e.code == 0 && words_peek(a) != NULL && strcmp(words_peek(a), "--") != 0) {
		value = words_option(a, "config", 'c', &e);
		if (value != NULL) {
			o.config = value;
			continue;
		}
		value = words_option(a, "state", 0, &e);
		if (value != NULL)
			o.state = value;
		else if (strcmp(words_peek(a) != NULL ? words_peek(a) : "", "-v") == 0)
			o.verbose = words_take(a) != NULL;
		else if (words_accept(a, "--verbose", strlen("--verbose")))
			o.verbose = true;
		else
			break;
	}
	if (e.code == 0 && words_peek(a) != NULL && strcmp(words_peek(a), "--") == 0) {
		words_take(a);
		o.eal_argc = a->count - a->at;
		o.eal_argv = a->word + a->at;
		a->at = a->count;
	}
	if (words_end(a, &e) != 0)
		return cli_usage(c, v, &e);
	return runtime_main(&o);
}
