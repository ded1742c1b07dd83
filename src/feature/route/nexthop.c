/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Next-hop slots and bucket arrays: allocation, reference counts, recycling after a grace period.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "base/race.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"

int nexthop_init(struct weir *w, struct err *e)
{
	w->route->free_nh = calloc(NH_MAX, sizeof *w->route->free_nh);
	if (w->route->free_nh == NULL)
		return err_set(e, ENOMEM, "not enough memory for the next-hop table");
	w->route->nh_used = 1; /* 0 is "no route" */
	return 0;
}

void nexthop_fini(struct weir *w)
{
	free(w->route->free_nh);
	free(w->route->release);
}

uint16_t nh_alloc(struct weir *w)
{
	struct route_state *s = w->route;
	uint16_t nh;

	if (s->nh_free != 0)
		nh = s->free_nh[--s->nh_free];
	else if (s->nh_used < NH_MAX)
		nh = (uint16_t)s->nh_used++;
	else
		return 0;
	memset(&w->nht.nh[nh], 0, sizeof w->nht.nh[nh]);
	nh_update(&w->nht, nh);
	w->nht.nh[nh].refs = 1;
	return nh;
}

/* What a slot or bucket array needs to come back once no worker looks at it. */
struct returned {
	struct weir *w;
	uint32_t what;
	unsigned class;
};

static void give_back(struct weir *w, bool bucket, uint32_t what, unsigned class)
{
	struct route_state *s = w->route;

	if (s == NULL)
		return;
	if (!bucket) {
		s->free_nh[s->nh_free++] = (uint16_t)what;
		return;
	}
	/* A free array holds the number of the next one, so that the list needs no memory. */
	w->nht.bucket[what] = (uint16_t)s->free_bucket[class];
	s->free_bucket[class] = what / BUCKETS_MIN + 1;
}

static void return_nh(void *arg)
{
	struct returned *r = arg;

	give_back(r->w, false, r->what, 0);
	free(r);
}

static void return_buckets(void *arg)
{
	struct returned *r = arg;

	give_back(r->w, true, r->what, r->class);
	free(r);
}

static void recycle(struct weir *w, bool bucket, uint32_t what, unsigned class)
{
	struct returned *r = malloc(sizeof *r);

	if (r == NULL) { /* no memory to do it later: the grace period is waited for */
		weir_synchronize(w);
		give_back(w, bucket, what, class);
		return;
	}
	*r = (struct returned){.w = w, .what = what, .class = class};
	weir_defer(w, bucket ? return_buckets : return_nh, r);
}

void nh_get(struct weir *w, uint16_t nh)
{
	w->nht.nh[nh].refs++;
}

void nh_put(struct weir *w, uint16_t nh)
{
	struct nexthop *n = &w->nht.nh[nh];

	if (nh == 0 || --n->refs != 0)
		return;
	nh_set_kind(&w->nht, nh, NH_NONE);
	recycle(w, false, nh, 0);
}

int releases_room(struct weir *w, uint32_t n)
{
	struct route_state *s = w->route;
	uint32_t room = s->release_count + n;
	uint16_t *more = room > s->release_room ? realloc(s->release, room * sizeof *more) : s->release;

	if (more == NULL && room > s->release_room)
		return -ENOMEM;
	s->release = more;
	s->release_room = room > s->release_room ? room : s->release_room;
	return 0;
}

/* A commit made room for all its paths before. */
void release_later(struct weir *w, uint16_t nh)
{
	struct route_state *s = w->route;

	if (s->release_count == s->release_room && releases_room(w, s->release_room + 64) != 0) {
		neigh_nexthop_put(w, nh);
		return;
	}
	s->release[s->release_count++] = nh;
}

void releases_first(struct weir *w, uint32_t n)
{
	struct route_state *s = w->route;
	uint32_t i = 0;

	for (; i < n && i < s->release_count; i++)
		neigh_nexthop_put(w, s->release[i]);
	s->release_count -= i;
	if (s->release_count != 0)
		memmove(s->release, s->release + i, s->release_count * sizeof s->release[0]);
}

void releases_flush(struct weir *w)
{
	if (!route_settled(w))
		return;
	releases_first(w, w->route->release_count);
	if (w->route->link_released) {
		w->route->link_released = false;
		neigh_remove_lost(w);
	}
}

/* Words workers read: they keep their value, or change alone (mtu, out), or nobody may send through the slot
 * (see nh_refresh_ifaces()). */
