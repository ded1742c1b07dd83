/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Events that nobody else tells: links, configurations that came into force, workers that stopped polling.
 */
#include <string.h>

#include "api/server.h"
#include "control/events.h"
#include "feature/iface/iface.h"
#include "runtime/runtime.h"

#define STALL_TICKS 3 /* seconds without a poll; a sleeping one polls twenty times each */

static void on_link(struct weir *w, uint16_t port, bool up)
{
	event_publish(
		w, "link", EV_TEXT("port", iface_port_name(w, port)), EV_TEXT("state", up ? "up" : "down"));
}

static void on_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	event_publish(w, "generation", EV_U64("generation", next->id));
}

static struct feature feature = {.name = "events", .order = 201, .commit = on_commit, .link = on_link};
FEATURE_REGISTER(feature)

/* --- workers --- */

static struct watched {
	uint64_t polls;
	unsigned still; /* ticks without a poll */
} watched[WORKER_MAX];

static void watch_worker(void *ctx, const struct runtime_worker *k)
{
	struct watched *t = &watched[k->id % WORKER_MAX];
	const bool moved = k->polls != t->polls;

	if (moved && t->still >= STALL_TICKS)
		event_publish(ctx, "worker", EV_U64("worker", k->id), EV_TEXT("state", "running"));
	t->still = moved ? 0 : t->still + 1;
	t->polls = k->polls;
	if (t->still == STALL_TICKS)
		event_publish(ctx, "worker", EV_U64("worker", k->id), EV_TEXT("state", "stalled"));
}

void watch_tick(struct weir *w)
{
	runtime_workers(w, watch_worker, w);
}
