/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Next-hop sets: the paths of a route, shared by all routes with the same ones, so that a link event costs
 * the number of sets. Several paths become a group of buckets; when a path goes away only its buckets are
 * handed to the others, when one comes back it takes no more than its share (resilient hashing, compare RFC
 * 2992).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_hash_crc.h>

#include "base/race.h"
#include "base/reserve.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"
#include "table/hash_bytes.h"

static uint32_t hash_spec(const struct route_spec *spec)
{
	uint32_t h = rte_hash_crc_4byte((uint32_t)spec->vrf << 16 | spec->type, spec->prefix.addr.family);

	if (route_is_feed(spec->source))
		h = rte_hash_crc_4byte((uint32_t)spec->source << 16 | spec->feed, h ^ spec->object);

	for (unsigned i = 0; i < spec->via_count; i++) {
		h = hash_bytes(spec->via[i].address.bytes, 16, h);
		h = rte_hash_crc_4byte((uint32_t)spec->via[i].iface << 16 | spec->via[i].weight, h);
	}
	return h;
}

static bool same_owner(const struct nhset *s, const struct route_spec *spec)
{
	if (!route_is_feed(spec->source))
		return s->source == 0;
	return s->source == spec->source && s->feed == spec->feed && s->object == spec->object;
}

bool set_same(const struct nhset *s, const struct route_spec *spec)
{
	if (!same_owner(s, spec) || s->vrf != spec->vrf || s->type != spec->type ||
		s->family != spec->prefix.addr.family || s->via_count != spec->via_count)
		return false;
	for (unsigned i = 0; i < s->via_count; i++)
		if (!ipaddr_equal(&s->via[i].via.address, &spec->via[i].address) ||
			s->via[i].via.iface != spec->via[i].iface ||
			s->via[i].via.onlink != spec->via[i].onlink ||
			s->via[i].via.weight != spec->via[i].weight)
			return false;
	return true;
}

/* --- one path --- */

static uint16_t path_iface(const struct weir *w, const struct nhset *s, const struct route_via *v)
{
	const struct iface *ifc;
	uint16_t id = v->iface;

	if (s->source != 0 && v->iface < IFACE_MAX && w->route->kernel_down[v->iface])
		return IFACE_NONE;
	if (v->address.family != FAMILY_NONE && !v->onlink)
		id = route_on_link(w, s->vrf, v->iface, &v->address);
	ifc = id < IFACE_MAX ? w->gen->iface[id] : NULL;
	if (ifc == NULL || iface_is_loopback(ifc) || !iface_is_up(w, ifc) ||
		(s->family == FAMILY_V6 && !iface_carries_ip6(ifc)))
		return IFACE_NONE;
	return id;
}

static void set_failed(struct weir *w, struct set_via *v, bool failed)
{
	w->route->failed_paths += (uint32_t)failed - (uint32_t)v->failed;
	v->failed = failed;
}

static void path_release(struct weir *w, const struct nhset *s, struct set_via *v)
{
	set_failed(w, v, false);
	if (v->nh != 0 && v->via.address.family != FAMILY_NONE && s->group != 0)
		neigh_nexthop_keep(w, v->nh, false);
	if (v->nh != 0 && v->via.address.family != FAMILY_NONE)
		release_later(w, v->nh);
	else if (v->nh != 0)
		w->route->link_released = true;
	v->nh = 0;
	v->iface = IFACE_NONE;
	v->usable = false;
}

/* Brings one path up to date; true when its slot changed. */
static bool path_refresh(struct weir *w, const struct nhset *s, struct set_via *v)
{
	uint16_t iface = path_iface(w, s, &v->via), before = v->nh;

	if (iface == v->iface && v->usable &&
		(v->via.address.family == FAMILY_NONE || neigh_nexthop_alive(w, v->nh)))
		return false;
	path_release(w, s, v);
	if (iface != IFACE_NONE) {
		v->iface = iface;
		v->nh = v->via.address.family != FAMILY_NONE ? neigh_nexthop(w, iface, &v->via.address)
							     : nh_of_iface(w, iface, NH_GLEAN);
		v->usable = v->nh != 0;
	}
	if (v->usable && s->group != 0 && v->via.address.family != FAMILY_NONE) {
		neigh_nexthop_keep(w, v->nh, true);
		set_failed(w, v, neigh_nexthop_failed(w, v->nh));
	}
	return v->nh != before;
}

