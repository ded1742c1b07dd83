/* SPDX-License-Identifier: BSD-3-Clause
 *
 * DPDK telemetry commands /weir/..., for dpdk-telemetry.py and whatever else speaks to DPDK's socket. DPDK
 * calls them in threads of its own; each is handed to the control thread, which alone may look at
 * generations.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_METRICS_TELEMETRY_H
#define WEIR_METRICS_TELEMETRY_H

#include "base/err.h"

struct event_base;
struct weir;

/* Answers commands from `base` until telemetry_stop(). 0 or a negative errno with a sentence. */
int telemetry_start(struct weir *w, struct event_base *base, struct err *e);
/* Commands fail from now on: DPDK cannot take them back. */
void telemetry_stop(void);

#endif
