/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A change of ports and workers in work.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_RUNTIME_CHANGE_H
#define WEIR_RUNTIME_CHANGE_H

#include "runtime/priv.h"

/* Of one worker. Made before anything changes, so that the rest cannot fail. */
struct plans {
	const struct plan *before; /* that ran when the change began */
	struct plan *pause;        /* without the ports that are stopped; also the way back */
	struct plan *between;
	struct plan *early; /* all but what new devices receive */
	struct plan *final;
};

struct change {
	struct layout next;
	uint8_t kind[PORT_MAX]; /* enum port_change */
	bool anything;          /* ports or settings differ */
	bool trial;             /* nothing may be touched: it will be given up in any case */
	bool registered, paused;
	bool restarted[PORT_MAX], touched[PORT_MAX];
	unsigned workers; /* threads when it began */
	unsigned pools;   /* pools when it began */
	struct plans *plans;
};

/* swap.c */
/* No worker uses the ports that are to be stopped any more. */
void swap_pause(struct runtime *r, struct change *c);
/* Back to r->now, whose devices run again. */
void swap_resume(struct runtime *r, struct change *c);
/* Right before a generation is published: what moves is received by nobody, what was received has been sent.
 */
void swap_begin(struct runtime *r, struct change *c, const struct generation *next);
/* Right after: the workers do as c->next says, but for what new devices receive. Nobody looks at what is only
 * in r->now any more. */
void swap_finish(struct runtime *r, struct change *c);
/* After all features: new devices are received from. */
void swap_open(struct runtime *r, struct change *c);

#endif