/* --- groups --- */

/* Some neighbour of the set answers, or may. */
static bool some_live(const struct nhset *s)
{
	for (unsigned i = 0; i < s->via_count; i++)
		if (s->via[i].usable && !s->via[i].failed)
			return true;
	return false;
}

static unsigned weight_of(const struct set_via *v, bool live)
{
	return v->usable && !(live && v->failed) ? (v->via.weight != 0 ? v->via.weight : 1) : 0;
}

/* Buckets each path should have: largest remainders get what rounding leaves over. */
static void shares(const struct nhset *s, bool live, unsigned buckets, unsigned want[])
{
	unsigned total = 0, given = 0;

	for (unsigned i = 0; i < s->via_count; i++)
		total += weight_of(&s->via[i], live);
	for (unsigned i = 0; i < s->via_count; i++) {
		want[i] = total != 0 ? buckets * weight_of(&s->via[i], live) / total : 0;
		given += want[i];
	}
	for (unsigned i = 0; total != 0 && given < buckets; i = (i + 1) % s->via_count)
		if (weight_of(&s->via[i], live) != 0) {
			want[i]++;
			given++;
		}
}

static int owner_of(const struct nhset *s, bool live, uint16_t nh)
{
	for (unsigned i = 0; i < s->via_count; i++)
		if (weight_of(&s->via[i], live) != 0 && s->via[i].nh == nh)
			return (int)i;
	return -1;
}

/* Path that misses most of its share, or -1. */
static int neediest(const struct nhset *s, const unsigned want[], const unsigned have[])
{
	int best = -1;

	for (unsigned i = 0; i < s->via_count; i++)
		if (want[i] > have[i] && (best < 0 || want[i] - have[i] > want[best] - have[best]))
			best = (int)i;
	return best;
}

/* Workers read buckets and groups they found through a FIB entry with plain loads: single words, filled
 * before an entry leads to them. */
SHARED_ON_PURPOSE static void assign(uint16_t *bucket, struct nhset *s, int to, unsigned have[])
{
	__atomic_store_n(bucket, s->via[to].nh, __ATOMIC_RELEASE);
	have[to]++;
}

/* Moves as few buckets as the shares allow: first the orphans, then from paths above their share to paths
 * that have none or too few. Rounding differences of one bucket are left alone. When no neighbour answers,
 * flows stay where they were: they are refused there, and the first that is back takes them. */
static void rebalance(struct weir *w, struct nhset *s)
{
	unsigned n = BUCKETS_MIN << s->class, want[ROUTE_VIA_MAX], have[ROUTE_VIA_MAX] = {0};
	uint16_t *bucket = &w->nht.bucket[w->nht.nh[s->group].bucket_base];
	bool live = some_live(s);
	int to;

	shares(s, live, n, want);
	for (unsigned i = 0; i < n; i++) {
		int at = owner_of(s, live, bucket[i]);

		if (at >= 0)
			have[at]++;
	}
	for (unsigned i = 0; i < n; i++)
		if (owner_of(s, live, bucket[i]) < 0 && (to = neediest(s, want, have)) >= 0)
			assign(&bucket[i], s, to, have);
	for (unsigned i = 0; live && i < n; i++) {
		int from = owner_of(s, live, bucket[i]);

		to = neediest(s, want, have);
		if (to < 0 || want[to] - have[to] < 2)
			break;
		if (from < 0 || have[from] <= want[from])
			continue;
		have[from]--;
		assign(&bucket[i], s, to, have);
	}
}

/* Enough buckets that every path's share is right to about one part in sixteen of the smallest weight. */
unsigned set_class(const struct route_spec *spec)
{
	unsigned total = 0, class = 0;

	for (unsigned i = 0; i < spec->via_count; i++)
		total += spec->via[i].weight != 0 ? spec->via[i].weight : 1;
	while (class + 1 < BUCKET_CLASSES && (unsigned)BUCKETS_MIN << class < total * 16)
		class ++;
	return class;
}

