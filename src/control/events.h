/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What happened, for whoever listens (`/v1/events`): links, neighbours, changes by the API, commits. Anyone
 * on the control thread publishes:
 *
 *   event_publish(w, "link", EV_TEXT("port", name), EV_TEXT("state", "up"), EV_U64("speed_mbit", 1000));
 *
 * The last EVENTS_KEPT are kept in one ring. A listener is a number, the next event it wants: one that falls
 * behind the ring learns how many it missed, and costs nothing meanwhile. Where nobody called events_open()
 * (the offline twin, most tests) publishing does nothing.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_CONTROL_EVENTS_H
#define WEIR_CONTROL_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir;

#define EVENTS_KEPT 1024

struct event_field {
	const char *key; /* NULL ends the list */
	enum { EVENT_TEXT, EVENT_U64, EVENT_BOOL } kind;
	const char *text; /* NULL is written as null */
	uint64_t u64;     /* the number, or 0 and 1 */
};

/* clang-format off */
#define EV_TEXT(k, t) ((struct event_field){.key = (k), .kind = EVENT_TEXT, .text = (t)})
#define EV_U64(k, n) ((struct event_field){.key = (k), .kind = EVENT_U64, .u64 = (n)})
#define EV_BOOL(k, b) ((struct event_field){.key = (k), .kind = EVENT_BOOL, .u64 = (b)})
#define event_publish(w, type, ...) \
	event_send((w), (type), (const struct event_field[]){__VA_ARGS__, {.key = NULL}})
/* clang-format on */

/* `type` must be a constant; the documented types are in src/api/show_events.c. Loses the event silently when
 * memory is short: listeners see the gap in the numbers. */
void event_send(struct weir *w, const char *type, const struct event_field *fields);

/* Events of `w` are kept from now on; `wake` is called after each. 0 or -ENOMEM. One instance at a time. */
int events_open(struct weir *w, void (*wake)(void *ctx), void *ctx);
void events_close(void);

struct event_entry {
	uint64_t id; /* 1, 2, 3 ... */
	const char *type;
	const char *json; /* the whole document, one line: id, time (UTC), type, then the fields */
};

/* Number of the next event that will be published. */
uint64_t events_next_id(void);
/* The event *next, which moves on; NULL when there is none yet. *missed: how many were gone before it. */
const struct event_entry *events_read(uint64_t *next, uint64_t *missed);

#endif
