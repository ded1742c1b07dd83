/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir replay: the offline twin; its words are its own.
 */
#include <stddef.h>

#include "cli/verbs.h"
#include "replay/replay.h"

int verb_replay(const struct cli *c, struct words *a, const struct verb *v)
{
	static char name[] = "replay";

	a->word[a->at - 1] = name; /* as its argv[0], even when it was shortened */
	return replay_main(a->count - a->at + 1, a->word + a->at - 1);
}
