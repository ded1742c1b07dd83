/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Replies that are made while they are sent: long documents in pieces, and streams. What a client has not
 * taken yet is not made yet, so slow ones cost one piece of memory, whatever they asked for.
 */
#include <string.h>

#include "api/server.h"

#define SECOND UINT64_C(1000000000)

/* Hands over what is left of request.out. */
static ssize_t take(struct exchange *x, char *buf, size_t max)
{
	size_t n = x->request.out.len - x->sent;

	if (n > max)
		n = max;
	memcpy(buf, x->request.out.buf + x->sent, n);
	x->sent += n;
	x->connection->moved = api_clock();
	return (ssize_t)n;
}

static ssize_t read_piece(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct exchange *x = ctx;
	struct request *r = &x->request;

	while (x->sent == r->out.len) {
		if (x->last)
			return MHD_CONTENT_READER_END_OF_STREAM;
		jw_drain(&r->out);
		x->sent = 0;
		x->last = !r->more(r);
		if (x->last)
			jw_end(&r->out);
		if (r->out.failed)
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	return take(x, buf, max);
}

struct MHD_Response *reply_in_pieces(struct exchange *x)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, API_PIECE, read_piece, x, NULL);
}

/* --- streams --- */

static void suspend(struct connection *c, uint64_t due)
{
	c->suspended = true;
	c->due = due;
	MHD_suspend_connection(c->mhd);
	streams_schedule(c->server->api);
}

static ssize_t read_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct exchange *x = ctx;
	struct request *r = &x->request;
	const uint64_t now = api_clock();
	uint64_t due = UINT64_MAX;

	if (x->connection->closing || x->connection->server->api->stopping)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (x->sent < r->out.len)
		return take(x, buf, max);
	jw_reset(&r->out);
	x->sent = 0;
	if (x->spoke == 0)
		jw_raw(&r->out, "retry: 2000\n\n", 13);
	else
		r->feed(r, now, &due);
	if (r->out.len == 0 && now - x->spoke >= API_HEARTBEAT_SECONDS * SECOND)
		jw_raw(&r->out, ": alive\n\n", 9);
	if (r->out.failed)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->out.len == 0) {
		const uint64_t heartbeat = x->spoke + API_HEARTBEAT_SECONDS * SECOND;

		suspend(x->connection, due < heartbeat ? due : heartbeat);
		return 0;
	}
	x->spoke = now;
	return take(x, buf, max);
}

struct MHD_Response *reply_stream(struct exchange *x)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, API_PIECE, read_stream, x, NULL);
}

static void resume(struct connection *c)
{
	c->suspended = false;
	MHD_resume_connection(c->mhd);
	server_run_soon(c->server);
}

void streams_wake(void *api)
{
	struct api *a = api;

	for (struct connection *c = a->connections; c != NULL; c = c->next)
		if (c->suspended)
			resume(c);
}

void streams_schedule(struct api *a)
{
	const uint64_t now = api_clock();
	uint64_t first = UINT64_MAX, wait;
	struct timeval tv;

	for (const struct connection *c = a->connections; c != NULL; c = c->next)
		if (c->suspended && c->due < first)
			first = c->due;
	if (first == UINT64_MAX)
		return;
	wait = first > now ? (first - now) / 1000 + 1 : 0;
	tv = (struct timeval){.tv_sec = (time_t)(wait / 1000000), .tv_usec = (suseconds_t)(wait % 1000000)};
	evtimer_add(a->feeds, &tv);
}

void streams_due(evutil_socket_t fd, short what, void *api)
{
	struct api *a = api;
	const uint64_t now = api_clock();

	for (struct connection *c = a->connections; c != NULL; c = c->next)
		if (c->suspended && c->due <= now)
			resume(c);
	streams_schedule(a);
}
