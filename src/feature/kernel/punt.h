/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The workers' side of the way to the kernel, and what other features hand to it.
 *
 * Thread-safety: a lane belongs to one worker, which is the only producer of its ring; the twins' thread is
 * the only consumer. Counters are single words that only their worker writes. The last share, at
 * KERNEL_CONTROL, is the control thread's.
 */
#ifndef WEIR_FEATURE_KERNEL_PUNT_H
#define WEIR_FEATURE_KERNEL_PUNT_H

#include "feature/kernel/classify.h"
#include "pipeline/worker.h"

struct weir;

#define KERNEL_RING 1024 /* packets of one worker on each way to the twins' thread */
#define KERNEL_CONTROL WORKER_MAX
static_assert((int)KERNEL_CLASSES <= KERNEL_CLASS_MAX, "the generation has a rate for each class");

/* What an interface has of a lane. */
struct kernel_share {
	struct bucket bucket[KERNEL_CLASSES];
	uint64_t punted[KERNEL_CLASSES], policed[KERNEL_CLASSES];
};

struct kernel_lane {
	struct rte_ring *ring[KERNEL_WAYS]; /* NULL for the control thread, which writes itself */
	struct kernel_share *share;         /* [IFACE_MAX] */
};

/* Takes one packet's worth of the class's rate and counts; false: over it. A burst is a quarter of a second's
 * worth, at least 32 packets. */
static inline bool kernel_police(struct kernel_share *s, enum kernel_class c, uint32_t rate, uint64_t now)
{
	uint32_t burst = rate / 4 < 32 ? 32 : rate / 4;

	if (rate != 0 && bucket_take(&s->bucket[c], now, rate, burst)) {
		s->punted[c]++;
		return true;
	}
	s->policed[c]++;
	return false;
}

/* A packet that ends here is for the kernel: it came in by an interface with a twin, and did not start here.
 */
static inline bool kernel_takes(const struct generation *g, const struct burst *b, unsigned slot)
{
	const struct iface *ifc = b->iif[slot] < IFACE_MAX ? g->iface[b->iif[slot]] : NULL;

	return ifc != NULL && ifc->twin && (b->flags[slot] & SLOT_ORIGINATED) == 0;
}

/* Control thread: the kernel gets a copy of a frame that came in by note.iif, VLAN tags taken off (note.l3 is
 * where its payload begins), if the interface has a twin. */
void kernel_copy(struct weir *w, const struct rte_mbuf *m, const struct note *n);

#endif
