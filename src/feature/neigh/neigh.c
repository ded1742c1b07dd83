/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The neighbour table: entries by (interface, address), their next-hop slots and host routes, limits, and the
 * feature's part in commits.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"
#include "control/tree.h"
#include "feature/iface/iface.h"
#include "feature/neigh/mld.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"
#include "pipeline/bill.h"
#include "table/hash_bytes.h"

REASON_DEFINE(reason_neigh_removed, REASON_DROP, "neighbor-removed",
	"The neighbour the packet waited for was deleted or its interface or link went away.")

#define SCAN_STEPS 512

static struct neigh **chain(const struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	uint32_t h = hash_bytes(a->bytes, 16, iface);

	return &w->neigh->hash[h % NEIGH_HASH];
}

struct neigh *neigh_find(const struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	for (struct neigh *n = *chain(w, iface, a); n != NULL; n = n->next)
		if (n->iface == iface && ipaddr_equal(&n->address, a))
			return n;
	return NULL;
}

/* The subnet's all-zeros and all-ones addresses are no host's (RFC 1812 5.3.5); a /31 has none (RFC 3021). */
static bool is_broadcast(const struct prefix *p, const struct ipaddr *a)
{
	uint32_t host = p->addr.family == FAMILY_V4 && p->len < 31 ? UINT32_MAX >> p->len : 0;
	uint32_t part = ipaddr_to_v4(a) & host;

	return host != 0 && (part == 0 || part == host);
}

bool neigh_on_link(const struct iface *ifc, const struct ipaddr *a)
{
	if (iface_is_loopback(ifc) || iface_has_address(ifc, a) || !ipaddr_is_host(a))
		return false;
	if (a->family == FAMILY_V6 && ifc->mtu < IP6_MTU_MIN)
		return false;
	if (a->family == FAMILY_V6 && ipaddr_is_link_local(a))
		return true;
	for (unsigned i = 0; i < ifc->address_count; i++)
		if (ifc->address[i].addr.family == a->family && prefix_contains(&ifc->address[i], a))
			return !is_broadcast(&ifc->address[i], a);
	return false;
}

/* --- life of an entry --- */

static void unlink_entry(struct weir *w, struct neigh *n)
{
	struct neigh **at = chain(w, n->iface, &n->address);

	while (*at != NULL && *at != n)
		at = &(*at)->next;
	if (*at != NULL)
		*at = n->next;
	w->neigh->entries--;
}

static void free_entry(struct weir *w, struct neigh *n)
{
	w->neigh->by_nh[n->nh] = NULL;
	nh_put(w, n->nh);
	free(n);
}

void neigh_remove(struct weir *w, struct neigh *n)
{
	timer_cancel(w, &n->timer);
	if (n->state == NEIGH_INCOMPLETE && n->probes != 0)
		w->neigh->incomplete--;
	if (n->routed)
		route_neighbor_del(w, n->vrf, &n->address);
	n->routed = false;
	nud_drop_queue(w, n, &reason_neigh_removed);
	unlink_entry(w, n);
	n->orphan = true;
	if (n->refs == 0)
		free_entry(w, n);
	else
		nh_set_kind(&w->nht, n->nh, NH_UNREACHABLE);
}

static bool dispensable(const struct weir *w, const struct neigh *n)
{
	return n->refs == 0 && n->queued == 0 &&
	       (n->state == NEIGH_FAILED ||
		       (n->state == NEIGH_STALE &&
			       !__atomic_load_n(&w->nht.nh[n->nh].used, __ATOMIC_RELAXED)));
}

/* What a configured neighbour or a gateway may push aside: somebody only a scan asked for. */
static bool unresolved(const struct neigh *n)
{
	return n->refs == 0 && n->state == NEIGH_INCOMPLETE && !n->known;
}

/* Who must go for one more entry: somebody who does not answer, else somebody who was not heard of for a
 * while and gets no packets, so that a scan of the subnet costs no working neighbour its entry. The search is
 * bounded, and passes about sixteen entries of a full table, however small it is. */
static struct neigh *victim(struct weir *w, bool wanted)
{
	struct neigh_state *s = w->neigh;
	unsigned steps = 16u * NEIGH_HASH / s->config.limit;
	struct neigh *stale = NULL;

