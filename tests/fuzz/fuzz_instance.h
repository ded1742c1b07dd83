/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An instance with a configuration service and a runtime without ports, for targets that need all of it.
 */
#ifndef WEIR_TESTS_FUZZ_INSTANCE_H
#define WEIR_TESTS_FUZZ_INSTANCE_H

#include <stdbool.h>

#include "pipeline/weir.h"

/* Aborts: the fuzzer takes that as a finding. */
void need(bool ok);

/* Once. `prefix`: DPDK's name for the process; `config` as YAML, whose ports may be a and b. `offline`: no
 * sockets, whatever a configuration says. */
struct weir *instance_new(const char *prefix, const char *config, bool offline);

/* Between two inputs: timers, packets that wait, and too many routes. */
void instance_rest(struct weir *w);

#endif
