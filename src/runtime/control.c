/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control thread's loop (libevent): a short timer gives the instance its turn, signals end it, the API
 * has its own events on the same base.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "api/api.h"
#include "base/log.h"
#include "base/notify.h"
#include "metrics/telemetry.h"
#include "runtime/priv.h"

#define TURN_US 1000               /* between turns when nothing happens: what a punted packet may wait */
#define TURNS_NS UINT64_C(4000000) /* in a row: what the API may wait */

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One turn of the instance, measured: what punted packets and timers may wait. */
static unsigned one_turn(struct weir *w)
{
	uint64_t begin = runtime_clock(), cpu = cpu_ns(), wall;
	unsigned n = weir_control(w, begin);

	cpu = cpu_ns() - cpu;
	wall = runtime_clock() - begin;
	w->control.turns++;
	w->control.over += cpu > LONG_TURN_NS;
	w->control.longest = wall > w->control.longest ? wall : w->control.longest;
	w->control.longest_cpu = cpu > w->control.longest_cpu ? cpu : w->control.longest_cpu;
	return n;
}

static void turn(evutil_socket_t fd, short what, void *arg)
{
	struct runtime *r = arg;
	struct timeval next = {.tv_usec = TURN_US};
	uint64_t end = runtime_clock() + TURNS_NS;

	/* A few turns in a row while there is work, then others get theirs. */
	for (unsigned i = 0; i < 8 && runtime_clock() < end; i++)
		if (one_turn(r->weir) == 0)
			break;
		else
			next.tv_usec = 0;
	evtimer_add(r->wake, &next);
}

/* The wall clock may be set while we run, and workers may come. */
static void tell_wall_clock(const struct runtime *r)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	weir_wall_set(r->weir, (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec - runtime_clock());
}

static void poll_link(evutil_socket_t fd, short what, void *arg)
{
	ports_poll_due(arg);
}

static void watch(evutil_socket_t fd, short what, void *arg)
{
	tell_wall_clock(arg);
	service_status(arg);
	pollers_watch(arg);
	memory_watch(arg);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
	struct runtime *r = arg;

	log_notice("%s: stopping", fd == SIGINT ? "SIGINT" : "SIGTERM");
	notify_send("STOPPING=1");
	event_base_loopbreak(r->base);
}

/* A broken file must not end a running router: what is wrong goes to the log. */
static void on_reload(evutil_socket_t fd, short what, void *arg)
{
	struct runtime *r = arg;
	static struct diag d;
	struct err e = {0};
	char *text = NULL;

	service_reloading(true);
	if (runtime_apply_file(r->weir, r->config_path, &d, &text, &e) == 0)
		log_notice("SIGHUP: %s applied", r->config_path);
	else if (d.total != 0)
		diag_print(&d, stderr);
	else
		log_error("SIGHUP: %s", e.text);
	service_reloading(false);
	free(text);
}

static int add_events(struct runtime *r, struct err *e)
{
	struct timeval link = {.tv_usec = LINK_LOOK_MS * 1000}, slow = {.tv_usec = WATCH_MS * 1000},
		       now = {0};

	r->wake = evtimer_new(r->base, turn, r);
	r->link = event_new(r->base, -1, EV_PERSIST, poll_link, r);
	r->watch = event_new(r->base, -1, EV_PERSIST, watch, r);
	r->sigterm = evsignal_new(r->base, SIGTERM, on_stop, r);
	r->sigint = evsignal_new(r->base, SIGINT, on_stop, r);
	r->sighup = evsignal_new(r->base, SIGHUP, on_reload, r);
	if (r->wake == NULL || r->link == NULL || r->watch == NULL || r->sigterm == NULL ||
		r->sigint == NULL || r->sighup == NULL)
		return err_set(e, ENOMEM, "not enough memory for the control loop");
	tell_wall_clock(r);
	link_watch(r);
	if (evtimer_add(r->wake, &now) != 0 || event_add(r->link, &link) != 0 ||
		event_add(r->watch, &slow) != 0 || evsignal_add(r->sigterm, NULL) != 0 ||
		evsignal_add(r->sigint, NULL) != 0 || evsignal_add(r->sighup, NULL) != 0)
		return err_set(e, EIO, "the control loop could not be set up");
	return 0;
}

static void free_events(struct runtime *r)
{
	struct event *all[] = {r->wake, r->link, r->watch, r->sigterm, r->sigint, r->sighup};

	link_unwatch(r);
	for (unsigned i = 0; i < RTE_DIM(all); i++)
		if (all[i] != NULL)
			event_free(all[i]);
	event_base_free(r->base);
	r->base = NULL;
}

int control_run(struct runtime *r, const struct run_options *o, struct err *e)
{
	const char *path = o->socket != NULL ? o->socket : r->now.set.socket;
	int rc = 0;

	signal(SIGPIPE, SIG_IGN);
	r->base = event_base_new();
	if (r->base == NULL)
		return err_set(e, ENOMEM, "not enough memory for the control loop");
	if (add_events(r, e) == 0 && (r->api = api_start(r->weir, r->base, path, e)) != NULL &&
		telemetry_start(r->weir, r->base, e) == 0) {
		log_notice("ready: %u worker%s, API on %s", r->now.set.workers,
			r->now.set.workers == 1 ? "" : "s", path);
		rc = service_start(r, e);
		if (rc == 0)
			event_base_dispatch(r->base);
	} else {
		rc = -1;
	}
	telemetry_stop();
	if (r->api != NULL)
		api_stop(r->api);
	r->api = NULL;
	service_stop(r);
	free_events(r);
	return rc;
}
