/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own addresses: duplicate address detection before IPv6 ones are used (RFC 4862 5.4), announcements
 * (gratuitous ARP, unsolicited NA) when an address or its link comes up, and conflicts (RFC 5227 2.4).
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/reserve.h"
#include "control/events.h"
#include "feature/iface/iface.h"
#include "feature/neigh/mld.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"

#define DAD_TIME UINT64_C(1000000000)     /* RFC 4861 10: RetransTimer */
#define ANNOUNCE_GAP UINT64_C(2000000000) /* RFC 5227: ANNOUNCE_INTERVAL */
#define ANNOUNCE_COUNT 2

struct own *own_find(const struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	for (struct own *o = w->neigh->own; o != NULL; o = o->next)
		if (o->iface == iface && ipaddr_equal(&o->prefix.addr, a))
			return o;
	return NULL;
}

bool neigh_address_usable(const struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	const struct own *o = own_find(w, iface, a);

	return o == NULL || o->state == OWN_USABLE;
}

bool neigh_address_duplicate(const struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	const struct own *o = own_find(w, iface, a);

	return o != NULL && o->state == OWN_DUPLICATE;
}

/* Also tells the workers. */
static void enter(struct weir *w, struct own *o, enum own_state state)
{
	struct iface *ifc = w->gen->iface[o->iface];

	o->state = (uint8_t)state;
	for (unsigned i = 0; ifc != NULL && i < ifc->address_count; i++) {
		if (!ipaddr_equal(&ifc->address[i].addr, &o->prefix.addr))
			continue;
		if (state == OWN_USABLE)
			__atomic_and_fetch(&ifc->unready, ~(UINT32_C(1) << i), __ATOMIC_RELAXED);
		else
			__atomic_or_fetch(&ifc->unready, UINT32_C(1) << i, __ATOMIC_RELAXED);
	}
}

/* An address nobody knows yet begins with duplicate address detection, where there is somebody to ask. */
static enum own_state first_state(const struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	bool alone = w->offline || (ifc != NULL && iface_is_loopback(ifc));

	return a->family == FAMILY_V6 && !alone ? OWN_TENTATIVE : OWN_USABLE;
}

void neigh_mark_unready(const struct weir *w, struct iface *ifc)
{
	ifc->unready = 0;
	for (unsigned i = 0; i < ifc->address_count; i++) {
		const struct ipaddr *a = &ifc->address[i].addr;
		const struct own *o = own_find(w, ifc->id, a);

		if ((o != NULL ? o->state : first_state(w, ifc, a)) != OWN_USABLE)
			ifc->unready |= UINT32_C(1) << i;
	}
}

/* The same for all interfaces; our addresses are many, so the list of them is walked once. */
void own_mark_unready(const struct weir *w, struct generation *next)
{
	for (unsigned i = 1; i < next->iface_limit; i++) {
		struct iface *ifc = next->iface[i];

		for (unsigned k = 0; ifc != NULL && k < ifc->address_count; k++)
			if (first_state(w, ifc, &ifc->address[k].addr) != OWN_USABLE)
				ifc->unready |= UINT32_C(1) << k;
	}
	for (const struct own *o = w->neigh->own; o != NULL; o = o->next) {
		struct iface *ifc = next->iface[o->iface];

		for (unsigned k = 0; ifc != NULL && k < ifc->address_count; k++)
			if (o->state == OWN_USABLE && ipaddr_equal(&ifc->address[k].addr, &o->prefix.addr))
				ifc->unready &= ~(UINT32_C(1) << k);
	}
}

static const struct iface *live_iface(const struct weir *w, const struct own *o)
{
	const struct iface *ifc = w->gen->iface[o->iface];

	return ifc != NULL && iface_is_up(w, ifc) ? ifc : NULL;
}

static void announce(struct weir *w, struct own *o)
{
	const struct iface *ifc = live_iface(w, o);

	if (ifc == NULL || w->offline || o->announced >= ANNOUNCE_COUNT)
		return;
	o->announced++;
	(o->prefix.addr.family == FAMILY_V4 ? arp_announce : nd_announce)(w, ifc, &o->prefix.addr);
	if (o->announced < ANNOUNCE_COUNT)
		timer_set(w, &o->timer, w->now + ANNOUNCE_GAP);
}

static bool is_link_local(const struct ipaddr *a)
{
	return a->family == FAMILY_V6 && ipaddr_is_link_local(a);
}

static void own_timeout(struct weir *w, struct timer *t)
{
	struct own *o = (struct own *)t;

	if (o->state == OWN_TENTATIVE) {
		enter(w, o, OWN_USABLE);
		if (is_link_local(&o->prefix.addr))
			mld_restart(w, o->iface);
		route_refresh(w);
	}
	if (o->state == OWN_USABLE)
		announce(w, o);
}

