/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature: its part in commits, the turns of feeds, what the API shows.
 */
#include "feature/netlink/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feature/netlink/priv.h"

/* Of a turn, all feeds together: packets for the control thread wait so long. */
#define TURN_NS UINT64_C(2000000)

/* --- the feature --- */

static int netlink_init(struct weir *w, struct err *e)
{
	w->netlink = calloc(1, sizeof *w->netlink);
	return w->netlink != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for netlink");
}

static void netlink_fini(struct weir *w)
{
	struct netlink_state *s = w->netlink;

	if (s == NULL)
		return;
	feeds_free(s);
	address_free(s);
	free(s);
	w->netlink = NULL;
}

static int netlink_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	int rc = netlink_settings_read(w, cfg, &w->netlink->next, e);

	address_stage(w, &w->netlink->next, next);
	return rc == 0 ? feeds_prepare(w, e) : rc;
}

static void netlink_abort(struct weir *w)
{
	feeds_abort(w->netlink);
}

static bool same_view(const struct netlink_settings *a, const struct netlink_settings *b)
{
	return a->tables == b->tables && memcmp(a->table, b->table, sizeof a->table) == 0 &&
	       a->places == b->places && memcmp(a->place, b->place, sizeof a->place) == 0 &&
	       memcmp(a->vrf_at, b->vrf_at, sizeof a->vrf_at) == 0 &&
	       memcmp(a->distance, b->distance, sizeof a->distance) == 0 && a->addresses == b->addresses;
}

static void netlink_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct netlink_state *s = w->netlink;
	bool other = !same_view(&s->now, &s->next);

	s->now = s->next;
	address_commit(s);
	feeds_commit(w, other);
	s->remap = true;
}

/* Twins are made in the same commit, after this feature's part of it: which links they are is seen now. */
static void look_for_twins(struct weir *w)
{
	struct netlink_state *s = w->netlink;

	if (!s->remap)
		return;
	s->remap = false;
	for (unsigned n = 0; n < PLACES_MAX; n++)
		if (s->kernel[n] != NULL && links_remap(w, s->kernel[n]))
			source_sync(s->kernel[n]);
}

/* All feeds share the time of a turn; each is the first one once. */
static unsigned netlink_turn(struct weir *w)
{
	struct netlink_state *s = w->netlink;
	uint64_t end;
	unsigned n = 0;

	if (!s->now.present)
		return 0;
	look_for_twins(w);
	end = netlink_clock() + TURN_NS;
	s->turn++;
	for (unsigned i = 0; i < PLACES_MAX; i++) {
		struct source *k = s->kernel[(s->turn + i) % PLACES_MAX];

		if (k != NULL)
			n += source_turn(w, k, end);
	}
	if (s->fpm != NULL)
		n += source_turn(w, s->fpm, end);
	return n;
}

bool netlink_synced(const struct weir *w)
{
	const struct netlink_state *s = w->netlink;

	for (unsigned n = 0; n < PLACES_MAX; n++)
		if (s->kernel[n] != NULL && !s->kernel[n]->ever)
			return false;
	return route_settled(w);
}

/* --- what the API shows --- */

static const char *state_of(const struct source *s)
{
	if (s->source == ROUTE_FPM)
		return s->connected ? "connected" : s->stale_at != 0 ? "stale" : "listening";
	if (s->phase == PHASE_SYNC || s->phase == PHASE_OBJECTS || s->phase == PHASE_SWEEP)
		return "syncing";
	return s->synced && !s->pending ? "synced" : "waiting";
}

static uint64_t stat(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

static void info_of(const struct weir *w, const struct source *s, struct netlink_info *out)
{
	const struct netlink_state *st = w->netlink;
	const struct route_feed_counts *c = route_feed_counts(w, s->source, s->number);

	*out = (struct netlink_info){.name = route_source_names[s->source],
		.place = s->kernel.path,
		.state = state_of(s),
		.synced_at = s->synced_at,
		.messages = s->messages,
		.syncs = s->syncs,
		.overruns = stat(&s->feed.stats.overruns),
		.repeats = stat(&s->feed.stats.repeats),
		.stalls = stat(&s->feed.stats.stalls),
		.swept = s->swept,
		.connections = stat(&s->feed.stats.connections),
		.answers = stat(&s->feed.stats.answers),
		.links = s->links.count,
		.addresses = address_count(st, s),
		.objects = s->objects.count};
	memcpy(out->reason, s->reason, sizeof out->reason);
	memcpy(out->routes, c->routes, sizeof out->routes);
	memcpy(out->by_protocol, c->by_protocol, sizeof out->by_protocol);
}

void netlink_feeds(struct weir *w, void (*fn)(void *ctx, const struct netlink_info *i), void *ctx)
{
	const struct netlink_state *st = w->netlink;
	struct netlink_info info;

	for (unsigned i = 0; i <= PLACES_MAX; i++) {
		const struct source *s = i < PLACES_MAX ? st->kernel[i] : st->fpm;

		if (s == NULL)
			continue;
		info_of(w, s, &info);
		fn(ctx, &info);
	}
}

static struct feature feature_netlink = {
	.name = "netlink",
	.order = 15, /* after iface, whose interfaces get addresses; before neigh and route, which count them
		      */
	.init = netlink_init,
	.fini = netlink_fini,
	.prepare = netlink_prepare,
	.commit = netlink_commit,
	.abort = netlink_abort,
	.turn = netlink_turn,
};
FEATURE_REGISTER(feature_netlink)
