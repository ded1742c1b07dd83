/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel's links by number, and which interface of weir each is the twin of.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "feature/kernel/kernel.h"
#include "feature/netlink/priv.h"

/* The interface a link of the namespace weir runs in stands for: its twin's, or without twins the one of its
 * name. */
static uint16_t twin_of(const struct weir *w, const struct link *l)
{
	const struct iface *ifc;

	if (kernel_enabled(w))
		return kernel_twin_of(w, 0, (int)l->index);
	ifc = generation_iface(w->gen, l->name);
	return ifc != NULL ? ifc->id : IFACE_NONE;
}

static struct link **find(struct netlink_state *s, uint32_t index)
{
	struct link **at = &s->link[index % LINK_CHAINS];

	while (*at != NULL && (*at)->index != index)
		at = &(*at)->next;
	return at;
}

uint16_t links_iface(const struct netlink_state *s, uint32_t index)
{
	const struct link *l = s->link[index % LINK_CHAINS];

	while (l != NULL && l->index != index)
		l = l->next;
	return l != NULL ? l->iface : IFACE_NONE;
}

/* The twin of an interface has carrier, or has not. A link that was never there is no reason to sync: nothing
 * was lost with it. */
static void set_state(struct netlink_state *s, uint16_t iface, bool up)
{
	if (iface == IFACE_NONE)
		return;
	if (!up && !s->link_down[iface] && s->link_known[iface])
		s->link_lost = true;
	s->link_news = true;
	s->link_known[iface] |= up;
	s->link_down[iface] = !up;
}

static void forget(struct netlink_state *s, struct link **at)
{
	struct link *l = *at;

	set_state(s, l->iface, false);
	*at = l->next;
	s->links--;
	free(l);
}

void links_change(struct weir *w, const struct nl_link *n, bool gone)
{
	struct netlink_state *s = w->netlink;
	struct link **at = find(s, n->index), *l = *at;

	if (gone) {
		if (l != NULL)
			forget(s, at);
		return;
	}
	if (l == NULL) {
		l = calloc(1, sizeof *l);
		if (l == NULL)
			return; /* its routes are refused and counted */
		l->index = n->index;
		*at = l;
		s->links++;
	}
	l->seen = true;
	l->up = n->up;
	if (strcmp(l->name, n->name) != 0) { /* new or renamed */
		set_state(s, l->iface, false);
		memcpy(l->name, n->name, sizeof l->name);
		l->iface = twin_of(w, l);
		s->link_lost |= s->first_sync && l->iface != IFACE_NONE;
	}
	set_state(s, l->iface, l->up);
}

void links_unsee(struct netlink_state *s)
{
	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link *l = s->link[i]; l != NULL; l = l->next)
			l->seen = false;
}

void links_sweep(struct weir *w)
{
	struct netlink_state *s = w->netlink;

	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link **at = &s->link[i]; *at != NULL;)
			if (!(*at)->seen)
				forget(s, at);
			else
				at = &(*at)->next;
}

bool links_remap(struct weir *w)
{
	struct netlink_state *s = w->netlink;
	bool changed = false;

	for (unsigned i = 0; i < LINK_CHAINS; i++)
		for (struct link *l = s->link[i]; l != NULL; l = l->next) {
			uint16_t iface = twin_of(w, l);

			if (iface == l->iface)
				continue;
			changed = true;
			l->iface = iface;
			set_state(s, iface, l->up);
		}
	return changed;
}

void links_tell(struct weir *w, bool ups)
{
	const struct netlink_state *s = w->netlink;

	for (unsigned i = 1; i < w->gen->iface_limit; i++)
		if (s->link_down[i] || ups)
			route_feed_link(w, (uint16_t)i, s->link_down[i]);
}

void links_free(struct netlink_state *s)
{
	for (unsigned i = 0; i < LINK_CHAINS; i++)
		while (s->link[i] != NULL)
			forget(s, &s->link[i]);
}