/* The address begins, or begins again: probed first when it was never seen to be unique. Nobody hears of a
 * loopback's. */
static void start(struct weir *w, struct own *o)
{
	const struct iface *ifc = live_iface(w, o);

	if (ifc == NULL || iface_is_loopback(ifc))
		return;
	ip6_off_end(w, o->iface, &o->prefix.addr);
	ifc = live_iface(w, o);
	o->announced = 0;
	if (o->state == OWN_USABLE) {
		announce(w, o);
		return;
	}
	enter(w, o, OWN_TENTATIVE);
	nd_dad_probe(w, ifc, &o->prefix.addr);
	timer_set(w, &o->timer, w->now + DAD_TIME);
}

void neigh_address_added(struct weir *w, uint16_t iface, const struct prefix *p)
{
	struct own *o = own_find(w, iface, &p->addr);

	if (o != NULL)
		return;
	mld_refresh(w, iface);
	o = reserve_calloc(1, sizeof *o);
	if (o == NULL) {
		struct own unheard = {.iface = iface, .prefix = *p};

		enter(w, &unheard, OWN_USABLE);
		log_error("not enough memory to announce an address; it is used without duplicate address "
			  "detection");
		return;
	}
	o->timer.fn = own_timeout;
	o->prefix = *p;
	o->iface = iface;
	enter(w, o, first_state(w, w->gen->iface[iface], &p->addr));
	o->next = w->neigh->own;
	w->neigh->own = o;
	start(w, o);
}

void neigh_address_removed(struct weir *w, uint16_t iface, const struct prefix *p)
{
	neigh_remove_lost(w);
	mld_refresh(w, iface);
	for (struct own **at = &w->neigh->own; *at != NULL; at = &(*at)->next) {
		struct own *o = *at;

		if (o->iface != iface || !ipaddr_equal(&o->prefix.addr, &p->addr))
			continue;
		*at = o->next;
		timer_cancel(w, &o->timer);
		ip6_off_end(w, iface, &p->addr);
		free(o);
		return;
	}
}

void own_link(struct weir *w, uint16_t port, bool up)
{
	mld_link(w, port, up);
	for (struct own *o = w->neigh->own; o != NULL; o = o->next) {
		const struct iface *ifc = w->gen->iface[o->iface];

		if (ifc == NULL || ifc->port != port)
			continue;
		if (up)
			start(w, o);
		else
			timer_cancel(w, &o->timer);
	}
}

/* Addresses that stayed on an interface which was enabled or moved to another port. */
void own_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	mld_commit(w, old, next);
	for (struct own *o = w->neigh->own; o != NULL; o = o->next) {
		const struct iface *was = old->iface[o->iface], *now = next->iface[o->iface];

		if (was != NULL && now != NULL && iface_has_address(was, &o->prefix.addr) &&
			((!was->enabled && now->enabled) || was->port != now->port))
			start(w, o);
	}
}

void own_conflict(struct weir *w, struct own *o, const uint8_t mac[6])
{
	const struct iface *ifc = w->gen->iface[o->iface];
	static struct log_rate rate;
	char text[ADDR_STRLEN], other[18];

	w->neigh->conflicts++;
	snprintf(other, sizeof other, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
	event_publish(w, "conflict", EV_TEXT("interface", ifc != NULL ? ifc->name : "?"),
		EV_TEXT("address", ipaddr_format(&o->prefix.addr, text)), EV_TEXT("mac", other));
	if (log_rate_ok(&rate, w->now, 5))
		log_warning("address %s of interface '%s' is also used by %s%s", text,
			ifc != NULL ? ifc->name : "?", other,
			o->state == OWN_TENTATIVE ? "; it is not used here" : "");
	if (o->state == OWN_TENTATIVE) {
		enter(w, o, OWN_DUPLICATE);
		timer_cancel(w, &o->timer);
		ip6_off_conflict(w, o, other);
		route_refresh(w);
	} else if (o->state == OWN_USABLE && ifc != NULL && w->now >= o->defended + UINT64_C(10000000000)) {
		o->defended = w->now; /* RFC 5227 2.4 (b): once in ten seconds */
		(o->prefix.addr.family == FAMILY_V4 ? arp_announce : nd_announce)(w, ifc, &o->prefix.addr);
	}
}

void own_free(struct weir *w)
{
	while (w->neigh->own != NULL) {
		struct own *o = w->neigh->own;

		w->neigh->own = o->next;
		free(o);
	}
}
