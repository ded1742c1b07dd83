/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses that somebody put on a twin become weir's at run time (netlink.addresses), and go with it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "feature/netlink/priv.h"

static struct twin_address *find(struct netlink_state *s, const struct source *of, const struct nl_address *a)
{
	for (uint32_t i = 0; i < s->addresses; i++)
		if (s->address[i].of == of && s->address[i].link == a->link &&
			s->address[i].prefix.len == a->prefix.len &&
			ipaddr_equal(&s->address[i].prefix.addr, &a->prefix.addr))
			return &s->address[i];
	return NULL;
}

/* Link-local addresses are weir's own business; loopbacks are nobody's. */
static bool is_wanted(const struct netlink_state *s, const struct source *of, const struct nl_address *a)
{
	return s->now.addresses && links_iface(of, a->link) != IFACE_NONE &&
	       ipaddr_is_host(&a->prefix.addr) &&
	       !(a->prefix.addr.family == FAMILY_V6 && ipaddr_is_link_local(&a->prefix.addr));
}

static const struct iface *iface_of(const struct weir *w, const struct twin_address *t)
{
	return w->gen->iface[links_iface(t->of, t->link)];
}

/* Weir may have the address itself: then it is not ours. */
static void begin(struct weir *w, struct twin_address *t)
{
	const struct iface *ifc = iface_of(w, t);
	static struct log_rate rate;
	struct err e = {0};

	if (ifc == NULL || iface_has_address(ifc, &t->prefix.addr))
		return;
	t->ours = iface_address_add(w, ifc->name, &t->prefix, &e) == 0;
	if (!t->ours && log_rate_ok(&rate, w->now, 5))
		log_warning("an address of the kernel is not taken over: %s", e.text);
}

static void end(struct weir *w, struct twin_address *t)
{
	const struct iface *ifc = iface_of(w, t);
	struct err e = {0};

	if (t->ours && ifc != NULL)
		iface_address_del(w, ifc->name, &t->prefix, &e);
	*t = w->netlink->address[--w->netlink->addresses];
}

static struct twin_address *append(struct netlink_state *s)
{
	uint32_t room = s->address_room != 0 ? s->address_room * 2 : 64;
	struct twin_address *more = s->address;

	if (s->addresses == s->address_room) {
		more = realloc(s->address, room * sizeof *more);
		if (more == NULL)
			return NULL;
		s->address = more;
		s->address_room = room;
	}
	return &s->address[s->addresses++];
}

/* With a link's last IPv4 address the kernel removes all IPv4 routes over it, with any one those that have it
 * as their preferred source, and says nothing about either. */
void address_change(struct weir *w, struct source *of, const struct nl_address *a, bool gone)
{
	struct netlink_state *s = w->netlink;
	struct twin_address *t = find(s, of, a);

	if (gone) {
		of->link_lost |= a->prefix.addr.family == FAMILY_V4;
		if (t != NULL)
			end(w, t);
		return;
	}
	if (t == NULL && is_wanted(s, of, a)) {
		t = append(s);
		if (t == NULL)
			return;
		*t = (struct twin_address){.of = of, .link = a->link, .prefix = a->prefix};
		begin(w, t);
	}
	if (t != NULL)
		t->seen = true;
}

void address_unsee(struct netlink_state *s, const struct source *of)
{
	for (uint32_t i = 0; i < s->addresses; i++)
		s->address[i].seen &= s->address[i].of != of;
}

void address_sweep(struct weir *w, const struct source *of)
{
	struct netlink_state *s = w->netlink;

	for (uint32_t i = 0; i < s->addresses;)
		if (s->address[i].of == of && !s->address[i].seen)
			end(w, &s->address[i]);
		else
			i++;
}

uint32_t address_count(const struct netlink_state *s, const struct source *of)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->addresses; i++)
		n += s->address[i].of == of;
	return n;
}

/* Those of no feed are in no generation any more: address_stage() saw to it. */
void address_take_over(struct netlink_state *s, const struct source *to, const struct source *from)
{
	for (uint32_t i = 0; i < s->addresses;) {
		struct twin_address *t = &s->address[i];

		if (t->of == from && to == NULL) {
			*t = s->address[--s->addresses];
			continue;
		}
		if (t->of == from)
			t->of = to;
		i++;
	}
}

/* Its namespace will be mirrored, too. */
static bool stays(const struct source *of, const struct netlink_settings *next)
{
	for (unsigned i = 0; i < next->places; i++)
		if (strcmp(of->kernel.path, next->place[i]) == 0)
			return true;
	return false;
}

void address_stage(struct weir *w, const struct netlink_settings *now, struct generation *next)
{
	struct netlink_state *s = w->netlink;

	for (uint32_t i = 0; i < s->addresses; i++) {
		struct twin_address *t = &s->address[i];
		const struct iface *was = iface_of(w, t);
		struct iface *ifc = was != NULL ? next->iface[was->id] : NULL;

		t->next = now->addresses && stays(t->of, now) && ifc != NULL &&
			  !iface_has_address(ifc, &t->prefix.addr) && ifc->address_count < IFACE_ADDRESSES;
		if (t->next)
			ifc->address[ifc->address_count++] = t->prefix;
	}
}

bool netlink_has_address(const struct weir *w, uint16_t iface, const struct prefix *p)
{
	const struct netlink_state *s = w->netlink;

	for (uint32_t i = 0; i < s->addresses; i++) {
		const struct twin_address *t = &s->address[i];

		if (t->ours && links_iface(t->of, t->link) == iface && t->prefix.len == p->len &&
			ipaddr_equal(&t->prefix.addr, &p->addr))
			return true;
	}
	return false;
}

void address_commit(struct netlink_state *s)
{
	for (uint32_t i = 0; i < s->addresses; i++)
		s->address[i].ours = s->address[i].next;
	if (!s->now.addresses)
		s->addresses = 0;
}

void address_free(struct netlink_state *s)
{
	free(s->address);
	s->address = NULL;
	s->addresses = s->address_room = 0;
}
