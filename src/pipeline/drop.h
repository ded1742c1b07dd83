/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of a packet outside a burst's STAGE_DROP: counted, shown to the observer, freed.
 */
#ifndef WEIR_PIPELINE_DROP_H
#define WEIR_PIPELINE_DROP_H

#include "pipeline/worker.h"

/* The packet was sent through the pipeline too often. */
extern struct reason reason_inject_loop;

/* Frees a packet the worker owns and that is in no burst, with a reason. */
void worker_end_packet(struct worker *w, struct rte_mbuf *m, const struct reason *r);

#endif
