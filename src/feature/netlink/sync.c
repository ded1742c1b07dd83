/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What waits in a feed's queue, in parts: messages, marks and sweeps, walks after objects changed, the
 * comparison with the kernel.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "feature/netlink/priv.h"

#define TURN_NS UINT64_C(2000000) /* of a turn: packets for the control thread wait so long */
#define AT_ONCE 64                /* messages between two looks at the clock */
#define WALK_AT_ONCE 8192         /* routes of a walk */
#define HELD_NS UINT64_C(50000000)

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

void source_sync(struct source *s)
{
	s->pending = true;
	feed_wish(&s->feed, FEED_SYNC);
}

/* --- the comparison --- */

static void diff_line(struct netlink_diff *d, const char *what, const struct route_spec *spec, struct weir *w)
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
	diff_line(d, words[is], spec, w);
}

static bool diff_extra(void *ctx, const struct route_spec *spec)
{
	struct weir *w = ctx;

	w->netlink->diff.extra++;
	diff_line(&w->netlink->diff, "only in weir", spec, w);
	return true;
}

static void diff_begin(struct weir *w, struct source *s)
{
	struct netlink_diff *d = &w->netlink->diff;

	d->compared = d->missing = d->different = d->extra = d->astray = 0;
	d->lines = 0;
	d->error = NULL;
	s->mark++;
	s->phase = PHASE_LOOK;
}

static void diff_end(struct weir *w, struct source *s, const char *error)
{
	struct netlink_diff *d = &w->netlink->diff;

	d->error = error;
	d->running = false;
	d->number++;
	s->phase = PHASE_IDLE;
}

/* --- a sync --- */

static void sync_begin(struct weir *w, struct source *s, uint64_t number)
{
	s->mark++;
	s->begun = number;
	s->phase = PHASE_SYNC;
	s->retry_at = 0;
	objects_unsee(&s->objects);
	links_unsee(w->netlink);
	address_unsee(w->netlink);
}

static void sweep_objects(struct weir *w, struct source *s)
{
	uint32_t id;

	while ((id = objects_unseen(&s->objects)) != 0) {
		objects_del(&s->objects, id);
		apply_object_changed(w, s, id);
	}
}

static void begin_pass(struct weir *w, struct source *s, bool look)
{
	s->pass = (struct route_pass){.sweep = true,
		.look = look,
		.source = s->source,
		.feed = s->number,
		.mark = s->mark,
		.fn = diff_extra,
		.ctx = w};
	s->phase = look ? PHASE_TELL : PHASE_SWEEP;
}

/* The dump is through: what it did not have goes, in parts. */
static void sync_end(struct weir *w, struct source *s)
{
	sweep_objects(w, s);
	links_sweep(w);
	address_sweep(w);
	s->walk = false; /* this walk does it as well */
	begin_pass(w, s, false);
}

static void sync_done(struct weir *w, struct source *s)
{
	struct netlink_state *st = w->netlink;

	s->swept += s->pass.removed;
	s->removed |= s->pass.removed != 0;
	s->syncs++;
	s->synced = true;
	s->synced_at = w->now;
	s->phase = PHASE_IDLE;
	s->pending = s->begun != __atomic_load_n(&s->feed.asked, __ATOMIC_ACQUIRE);
	if (!st->first_sync)
		log_notice("netlink: the kernel's routes are here");
	st->first_sync = true;
	st->link_news = true;
}

/* --- FPM's peer --- */

static void peer_here(struct weir *w, struct source *s)
{
	s->connected = true;
	s->mark++;
	s->stale_at = w->now + w->netlink->now.hold;
	log_notice("fpm: a client connected; its old routes stay %" PRIu64 " s",
		w->netlink->now.hold / UINT64_C(1000000000));
}

static void peer_left(struct weir *w, struct source *s)
{
	apply_held(w, s);
	s->connected = false;
	s->mark++;
	objects_unsee(&s->objects);
	s->stale_at = w->now + w->netlink->now.hold;
	log_warning("fpm: the client left; its routes stay %" PRIu64 " s",
		w->netlink->now.hold / UINT64_C(1000000000));
}

