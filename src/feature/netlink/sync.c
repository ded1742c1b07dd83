/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What waits in a feed's queue, in parts: messages, marks and sweeps.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "feature/netlink/priv.h"

#define AT_ONCE 16       /* messages, or objects that go, between two looks at the clock */
#define WALK_AT_ONCE 256 /* routes of a sweep */
#define HELD_NS UINT64_C(50000000)

uint64_t netlink_clock(void)
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

/* --- a sync --- */

static void sync_begin(struct weir *w, struct source *s, uint64_t number)
{
	s->mark++;
	s->begun = number;
	s->phase = PHASE_SYNC;
	s->retry_at = 0;
	objects_unsee(&s->objects);
	links_unsee(s);
	address_unsee(w->netlink, s);
}

/* Some of the objects that the sync did not show; true when none is left. */
static bool sweep_objects(struct weir *w, struct source *s)
{
	uint32_t id = 0;

	for (unsigned i = 0; i < AT_ONCE && (id = objects_unseen(&s->objects)) != 0; i++) {
		objects_del(&s->objects, id);
		apply_object_changed(w, s, id);
	}
	return id == 0;
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
	links_sweep(w, s);
	address_sweep(w, s);
	s->phase = PHASE_OBJECTS;
}

static void sync_done(struct weir *w, struct source *s)
{
	s->swept += s->pass.removed;
	s->removed |= s->pass.removed != 0;
	s->syncs++;
	s->synced = true;
	s->synced_at = w->now;
	s->phase = PHASE_IDLE;
	s->pending = s->begun != __atomic_load_n(&s->feed.asked, __ATOMIC_ACQUIRE);
	if (!s->ever)
		log_notice("netlink: the kernel's routes are here%s%s",
			s->kernel.path[0] != '\0' ? ", those of " : "", s->kernel.path);
	s->ever = true;
	s->link_news = true;
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
	s->phase = PHASE_OBJECTS;
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
	if (s->phase == PHASE_OBJECTS) {
		if (sweep_objects(w, s))
			begin_pass(w, s, false);
		return true;
	}
	/* What is compared must be what was settled. */
	if ((s->phase == PHASE_LOOK || s->phase == PHASE_TELL) && !route_settled(w))
		return false;
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

static void tell_links(struct weir *w, struct source *s)
{
	if (s->link_lost)
		source_sync(s);
	s->link_lost = false;
	if (s->link_news)
		links_tell(w, s, !s->pending && s->ever);
	if (!s->pending)
		s->link_news = false;
}

/* FPM's hold, and tables that may have room again. */
static void look_at_times(struct weir *w, struct source *s)
{
	if (s->held && w->now >= s->held_at + HELD_NS)
		apply_held(w, s);
	if (s->stale_at != 0 && w->now >= s->stale_at)
		sweep_stale(w, s);
}

static void after(struct weir *w, struct source *s, bool idle)
{
	route_feed_done(w);
	if (s->source == ROUTE_KERNEL)
		tell_links(w, s);
	if (idle)
		look_at_times(w, s);
	if (s->retry_at != 0 && w->now >= s->retry_at && s->removed && s->source == ROUTE_KERNEL &&
		s->phase == PHASE_IDLE) {
		s->retry_at = 0;
		source_sync(s);
	}
}

unsigned source_turn(struct weir *w, struct source *s, uint64_t end)
{
	unsigned n = 0;
	bool more = true;

	while ((n == 0 || netlink_clock() < end) && (more = advance(w, s)))
		n++;
	after(w, s, !more);
	return n;
}
