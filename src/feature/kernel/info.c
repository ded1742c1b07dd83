/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other parts ask: which twin is whose, and what the API shows.
 */
#include <string.h>

#include "base/race.h"
#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"

bool kernel_enabled(const struct weir *w)
{
	return w->kernel->now.on && !w->offline;
}

unsigned kernel_places(const struct weir *w)
{
	unsigned n = 1;

	for (unsigned k = 1; k < KERNEL_PLACES; k++)
		if (w->kernel->place[k].used)
			n = k + 1;
	return n;
}

const char *kernel_place_path(const struct weir *w, unsigned place)
{
	return place < KERNEL_PLACES && w->kernel->place[place].used ? w->kernel->place[place].path : NULL;
}

int kernel_place_find(const struct weir *w, const char *path)
{
	for (unsigned k = 0; k < KERNEL_PLACES; k++)
		if (w->kernel->place[k].used && strcmp(w->kernel->place[k].path, path) == 0)
			return (int)k;
	return -1;
}

unsigned kernel_vrf_place(const struct weir *w, uint16_t vrf)
{
	return vrf < VRF_MAX ? w->kernel->vrf[vrf].place : 0;
}

uint32_t kernel_vrf_table(const struct weir *w, uint16_t vrf)
{
	return vrf < VRF_MAX ? w->kernel->vrf[vrf].table : KERNEL_TABLE_MAIN;
}

uint16_t kernel_twin_of(const struct weir *w, unsigned place, int ifindex)
{
	for (uint16_t i = 1; i < w->gen->iface_limit; i++) {
		const struct twin *t = w->kernel->twin[i];

		if (t != NULL && t->place == place && t->ifindex == ifindex)
			return i;
	}
	return IFACE_NONE;
}

int kernel_twin_ifindex(const struct weir *w, uint16_t iface)
{
	return iface < IFACE_MAX && w->kernel->twin[iface] != NULL ? w->kernel->twin[iface]->ifindex : 0;
}

bool kernel_carrier_held(const struct weir *w, uint16_t iface)
{
	return iface < IFACE_MAX && w->kernel->twin[iface] != NULL && w->kernel->twin[iface]->held;
}

uint64_t kernel_waits_expired(const struct weir *w)
{
	return w->kernel->expired;
}

/* Workers go on counting: single aligned words that only grow. */
SHARED_ON_PURPOSE static void sum(const struct kernel_state *s, struct kernel_twin_info *t)
{
	for (unsigned k = 0; k <= WORKER_MAX; k++) {
		const struct kernel_share *share = s->lane[k].share;

		for (unsigned c = 0; share != NULL && c < KERNEL_CLASSES; c++) {
			t->punted[c] += share[t->iface].punted[c];
			t->policed[c] += share[t->iface].policed[c];
		}
	}
}

void kernel_twins(const struct weir *w, void (*fn)(void *ctx, const struct kernel_twin_info *t), void *ctx)
{
	const struct kernel_state *s = w->kernel;

	for (uint16_t i = 1; i < w->gen->iface_limit; i++) {
		const struct twin *t = s->twin[i];
		struct kernel_twin_info info = {.iface = i};
		struct io_counters c;

		if (t == NULL)
			continue;
		c = io_read(s->io, &t->io);
		info.name = t->name;
		info.place = s->place[t->place].path;
		info.ifindex = t->ifindex;
		info.carrier = t->carrier;
		info.held = t->held;
		info.adopted = t->adopted;
		info.waited = t->waited;
		info.delivered = c.delivered + t->copies;
		info.refused = c.refused;
		info.copies = t->copies;
		info.injected = c.injected;
		info.answered = c.answered;
		info.inject_drops = c.inject_drops;
		if (s->groups[i] != NULL) {
			info.groups = s->groups[i]->n4 + s->groups[i]->n6;
			info.groups_refused = s->groups[i]->refused;
		}
		sum(s, &info);
		fn(ctx, &info);
	}
}
