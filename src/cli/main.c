/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir: `weir run` is the router, every other verb is a client of it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/dispatch.h"

static int start(const struct cli *c, struct words *a)
{
	if (c->version) {
		printf("weir %s\n", WEIR_VERSION);
		return CLI_OK;
	}
	return dispatch(c, a);
}

int main(int argc, char **argv)
{
	struct cli c = {0};
	struct words a;
	struct err e = {0};
	int code;

	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, seen below */
	if (words_globals(argc, argv, "replay", &c, &a, &e) != 0)
		return cli_error(CLI_USAGE, "%s", e.text);
	code = start(&c, &a);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK)
		return errno == EPIPE ? CLI_FAILED
				      : cli_error(CLI_FAILED, "standard output: %s", strerror(errno));
	return code;
}
