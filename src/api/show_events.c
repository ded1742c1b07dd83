/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GET /v1/events: what happens, as server-sent events. The ring in control/events.c is the queue of every
 * client; one that reads too slowly is told how many events it missed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "api/event_docs.h"
#include "api/stats.h"
#include "control/diag.h"
#include "control/events.h"
#include "control/transaction.h"
#include "control/value.h"
#include "feature/acl/acl.h"

/* --- what there is --- */

#define CLIENT_DOC                                                                                           \
	{                                                                                                    \
		"client", DOC_TEXT, "Who asked for it.", .flags = DOC_NULL                                   \
	}
static const char *const actions[] = {"add", "replace", "delete", "flush", NULL};
static const char *const link_states[] = {"up", "down", NULL};
static const char *const worker_states[] = {"stalled", "running", NULL};

static const struct doc link_docs[] = {
	{"port", DOC_TEXT, "Name of the port."},
	{"state", DOC_TEXT, "up or down.", .words = link_states},
	{0},
};
static const struct doc worker_docs[] = {
	{"worker", DOC_U64, "Number of the worker."},
	{"state", DOC_TEXT, "stalled: it has not polled for seconds.", .words = worker_states},
	{0},
};
static const struct doc route_docs[] = {
	{"action", DOC_TEXT, "What was done.", .words = actions},
	{"prefix", DOC_TEXT, "Destination; null: several, see count.", .flags = DOC_NULL},
	{"vrf", DOC_TEXT, "The VRF."},
	{"count", DOC_U64, "How many routes."},
	CLIENT_DOC,
	{0},
};
static const struct doc neighbor_docs[] = {
	{"interface", DOC_TEXT, "The interface."},
	{"address", DOC_TEXT, "Its address."},
	{"mac", DOC_TEXT, "Its MAC address; null: unknown.", .flags = DOC_NULL},
	{"state", DOC_TEXT, "reachable: it answered, or its MAC address changed. failed: it did not answer."},
	{0},
};
static const struct doc change_docs[] = {
	{"action", DOC_TEXT, "What was done.", .words = actions},
	{"interface", DOC_TEXT, "The interface; null: all.", .flags = DOC_NULL},
	{"address", DOC_TEXT, "The address; null: all.", .flags = DOC_NULL},
	CLIENT_DOC,
	{0},
};
static const struct doc acl_docs[] = {
	{"acl", DOC_TEXT, "The list."},
	{"rule", DOC_U64, "Its rule; 0: its default."},
	{"name", DOC_TEXT, "The rule's name.", .flags = DOC_NULL},
	{"action", DOC_TEXT, "What the rule does.", .words = acl_action_names},
	{"interface_in", DOC_TEXT, "The packet came in by it.", .flags = DOC_NULL},
	{"interface_out", DOC_TEXT, "It was to leave by it; null: acl-in.", .flags = DOC_NULL},
	{"source", DOC_TEXT, "Source address."},
	{"destination", DOC_TEXT, "Destination address."},
	{"protocol", DOC_U64, "Transport protocol."},
	{"source_port", DOC_U64, "Source port; ICMP: type * 256 + code; 0: not known."},
	{"destination_port", DOC_U64, "Destination port; 0: not known."},
	{"length", DOC_U64, "Bytes of the IP packet."},
	{0},
};
static const struct doc conflict_docs[] = {
	{"interface", DOC_TEXT, "The interface."},
	{"address", DOC_TEXT, "Our address."},
	{"mac", DOC_TEXT, "Who else uses it."},
	{0},
};
static const struct doc off_docs[] = {
	{"interface", DOC_TEXT, "The interface."},
	{"mac", DOC_TEXT, "Who has its MAC address as well."},
	{0},
};
static const struct doc generation_docs[] = {
	{"generation", DOC_U64, "Number of the generation that workers use now."},
	{0},
};
static const struct doc config_docs[] = {
	{"action", DOC_TEXT,
		"What was done. taken-back: by a rollback of what waited; expired: nobody confirmed it. A "
		"rollback to "
		"an earlier one is applied.",
		.words = txn_fate_words},
	{"id", DOC_U64, "Number of the configuration that runs now."},
	{"before", DOC_U64, "Number of the one that ran before; with confirmed, the same."},
	{"confirm_within", DOC_U64, "Seconds left to confirm it; 0: it needs no confirmation."},
	{"added", DOC_U64, "Objects that are new."},
	{"changed", DOC_U64, "Objects that are different."},
	{"removed", DOC_U64, "Objects that are gone."},
	{"user", DOC_TEXT, "Who asked for it; null: nobody.", .flags = DOC_NULL},
	{"message", DOC_TEXT, "Why.", .flags = DOC_NULL},
	{0},
};
static const struct doc counters_docs[] = {CLIENT_DOC, {0}};
static const struct doc full_docs[] = {
	{"refused", DOC_U64, "Sessions that could not begin, in the last second."},
	{"sessions", DOC_U64, "Sessions there are."},
	{"max", DOC_U64, "sessions.max."},
	{0},
};
static const struct doc cleared_docs[] = {
	{"sessions", DOC_U64, "How many ended."},
	CLIENT_DOC,
	{0},
};
static const struct doc lagged_docs[] = {
	{"missed", DOC_U64, "Events that were dropped for this client just now."},
	{"total", DOC_U64, "Since it connected."},
	{0},
};

