/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which groups programs joined on the twins. The truth is in /proc/net/igmp and igmp6 of each namespace. They
 * are read when the kernel tells the link about a change (its reports come by the twins), and every few
 * seconds: a link that has no carrier is told nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"

#define AGAIN_NS UINT64_C(2000000000)
#define GAP_NS UINT64_C(2000000) /* between two reads, */
#define GAP_SHARE 50             /* and so many times what one takes */

/* Links of twins by number, and what is found about them. */
struct known_link {
	int ifindex;
	uint16_t iface;
};

struct reading {
	struct known_link *link;
	unsigned links;
	struct kernel_groups **fresh; /* [IFACE_MAX]; NULL: no groups */
	bool failed;
};

static int by_number(const void *a, const void *b)
{
	const struct known_link *x = a, *y = b;

	return x->ifindex < y->ifindex ? -1 : x->ifindex > y->ifindex;
}

static void links_of(const struct kernel_state *s, unsigned place, struct reading *r)
{
	r->links = 0;
	for (uint16_t i = 1; i < IFACE_MAX; i++)
		if (s->twin[i] != NULL && s->twin[i]->place == place)
			r->link[r->links++] = (struct known_link){s->twin[i]->ifindex, i};
	qsort(r->link, r->links, sizeof *r->link, by_number);
}

/* Those that go up anyway, or never leave a node. */
static bool plain_group(const struct ipaddr *a)
{
	if (a->family == FAMILY_V4)
		return ipaddr_to_v4(a) >> 8 == 0xe00000;
	return (a->bytes[1] & 0xf) <= 2;
}

static void add(struct kernel_groups *k, const struct ipaddr *a)
{
	if (a->family == FAMILY_V4 && k->n4 < KERNEL_GROUPS)
		k->g4[k->n4++] = ipaddr_to_v4(a);
	else if (a->family == FAMILY_V6 && k->n6 < KERNEL_GROUPS)
		memcpy(k->g6[k->n6++], a->bytes, 16);
	else
		k->refused++;
}

static void found(struct reading *r, int ifindex, const struct ipaddr *a)
{
	const struct known_link key = {.ifindex = ifindex}, *l;

	if (plain_group(a) || !ipaddr_is_multicast(a))
		return;
	l = bsearch(&key, r->link, r->links, sizeof *r->link, by_number);
	if (l == NULL)
		return;
	if (r->fresh[l->iface] == NULL)
		r->fresh[l->iface] = calloc(1, sizeof **r->fresh);
	if (r->fresh[l->iface] == NULL)
		r->failed = true;
	else
		add(r->fresh[l->iface], a);
}

static void read_file(struct reading *r, FILE *f, bool v4)
{
	struct ipaddr group;
	int ifindex = 0;
	char line[256];

	rewind(f);
	while (fgets(line, sizeof line, f) != NULL)
		if ((v4 ? groups_line4 : groups_line6)(line, &ifindex, &group))
			found(r, ifindex, &group);
}

/* Opened once, a file of /proc/net stays that of its namespace. */
static void open_files(struct place *p)
{
	struct err e = {0};
	int back;

	p->asked = true;
	if (place_enter(p->path, &back, &e) != 0)
		return;
	p->igmp[0] = fopen("/proc/thread-self/net/igmp", "re");
	p->igmp[1] = fopen("/proc/thread-self/net/igmp6", "re");
	place_leave(back);
}

void groups_close(struct place *p)
{
	for (unsigned i = 0; i < 2; i++) {
		if (p->igmp[i] != NULL)
			fclose(p->igmp[i]);
		p->igmp[i] = NULL;
	}
	p->asked = false;
}

static void read_place(struct weir *w, unsigned k, struct reading *r)
{
	struct place *p = &w->kernel->place[k];

	links_of(w->kernel, k, r);
	if (r->links == 0)
		return;
	if (!p->asked)
		open_files(p);
	for (unsigned i = 0; i < 2; i++)
		if (p->igmp[i] != NULL)
			read_file(r, p->igmp[i], i == 0);
}

static bool same(const struct kernel_groups *a, const struct kernel_groups *b)
{
	return a == b || (a != NULL && b != NULL && memcmp(a, b, sizeof *a) == 0);
}

/* Takes over what was read; *fresh is then nobody's or the old one's. */
static void publish(struct weir *w, struct kernel_groups **now, struct kernel_groups *fresh)
{
	struct kernel_groups *old = *now;

	if (same(old, fresh)) {
		free(fresh);
		return;
	}
	__atomic_store_n(now, fresh, __ATOMIC_RELEASE);
	if (old != NULL)
		weir_defer(w, free, old);
}

static void read_all(struct weir *w)
{
	struct kernel_state *s = w->kernel;
	struct reading r = {
		.link = calloc(IFACE_MAX, sizeof *r.link), .fresh = calloc(IFACE_MAX, sizeof *r.fresh)};

	r.failed = r.link == NULL || r.fresh == NULL;
	for (unsigned k = 0; k < KERNEL_PLACES && !r.failed; k++)
		if (s->place[k].used)
			read_place(w, k, &r);
	for (unsigned i = 0; r.fresh != NULL && i < IFACE_MAX; i++)
		if (r.failed) /* what is known stays; the next time is soon */
			free(r.fresh[i]);
		else
			publish(w, &s->groups[i], r.fresh[i]);
	free(r.link);
	free(r.fresh);
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

unsigned groups_turn(struct weir *w)
{
	struct kernel_state *s = w->kernel;
	uint64_t began, gap;

	if (s->io == NULL)
		return 0;
	if (io_groups_changed(s->io) && s->groups_at > s->groups_soonest)
		s->groups_at = s->groups_soonest;
	if (w->now < s->groups_at)
		return 0;
	began = clock_ns();
	read_all(w);
	gap = (clock_ns() - began) * GAP_SHARE;
	s->groups_soonest = w->now + (gap < GAP_NS ? GAP_NS : gap);
	s->groups_at = RTE_MAX(s->groups_soonest, w->now + AGAIN_NS);
	return 1;
}

void groups_free(struct kernel_state *s)
{
	for (unsigned i = 0; i < IFACE_MAX; i++)
		free(s->groups[i]);
	for (unsigned k = 0; k < KERNEL_PLACES; k++)
		groups_close(&s->place[k]);
}
