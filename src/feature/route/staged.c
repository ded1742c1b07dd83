/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The `routes:` list of a config file: read and checked while the old configuration runs, installed when the
 * new one is published.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/route/rib.h"

const char *const route_type_names[] = {"unicast", "blackhole", "unreachable", "prohibit"};

static void *grow(void *list, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t more = *room * 2 + 256;
	void *p;

	if (count < *room)
		return list;
	p = realloc(list, more * size);
	if (p != NULL)
		*room = more;
	return p;
}

static int stage_via(struct weir *w, const struct node *n, const struct generation *next, struct err *e)
{
	struct route_state *s = w->route;
	const struct node *address = node_get(n, "address");
	const char *name = node_text(n, "interface", NULL);
	const struct iface *ifc = name != NULL ? generation_iface(next, name) : NULL;
	struct route_via *list = grow(s->staged_via, s->staged_via_count, &s->staged_via_room, sizeof *list);

	if (list == NULL)
		return err_set(e, ENOMEM, "not enough memory for the routes");
	s->staged_via = list;
	list[s->staged_via_count++] =
		(struct route_via){.address = address != NULL ? address->value.prefix.addr
							      : (struct ipaddr){.family = FAMILY_NONE},
			.iface = ifc != NULL ? ifc->id : IFACE_NONE,
			.weight = (uint16_t)node_u64(n, "weight", 1)};
	return 0;
}

static int stage_route(struct weir *w, const struct node *n, const struct generation *next, struct err *e)
{
	struct route_state *s = w->route;
	struct staged *list = grow(s->staged, s->staged_count, &s->staged_room, sizeof *list);
	const struct node *via = node_get(n, "via");
	int vrf = vrf_intern(w, node_text(n, "vrf", "default"));

	if (list == NULL)
		return err_set(e, ENOMEM, "not enough memory for the routes");
	s->staged = list;
	if (vrf < 0)
		return err_set(e, -vrf, "VRF '%s' cannot be created; at most %d VRFs are possible",
			node_text(n, "vrf", "default"), VRF_MAX);
	list[s->staged_count++] = (struct staged){.prefix = node_get(n, "prefix")->value.prefix,
		.vrf = (uint16_t)vrf,
		.type = (uint8_t)node_u64(n, "type", ROUTE_UNICAST),
		.distance = (uint8_t)node_u64(n, "distance", 0),
		.via_first = s->staged_via_count,
		.via_count = via != NULL ? (uint16_t)via->count : 0};
	NODE_EACH (v, via)
		if (stage_via(w, v, next, e) != 0)
			return -1;
	return 0;
}

static int compare_via(const void *a, const void *b)
{
	const struct route_via *x = a, *y = b;

	return memcmp(&x->address, &y->address, sizeof x->address);
}

/* Upper bound of the slots the staged routes need: their distinct gateways, plus one per multipath route. */
static uint32_t slots_needed(const struct route_state *s)
{
	struct route_via *v = malloc((s->staged_via_count + 1) * sizeof *v);
	uint32_t n = 0;

	if (v == NULL)
		return 0;
	memcpy(v, s->staged_via, s->staged_via_count * sizeof *v);
	qsort(v, s->staged_via_count, sizeof *v, compare_via);
	for (uint32_t i = 0; i < s->staged_via_count; i++)
		n += i == 0 || compare_via(&v[i - 1], &v[i]) != 0;
	free(v);
	return n;
}

int routes_stage(struct weir *w, const struct node *cfg, const struct generation *next, struct err *e)
{
	uint32_t slots;

	NODE_EACH (n, node_get(cfg, "routes"))
		if (stage_route(w, n, next, e) != 0)
			return -1;
	slots = w->route->staged_via_count != 0 ? slots_needed(w->route) : 0;
	if (slots > NH_MAX / 2)
		return err_set(e, ENOSPC, "the routes name %u different next hops; %u are possible", slots,
			NH_MAX / 2);
	return 0;
}

void routes_unstage(struct weir *w)
{
	struct route_state *s = w->route;

	free(s->staged);
	free(s->staged_via);
	s->staged = NULL;
	s->staged_via = NULL;
	s->staged_count = s->staged_room = s->staged_via_count = s->staged_via_room = 0;
}

void routes_commit(struct weir *w)
{
	struct route_state *s = w->route;
	struct route_spec spec = {.source = ROUTE_STATIC, .from_config = true};

	s->mark++;
	for (uint32_t i = 0; i < s->staged_count; i++) {
		const struct staged *r = &s->staged[i];
		struct err e = {0};

		spec.prefix = r->prefix;
		spec.vrf = r->vrf;
		spec.type = r->type;
		spec.distance = r->distance;
		spec.via_count = r->via_count;
		if (r->via_count != 0) /* else there may be no staged_via at all */
			memcpy(spec.via, &s->staged_via[r->via_first], r->via_count * sizeof spec.via[0]);
		if (route_install(w, &spec, true, s->mark, &e) != 0)
			log_error("%s", e.text);
	}
	rib_sweep(w, s->mark);
	routes_unstage(w);
}
