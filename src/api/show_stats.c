/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GET /v1/stats: the counters again and again, as server-sent events; the documents are those of the
 * endpoints they are named after. And GET /v1/api, what the server counts about itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "api/event_docs.h"
#include "api/stats.h"
#include "control/value.h"

#define INTERVAL_MIN UINT64_C(100000000)
#define INTERVAL_MAX UINT64_C(3600000000000)

const char *const stats_parts[] = {"interfaces", "ports", "workers", "drops", "stages", "memory", NULL};
#define PARTS_DEFAULT "ports,workers,drops"

struct sampler {
	uint64_t interval, next; /* ns */
	uint64_t lagged;
	uint32_t parts; /* bit i: stats_parts[i] */
};

static const char *no_value(const struct request *r, const char *name)
{
	return NULL;
}

/* The whole document of an endpoint. */
static void put_part(struct jw *j, struct weir *w, const char *name)
{
	struct request r = {.w = w, .query = no_value, .header = no_value, .client = "stats"};
	char path[64], allowed[64];

	snprintf(path, sizeof path, "/v1/%s", name);
	r.endpoint = endpoint_find("GET", path, &r.name, allowed, sizeof allowed);
	if (r.endpoint == NULL)
		return;
	r.endpoint->handle(&r);
	/* Pieces are counted from the start of each. */
	for (bool more = r.more != NULL; more;) {
		more = r.more(&r);
		jw_raw(j, r.out.buf, r.out.len);
		jw_drain(&r.out);
	}
	jw_raw(j, r.out.buf, r.out.len);
	j->failed |= r.out.failed;
	request_free(&r);
}

static void put_sample(struct request *r, const struct sampler *s, uint64_t now)
{
	struct jw *j = &r->out;
	char head[80];

	jw_raw(j, "event: stats\ndata: {", 20);
	jw_raw(j, head,
		(size_t)snprintf(head, sizeof head, "\"clock_ns\":%llu,\"interval_ns\":%llu",
			(unsigned long long)now, (unsigned long long)s->interval));
	for (unsigned i = 0; stats_parts[i] != NULL; i++) {
		if ((s->parts >> i & 1) == 0)
			continue;
		jw_raw(j, head, (size_t)snprintf(head, sizeof head, ",\"%s\":", stats_parts[i]));
		put_part(j, r->w, stats_parts[i]);
	}
	jw_raw(j, "}\n\n", 3);
}

static void feed(struct request *r, uint64_t now, uint64_t *due)
{
	struct sampler *s = r->state;
	uint64_t missed;

	if (s->next == 0)
		s->next = now;
	*due = s->next;
	if (now < s->next)
		return;
	/* Samples that this client was too slow for were not made. */
	missed = (now - s->next) / s->interval;
	if (missed != 0) {
		s->lagged += missed;
		api_stats.lagged_events += missed;
		put_lagged(&r->out, missed, s->lagged);
	}
	put_sample(r, s, now);
	s->next += (missed + 1) * s->interval;
	*due = s->next;
}

static bool read_parts(struct request *r, struct sampler *s)
{
	const char *text = r->query(r, "of");
	char copy[256], *save = NULL;

	snprintf(copy, sizeof copy, "%s", text != NULL ? text : PARTS_DEFAULT);
	for (char *t = strtok_r(copy, ",", &save); t != NULL; t = strtok_r(NULL, ",", &save)) {
		unsigned i = 0;

		while (stats_parts[i] != NULL && strcmp(stats_parts[i], t) != 0)
			i++;
		if (stats_parts[i] == NULL) {
			reply_error(r, 400,
				"there are no statistics of '%.64s'; there are interfaces, ports, workers, "
				"drops, "
				"stages and memory",
				t);
			return false;
		}
		s->parts |= 1u << i;
	}
	return true;
}

static bool read_interval(struct request *r, struct sampler *s)
{
	const char *text = r->query(r, "interval");

	s->interval = UINT64_C(1000000000);
	if (text == NULL || (value_duration(text, &s->interval) == 0 && s->interval >= INTERVAL_MIN &&
				    s->interval <= INTERVAL_MAX))
		return true;
	reply_error(r, 400, "interval '%.64s' is not a duration from 100ms to 1h", text);
	return false;
}

static void show_stats(struct request *r)
{
	struct sampler *s = calloc(1, sizeof *s);

	if (s == NULL) {
		reply_error(r, 507, "not enough memory for a stream");
		return;
	}
	r->state = s;
	r->state_free = free;
	if (!read_parts(r, s) || !read_interval(r, s))
		return;
	r->type = "text/event-stream";
	r->feed = feed;
}

/* --- the server itself --- */

static void show_api(struct request *r)
{
	static const char *const classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct api_stats *s = &api_stats;
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_u64(j, "open_connections", s->open);
	jw_u64(j, "open_streams", s->streams);
	jw_u64(j, "connections", s->connections);
	jw_u64(j, "refused_limit", s->refused_limit);
	jw_u64(j, "refused_rate", s->refused_rate);
	jw_u64(j, "closed_for_room", s->closed_for_room);
	jw_u64(j, "expired", s->expired);
	jw_u64(j, "unauthorized", s->unauthorized);
	jw_u64(j, "forbidden", s->forbidden);
	jw_u64(j, "lagged_events", s->lagged_events);
	jw_open(j, "replies", '{');
	for (unsigned i = 2; i < 6; i++)
		jw_u64(j, classes[i], s->requests[i]);
	jw_close(j, '}');
	jw_text(j, "client", r->client);
	jw_text(j, "role", r->role == ROLE_WRITE ? "rw" : r->role == ROLE_READ ? "ro" : "none");
	jw_close(j, '}');
}

static const char *const roles[] = {"ro", "rw", "none", NULL};
static const struct doc api_docs[] = {
	{"open_connections", DOC_U64, "Connections that are open."},
	{"open_streams", DOC_U64, "Of these, streams of events or statistics."},
	{"connections", DOC_U64, "Connections since the start."},
	{"refused_limit", DOC_U64, "Connections refused because too many were open."},
	{"refused_rate", DOC_U64, "TLS connections refused because too many came at once."},
	{"closed_for_room", DOC_U64, "Idle or incomplete connections closed to let another in."},
	{"expired", DOC_U64, "Connections closed because a request or reply took too long."},
	{"unauthorized", DOC_U64, "Requests without a known token or certificate."},
	{"forbidden", DOC_U64, "Requests their client may not make."},
	{"lagged_events", DOC_U64, "Events that slow clients missed."},
	{"replies", DOC_MAP, "Replies by class of their status."},
	{"client", DOC_TEXT, "Who you are."},
	{"role", DOC_TEXT, "What you may do.", .words = roles},
	{0},
};

static const struct param params[] = {
	{"of", "What to send, with commas between: interfaces, ports, workers, drops, stages, memory. By "
	       "default " PARTS_DEFAULT "."},
	{"interval", "Time between two, from 100ms to 1h; by default 1s."},
	{0},
};
static const struct endpoint endpoints[] = {
	{"GET", "/v1/api", "What the API counts about itself, and who you are to it.", show_api,
		.reply = api_docs},
	{"GET", "/v1/stats",
		"Counters again and again, as server-sent events. Samples a client is too slow for are not "
		"made "
		"and reported in a lagged event.",
		show_stats, params, .flags = ENDPOINT_STREAM},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
