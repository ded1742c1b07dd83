/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir: `weir run` is the router, every other verb is a client of it.
 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/complete.h"
#include "cli/dispatch.h"

int main(int argc, char **argv)
{
	struct cli c = {0};
	int code;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of the write, seen below */
	if (argc == 2 && strcmp(argv[1], "--complete") == 0)
		return complete_for_bash(&c);
	code = dispatch_line(&c, argc, argv);
	if ((fflush(stdout) != 0 || ferror(stdout)) && code == CLI_OK)
		return errno == EPIPE ? CLI_FAILED
				      : cli_error(CLI_FAILED, "standard output: %s", strerror(errno));
	return code;
}