const struct event_doc event_docs[] = {
	{"link", "The link of a port changed.", link_docs},
	{"worker", "A worker stopped polling, or polls again.", worker_docs},
	{"route", "Routes were changed through the API.", route_docs},
	{"neighbor", "A neighbour was found or lost.", neighbor_docs},
	{"neighbor-change", "Neighbours were changed through the API.", change_docs},
	{"address", "An address was changed through the API.", change_docs},
	{"acl", "A packet met a rule that logs.", acl_docs},
	{"conflict", "Somebody else uses one of our addresses.", conflict_docs},
	{"config", "The configuration was applied, confirmed or taken back.", config_docs},
	{"ipv6-off", "IPv6 was switched off on an interface: somebody else has its MAC address.", off_docs},
	{"generation", "Workers use a new generation.", generation_docs},
	{"counters", "The counters were set to zero.", counters_docs},
	{"sessions-full", "Sessions could not begin for want of room.", full_docs},
	{"sessions-cleared", "Sessions were ended through the API.", cleared_docs},
	{0},
};
const struct event_doc lagged_doc = {"lagged", "This client was too slow and missed events.", lagged_docs};

/* --- the stream --- */

struct listener {
	uint64_t next, missed, lagged;
	uint32_t types; /* bit i: event_docs[i] is wanted; 0: all, also ones that are not documented here */
};

static int type_index(const char *type)
{
	for (int i = 0; event_docs[i].type != NULL; i++)
		if (strcmp(event_docs[i].type, type) == 0)
			return i;
	return -1;
}

static bool wanted(const struct listener *l, const char *type)
{
	const int i = type_index(type);

	return l->types == 0 || (i >= 0 && (l->types >> i & 1) != 0);
}

static void put_frame(struct jw *j, const struct event_entry *e)
{
	char head[96];
	int n = snprintf(head, sizeof head, "id: %" PRIu64 "\nevent: %s\ndata: ", e->id, e->type);

	jw_raw(j, head, (size_t)n);
	jw_raw(j, e->json, strlen(e->json));
	jw_raw(j, "\n\n", 2);
}

void put_lagged(struct jw *j, uint64_t missed, uint64_t total)
{
	char text[128];
	int n = snprintf(text, sizeof text,
		"event: lagged\ndata: {\"missed\":%" PRIu64 ",\"total\":%" PRIu64 "}\n\n", missed, total);

	jw_raw(j, text, (size_t)n);
}

static void feed(struct request *r, uint64_t now, uint64_t *due)
{
	struct listener *l = r->state;
	const struct event_entry *e;
	uint64_t missed;

	while (r->out.len < API_PIECE) {
		e = events_read(&l->next, &missed);
		if (missed != 0) {
			l->lagged += missed;
			api_stats.lagged_events += missed;
			put_lagged(&r->out, missed, l->lagged);
		}
		if (e == NULL)
			break;
		if (wanted(l, e->type))
			put_frame(&r->out, e);
	}
}

/* --- the request --- */

static void unknown_type(struct request *r, const char *type)
{
	struct diag_near near;

	diag_near_init(&near, type);
	for (unsigned i = 0; event_docs[i].type != NULL; i++)
		diag_near_try(&near, event_docs[i].type);
	if (near.best != NULL)
		reply_error(r, 400, "there are no '%.64s' events; did you mean '%s'?", type, near.best);
	else
		reply_error(r, 400, "there are no '%.64s' events; GET /v1/openapi.json lists them", type);
}

static bool read_types(struct request *r, struct listener *l)
{
	const char *text = r->query(r, "types");
	char copy[256], *save = NULL;

	if (text == NULL)
		return true;
	snprintf(copy, sizeof copy, "%s", text);
	for (char *t = strtok_r(copy, ",", &save); t != NULL; t = strtok_r(NULL, ",", &save)) {
		int i = type_index(t);

		if (i < 0) {
			unknown_type(r, t);
			return false;
		}
		l->types |= 1u << i;
	}
	return true;
}

/* A client that comes back says which event it saw last. */
static bool read_position(struct request *r, struct listener *l)
{
	const char *after = r->query(r, "after"), *last = r->header(r, "Last-Event-ID");
	const char *text = after != NULL ? after : last;
	uint64_t id;

	l->next = events_next_id();
	if (text == NULL)
		return true;
	if (value_u64(text, &id) != 0) {
		reply_error(r, 400, "%s '%.64s' is not the id of an event",
			after != NULL ? "after" : "Last-Event-ID", text);
		return false;
	}
	/* One beyond what was ever published is from before a restart: start anew. */
	if (id < l->next)
		l->next = id + 1;
	return true;
}

static void show_events(struct request *r)
{
	struct listener *l = calloc(1, sizeof *l);

	if (l == NULL) {
		reply_error(r, 507, "not enough memory for a stream");
		return;
	}
	r->state = l;
	r->state_free = free;
	if (!read_types(r, l) || !read_position(r, l))
		return;
	r->type = "text/event-stream";
	r->feed = feed;
}

static const struct param params[] = {
	{"types", "Only these types, with commas between them."},
	{"after", "Begin behind the event of this id, if it is still kept; as the header Last-Event-ID.",
		"^[0-9]+$"},
	{0},
};
static const struct endpoint endpoints[] = {
	{"GET", "/v1/events",
		"What happens, as server-sent events. The last 1024 are kept; a client that falls behind "
		"gets a "
		"lagged event with the number it missed.",
		show_events, params, .flags = ENDPOINT_STREAM},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
