/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The links of a feed's namespace by number, and which interface each is the twin of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "feature/iface/iface.h"
#include "feature/netlink/priv.h"

/* The interface a link stands for: its twin's, or without twins the one of its name whose VRF is in that
 * namespace. */
static const struct iface *twin_of(const struct weir *w, const struct source *s, const struct link *l)
{
	const struct iface *ifc;
	int place;

	if (kernel_enabled(w)) {
		place = kernel_place_find(w, s->kernel.path);
		return place >= 0 ? w->gen->iface[kernel_twin_of(w, (unsigned)place, (int)l->index)] : NULL;
	}
	ifc = generation_iface(w->gen, l->name);
	return ifc != NULL && w->netlink->now.vrf_at[ifc->vrf] == s->where ? ifc : NULL;
}

/* True when it is another one than before. */
static bool map(const struct weir *w, const struct source *s, struct link *l)
{
	const struct iface *ifc = twin_of(w, s, l);
	uint16_t iface = ifc != NULL ? ifc->id : IFACE_NONE;
	bool loopback = ifc != NULL && iface_is_loopback(ifc);
	bool changed = iface != l->iface || loopback != l->loopback;

	l->iface = iface;
	l->loopback = loopback;
	return changed;
}

static struct link **find(struct source *s, uint32_t index)
{
	struct link **at = &s->links.chain[index % LINK_CHAINS];

	while (*at != NULL && (*at)->index != index)
		at = &(*at)->next;
	return at;
}

static const struct link *look(const struct source *s, uint32_t index)
{
	const struct link *l = s != NULL ? s->links.chain[index % LINK_CHAINS] : NULL;

	while (l != NULL && l->index != index)
		l = l->next;
	return l;
}

uint16_t links_iface(const struct source *s, uint32_t index)
{
	const struct link *l = look(s, index);

	return l != NULL ? l->iface : IFACE_NONE;
}

uint16_t links_way(const struct source *s, uint32_t index)
{
	const struct link *l = look(s, index);

	return l != NULL && !l->loopback ? l->iface : IFACE_NONE;
}

/* The twin of an interface has carrier, or has not. A link that was never there is no reason to sync: nothing
 * was lost with it. */
static void set_state(struct netlink_state *st, struct source *s, uint16_t iface, bool up)
{
	if (iface == IFACE_NONE)
		return;
	if (!up && !st->link_down[iface] && st->link_known[iface])
		s->link_lost = true;
	s->link_news = true;
	st->link_of[iface] = s;
	st->link_known[iface] |= up;
	st->link_down[iface] = !up;
}

static void drop(struct source *s, struct link **at)
{
	struct link *l = *at;

	*at = l->next;
	s->links.count--;
	free(l);
}

static void forget(struct netlink_state *st, struct source *s, struct link **at)
{
	set_state(st, s, (*at)->iface, false);
	drop(s, at);
}

static struct link *add(struct source *s, struct link **at, uint32_t index)
{
	struct link *l = calloc(1, sizeof *l);

	if (l == NULL)
		return NULL; /* its routes are refused and counted */
	l->index = index;
	l->iface = IFACE_NONE;
	*at = l;
	s->links.count++;
	return l;
}

/* A twin whose carrier weir itself holds back is no link that failed. */
static bool is_up(const struct weir *w, const struct link *l, const struct nl_link *n)
{
	return n->up || (n->admin && l->iface != IFACE_NONE && kernel_carrier_held(w, l->iface));
}

void links_change(struct weir *w, struct source *s, const struct nl_link *n, bool gone)
{
	struct netlink_state *st = w->netlink;
	struct link **at = find(s, n->index), *l = *at;

	if (gone) {
		if (l != NULL)
			forget(st, s, at);
		return;
	}
	if (l == NULL && (l = add(s, at, n->index)) == NULL)
		return;
	l->seen = true;
	if (strcmp(l->name, n->name) != 0) { /* new or renamed */
		set_state(st, s, l->iface, false);
		memcpy(l->name, n->name, sizeof l->name);
		map(w, s, l);
		s->link_lost |= s->ever && l->iface != IFACE_NONE;
	}
	l->up = is_up(w, l, n);
	set_state(st, s, l->iface, l->up);
}

void links_unsee(struct source *s)
{
	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link *l = s->links.chain[i]; l != NULL; l = l->next)
			l->seen = false;
}

void links_sweep(struct weir *w, struct source *s)
{
	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link **at = &s->links.chain[i]; *at != NULL;)
			if (!(*at)->seen)
				forget(w->netlink, s, at);
			else
				at = &(*at)->next;
}

bool links_remap(struct weir *w, struct source *s)
{
	bool changed = false;

	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link *l = s->links.chain[i]; l != NULL; l = l->next) {
			if (!map(w, s, l))
				continue;
			changed = true;
			set_state(w->netlink, s, l->iface, l->up);
		}
	return changed;
}

void links_tell(struct weir *w, const struct source *s, bool ups)
{
	const struct netlink_state *st = w->netlink;
	bool news = false;

	for (unsigned i = 1; i < w->gen->iface_limit; i++)
		if (st->link_of[i] == s && (st->link_down[i] || ups))
			news |= route_feed_link(w, (uint16_t)i, st->link_down[i]);
	if (news)
		route_feed_links(w);
}

void links_take_over(struct netlink_state *st, struct source *to, struct source *from)
{
	to->links = from->links;
	from->links = (struct links){.count = 0};
	for (unsigned i = 0; i < IFACE_MAX; i++)
		if (st->link_of[i] == from)
			st->link_of[i] = to;
}

void links_end(struct weir *w, struct source *s)
{
	struct netlink_state *st = w->netlink;
	bool news = false;

	for (unsigned i = 0; i < IFACE_MAX; i++) {
		if (st->link_of[i] != s)
			continue;
		st->link_of[i] = NULL;
		st->link_down[i] = st->link_known[i] = false;
		news |= route_feed_link(w, (uint16_t)i, false);
	}
	if (news)
		route_feed_links(w);
}

void links_free(struct source *s)
{
	for (unsigned i = 0; i < LINK_CHAINS; i++)
		while (s->links.chain[i] != NULL)
			drop(s, &s->links.chain[i]);
}