	steps = steps < SCAN_STEPS ? SCAN_STEPS : steps > NEIGH_HASH ? NEIGH_HASH : steps;
	for (unsigned i = 0; i < steps; i++)
		for (struct neigh *n = s->hash[s->scan++ % NEIGH_HASH]; n != NULL; n = n->next) {
			if (n->state == NEIGH_FAILED ? dispensable(w, n) : wanted && unresolved(n))
				return n;
			if (!dispensable(w, n))
				continue;
			stale = stale != NULL ? stale : n;
		}
	return stale;
}

/* Room for one more. What the operator configured (`wanted`) does not wait for a scan of the subnet to end.
 */
static bool make_room(struct weir *w, bool wanted)
{
	struct neigh_state *s = w->neigh;
	struct neigh *n;

	if (s->incomplete >= (s->config.limit + 1) / 2 && !wanted)
		return false;
	if (s->entries < s->config.limit)
		return true;
	n = victim(w, wanted);
	if (n != NULL)
		neigh_remove(w, n);
	return n != NULL;
}

static struct neigh *create(struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	struct neigh *n = reserve_calloc(1, sizeof *n), **at = chain(w, ifc->id, a);

	if (n == NULL)
		return NULL;
	n->nh = nh_alloc(w);
	if (n->nh == 0) {
		free(n);
		return NULL;
	}
	n->timer.fn = nud_timeout;
	n->address = *a;
	n->iface = ifc->id;
	n->vrf = ifc->vrf;
	n->state = NEIGH_INCOMPLETE;
	n->changed = w->now;
	nh_fill_iface(w, &w->nht.nh[n->nh], ifc);
	nh_set_kind(&w->nht, n->nh, NH_ADJ);
	w->neigh->by_nh[n->nh] = n;
	n->next = *at;
	*at = n;
	w->neigh->entries++;
	return n;
}

/* An entry's host route is there while its interface is up: packets must not be sent into a dead port. */
static void route_entry(struct weir *w, struct neigh *n)
{
	const struct iface *ifc = w->gen->iface[n->iface];
	bool v6 = n->address.family == FAMILY_V6;
	bool want = ifc != NULL && iface_is_up(w, ifc) &&
		    !(v6 && (ipaddr_is_link_local(&n->address) || !iface_carries_ip6(ifc)));

	if (want && !n->routed)
		n->routed = route_neighbor_add(w, n->vrf, &n->address, n->nh) == 0;
	else if (!want && n->routed)
		route_neighbor_del(w, n->vrf, &n->address);
	n->routed &= want;
}

static struct neigh *make(struct weir *w, uint16_t iface, const struct ipaddr *a, bool wanted)
{
	struct neigh *n = neigh_find(w, iface, a);
	const struct iface *ifc = iface < IFACE_MAX ? w->gen->iface[iface] : NULL;

	if (n != NULL || ifc == NULL)
		return n;
	n = make_room(w, wanted) ? create(w, ifc, a) : NULL;
	if (n == NULL)
		w->neigh->table_full++;
	else
		route_entry(w, n);
	return n;
}

struct neigh *neigh_make(struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	return make(w, iface, a, false);
}

/* --- gateways --- */

uint16_t neigh_nexthop(struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	struct neigh *n = make(w, iface, a, true);

	if (n == NULL)
		return 0;
	n->refs++;
	if (n->state == NEIGH_INCOMPLETE && n->probes == 0)
		nud_enter(w, n, NEIGH_INCOMPLETE);
	return n->nh;
}

void neigh_nexthop_put(struct weir *w, uint16_t nh)
{
	struct neigh *n = w->neigh->by_nh[nh];

	if (n == NULL || --n->refs != 0)
		return;
	if (n->orphan)
		free_entry(w, n);
	else if (n->state == NEIGH_INCOMPLETE && n->queued == 0)
		neigh_remove(w, n);
}

void neigh_nexthop_keep(struct weir *w, uint16_t nh, bool keep)
{
	struct neigh *n = w->neigh->by_nh[nh];

	if (n == NULL)
		return;
	n->kept += keep ? 1 : -1u;
	if (keep && n->kept == 1 && n->state == NEIGH_INCOMPLETE && n->probes == 0 && !n->orphan)
		nud_enter(w, n, NEIGH_INCOMPLETE);
}

/* --- changes by hand --- */

