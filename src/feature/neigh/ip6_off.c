/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Duplicate address detection failed for the link-local address that an interface's MAC address makes:
 * somebody else very likely has the MAC address, and IPv6 is switched off on the interface (RFC 4862 5.4.5).
 * IPv4 stays: one forged advertisement must not take it down as well.
 */
#include <string.h>

#include "base/log.h"
#include "control/events.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"

bool neigh_ip6_off(const struct weir *w, uint16_t iface, const uint8_t mac[6])
{
	return w->neigh != NULL && w->neigh->ip6_off[iface].off &&
	       memcmp(w->neigh->ip6_off[iface].mac, mac, 6) == 0;
}

/* The other features hear that the interface's IPv6 addresses went, or are back. */
static void tell(struct weir *w, uint16_t iface, bool off)
{
	const struct iface *ifc = w->gen->iface[iface];

	for (unsigned i = 0; i < ifc->address_count; i++) {
		struct prefix p = ifc->address[i];

		if (p.addr.family == FAMILY_V6)
			weir_address_changed(w, iface, &p, !off);
	}
}

static bool change(struct weir *w, uint16_t iface, bool off)
{
	struct generation *next = generation_clone(w->gen);

	if (next == NULL)
		return false;
	next->iface[iface]->ip6_off = off;
	if (generation_index(next) != 0) {
		generation_free(next);
		return false;
	}
	weir_publish(w, next);
	neigh_follow_port(w, w->gen->iface[iface]->port);
	route_refresh(w);
	tell(w, iface, off);
	return true;
}

static bool from_mac(const struct iface *ifc, const struct ipaddr *a)
{
	struct prefix p = iface_link_local(ifc->mac);

	return ipaddr_equal(&p.addr, a);
}

void ip6_off_conflict(struct weir *w, const struct own *o, const char *other)
{
	const struct iface *ifc = w->gen->iface[o->iface];
	struct ip6_off *s = &w->neigh->ip6_off[o->iface];
	char name[IFACE_NAME];

	if (ifc == NULL || s->off || !from_mac(ifc, &o->prefix.addr))
		return;
	memcpy(name, ifc->name, sizeof name);
	memcpy(s->mac, ifc->mac, 6);
	s->off = change(w, o->iface, true);
	event_publish(w, "ipv6-off", EV_TEXT("interface", name), EV_TEXT("mac", other));
	log_error(
		"interface '%s': %s uses the link-local address that its MAC address makes, and so very "
		"likely "
		"the same MAC address; IPv6 is off on it until its link comes up again or it is disabled and "
		"enabled: give one of the two another MAC address",
		name, other);
}

void ip6_off_end(struct weir *w, uint16_t iface, const struct ipaddr *a)
{
	struct ip6_off *s = &w->neigh->ip6_off[iface];
	const struct prefix p = iface_link_local(s->mac);
	const struct iface *ifc = w->gen->iface[iface];

	if (!s->off || !ipaddr_equal(&p.addr, a))
		return;
	s->off = false;
	if (ifc != NULL && ifc->ip6_off && change(w, iface, false))
		log_notice("interface '%s': IPv6 is on again", w->gen->iface[iface]->name);
}
