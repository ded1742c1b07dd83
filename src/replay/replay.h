/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The offline twin: the daemon's pipeline and config, frames from capture files, time from their timestamps.
 * See README.md in this folder.
 *
 * Thread-safety: one thread, once per process (it starts and ends DPDK's EAL).
 */
#ifndef WEIR_REPLAY_REPLAY_H
#define WEIR_REPLAY_REPLAY_H

enum { REPLAY_OK, REPLAY_FAILED, REPLAY_USAGE };

/* `weir replay`; argv[0] is "replay". Returns a REPLAY_* exit code: REPLAY_FAILED also when something differs
 * from what --expect asked for. Says what is wrong on stderr. */
int replay_main(int argc, char **argv);

#endif