int neigh_add(struct weir *w, uint16_t iface, const struct ipaddr *a, const uint8_t mac[6], bool permanent,
	bool replace, bool from_config, struct err *e)
{
	const struct iface *ifc = iface < IFACE_MAX ? w->gen->iface[iface] : NULL;
	struct neigh *n = neigh_find(w, iface, a);
	char text[ADDR_STRLEN];

	if (ifc == NULL)
		return err_set(e, ENOENT, "there is no such interface");
	if (!neigh_on_link(ifc, a))
		return err_set(e, EINVAL, "%s is not in a subnet of interface '%s'", ipaddr_format(a, text),
			ifc->name);
	if ((mac[0] & 1) != 0)
		return err_set(e, EINVAL, "the MAC address of neighbour %s is a multicast address",
			ipaddr_format(a, text));
	if (n != NULL && n->state == NEIGH_PERMANENT && !replace)
		return err_set(e, EEXIST, "neighbour %s is configured already; use replace to change it",
			ipaddr_format(a, text));
	n = make(w, iface, a, true);
	if (n == NULL)
		return err_set(e, ENOSPC, "neighbour %s: the table is full (%u entries)",
			ipaddr_format(a, text), w->neigh->entries);
	memcpy(n->mac, mac, 6);
	n->known = true;
	n->from_config = from_config;
	n->mark = w->neigh->mark;
	route_entry(w, n);
	nud_enter(w, n, permanent ? NEIGH_PERMANENT : NEIGH_REACHABLE);
	return 0;
}

int neigh_del(struct weir *w, uint16_t iface, const struct ipaddr *a, struct err *e)
{
	struct neigh *n = neigh_find(w, iface, a);
	char text[ADDR_STRLEN];

	if (n == NULL)
		return err_set(
			e, ENOENT, "there is no neighbour %s on that interface", ipaddr_format(a, text));
	neigh_remove(w, n);
	route_refresh(w); /* routes through it get a fresh, unresolved entry */
	return 0;
}

/* Calls fn for every entry; fn may remove the one it is given. */
static void each(struct weir *w, void (*fn)(struct weir *w, struct neigh *n, void *arg), void *arg)
{
	for (unsigned i = 0; i < NEIGH_HASH; i++)
		for (struct neigh *n = w->neigh->hash[i], *next; n != NULL; n = next) {
			next = n->next;
			fn(w, n, arg);
		}
}

static void flush_one(struct weir *w, struct neigh *n, void *arg)
{
	const uint16_t *iface = arg;

	if (n->state != NEIGH_PERMANENT && (*iface == IFACE_NONE || n->iface == *iface))
		neigh_remove(w, n);
}

void neigh_flush(struct weir *w, uint16_t iface)
{
	each(w, flush_one, &iface);
	route_refresh(w);
}

/* --- commits --- */

static void read_config(const struct node *cfg, struct neigh_config *c)
{
	const struct node *n = node_get(cfg, "neighbor");

	c->limit = (uint32_t)node_u64(n, "limit", 8192);
	c->queue_packets = (uint32_t)node_u64(n, "queue-packets", 8);
	c->probes = (uint32_t)node_u64(n, "probes", 3);
	c->reachable = node_u64(n, "reachable-time", UINT64_C(30000000000));
	c->retransmit = node_u64(n, "retransmit-time", UINT64_C(1000000000));
	c->stale = node_u64(n, "stale-time", UINT64_C(60000000000));
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct neigh_state *s = w->neigh;
	const struct node *list = node_get(cfg, "neighbors");

	own_mark_unready(w, next);
	if (mld_reserve(w, next) != 0)
		return err_set(e, ENOMEM, "not enough memory for the multicast groups of the interfaces");
	read_config(cfg, &s->next_config);
	free(s->staged);
	s->staged_count = 0;
	s->staged = calloc(list != NULL ? list->count + 1 : 1, sizeof *s->staged);
	if (s->staged == NULL)
		return err_set(e, ENOMEM, "not enough memory for the neighbours");
	NODE_EACH (n, list) {
		const struct iface *ifc = generation_iface(next, node_text(n, "interface", ""));
		struct neigh_static *st = &s->staged[s->staged_count];
		char text[ADDR_STRLEN];

		st->address = node_get(n, "address")->value.prefix.addr;
		if (ifc == NULL || !neigh_on_link(ifc, &st->address))
			return err_set(e, EINVAL, "neighbour %s is not in a subnet of interface '%s'",
				ipaddr_format(&st->address, text), node_text(n, "interface", "?"));
		st->iface = ifc->id;
		memcpy(st->mac, node_get(n, "mac")->value.mac, 6);
		s->staged_count++;
	}
	if (s->staged_count > s->next_config.limit)
		return err_set(e, ENOSPC, "%u neighbours are configured but neighbor.limit is %u",
			s->staged_count, s->next_config.limit);
	return 0;
}

