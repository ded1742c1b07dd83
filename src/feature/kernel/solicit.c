/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel's ARP requests and neighbour solicitations, which the twins' thread hands to the control thread.
 */
#include "feature/kernel/kernel_priv.h"
#include "feature/neigh/neigh.h"

REASON_DEFINE(reason_kernel_answered, REASON_DONE, "kernel-answered",
	"The kernel asked for a neighbour on a twin; weir answered, or asks the wire.")
REASON_DEFINE(reason_kernel_headroom, REASON_ERROR, "kernel-no-headroom",
	"A frame the kernel sent had no room for its VLAN tags.")

#define TURN 64 /* solicitations in one turn of the control thread */

static void one(struct weir *w, struct rte_mbuf *m)
{
	struct twin *t = w->kernel->twin[note_of(m)->oif % IFACE_MAX];
	uint8_t out[NEIGH_PROXY_FRAME];
	size_t len = 0;

	/* It was written into one buffer: such frames are short. */
	switch (neigh_proxy(
		w, note_of(m)->oif, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, out, &len)) {
	case NEIGH_PROXY_ANSWER:
		if (t != NULL)
			twin_write(t, out, len);
		weir_consume(w, m, &reason_kernel_answered);
		break;
	case NEIGH_PROXY_WAIT:
		weir_consume(w, m, &reason_kernel_answered);
		break;
	default:
		if (t != NULL && !frame_tag(m, &t->io))
			weir_consume(w, m, &reason_kernel_headroom);
		else
			weir_send(w, m, STAGE_TX, false);
	}
}

unsigned kernel_answer_solicitations(struct weir *w)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while (n < TURN && (m = io_solicitation(w->kernel->io)) != NULL) {
		one(w, m);
		n++;
	}
	return n;
}
