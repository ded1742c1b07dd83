/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One HTTP exchange: who asks, the body as it comes, the reply. libmicrohttpd calls, request.c decides.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/server.h"
#include "base/log.h"

static struct MHD_Connection *mhd_of(const struct request *r)
{
	return (struct MHD_Connection *)(uintptr_t)r->ctx;
}

static const char *query(const struct request *r, const char *name)
{
	const char *value = NULL;
	size_t len = 0;

	if (MHD_lookup_connection_value_n(
		    mhd_of(r), MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &len) != MHD_YES)
		return NULL;
	return value != NULL ? value : "";
}

static const char *header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(mhd_of(r), MHD_HEADER_KIND, name);
}

/* --- replies --- */

static void add_headers(struct MHD_Response *reply, const struct request *r, const char *allow)
{
	const char *type = r->type != NULL ? r->type : "application/json";

	if (r->status != 304)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	/* What has a version may be kept, but not used without asking. */
	MHD_add_response_header(
		reply, MHD_HTTP_HEADER_CACHE_CONTROL, r->etag[0] != '\0' ? "no-cache" : "no-store");
	MHD_add_response_header(reply, "X-Content-Type-Options", "nosniff");
	if (r->etag[0] != '\0')
		MHD_add_response_header(reply, MHD_HTTP_HEADER_ETAG, r->etag);
	if (allow != NULL)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_ALLOW, allow);
	if (r->status == 401)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer realm=\"weir\"");
}

/* The finished document; it belongs to the response from here on. */
static struct MHD_Response *reply_whole(struct exchange *x)
{
	static char none[] = "{\"error\":\"not enough memory for the answer; try again\"}\n";
	struct request *r = &x->request;
	struct api *a = x->connection->server->api;
	struct MHD_Response *reply;

	if (r->status == 304)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (r->type == NULL)
		jw_end(&r->out);
	if (r->out.failed || a->replies + r->out.len > API_REPLIES_MAX) {
		r->status = r->out.failed ? 507 : 503;
		r->type = NULL;
		return MHD_create_response_from_buffer(sizeof none - 1, none, MHD_RESPMEM_PERSISTENT);
	}
	x->held = r->out.len;
	a->replies += x->held;
	reply = MHD_create_response_from_buffer(r->out.len, r->out.buf, MHD_RESPMEM_MUST_FREE);
	if (reply != NULL)
		r->out = (struct jw){0};
	return reply;
}

static struct MHD_Response *make_reply(struct exchange *x)
{
	struct request *r = &x->request;

	if (r->feed != NULL)
		return reply_stream(x);
	/* What ends with its first piece goes out whole, with its length. */
	if (r->more != NULL && r->more(r) && !r->out.failed)
		return reply_in_pieces(x);
	return reply_whole(x);
}

static enum MHD_Result send_reply(struct MHD_Connection *c, struct exchange *x, const char *allow)
{
	struct request *r = &x->request;
	struct MHD_Response *reply = make_reply(x);
	enum MHD_Result rc;

	if (reply == NULL)
		return MHD_NO;
	if (r->status == 0)
		r->status = 200;
	add_headers(reply, r, allow);
	api_stats.requests[r->status / 100 % 6]++;
	connection_enter(x->connection, r->feed != NULL ? CONNECTION_STREAMS : CONNECTION_GETS_REPLY);
	rc = MHD_queue_response(c, r->status, reply);
	MHD_destroy_response(reply);
	return rc;
}

/* --- the header --- */

/* False after a reply: there is no such endpoint (here). */
static bool find_endpoint(
	struct exchange *x, const char *method, const char *path, char *allowed, size_t size)
{
	const struct api_listen *l = x->connection->server->listen;
	struct request *r = &x->request;
	const char *near;

	r->endpoint = endpoint_find(method, path, &r->name, allowed, size);
	if (r->endpoint != NULL && l != NULL && l->metrics && (r->endpoint->flags & ENDPOINT_OPEN) == 0) {
		reply_error(r, 404, "this port serves /metrics and nothing else");
		return false;
	}
	if (r->endpoint != NULL)
		return true;
	near = endpoint_near(path);
	if (allowed[0] != '\0')
		reply_error(r, 405, "%.200s does not take %.32s; it takes %s", path, method, allowed);
	else if (near != NULL)
		reply_error(r, 404, "there is no %.200s; did you mean %s?", path, near);
	else
		reply_error(r, 404, "there is no %.200s; GET /v1/openapi.json lists what there is", path);
	return false;
}

