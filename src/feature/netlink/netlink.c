/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature: feeds begin and end with commits, and have their turns.
 */
#include "feature/netlink/netlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/netlink/priv.h"

/* --- feeds --- */

static void source_free(struct source *s)
{
	if (s == NULL)
		return;
	if (s->running)
		feed_stop(&s->feed);
	if (s->source == ROUTE_KERNEL)
		kernel_feed_close(&s->kernel);
	else
		fpm_feed_close(&s->fpm);
	objects_free(&s->objects);
	free(s->block);
	free(s);
}

static int source_open(struct weir *w, struct source *s, const struct netlink_settings *set, struct err *e)
{
	bool kernel = s->source == ROUTE_KERNEL;
	int rc = kernel ? kernel_feed_open(&s->kernel, w, set, e) : fpm_feed_open(&s->fpm, set, e);

	if (rc != 0)
		return rc;
	rc = kernel ? feed_start(&s->feed, "weir-netlink", kernel_feed_run, &s->kernel, e)
		    : feed_start(&s->feed, "weir-fpm", fpm_feed_run, &s->fpm, e);
	s->running = rc == 0;
	return rc;
}

static int source_new(
	struct weir *w, uint8_t kind, const struct netlink_settings *set, struct source **out, struct err *e)
{
	struct source *s = calloc(1, sizeof *s);
	int rc;

	if (s == NULL)
		return err_set(e, ENOMEM, "not enough memory for netlink");
	s->source = kind;
	s->kernel.notify = s->kernel.dump = -1;
	s->fpm.listener = s->fpm.peer = -1;
	rc = source_open(w, s, set, e);
	if (rc != 0) {
		free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* The routes of a feed that is configured no more. */
static void drop_routes(struct weir *w, uint8_t source)
{
	struct route_pass p = {.sweep = true, .source = source, .feed = 0};

	/* Whatever mark they have, it is not one of these both. */
	route_pass(w, &p, UINT32_MAX);
	p = (struct route_pass){.sweep = true, .source = source, .feed = 0, .mark = 1};
	route_pass(w, &p, UINT32_MAX);
}

static void source_end(struct weir *w, struct source **at)
{
	uint8_t kind;

	if (*at == NULL)
		return;
	kind = (*at)->source;
	source_free(*at);
	*at = NULL;
	drop_routes(w, kind);
}

/* --- the feature --- */

static int netlink_init(struct weir *w, struct err *e)
{
	w->netlink = calloc(1, sizeof *w->netlink);
	return w->netlink != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for netlink");
}

static void unstage(struct netlink_state *s)
{
	source_free(s->next_kernel);
	source_free(s->next_fpm);
	s->next_kernel = s->next_fpm = NULL;
}

static void netlink_fini(struct weir *w)
{
	struct netlink_state *s = w->netlink;

	if (s == NULL)
		return;
	unstage(s);
	source_free(s->kernel);
	source_free(s->fpm);
	links_free(s);
	address_free(s);
	free(s);
	w->netlink = NULL;
}

/* A socket that listens where the old one does cannot be had before that one is closed: kept. */
static bool keeps_fpm(const struct netlink_state *s)
{
	return s->fpm != NULL && s->next.fpm && memcmp(&s->next.at, &s->now.at, sizeof s->now.at) == 0;
}

static bool keeps_kernel(const struct netlink_state *s)
{
	return s->kernel != NULL && s->next.present && s->now.routes == s->next.routes &&
	       s->now.buffer == s->next.buffer;
}

static int netlink_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct netlink_state *s = w->netlink;
	int rc = netlink_settings_read(w, cfg, &s->next, e);

	unstage(s);
	s->keep_kernel = keeps_kernel(s);
	s->keep_fpm = keeps_fpm(s);
	address_stage(w, &s->next, next);
	if (rc != 0 || w->trial || w->offline)
		return rc;
	if (s->next.present && !s->keep_kernel)
		rc = source_new(w, ROUTE_KERNEL, &s->next, &s->next_kernel, e);
	if (rc == 0 && s->next.fpm && !s->keep_fpm)
		rc = source_new(w, ROUTE_FPM, &s->next, &s->next_fpm, e);
	return rc;
}

static void netlink_abort(struct weir *w)
{
	unstage(w->netlink);
}

static bool same_view(const struct netlink_settings *a, const struct netlink_settings *b)
{
	return a->tables == b->tables && memcmp(a->table, b->table, sizeof a->table) == 0 &&
	       memcmp(a->distance, b->distance, sizeof a->distance) == 0 && a->addresses == b->addresses;
}

/* A new kernel's feed takes the routes of the old one over: its first sync sweeps. */
static void take_over(struct weir *w, struct source **now, struct source **next, bool keep)
{
	struct source *fresh = *next;

	*next = NULL;
	if (keep)
		return;
	if (fresh == NULL) {
		source_end(w, now);
		return;
	}
	if (*now != NULL) {
		fresh->mark = (*now)->mark;
		fresh->stale_at = fresh->source == ROUTE_FPM ? w->now + w->netlink->now.hold : 0;
	}
	source_free(*now);
	*now = fresh;
	fresh->pending = fresh->source == ROUTE_KERNEL;
	feed_wish(&fresh->feed, FEED_GO);
}

static void netlink_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct netlink_state *s = w->netlink;
	bool other, gone = s->kernel != NULL && !s->next.present;