SHARED_ON_PURPOSE static int make_group(struct weir *w, struct nhset *s, unsigned class)
{
	struct nexthop *nh;
	uint32_t base = buckets_alloc(w, class);

	if (base == UINT32_MAX)
		return -ENOSPC;
	s->group = nh_alloc(w);
	if (s->group == 0) {
		buckets_free(w, base, class);
		return -ENOSPC;
	}
	s->class = (uint8_t) class;
	for (uint32_t i = 0; i < (uint32_t)BUCKETS_MIN << class; i++)
		__atomic_store_n(&w->nht.bucket[base + i], NH_NO_ROUTE, __ATOMIC_RELAXED);
	nh = &w->nht.nh[s->group];
	nh->bucket_base = base;
	nh->bucket_mask = (BUCKETS_MIN << class) - 1;
	nh_set_kind(&w->nht, s->group, NH_GROUP);
	w->route->groups++;
	return 0;
}

/* A route whose next hops change keeps the flows of those that stay: the new group begins with the buckets of
 * the one it takes the place of, and is never smaller. */
static unsigned class_like(unsigned class, const struct nhset *like)
{
	return like != NULL && like->group != 0 && like->class > class ? like->class : class;
}

SHARED_ON_PURPOSE static void copy_buckets(struct weir *w, const struct nhset *s, const struct nhset *like)
{
	const struct nexthop *to = &w->nht.nh[s->group], *from = &w->nht.nh[like->group];

	for (uint32_t i = 0; i <= to->bucket_mask; i++)
		w->nht.bucket[to->bucket_base + i] =
			w->nht.bucket[from->bucket_base + (i & from->bucket_mask)];
}

/* --- sets --- */

static uint16_t fixed_slot(struct weir *w, uint8_t type)
{
	static const enum nh_kind kind[] = {[ROUTE_TYPE_BLACKHOLE] = NH_BLACKHOLE,
		[ROUTE_TYPE_UNREACHABLE] = NH_UNREACHABLE,
		[ROUTE_TYPE_PROHIBIT] = NH_PROHIBIT};

	return nh_fixed(w, kind[type]);
}

/* True when what the FIB points at changed. */
static bool set_refresh(struct weir *w, struct nhset *s)
{
	uint16_t before = s->nh;
	bool changed = false;
	unsigned usable = 0;

	if (s->moved != NULL) /* it leads where that one leads until its routes have gone over */
		return false;
	if (s->gone) {
		s->nh = 0;
		return before != 0;
	}
	if (s->type != ROUTE_UNICAST) {
		s->nh = fixed_slot(w, s->type);
		return s->nh != before;
	}
	for (unsigned i = 0; i < s->via_count; i++) {
		changed |= path_refresh(w, s, &s->via[i]);
		usable += s->via[i].usable;
	}
	if (s->group != 0) {
		if (changed && usable != 0)
			rebalance(w, s);
		s->nh = usable != 0 ? s->group : 0;
	} else {
		s->nh = s->via_count != 0 ? s->via[0].nh : 0;
	}
	return s->nh != before;
}

static void set_free(struct weir *w, struct nhset *s)
{
	for (unsigned i = 0; i < s->via_count; i++)
		path_release(w, s, &s->via[i]);
	if (s->group != 0) {
		buckets_free(w, w->nht.nh[s->group].bucket_base, s->class);
		nh_put(w, s->group);
		w->route->groups--;
	}
	if (s->moved != NULL)
		set_put(w, s->moved);
	free(s);
}

static struct nhset *set_new(
	struct weir *w, const struct route_spec *spec, uint32_t hash, const struct nhset *like, struct err *e)
{
	struct nhset *s = reserve_calloc(1, sizeof *s + spec->via_count * sizeof s->via[0]);

