/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The daemon as a service: what the service manager hears of it (sd_notify(3)), and its watchdog. The
 * watchdog is fed by a timer of the control loop, so that loop turns, and only when every worker has begun a
 * new round since the last time or sleeps. A worker that hangs in a driver thus ends in a restart, a busy one
 * does not.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "base/log.h"
#include "base/notify.h"
#include "runtime/priv.h"

#define BEATS 4 /* per watchdog time */

/* A worker that sleeps wakes up by itself soon (sleep.c), so its rounds go on, too; but not if nobody lets it
 * run. */
static bool worker_lives(struct service *s, const struct poller *p, unsigned id)
{
	uint64_t polls = __atomic_load_n(&p->polls, __ATOMIC_RELAXED);
	bool lives = polls != s->polls[id] || __atomic_load_n(&p->asleep, __ATOMIC_RELAXED);

	s->polls[id] = polls;
	if (lives)
		s->stuck[id] = false;
	else if (!s->stuck[id])
		log_error("worker %u on CPU %d has not polled for %" PRIu64
			  " ms; if that goes on, the service manager restarts weir",
			id, p->cpu, s->watchdog_us / BEATS / 1000);
	s->stuck[id] |= !lives;
	return lives;
}

static void beat(evutil_socket_t fd, short what, void *arg)
{
	struct runtime *r = arg;
	bool alive = true;

	for (unsigned i = 0; i < WORKER_MAX; i++)
		if (r->poller[i] != NULL && r->poller[i]->running)
			alive &= worker_lives(&r->service, r->poller[i], i);
	if (alive)
		notify_send("WATCHDOG=1");
}

void service_status(struct runtime *r)
{
	struct service *s = &r->service;
	unsigned ports = 0, up = 0;
	char text[sizeof s->status];

	PORT_EACH(p, &r->now)
	{
		ports++;
		up += r->weir->link_up[p->slot];
	}
	snprintf(text, sizeof text, "%u worker%s, %u of %u ports up", r->now.set.workers,
		r->now.set.workers == 1 ? "" : "s", up, ports);
	if (strcmp(text, s->status) == 0)
		return;
	memcpy(s->status, text, sizeof text);
	notify_send("STATUS=%s", text);
}

int service_start(struct runtime *r, struct err *e)
{
	struct service *s = &r->service;
	struct timeval every;
	uint64_t us;

	s->status[0] = '\0';
	s->watchdog_us = notify_watchdog_us();
	us = s->watchdog_us / BEATS;
	every = (struct timeval){.tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000)};
	if (us != 0) {
		s->beat = event_new(r->base, -1, EV_PERSIST, beat, r);
		if (s->beat == NULL || event_add(s->beat, &every) != 0)
			return err_set(e, ENOMEM, "not enough memory for the watchdog");
	}
	notify_send("READY=1");
	service_status(r);
	return 0;
}

void service_reloading(bool begins)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	if (begins)
		notify_send(
			"RELOADING=1\nMONOTONIC_USEC=%lld", (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
	else
		notify_send("READY=1");
}

void service_stop(struct runtime *r)
{
	if (r->service.beat != NULL)
		event_free(r->service.beat);
	r->service.beat = NULL;
}