	other = !same_view(&s->now, &s->next);
	s->now = s->next;
	address_commit(s);
	other |= links_remap(w);
	take_over(w, &s->kernel, &s->next_kernel, s->keep_kernel);
	take_over(w, &s->fpm, &s->next_fpm, s->keep_fpm);
	if (s->kernel != NULL && other && s->keep_kernel)
		source_sync(s->kernel);
	if (gone) {
		memset(s->link_down, 0, sizeof s->link_down);
		links_tell(w, true);
		links_free(s);
		s->first_sync = s->link_news = s->link_lost = false;
	}
}

static unsigned netlink_turn(struct weir *w)
{
	struct netlink_state *s = w->netlink;
	unsigned n = 0;

	if (s->kernel != NULL)
		n += source_turn(w, s->kernel);
	if (s->fpm != NULL)
		n += source_turn(w, s->fpm);
	return n;
}

bool netlink_synced(const struct weir *w)
{
	return w->netlink->kernel == NULL || w->netlink->first_sync;
}

int netlink_diff_start(struct weir *w)
{
	struct netlink_state *s = w->netlink;

	if (s->kernel == NULL || !s->now.routes)
		return -ENOENT;
	if (!s->diff.running)
		feed_wish(&s->kernel->feed, FEED_LOOK);
	s->diff.running = true;
	return 0;
}

const struct netlink_diff *netlink_diff(const struct weir *w)
{
	return &w->netlink->diff;
}

/* --- what the API shows --- */

static const char *state_of(const struct source *s)
{
	if (s->source == ROUTE_FPM)
		return s->connected ? "connected" : s->stale_at != 0 ? "stale" : "listening";
	if (s->phase == PHASE_SYNC || s->phase == PHASE_SWEEP)
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
	const struct route_feed_counts *c = route_feed_counts(w, s->source);

	*out = (struct netlink_info){.name = route_source_names[s->source],
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
		.links = s->source == ROUTE_KERNEL ? st->links : 0,
		.addresses = s->source == ROUTE_KERNEL ? st->addresses : 0,
		.objects = s->objects.count};
	memcpy(out->reason, s->reason, sizeof out->reason);
	memcpy(out->routes, c->routes, sizeof out->routes);
	memcpy(out->by_protocol, c->by_protocol, sizeof out->by_protocol);
}

void netlink_feeds(struct weir *w, void (*fn)(void *ctx, const struct netlink_info *i), void *ctx)
{
	const struct source *all[] = {w->netlink->kernel, w->netlink->fpm};
	struct netlink_info info;

	for (unsigned i = 0; i < 2; i++) {
		if (all[i] == NULL)
			continue;
		info_of(w, all[i], &info);
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
