/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The comparison with the kernel: each feed reads its namespace's tables anew, one after the other.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "feature/netlink/priv.h"

static void put_line(struct netlink_diff *d, const char *what, const struct route_spec *spec, struct weir *w)
{
	char text[PREFIX_STRLEN], via[ADDR_STRLEN], protocol[8], *to;
	size_t left = NETLINK_LINE;
	int n;

	if (d->lines == NETLINK_LINES)
		return;
	to = d->line[d->lines++];
	n = snprintf(to, left, "%s: %s vrf %s protocol %s metric %u", what,
		prefix_format(&spec->prefix, text), w->vrf[spec->vrf].name,
		netlink_protocol_name(spec->protocol, protocol), spec->metric);
	for (unsigned i = 0; i < spec->via_count && n > 0 && (size_t)n < left; i++) {
		const struct route_via *v = &spec->via[i];
		const struct iface *ifc = w->gen->iface[v->iface];

		to += n;
		left -= (size_t)n;
		n = snprintf(to, left, " via %s dev %s weight %u",
			v->address.family != FAMILY_NONE ? ipaddr_format(&v->address, via) : "link",
			ifc != NULL ? ifc->name : "?", v->weight);
	}
	if (spec->type != ROUTE_UNICAST && n > 0 && (size_t)n < left)
		snprintf(to + n, left - (size_t)n, " %s", route_type_names[spec->type]);
}

void diff_route(struct weir *w, struct source *s, const struct route_spec *spec)
{
	struct netlink_diff *d = &w->netlink->diff;
	enum route_there is = route_feed_check(w, spec, s->mark);
	static const char *const words[] = {[ROUTE_ABSENT] = "only in the kernel",
		[ROUTE_DIFFERS] = "the kernel has it in this form",
		[ROUTE_ASTRAY] = "not in the forwarding table as it should be"};

	d->compared++;
	if (is == ROUTE_SAME)
		return;
	d->missing += is == ROUTE_ABSENT;
	d->different += is == ROUTE_DIFFERS;
	d->astray += is == ROUTE_ASTRAY;
	put_line(d, words[is], spec, w);
}

bool diff_extra(void *ctx, const struct route_spec *spec)
{
	struct weir *w = ctx;

	w->netlink->diff.extra++;
	put_line(&w->netlink->diff, "only in weir", spec, w);
	return true;
}

void diff_begin(struct weir *w, struct source *s)
{
	struct netlink_state *st = w->netlink;

	if (s->phase == PHASE_LOOK) /* the dump before was inconsistent */
		st->diff = st->diff_base;
	else
		st->diff_base = st->diff;
	s->mark++;
	s->phase = PHASE_LOOK;
}

/* The next feed that there is has its turn; after the last one the comparison is made. */
static void next_feed(struct weir *w)
{
	struct netlink_state *st = w->netlink;

	while (st->diff_at < PLACES_MAX && st->kernel[st->diff_at] == NULL)
		st->diff_at++;
	if (st->diff_at < PLACES_MAX) {
		st->kernel[st->diff_at]->looking = true;
		feed_wish(&st->kernel[st->diff_at]->feed, FEED_LOOK);
		return;
	}
	st->diff.running = false;
	st->diff.number++;
}

void diff_end(struct weir *w, struct source *s, const char *error)
{
	struct netlink_state *st = w->netlink;

	s->phase = PHASE_IDLE;
	if (!s->looking)
		return;
	s->looking = false;
	if (error != NULL)
		st->diff.error = error;
	st->diff_at = s->number + 1u;
	next_feed(w);
}

int netlink_diff_start(struct weir *w)
{
	struct netlink_state *st = w->netlink;
	struct netlink_diff *d = &st->diff;

	if (!st->now.present || !st->now.routes)
		return -ENOENT;
	if (d->running)
		return 0;
	d->compared = d->missing = d->different = d->extra = d->astray = 0;
	d->lines = 0;
	d->error = NULL;
	d->running = true;
	st->diff_at = 0;
	next_feed(w);
	return 0;
}

const struct netlink_diff *netlink_diff(const struct weir *w)
{
	return &w->netlink->diff;
}
