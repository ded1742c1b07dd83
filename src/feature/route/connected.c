/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connected routes: what the addresses of the interfaces put into the FIBs. A list of what should be there is
 * made from the running generation and compared with what is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/reserve.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"

struct wanted {
	struct connected *item; /* room for CONNECTED_PER_ADDRESS times the addresses */
	uint32_t count;
};

static void want(struct wanted *l, const struct iface *ifc, const struct prefix *p, uint8_t kind)
{
	l->item[l->count++] = (struct connected){
		.prefix = prefix_masked(p), .vrf = ifc->vrf, .iface = ifc->id, .kind = kind};
}

static void want_host(struct wanted *l, const struct iface *ifc, struct ipaddr a, uint8_t kind)
{
	struct prefix p = {.addr = a, .len = (uint8_t)family_bits(a.family)};

	want(l, ifc, &p, kind);
}

/* The subnet's all-zeros and all-ones addresses (RFC 1812 5.3.5); a /31 or /32 has none (RFC 3021). */
static void want_broadcast(struct wanted *l, const struct iface *ifc, const struct prefix *p)
{
	uint32_t host = p->len < 31 ? UINT32_MAX >> p->len : 0, a = ipaddr_to_v4(&p->addr);

	if (host == 0)
		return;
	want_host(l, ifc, ipaddr_v4(a & ~host), NH_BROADCAST);
	want_host(l, ifc, ipaddr_v4(a | host), NH_BROADCAST);
}

/* Link-local destinations never reach the FIB: the input checks and STAGE_ROUTE know them. A loopback has no
 * link to broadcast on, and behind it is nobody. */
static void want_address(struct weir *w, struct wanted *l, const struct iface *ifc, const struct prefix *p)
{
	struct prefix net = prefix_masked(p);
	bool v6 = p->addr.family == FAMILY_V6, loopback = iface_is_loopback(ifc);

	if (v6 && (ipaddr_is_link_local(&p->addr) || !iface_carries_ip6(ifc)))
		return;
	if (neigh_address_usable(w, ifc->id, &p->addr)) {
		want_host(l, ifc, p->addr, NH_LOCAL);
		if (v6 && p->len < 127) /* subnet-router anycast, RFC 4291 2.6.1 and RFC 6164 */
			want_host(l, ifc, net.addr, NH_LOCAL);
	}
	if (!v6 && !loopback)
		want_broadcast(l, ifc, p);
	if (iface_is_up(w, ifc) && p->len < family_bits(p->addr.family))
		want(l, ifc, p, loopback ? NH_UNREACHABLE : NH_GLEAN);
}

static int compare(const struct connected *a, const struct connected *b)
{
	int d = a->vrf - b->vrf;

	if (d == 0)
		d = a->prefix.addr.family - b->prefix.addr.family;
	if (d == 0)
		d = memcmp(a->prefix.addr.bytes, b->prefix.addr.bytes, 16);
	return d != 0 ? d : a->prefix.len - b->prefix.len;
}

static unsigned rank(uint8_t kind)
{
	return kind == NH_LOCAL ? 0 : kind == NH_BROADCAST ? 1 : 2;
}

static int compare_full(const void *x, const void *y)
{
	const struct connected *a = x, *b = y;
	int d = compare(a, b);

	if (d == 0)
		d = (int)rank(a->kind) - (int)rank(b->kind);
	return d != 0 ? d : a->iface - b->iface;
}

/* One route per prefix: our own address before a broadcast before the subnet. */
static void unique(struct wanted *l)
{
	uint32_t n = 0;

	if (l->count == 0)
		return;
	qsort(l->item, l->count, sizeof *l->item, compare_full);
	for (uint32_t i = 1; i < l->count; i++)
		if (compare(&l->item[n], &l->item[i]) != 0)
			l->item[++n] = l->item[i];
	l->count = n + 1;
}

static void put_in(struct weir *w, const struct connected *c)
{
	struct candidate cand = {.source = ROUTE_CONNECTED, .nh = nh_of_iface(w, c->iface, c->kind)};
	struct err e = {0};

	if (cand.nh == 0 || rib_add(w, c->vrf, &c->prefix, &cand, true, &e) != 0)
		log_error("connected %s", e.code != 0 ? e.text : "route: the next-hop table is full");
}

static void take_out(struct weir *w, const struct connected *c)
{
	rib_del(w, c->vrf, &c->prefix, ROUTE_CONNECTED);
}

/* Both lists are sorted and unique: what is only in the old one goes, what is new or different comes. */
static void merge(struct weir *w, const struct connected *old, uint32_t nold, const struct connected *now,
	uint32_t nnow)
{
	uint32_t i = 0, k = 0;

	while (i < nold || k < nnow) {
		int d = i == nold ? 1 : k == nnow ? -1 : compare(&old[i], &now[k]);

		if (d < 0) {
			take_out(w, &old[i++]);
		} else if (d > 0) {
			put_in(w, &now[k++]);
		} else {
			if (old[i].kind != now[k].kind || old[i].iface != now[k].iface)
				put_in(w, &now[k]);
			i++;
			k++;
		}
	}
}

uint32_t connected_most(const struct generation *g)
{
	uint32_t n = 0;

	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL)
			n += g->iface[i]->address_count;
	return n * CONNECTED_PER_ADDRESS;
}

void connected_sync(struct weir *w)
{
	struct route_state *s = w->route;
	struct wanted l = {.item = reserve_malloc((connected_most(w->gen) + 1) * sizeof *l.item)};

	if (l.item == NULL) {
		log_error("not enough memory for the connected routes: they stay as they were");
		return;
	}
	for (unsigned i = 1; i < w->gen->iface_limit; i++) {
		const struct iface *ifc = w->gen->iface[i];

		if (ifc == NULL || !ifc->enabled)
			continue;
		for (unsigned a = 0; a < ifc->address_count; a++)
			want_address(w, &l, ifc, &ifc->address[a]);
	}
	unique(&l);
	merge(w, s->connected, s->connected_count, l.item, l.count);
	free(s->connected);
	s->connected = l.item;
	s->connected_count = l.count;
}
