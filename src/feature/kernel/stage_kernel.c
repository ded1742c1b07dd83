/* SPDX-License-Identifier: BSD-3-Clause
 *
 * STAGE_KERNEL: packets to us that the kernel answers go to the thread that serves the twins, as many of
 * their class as the interface may have. Reads iif, l3, family, proto, l4, flags.
 */
#include <string.h>

#include <rte_byteorder.h>

#include "feature/kernel/punt.h"
#include "packet/parse.h"

REASON_DEFINE(reason_kernel_policed, REASON_DROP, "kernel-policed",
	"Packets of this class for the kernel came in by the interface faster than kernel.police allows.")
REASON_DEFINE(reason_kernel_ring, REASON_ERROR, "kernel-ring-full",
	"The worker's ring to the thread that serves the twins was full; what keeps links and routes alive "
	"has one "
	"of its own.")

static bool has_ports(const struct burst *b, unsigned i)
{
	return (b->proto[i] == IPPROTO_TCP || b->proto[i] == IPPROTO_UDP) &&
	       (b->flags[i] & SLOT_LATER_FRAGMENT) == 0 && b->pkt[i]->data_len >= b->l4[i] + 4;
}

static enum kernel_class classify_ip(const struct burst *b, unsigned i)
{
	struct kernel_key k = {
		.proto = b->proto[i], .v6 = b->family[i] == FAMILY_V6, .ports = has_ports(b, i)};

	k.ttl = burst_l3(b, i)[k.v6 ? 7 : 8];
	if (k.ports) {
		k.sport = be16_at(burst_l4(b, i));
		k.dport = be16_at(burst_l4(b, i) + 2);
	}
	if (b->pkt[i]->data_len > b->l4[i])
		k.icmp_type = burst_l4(b, i)[0];
	return kernel_classify(&k);
}

/* STAGE_ETHER has looked at the header: l3 is behind it. */
static enum kernel_class classify(const struct burst *b, unsigned i)
{
	if (b->family[i] != FAMILY_NONE)
		return classify_ip(b, i);
	if (b->pkt[i]->data_len < b->l3[i] + 3)
		return KERNEL_L2;
	return kernel_classify_l2(be16_at(burst_l3(b, i) - 2), burst_l3(b, i));
}

static void kernel_one(struct worker *w, const struct generation *g, struct burst *b, unsigned i)
{
	struct kernel_lane *lane = &g->kernel.lane[w->id];
	enum kernel_class c = classify(b, i);

	if (!kernel_police(&lane->share[b->iif[i]], c, g->kernel.rate[c], b->now)) {
		burst_drop(b, i, &reason_kernel_policed);
		return;
	}
	burst_save_note(b, i);
	if (rte_ring_sp_enqueue(lane->ring[kernel_way_of(c)], b->pkt[i]) != 0) {
		burst_drop(b, i, &reason_kernel_ring);
		return;
	}
	burst_take(b, i);
	w->wake_twins = 1;
}

static void kernel_run(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots)
{
	BURST_EACH (i, slots)
		kernel_one(w, g, b, (unsigned)i);
}

static const struct stage stage_kernel = {
	.name = "kernel",
	.help = "packets to us that the kernel answers: policed, to the twins",
	.id = STAGE_KERNEL,
	.run = kernel_run,
	.after = STAGE_BIT(STAGE_ETHER) | STAGE_BIT(STAGE_LOCAL),
	.before = STAGE_BIT(STAGE_ICMP_ERROR),
	.next = STAGE_BIT(STAGE_DROP),
};
STAGE_REGISTER(stage_kernel)
