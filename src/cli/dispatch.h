/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From words to the verb that runs them: the same way for one command line, a file of commands and the shell.
 */
#ifndef WEIR_CLI_DISPATCH_H
#define WEIR_CLI_DISPATCH_H

#include "cli/words.h"

/* Runs one command. `a->at` is at the first word of the verb. Returns the exit code; sentences are on stderr.
 */
int dispatch(const struct cli *c, struct words *a);

/* The same for argv: takes the global options out first. `c` is what holds where argv says nothing. */
int dispatch_line(const struct cli *c, int argc, char **argv);

#endif
