/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a commit needs is had before it begins: slots and bucket arrays are counted, memory is set aside. All
 * counts are upper bounds: every address is taken for a new one, every new next hop for an unknown neighbour.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"
#include "table/fib4.h"
#include "table/radix.h"

#define SLOTS_PER_IFACE 3 /* glean or unreachable, local, broadcast */

struct needs {
	uint32_t routes;                 /* that are not there in this form */
	uint32_t sets, vias;             /* new ones, and the paths in them */
	uint32_t groups[BUCKET_CLASSES]; /* bucket arrays by class */
	uint32_t gateways;               /* paths to addresses */
	uint64_t *slash24;               /* VRF and upper 24 bits of longer IPv4 prefixes */
	uint32_t slash24_count;
};

/* Staged routes sorted by their paths: those with the same ones share a set. */
static const struct route_state *sorting;

static int compare_vias(const struct staged *x, const struct staged *y)
{
	const struct route_via *a = &sorting->staged_via[x->via_first],
			       *b = &sorting->staged_via[y->via_first];
	int c = 0;

	for (unsigned i = 0; i < x->via_count && c == 0; i++) {
		c = memcmp(&a[i].address, &b[i].address, sizeof a->address);
		if (c == 0)
			c = a[i].iface - b[i].iface;
		if (c == 0)
			c = a[i].weight - b[i].weight;
	}
	return c;
}

static int compare_staged(const void *p, const void *q)
{
	const struct staged *x = *(const struct staged *const *)p, *y = *(const struct staged *const *)q;
	int c = x->vrf - y->vrf;

	if (c == 0)
		c = x->type - y->type;
	if (c == 0)
		c = x->prefix.addr.family - y->prefix.addr.family;
	if (c == 0)
		c = x->via_count - y->via_count;
	return c != 0 ? c : compare_vias(x, y);
}

static void spec_of(const struct route_state *s, const struct staged *r, struct route_spec *out)
{
	*out = (struct route_spec){
		.prefix = r->prefix, .vrf = r->vrf, .type = r->type, .via_count = r->via_count};
	if (r->via_count != 0)
		memcpy(out->via, &s->staged_via[r->via_first], r->via_count * sizeof out->via[0]);
}

static void count_set(struct weir *w, const struct staged *r, struct needs *n)
{
	struct route_spec spec;

	spec_of(w->route, r, &spec);
	if (set_find(w, &spec) != NULL)
		return;
	n->sets++;
	n->vias += r->via_count;
	if (r->via_count > 1)
		n->groups[set_class(&spec)]++;
	for (unsigned i = 0; i < r->via_count; i++)
		n->gateways += spec.via[i].address.family != FAMILY_NONE;
}