	if (s == NULL) {
		err_set(e, ENOMEM, "not enough memory for the next hops");
		return NULL;
	}
	s->hash = hash;
	s->vrf = spec->vrf;
	s->type = spec->type;
	s->family = spec->prefix.addr.family;
	s->via_count = spec->via_count;
	if (route_is_feed(spec->source)) {
		s->source = spec->source;
		s->feed = spec->feed;
		s->object = spec->object;
	}
	for (unsigned i = 0; i < s->via_count; i++)
		s->via[i].via = spec->via[i];
	if (s->via_count > 1 && make_group(w, s, class_like(set_class(spec), like)) != 0) {
		err_set(e, ENOSPC, "the next-hop table is full (%u slots, %u buckets in use)",
			w->route->nh_used, w->route->buckets_used);
		free(s);
		return NULL;
	}
	if (s->group != 0 && like != NULL && like->group != 0)
		copy_buckets(w, s, like);
	set_refresh(w, s);
	return s;
}

static struct nhset **object_chain(const struct weir *w, uint32_t object)
{
	return &w->route->by_object[rte_hash_crc_4byte(object, 0) % OBJECT_HASH];
}

struct nhset *set_of_object(const struct weir *w, uint32_t object)
{
	return *object_chain(w, object);
}

/* Into or out of the chain of its object. */
static void index_object(struct weir *w, struct nhset *s, bool in)
{
	struct nhset **at = object_chain(w, s->object);

	if (s->object == 0)
		return;
	while (*at != NULL && *at != s)
		at = &(*at)->object_next;
	if (!in && *at == s) {
		*at = s->object_next;
	} else if (in) {
		*at = s;
		s->object_next = NULL;
	}
}

void set_lead(struct weir *w, struct nhset *s)
{
	const struct nhset *now = feed_set_now(s);

	if (now != s && s->group != 0 && now->group != 0 && now->nh != 0)
		copy_buckets(w, s, now);
}

struct nhset *set_find(struct weir *w, const struct route_spec *spec)
{
	uint32_t hash = hash_spec(spec);

	for (struct nhset *s = w->route->set[hash % SET_HASH]; s != NULL; s = s->next)
		if (s->hash == hash && !s->gone && s->moved == NULL && set_same(s, spec))
			return s;
	return NULL;
}

struct nhset *set_get(struct weir *w, const struct route_spec *spec, const struct nhset *like, struct err *e)
{
	uint32_t hash = hash_spec(spec);
	struct nhset **chain = &w->route->set[hash % SET_HASH], *s = set_find(w, spec);

	if (s != NULL) {
		s->refs++;
		return s;
	}
	s = set_new(w, spec, hash, like, e);
	if (s == NULL)
		return NULL;
	s->refs = 1;
	s->next = *chain;
	*chain = s;
	index_object(w, s, true);
	w->route->set_count++;
	w->route->set_vias += s->via_count;
	return s;
}

void set_put(struct weir *w, struct nhset *s)
{
	struct nhset **at;

	if (s == NULL || --s->refs != 0)
		return;
	at = &w->route->set[s->hash % SET_HASH];
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	index_object(w, s, false);
	w->route->set_count--;
	w->route->set_vias -= s->via_count;
	set_free(w, s);
}

static void neighbour_changed(struct weir *w, struct nhset *s, uint16_t nh, bool failed)
{
	bool changed = false;

	for (unsigned i = 0; i < s->via_count; i++) {
		if (s->via[i].nh != nh || s->via[i].failed == failed)
			continue;
		set_failed(w, &s->via[i], failed);
		changed = true;
	}
	if (changed && s->moved == NULL)
		rebalance(w, s);
}

void route_nexthop_changed(struct weir *w, uint16_t nh)
{
	bool failed = neigh_nexthop_failed(w, nh);

	for (unsigned i = 0; i < SET_HASH; i++)
		for (struct nhset *s = w->route->set[i]; s != NULL; s = s->next)
			if (s->group != 0)
				neighbour_changed(w, s, nh, failed);
}

bool sets_refresh(struct weir *w)
{
	bool changed = false;

	for (unsigned i = 0; i < SET_HASH; i++)
		for (struct nhset *s = w->route->set[i]; s != NULL; s = s->next)
			changed |= set_refresh(w, s);
	return changed;
}
