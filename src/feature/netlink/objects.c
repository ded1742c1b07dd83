/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Next-hop objects: single next hops, blackholes, and groups of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feature/netlink/priv.h"

static struct object **find(const struct objects *o, uint32_t id)
{
	struct object **at = (struct object **)(uintptr_t)&o->chain[id % OBJECT_CHAINS];

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

const struct nl_object *objects_get(const struct objects *o, uint32_t id)
{
	const struct object *x = *find(o, id);

	return x != NULL ? x->is : NULL;
}

/* Only as many members as there are. */
static struct nl_object *copy(const struct nl_object *n)
{
	size_t size = offsetof(struct nl_object, member) + n->member_count * sizeof n->member[0];
	struct nl_object *c = malloc(size);

	if (c != NULL)
		memcpy(c, n, size);
	return c;
}

/* --- which groups an object is in --- */

static struct membership **member_chain(struct objects *o, uint32_t id)
{
	return &o->member[id % OBJECT_CHAINS];
}

static void leave(struct objects *o, struct object *x)
{
	for (unsigned i = 0; x->in != NULL && i < x->is->member_count; i++) {
		struct membership **at = member_chain(o, x->in[i].id);

		while (*at != &x->in[i])
			at = &(*at)->next;
		*at = x->in[i].next;
	}
	free(x->in);
	x->in = NULL;
}

static void join(struct objects *o, struct object *x)
{
	for (unsigned i = 0; x->in != NULL && i < x->is->member_count; i++) {
		struct membership **at = member_chain(o, x->is->member[i].id);

		x->in[i] = (struct membership){.next = *at, .id = x->is->member[i].id, .group = x->id};
		*at = &x->in[i];
	}
}

/* --- changes --- */

static struct object *make(struct objects *o, struct object **at, uint32_t id)
{
	struct object *x = calloc(1, sizeof *x);

	if (x == NULL)
		return NULL;
	x->id = id;
	*at = x;
	o->count++;
	return x;
}

int objects_put(struct objects *o, const struct nl_object *n)
{
	struct object **at = find(o, n->id), *x = *at;
	struct membership *in = n->member_count != 0 ? calloc(n->member_count, sizeof *in) : NULL;
	struct nl_object *is = copy(n);

	if (x == NULL && o->count == OBJECTS_MAX) {
		free(in);
		free(is);
		return -ENOSPC;
	}
	if (x == NULL && is != NULL)
		x = make(o, at, n->id);
	if (is == NULL || x == NULL || (n->member_count != 0 && in == NULL)) {
		free(in);
		free(is);
		if (x != NULL && x->is == NULL)
			objects_del(o, n->id);
		return -ENOMEM;
	}
	leave(o, x);
	free(x->is);
	x->is = is;
	x->in = in;
	x->seen = true;
	join(o, x);
	return 0;
}

void objects_see(struct objects *o, uint32_t id)
{
	struct object *x = *find(o, id);

	if (x != NULL)
		x->seen = true;
}

void objects_del(struct objects *o, uint32_t id)
{
	struct object **at = find(o, id), *x = *at;

	if (x == NULL)
		return;
	leave(o, x);
	*at = x->next;
	o->count--;
	free(x->is);
	free(x);
}

void objects_unsee(struct objects *o)
{
	for (unsigned i = 0; i < OBJECT_CHAINS; i++)
		for (struct object *x = o->chain[i]; x != NULL; x = x->next)
			x->seen = false;
	o->cursor = 0;
}

uint32_t objects_unseen(struct objects *o)
{
	for (; o->cursor < OBJECT_CHAINS; o->cursor++)
		for (const struct object *x = o->chain[o->cursor]; x != NULL; x = x->next)
			if (!x->seen)
				return x->id;
	return 0;
}

void objects_free(struct objects *o)
{
	for (unsigned i = 0; i < OBJECT_CHAINS; i++)
		while (o->chain[i] != NULL)
			objects_del(o, o->chain[i]->id);
}

/* --- what routes get --- */

/* Weights of a group that are too large for us, scaled. */
static uint16_t weight_of(const struct nl_object *group, unsigned i)
{
	uint32_t most = 1, w = group->member[i].weight;

	for (unsigned k = 0; k < group->member_count; k++)
		most = group->member[k].weight > most ? group->member[k].weight : most;
	if (most > ROUTE_WEIGHT_MAX)
		w = (uint32_t)((uint64_t)w * ROUTE_WEIGHT_MAX / most);
	return (uint16_t)(w != 0 ? w : 1);
}

static enum netlink_reason fill_one(
	const struct source *links, const struct nl_object *x, uint16_t weight, struct route_spec *spec)
{
	struct nl_path p = x->path;

	if (x->blackhole) {
		spec->type = ROUTE_TYPE_BLACKHOLE;
		return WHY_REASONS;
	}
	if (x->fdb)
		return WHY_TYPE;
	if (p.encap)
		return WHY_ENCAP;
	p.weight = weight;
	return apply_path(links, &p, spec) ? WHY_REASONS : WHY_INTERFACE;
}

static enum netlink_reason fill_group(const struct source *links, const struct objects *o,
	const struct nl_object *group, struct route_spec *spec)
{
	enum netlink_reason why = WHY_OBJECT;
	bool any = false;

	if (group->truncated)
		return WHY_PATHS;
	for (unsigned i = 0; i < group->member_count; i++) {
		const struct nl_object *x = objects_get(o, group->member[i].id);
		enum netlink_reason r =
			x == NULL ? WHY_OBJECT : fill_one(links, x, weight_of(group, i), spec);

		any |= r == WHY_REASONS;
		if (r != WHY_REASONS)
			why = r;
	}
	return any ? WHY_REASONS : why;
}

enum netlink_reason objects_fill(
	const struct source *links, const struct objects *o, uint32_t id, struct route_spec *spec)
{
	const struct nl_object *x = objects_get(o, id);

	spec->type = ROUTE_UNICAST;
	spec->via_count = 0;
	if (x == NULL)
		return WHY_OBJECT;
	return x->group ? fill_group(links, o, x, spec) : fill_one(links, x, 1, spec);
}

void objects_groups(const struct objects *o, uint32_t id, void (*fn)(void *ctx, uint32_t group), void *ctx)
{
	for (const struct membership *m = o->member[id % OBJECT_CHAINS]; m != NULL; m = m->next)
		if (m->id == id)
			fn(ctx, m->group);
}
