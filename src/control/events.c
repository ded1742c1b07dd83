/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "control/json.h"

static struct {
	struct weir *w; /* NULL: closed */
	void (*wake)(void *ctx);
	void *ctx;
	uint64_t next; /* id of the next event */
	struct event_entry *ring;
} bus;

int events_open(struct weir *w, void (*wake)(void *ctx), void *ctx)
{
	events_close();
	bus.ring = calloc(EVENTS_KEPT, sizeof *bus.ring);
	if (bus.ring == NULL)
		return -ENOMEM;
	bus.w = w;
	bus.wake = wake;
	bus.ctx = ctx;
	bus.next = 1;
	return 0;
}

void events_close(void)
{
	for (unsigned i = 0; bus.ring != NULL && i < EVENTS_KEPT; i++)
		free((char *)(uintptr_t)bus.ring[i].json);
	free(bus.ring);
	bus.ring = NULL;
	bus.w = NULL;
}

/* RFC 3339 with milliseconds. */
static void put_time(struct jw *j)
{
	struct timespec now;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	jw_format(j, "time", "%s.%03ldZ", text, now.tv_nsec / 1000000);
}

static void put_field(struct jw *j, const struct event_field *f)
{
	if (f->kind == EVENT_TEXT)
		jw_text(j, f->key, f->text);
	else if (f->kind == EVENT_U64)
		jw_u64(j, f->key, f->u64);
	else
		jw_bool(j, f->key, f->u64 != 0);
}

static char *to_json(const char *type, const struct event_field *fields)
{
	struct jw j = {0};

	jw_open(&j, NULL, '{');
	jw_u64(&j, "id", bus.next);
	put_time(&j);
	jw_text(&j, "type", type);
	for (const struct event_field *f = fields; f->key != NULL; f++)
		put_field(&j, f);
	jw_close(&j, '}');
	jw_raw(&j, "", 1);
	if (j.failed) {
		jw_free(&j);
		return NULL;
	}
	return j.buf;
}

void event_send(struct weir *w, const char *type, const struct event_field *fields)
{
	struct event_entry *e;
	char *json;

	if (bus.w == NULL || bus.w != w)
		return;
	json = to_json(type, fields);
	e = &bus.ring[bus.next % EVENTS_KEPT];
	free((char *)(uintptr_t)e->json);
	*e = (struct event_entry){.id = bus.next++, .type = type, .json = json};
	if (json != NULL)
		bus.wake(bus.ctx);
}

uint64_t events_next_id(void)
{
	return bus.next;
}

const struct event_entry *events_read(uint64_t *next, uint64_t *missed)
{
	const uint64_t oldest = bus.next > EVENTS_KEPT ? bus.next - EVENTS_KEPT : 1;

	*missed = 0;
	if (*next < oldest) {
		*missed = oldest - *next;
		*next = oldest;
	}
	while (*next < bus.next) {
		const struct event_entry *e = &bus.ring[(*next)++ % EVENTS_KEPT];

		if (e->json != NULL)
			return e;
		++*missed; /* it was lost for want of memory */
	}
	return NULL;
}
