/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When next hops change that many routes share, each route's entry of the forwarding table must follow. A
 * full table takes most of a second: that is done in parts, so that timers, punted packets and the API have
 * their turns meanwhile. Until a route is settled it goes where it went: what it points at (a neighbour's
 * slot, a group) is not given back before the walk is through.
 */
#include <limits.h>
#include <time.h>

#include "feature/route/rib.h"

#define AT_FIRST 2048 /* routes that are settled at once: a small table never waits for a turn */
#define AT_ONCE 256   /* between two looks at the clock */
#define TURN_NS UINT64_C(1000000)

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

bool route_settled(const struct weir *w)
{
	return !w->route->settle.due && !w->route->settle.running;
}

static void begin(struct weir *w)
{
	struct route_state *s = w->route;

	s->settle = (struct settle){.running = true, .pass = {.settle = true}, .ripe = s->release_count};
	for (unsigned i = 0; i < ROUTE_SOURCES - ROUTE_KERNEL; i++)
		s->going[i] = s->forget[i];
}

/* What was let go before the walk began has no entry left; what came later has none if nothing is due. */
static void finish(struct weir *w)
{
	struct route_state *s = w->route;

	s->settle.running = false;
	for (unsigned i = 0; i < ROUTE_SOURCES - ROUTE_KERNEL; i++) {
		s->forget[i] &= ~s->going[i];
		s->going[i] = 0;
	}
	releases_first(w, s->settle.ripe);
	releases_flush(w);
}

/* About `budget` routes; true when the walk is through. */
static bool go_on(struct weir *w, unsigned budget)
{
	if (!route_pass(w, &w->route->settle.pass, budget))
		return false;
	finish(w);
	return true;
}

void route_settle(struct weir *w)
{
	while (!route_settled(w)) {
		if (!w->route->settle.running)
			begin(w);
		go_on(w, UINT_MAX);
	}
}

void settle_begin(struct weir *w)
{
	w->route->settle.due = true;
	if (w->offline) { /* its time is the capture's: it has no turns */
		route_settle(w);
		return;
	}
	if (w->route->settle.running)
		return;
	begin(w);
	go_on(w, AT_FIRST);
}

unsigned settle_turn(struct weir *w)
{
	uint64_t end;

	if (route_settled(w))
		return 0;
	if (!w->route->settle.running)
		begin(w);
	end = clock_ns() + TURN_NS;
	while (!go_on(w, AT_ONCE) && clock_ns() < end)
		;
	return 1;
}

/* --- feeds that end --- */

void route_feed_forget(struct weir *w, uint8_t source, uint8_t feed)
{
	w->route->forget[source - ROUTE_KERNEL] |= UINT64_C(1) << feed;
	settle_begin(w);
}

bool route_feed_is_going(const struct weir *w, uint8_t source, uint8_t feed)
{
	return (w->route->forget[source - ROUTE_KERNEL] >> feed & 1) != 0;
}
