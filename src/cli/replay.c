/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir replay: the offline twin; its words are its own.
 */
#include <stddef.h>

#include "cli/verbs.h"
#include "replay/replay.h"

int verb_replay(const struct cli *c, const struct args *a, const struct verb *v)
{
	static char name[] = "replay";
	char **argv = c->line->word + c->line->at - 1;

	argv[0] = name; /* even when it was shortened */
	return replay_main(c->line->count - c->line->at + 1, argv);
}