SHARED_ON_PURPOSE void nh_fill_iface(struct weir *w, struct nexthop *nh, const struct iface *ifc)
{
	struct nh_l2 l2 = nh_l2_load(nh);

	nh->iface = ifc->id;
	nh->port = ifc->port;
	nh->mtu = ifc->mtu;
	nh->ntags = ifc->ntags;
	nh->out = ifc->out;
	for (unsigned i = 0; i < ifc->ntags; i++) {
		uint16_t tag[2] = {rte_cpu_to_be_16(ifc->tpid[i]), rte_cpu_to_be_16(ifc->vlan[i])};

		memcpy(&nh->tag[i], tag, sizeof tag);
	}
	memcpy(l2.src, ifc->mac, 6);
	nh_l2_store(nh, l2);
}

static uint16_t *slot_of(struct route_state *s, uint16_t iface, enum nh_kind kind)
{
	return kind == NH_GLEAN         ? &s->glean[iface]
	       : kind == NH_LOCAL       ? &s->local[iface]
	       : kind == NH_UNREACHABLE ? &s->nobody[iface]
					: &s->broadcast[iface];
}

uint16_t nh_of_iface(struct weir *w, uint16_t iface, enum nh_kind kind)
{
	uint16_t *slot = slot_of(w->route, iface, kind);
	const struct iface *ifc = w->gen->iface[iface];

	if (*slot == 0 && ifc != NULL) {
		*slot = nh_alloc(w);
		if (*slot == 0)
			return 0;
		nh_fill_iface(w, &w->nht.nh[*slot], ifc);
		nh_set_kind(&w->nht, *slot, kind);
	}
	return *slot;
}

uint16_t nh_fixed(struct weir *w, enum nh_kind kind)
{
	uint16_t *slot = &w->route->fixed[kind];

	if (*slot == 0) {
		*slot = nh_alloc(w);
		if (*slot != 0)
			nh_set_kind(&w->nht, *slot, kind);
	}
	return *slot;
}

static bool frame_differs(const struct nexthop *nh, const struct iface *ifc)
{
	struct nexthop want = {0};

	nh_fill_iface(NULL, &want, ifc);
	return nh->ntags != want.ntags || nh->port != want.port ||
	       memcmp(nh->tag, want.tag, sizeof want.tag) != 0;
}

void nh_refresh_ifaces(struct weir *w)
{
	for (uint32_t i = 1; i < w->route->nh_used; i++) {
		struct nexthop *nh = &w->nht.nh[i];
		const struct iface *ifc = nh->iface < IFACE_MAX ? w->gen->iface[nh->iface] : NULL;
		struct nh_l2 l2 = nh_l2_load(nh);

		if (nh->refs == 0 || ifc == NULL || nh->iface == IFACE_NONE)
			continue;
		if (l2.ready && frame_differs(nh, ifc)) {
			/* Tags and port are several words: nobody may send through the slot meanwhile. */
			struct nh_l2 off = l2;

			off.ready = 0;
			nh_l2_store(nh, off);
			nh_update(&w->nht, (uint16_t)i);
			weir_synchronize(w);
			nh_fill_iface(w, nh, ifc);
			off = nh_l2_load(nh);
			off.ready = l2.ready;
			nh_l2_store(nh, off);
		} else {
			nh_fill_iface(w, nh, ifc);
		}
		nh_update(&w->nht, (uint16_t)i);
	}
}

/* --- buckets: arrays of 64 << class --- */

uint32_t buckets_alloc(struct weir *w, unsigned class)
{
	struct route_state *s = w->route;
	uint32_t size = BUCKETS_MIN << class, base = s->buckets_used;

	if (s->free_bucket[class] != 0) {
		base = (s->free_bucket[class] - 1) * BUCKETS_MIN;
		s->free_bucket[class] = w->nht.bucket[base];
		return base;
	}
	if (base + size > NH_BUCKETS_MAX)
		return UINT32_MAX;
	s->buckets_used += size;
	return base;
}

uint32_t buckets_room(const struct weir *w, unsigned class)
{
	uint32_t n = (NH_BUCKETS_MAX - w->route->buckets_used) / (BUCKETS_MIN << class);

	for (uint32_t at = w->route->free_bucket[class]; at != 0; n++)
		at = w->nht.bucket[(at - 1) * BUCKETS_MIN];
	return n;
}

void buckets_free(struct weir *w, uint32_t base, unsigned class)
{
	recycle(w, true, base, class);
}