/* Objects that the client has not sent again go with the routes. */
static void sweep_stale(struct weir *w, struct source *s)
{
	s->stale_at = 0;
	sweep_objects(w, s);
	begin_pass(w, s, false);
}

/* --- blocks --- */

static void look_at_block(struct weir *w, struct source *s, struct block *b)
{
	switch (b->kind) {
	case BLOCK_BEGIN:
		sync_begin(w, s, b->number);
		break;
	case BLOCK_LOOK:
		diff_begin(w, s);
		break;
	case BLOCK_END:
		if (s->phase == PHASE_SYNC)
			sync_end(w, s);
		else if (s->phase == PHASE_LOOK)
			begin_pass(w, s, true);
		break;
	case BLOCK_FAILED:
		if (s->phase == PHASE_LOOK)
			diff_end(w, s, "the kernel's tables could not be read; try again");
		s->phase = PHASE_IDLE;
		break;
	case BLOCK_OPEN:
		peer_here(w, s);
		break;
	case BLOCK_CLOSED:
		peer_left(w, s);
		break;
	default:
		break;
	}
	if (b->len == 0) {
		free(b);
		return;
	}
	s->block = b;
	s->at = 0;
}

/* Notifications that came while a comparison's dump was read change routes as always. */
static void take_messages(struct weir *w, struct source *s)
{
	struct block *b = s->block;
	enum phase phase = s->phase;
	const struct nlmsghdr *h = NULL;

	if (b->kind == BLOCK_MESSAGES)
		s->phase = PHASE_IDLE;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		h = nl_first(b->data + s->at, b->len - s->at);
		if (h == NULL)
			break;
		apply_message(w, s, h);
		s->at += nl_step(h, b->len - s->at);
	}
	s->phase = phase;
	if (h != NULL && s->at < b->len)
		return;
	if (h == NULL && s->at < b->len)
		count_reason(w, s, WHY_MALFORMED, "a message of netlink");
	free(b);
	s->block = NULL;
}

static void pass_done(struct weir *w, struct source *s)
{
	if (s->phase == PHASE_TELL)
		diff_end(w, s, NULL);
	else if (s->source == ROUTE_KERNEL)
		sync_done(w, s);
	else
		s->phase = PHASE_IDLE;
}

/* One step of work; false: there is none. */
static bool advance(struct weir *w, struct source *s)
{
	if (s->phase == PHASE_SWEEP || s->phase == PHASE_TELL) {
		if (route_pass(w, &s->pass, WALK_AT_ONCE))
			pass_done(w, s);
		return true;
	}
	if (s->block != NULL) {
		take_messages(w, s);
		return true;
	}
	struct block *b = feed_take(&s->feed);

	if (b != NULL)
		look_at_block(w, s, b);
	return b != NULL;
}

/* Routes over objects that changed. All at once: until then they go where they went. */
static void walk(struct weir *w, struct source *s)
{
	struct route_pass p = {0};

	s->walk = false;
	route_pass(w, &p, UINT_MAX);
}

static void after(struct weir *w, struct source *s, bool idle)
{
	struct netlink_state *st = w->netlink;

	route_feed_done(w);
	if (s->walk)
		walk(w, s);
	if (st->link_lost && st->kernel != NULL)
		source_sync(st->kernel);
	if (st->link_news)
		links_tell(w, st->kernel == NULL || (!st->kernel->pending && st->first_sync));
	if (st->kernel == NULL || !st->kernel->pending)
		st->link_news = false;
	st->link_lost = false;
	if (idle && s->held && w->now >= s->held_at + HELD_NS)
		apply_held(w, s);
	if (idle && s->stale_at != 0 && w->now >= s->stale_at)
		sweep_stale(w, s);
	if (s->retry_at != 0 && w->now >= s->retry_at && s->removed && s->source == ROUTE_KERNEL &&
		s->phase == PHASE_IDLE) {
		s->retry_at = 0;
		source_sync(s);
	}
}

unsigned source_turn(struct weir *w, struct source *s)
{
	uint64_t end = clock_ns() + TURN_NS;
	unsigned n = 0;
	bool more;

	while ((more = advance(w, s))) {
		n++;
		if (clock_ns() >= end)
			break;
	}
	after(w, s, !more);
	return n;
}