int neigh_reserve(struct weir *w, uint32_t neighbors, uint32_t addresses)
{
	if (reserve_add(sizeof(struct neigh), neighbors) != 0 ||
		reserve_add(sizeof(struct own), addresses) != 0)
		return -ENOMEM;
	return timer_room(w, neighbors + addresses);
}

/* The entries with what they put into the routing table, as many as there may be. */
static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	uint64_t limit = node_u64(node_get(cfg, "neighbor"), "limit", 8192);

	bill_add(b, "neighbours", limit, limit * (sizeof(struct neigh) + 512));
	mld_bill(cfg, b);
}

static void abort_config(struct weir *w)
{
	free(w->neigh->staged);
	w->neigh->staged = NULL;
	w->neigh->staged_count = 0;
}

/* Entries whose interface, VRF or subnet went away. */
static void remove_lost(struct weir *w, struct neigh *n, void *arg)
{
	const struct iface *ifc = w->gen->iface[n->iface];

	if (ifc == NULL || !ifc->enabled || ifc->vrf != n->vrf || !neigh_on_link(ifc, &n->address))
		neigh_remove(w, n);
}

void neigh_remove_lost(struct weir *w)
{
	each(w, remove_lost, NULL);
}

static void remove_unwanted(struct weir *w, struct neigh *n, void *arg)
{
	if (n->from_config && n->state == NEIGH_PERMANENT && n->mark != w->neigh->mark)
		neigh_remove(w, n);
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct neigh_state *s = w->neigh;

	s->config = s->next_config;
	s->mark++;
	neigh_remove_lost(w);
	for (uint32_t i = 0; i < s->staged_count; i++)
		neigh_add(w, s->staged[i].iface, &s->staged[i].address, s->staged[i].mac, true, true, true,
			NULL);
	each(w, remove_unwanted, NULL);
	abort_config(w);
	own_commit(w, old, next);
}

static void link_one(struct weir *w, struct neigh *n, void *arg)
{
	const uint16_t *port = arg;
	const struct iface *ifc = w->gen->iface[n->iface];

	if (ifc == NULL || ifc->port != *port)
		return;
	if (n->state == NEIGH_PERMANENT || w->link_up[*port])
		route_entry(w, n);
	else
		neigh_remove(w, n);
}

void neigh_follow_port(struct weir *w, uint16_t port)
{
	each(w, link_one, &port);
}

static void link_changed(struct weir *w, uint16_t port, bool up)
{
	neigh_follow_port(w, port);
	own_link(w, port, up);
}

static int init(struct weir *w, struct err *e)
{
	w->neigh = calloc(1, sizeof *w->neigh);
	if (w->neigh == NULL)
		return err_set(e, ENOMEM, "not enough memory for the neighbour table");
	read_config(NULL, &w->neigh->config);
	punt_handler_set(w, PUNT_ARP, arp_punted);
	punt_handler_set(w, PUNT_ND, nd_punted);
	punt_handler_set(w, PUNT_RESOLVE, neigh_resolve_punted);
	return 0;
}

static void fini(struct weir *w)
{
	if (w->neigh == NULL)
		return;
	for (unsigned i = 0; i < NH_MAX; i++) { /* those that only routes refer to are in no hash chain */
		if (w->neigh->by_nh[i] == NULL)
			continue;
		nud_drop_queue(w, w->neigh->by_nh[i], &reason_neigh_removed);
		free(w->neigh->by_nh[i]);
	}
	own_free(w);
	mld_free(w);
	abort_config(w);
	free(w->neigh);
	w->neigh = NULL;
}

static struct feature feature_neigh = {
	.name = "neigh",
	.order = 20,
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.commit = commit,
	.abort = abort_config,
	.bill = bill,
	.link = link_changed,
};
FEATURE_REGISTER(feature_neigh)