static void count_route(struct weir *w, const struct staged *r, struct needs *n)
{
	if (rib_find(w, r->vrf, &r->prefix, ROUTE_STATIC) == NULL)
		n->routes++;
	if (r->prefix.addr.family == FAMILY_V4 && r->prefix.len > 24)
		n->slash24[n->slash24_count++] = (uint64_t)r->vrf << 24 | ipaddr_to_v4(&r->prefix.addr) >> 8;
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Refuses when a VRF would have more split /24s than its table holds. */
static int check_slash24(struct weir *w, struct needs *n, uint32_t hosts, struct err *e)
{
	uint32_t extra = 0;

	qsort(n->slash24, n->slash24_count, sizeof *n->slash24, compare_u64);
	for (uint32_t i = 0; i < n->slash24_count; i++) {
		uint16_t vrf = (uint16_t)(n->slash24[i] >> 24);
		const struct fib4 *f = w->vrf[vrf].fib4;

		if (i == 0 || n->slash24[i - 1] >> 24 != vrf)
			extra = hosts;
		if (i != 0 && n->slash24[i] == n->slash24[i - 1])
			continue;
		extra += (f->dir[n->slash24[i] & 0xffffff] & FIB4_EXT) == 0;
		if (extra > f->group_free)
			return err_set(e, ENOSPC,
				"VRF '%s' would have prefixes longer than /24 in more than %u different /24 "
				"networks, as many as the forwarding table holds (old and new ones together)",
				w->vrf[vrf].name, f->group_room);
	}
	return 0;
}

static int count_needs(struct weir *w, struct needs *n, struct err *e)
{
	struct route_state *s = w->route;
	const struct staged **by_set = malloc((s->staged_count + 1) * sizeof *by_set);

	n->slash24 = malloc((s->staged_count + 1) * sizeof *n->slash24);
	if (by_set == NULL || n->slash24 == NULL) {
		free(by_set);
		return err_set(e, ENOMEM, "not enough memory for the routes");
	}
	for (uint32_t i = 0; i < s->staged_count; i++) {
		by_set[i] = &s->staged[i];
		count_route(w, &s->staged[i], n);
	}
	sorting = s;
	qsort(by_set, s->staged_count, sizeof *by_set, compare_staged);
	for (uint32_t i = 0; i < s->staged_count; i++)
		if (i == 0 || compare_staged(&by_set[i - 1], &by_set[i]) != 0)
			count_set(w, by_set[i], n);
	free(by_set);
	return 0;
}

static int check_slots(struct weir *w, const struct needs *n, const struct generation *next,
	uint32_t neighbors, struct err *e)
{
	const struct route_state *s = w->route;
	uint32_t have = NH_MAX - s->nh_used + s->nh_free, groups = 0, ifaces = 0;

	for (unsigned c = 0; c < BUCKET_CLASSES; c++) {
		groups += n->groups[c];
		if (n->groups[c] > buckets_room(w, c))
			return err_set(e, ENOSPC,
				"the multipath routes need %u more groups of %u buckets, and there is room "
				"for %u "
				"(old and new ones together)",
				n->groups[c], BUCKETS_MIN << c, buckets_room(w, c));
	}
	for (unsigned i = 1; i < next->iface_limit; i++)
		ifaces += next->iface[i] != NULL && s->local[i] == 0;
	if (groups + neighbors + ifaces * SLOTS_PER_IFACE > have)
		return err_set(e, ENOSPC,
			"the routes need up to %u more next hops, and there is room for %u (old and new ones "
			"together)",
			groups + neighbors + ifaces * SLOTS_PER_IFACE, have);
	return 0;
}

/* Memory of `n` routes from prefix to forwarding table. */
static int reserve_routes(uint32_t n)
{
	int rc = reserve_add(sizeof(struct entry), n);

	rc |= reserve_add(sizeof(struct candidate), n);
	/* One tree of the routes, one of the forwarding table. */
	return rc | reserve_add(RADIX_NODE_BYTES, (size_t)n * 2 * RADIX_NODES_PER_INSERT);
}

static int reserve_sets(const struct route_state *s, const struct needs *n)
{
	int rc = 0;

	/* The large ones one by one; those of a few paths in one size. */
	for (uint32_t i = 0; i < s->staged_count; i++)
		if (s->staged[i].via_count > 4 && n->sets != 0)
			rc |= reserve_add(
				sizeof(struct nhset) + s->staged[i].via_count * sizeof(struct set_via), 1);
	return rc | reserve_add(sizeof(struct nhset) + 4 * sizeof(struct set_via), n->sets);
}

int routes_reserve(struct weir *w, const struct generation *next, struct err *e)
{
	struct route_state *s = w->route;
	uint32_t connected = connected_most(next), neighbors, hosts;
	struct needs n = {0};
	int rc = count_needs(w, &n, e);

	neighbors = n.gateways + neigh_staged(w);
	hosts = connected + neighbors;
	if (rc == 0)
		rc = check_slots(w, &n, next, neighbors, e);
	if (rc == 0)
		rc = check_slash24(w, &n, hosts, e);
	free(n.slash24);
	if (rc != 0)
		return rc;
	/* Every old candidate is held until the new one is in: one more for each staged route. */
	if (reserve_routes(n.routes + hosts) != 0 ||
		reserve_add(sizeof(struct candidate), s->staged_count) != 0 || reserve_sets(s, &n) != 0 ||
		neigh_reserve(w, neighbors, connected) != 0 ||
		reserve_add((connected + 1) * sizeof(struct connected), 1) != 0 ||
		releases_room(w, s->set_vias + n.vias) != 0)
		return err_set(e, ENOMEM, "not enough memory for the routes; nothing was changed");
	return 0;
}