/* False after a reply: the client may not do that. */
static bool authorize(struct exchange *x)
{
	struct connection *c = x->connection;
	struct request *r = &x->request;
	static struct log_rate rate;

	r->client = c->who;
	if (c->server->listen != NULL && c->server->listen->metrics)
		return true;
	r->role = auth_request(c, header(r, MHD_HTTP_HEADER_AUTHORIZATION));
	if (r->role == ROLE_NONE && c->server->listen == NULL) {
		api_stats.forbidden++;
		reply_error(r, 403, "%s may not use this socket; root and members of group '%s' may", c->who,
			c->server->api->set->group);
	} else if (r->role == ROLE_NONE) {
		api_stats.unauthorized++;
		if (log_rate_ok(&rate, api_clock(), 1))
			log_notice("api: %s sent a request without a known token or certificate", c->who);
		reply_error(r, 401,
			"this needs a known token (Authorization: Bearer TOKEN) or client certificate; 'weir "
			"api "
			"token' makes one");
	} else if (r->role == ROLE_READ && endpoint_changes(r->endpoint)) {
		api_stats.forbidden++;
		reply_error(r, 403, "%s may read only; %s %s changes something", c->who, r->endpoint->method,
			r->endpoint->path);
	}
	return r->status == 0;
}

static enum MHD_Result each_param(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
	return request_check_param(ctx, name) ? MHD_YES : MHD_NO;
}

static bool check_request(struct exchange *x, struct MHD_Connection *c)
{
	struct request *r = &x->request;

	MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, each_param, r);
	if (r->status == 0 && (r->endpoint->flags & ENDPOINT_STREAM) != 0 &&
		!connection_may_stream(x->connection))
		reply_error(r, 503, "too many streams are open; close one first");
	return r->status == 0;
}

static enum MHD_Result begin(
	struct server *s, struct MHD_Connection *c, const char *url, const char *method, void **state)
{
	struct exchange *x = calloc(1, sizeof *x);
	struct connection *conn = connection_of(c);

	if (x == NULL || conn == NULL) {
		free(x);
		return MHD_NO;
	}
	*state = x;
	x->connection = conn;
	conn->exchange = x;
	x->request = (struct request){.w = s->api->w, .query = query, .header = header, .ctx = c};
	if (strcmp(method, "HEAD") == 0)
		method = "GET"; /* MHD leaves the body out */
	/* A refusal waits for the end of a small body: a client that is still sending would not see it. */
	x->decided = !find_endpoint(x, method, url, x->allowed, sizeof x->allowed) || !authorize(x) ||
		     !check_request(x, c);
	connection_enter(conn, CONNECTION_SENDS_BODY);
	return MHD_YES;
}

/* --- bodies --- */

static bool keep_body(struct api *a, struct exchange *x, const char *data, size_t n)
{
	size_t room = x->room != 0 ? x->room : 4096;
	char *p;

	if (n > API_BODY_MAX - x->len) {
		x->refused = 413;
		return false;
	}
	while (room - x->len < n)
		room *= 2;
	if (a->bodies + (room - x->room) > API_BODIES_MAX) {
		x->refused = 503;
		return false;
	}
	p = room != x->room ? realloc(x->body, room) : x->body;
	if (p == NULL) {
		x->refused = 507;
		return false;
	}
	a->bodies += room - x->room;
	x->room = room;
	x->body = p;
	memcpy(p + x->len, data, n);
	x->len += n;
	return true;
}

static void drop_body(struct api *a, struct exchange *x)
{
	a->bodies -= x->room;
	free(x->body);
	x->body = NULL;
	x->len = x->room = 0;
}

/* A refused body is skipped until its end, when the client listens again; a sender without end is cut off. */
static enum MHD_Result take_body(struct api *a, struct exchange *x, const char *data, size_t *n)
{
	const size_t most = x->decided ? API_SKIP_MAX : 4 * (size_t)API_BODY_MAX;

	if (!x->decided && x->refused == 0 && !keep_body(a, x, data, *n))
		drop_body(a, x);
	if (x->decided || x->refused != 0)
		x->skipped += *n;
	*n = 0;
	return x->skipped > most ? MHD_NO : MHD_YES;
}

static void answer(struct exchange *x)
{
	struct request *r = &x->request;

	if (x->refused == 413)
		reply_error(r, 413, "the body is larger than %u MiB", API_BODY_MAX >> 20);
	else if (x->refused != 0)
		reply_error(r, x->refused, "there is no room for the body now; try again");
	else
		request_run(r, x->body, x->len);
	if (endpoint_changes(r->endpoint))
		log_info("api: %s: %s %s: %u", r->client, r->endpoint->method, r->endpoint->path,
			r->status != 0 ? r->status : 200);
}

/* --- libmicrohttpd --- */

/* Called once with the header, then with each piece of the body, then without one: answer. */
enum MHD_Result exchange_request(void *server, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *n, void **state)
{
	struct server *s = server;
	struct exchange *x = *state;

	if (x == NULL)
		return begin(s, c, url, method, state);
	if (*n != 0)
		return take_body(s->api, x, data, n);
	if (x->decided)
		return send_reply(c, x, x->request.status == 405 ? x->allowed : NULL);
	answer(x);
	drop_body(s->api, x);
	return send_reply(c, x, NULL);
}

void exchange_completed(
	void *server, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct server *s = server;
	struct exchange *x = *state;

	if (x == NULL)
		return;
	drop_body(s->api, x);
	s->api->replies -= x->held;
	x->connection->exchange = NULL;
	connection_enter(x->connection, CONNECTION_WAITS);
	request_free(&x->request);
	free(x);
	*state = NULL;
}
