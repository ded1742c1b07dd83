/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Feeds begin and end with commits: one for each network namespace that has a VRF, and FPM's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feature/netlink/priv.h"

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
	links_free(s);
	free(s->block);
	free(s);
}

static int source_open(struct source *s, const struct netlink_settings *set, struct err *e)
{
	bool kernel = s->source == ROUTE_KERNEL;
	int rc = kernel ? kernel_feed_open(&s->kernel, set, e) : fpm_feed_open(&s->fpm, set, e);

	if (rc != 0)
		return rc;
	rc = kernel ? feed_start(&s->feed, "weir-netlink", kernel_feed_run, &s->kernel, e)
		    : feed_start(&s->feed, "weir-fpm", fpm_feed_run, &s->fpm, e);
	s->running = rc == 0;
	return rc;
}

static int source_new(uint8_t kind, const char *path, uint8_t number, const struct netlink_settings *set,
	struct source **out, struct err *e)
{
	struct source *s = calloc(1, sizeof *s);
	int rc;

	if (s == NULL)
		return err_set(e, ENOMEM, "not enough memory for netlink");
	s->source = kind;
	s->number = number;
	s->kernel.notify = s->kernel.dump = -1;
	s->fpm.listener = s->fpm.peer = -1;
	snprintf(s->kernel.path, sizeof s->kernel.path, "%s", path);
	rc = source_open(s, set, e);
	if (rc != 0) {
		source_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* --- which there are --- */

static struct source *find(const struct netlink_state *st, const char *path)
{
	for (unsigned n = 0; n < PLACES_MAX; n++)
		if (st->kernel[n] != NULL && strcmp(st->kernel[n]->kernel.path, path) == 0)
			return st->kernel[n];
	return NULL;
}

struct source *feeds_own(const struct netlink_state *st)
{
	return find(st, "");
}

/* A number that no routes have, or -1. */
static int free_number(const struct weir *w)
{
	const struct netlink_state *st = w->netlink;

	for (unsigned n = 0; n < PLACES_MAX; n++)
		if (st->kernel[n] == NULL && st->next_kernel[n] == NULL &&
			!route_feed_is_going(w, ROUTE_KERNEL, (uint8_t)n))
			return (int)n;
	return -1;
}

/* --- prepare --- */

/* A socket that listens where the old one does cannot be had before that one is closed: kept. */
static bool keeps_fpm(const struct netlink_state *s)
{
	return s->fpm != NULL && s->next.fpm && memcmp(&s->next.at, &s->now.at, sizeof s->now.at) == 0;
}

static int prepare_place(struct weir *w, const char *path, struct err *e)
{
	struct netlink_state *st = w->netlink;
	struct source *old = find(st, path);
	int n;

	if (old != NULL && st->now.routes == st->next.routes && st->now.buffer == st->next.buffer) {
		st->keep_kernel |= UINT64_C(1) << old->number;
		return 0;
	}
	n = old != NULL ? old->number : free_number(w);
	if (n < 0) { /* of namespaces that are mirrored no more */
		route_settle(w);
		n = free_number(w);
	}
	if (n < 0)
		return err_set(e, ENOSPC,
			"netlink: namespace '%s' is one more than can be mirrored while others go; apply "
			"the "
			"change in two steps",
			path);
	return source_new(ROUTE_KERNEL, path, (uint8_t)n, &st->next, &st->next_kernel[n], e);
}

int feeds_prepare(struct weir *w, struct err *e)
{
	struct netlink_state *st = w->netlink;
	int rc = 0;

	feeds_abort(st);
	st->keep_kernel = 0;
	st->keep_fpm = keeps_fpm(st);
	if (w->trial || w->offline)
		return 0;
	for (unsigned i = 0; i < st->next.places && rc == 0; i++)
		rc = prepare_place(w, st->next.place[i], e);
	if (rc == 0 && st->next.fpm && !st->keep_fpm)
		rc = source_new(ROUTE_FPM, "", 0, &st->next, &st->next_fpm, e);
	return rc;
}

void feeds_abort(struct netlink_state *st)
{
	for (unsigned n = 0; n < PLACES_MAX; n++) {
		source_free(st->next_kernel[n]);
		st->next_kernel[n] = NULL;
	}
	source_free(st->next_fpm);
	st->next_fpm = NULL;
}

/* --- commit --- */

static void source_end(struct weir *w, struct source **at)
{
	struct source *s = *at;

	if (s == NULL)
		return;
	*at = NULL;
	if (s->looking)
		diff_end(w, s, "the configuration changed meanwhile; try again");
	links_end(w, s);
	address_take_over(w->netlink, NULL, s);
	route_feed_forget(w, s->source, s->number);
	source_free(s);
}

/* A new feed takes the routes of the old one over: its first sync sweeps. */
static void replace(struct weir *w, struct source *old, struct source *fresh)
{
	fresh->mark = old->mark;
	fresh->ever = old->ever;
	fresh->stale_at = fresh->source == ROUTE_FPM ? w->now + w->netlink->now.hold : 0;
	links_take_over(w->netlink, fresh, old);
	address_take_over(w->netlink, fresh, old);
	if (old->looking)
		diff_end(w, old, "the configuration changed meanwhile; try again");
	source_free(old);
}

static void take_over(struct weir *w, struct source **now, struct source **next)
{
	struct source *fresh = *next;

	*next = NULL;
	if (fresh == NULL) {
		source_end(w, now);
		return;
	}
	if (fresh->source == ROUTE_FPM && route_feed_is_going(w, ROUTE_FPM, 0))
		route_settle(w);
	if (*now != NULL)
		replace(w, *now, fresh);
	*now = fresh;
	fresh->pending = fresh->source == ROUTE_KERNEL;
	feed_wish(&fresh->feed, FEED_GO);
}

static uint8_t place_of(const struct netlink_settings *s, const char *path)
{
	uint8_t i = 0;

	while (i + 1u < s->places && strcmp(s->place[i], path) != 0)
		i++;
	return i;
}

void feeds_commit(struct weir *w, bool other)
{
	struct netlink_state *st = w->netlink;

	for (unsigned n = 0; n < PLACES_MAX; n++) {
		bool keep = (st->keep_kernel >> n & 1) != 0;

		if (!keep)
			take_over(w, &st->kernel[n], &st->next_kernel[n]);
		if (st->kernel[n] == NULL)
			continue;
		st->kernel[n]->where = place_of(&st->now, st->kernel[n]->kernel.path);
		if (links_remap(w, st->kernel[n]) | other && keep)
			source_sync(st->kernel[n]);
	}
	if (!st->keep_fpm)
		take_over(w, &st->fpm, &st->next_fpm);
}

void feeds_free(struct netlink_state *st)
{
	feeds_abort(st);
	for (unsigned n = 0; n < PLACES_MAX; n++) {
		source_free(st->kernel[n]);
		st->kernel[n] = NULL;
	}
	source_free(st->fpm);
	st->fpm = NULL;
}
