/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Commands from a file: weir -f FILE.
 */
#ifndef WEIR_CLI_BATCH_H
#define WEIR_CLI_BATCH_H

#include "cli/words.h"

/* Runs the commands of c->file ("-": standard input), one a line. Stops at the first that fails, unless
 * c->force; returns the exit code of the first that failed. Errors begin with FILE:LINE. Shows its progress
 * on a terminal. */
int batch_run(const struct cli *c);

#endif
