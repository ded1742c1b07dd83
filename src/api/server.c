/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libmicrohttpd in the daemon's event loop. MHD keeps all its descriptors in one epoll set; libevent watches
 * the descriptor of that set, and a timer covers what MHD has pending or wants to time out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <microhttpd.h>

#include "api/api.h"
#include "api/api_priv.h"
#include "base/log.h"

struct api {
	struct weir *w;
	struct MHD_Daemon *mhd;
	struct event *ready, *timer;
	char *path;
	size_t bodies; /* bytes of request bodies that are held now */
};

/* One HTTP exchange, from its header to its last byte. */
struct exchange {
	const struct endpoint *endpoint;
	struct request request;
	char *body;
	size_t len, room;
	unsigned refused; /* status of a body that cannot be taken; what still comes is skipped */
	size_t skipped;
};

static const char *query(const struct request *r, const char *name)
{
	struct MHD_Connection *c = (struct MHD_Connection *)(uintptr_t)r->query_ctx;
	const char *value = NULL;
	size_t len = 0;

	if (MHD_lookup_connection_value_n(c, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &len) !=
		MHD_YES)
		return NULL;
	return value != NULL ? value : "";
}

/* --- replies --- */

static enum MHD_Result send_reply(struct MHD_Connection *c, struct request *r, const char *allow)
{
	static char none[] = "{\"error\":\"not enough memory for the answer\"}";
	struct MHD_Response *reply;
	enum MHD_Result rc;

	jw_end(&r->out);
	if (r->out.failed) {
		reply = MHD_create_response_from_buffer(sizeof none - 1, none, MHD_RESPMEM_PERSISTENT);
		r->status = 507;
	} else {
		reply = MHD_create_response_from_buffer(r->out.len, r->out.buf, MHD_RESPMEM_MUST_FREE);
		if (reply != NULL)
			r->out = (struct jw){0};
	}
	if (reply == NULL)
		return MHD_NO;
	MHD_add_response_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	MHD_add_response_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (allow != NULL)
		MHD_add_response_header(reply, MHD_HTTP_HEADER_ALLOW, allow);
	rc = MHD_queue_response(c, r->status != 0 ? r->status : 200, reply);
	MHD_destroy_response(reply);
	return rc;
}

static enum MHD_Result send_unknown(struct MHD_Connection *c, struct request *r, const char *method,
	const char *path, const char *allowed)
{
	const char *near = endpoint_near(path);

	if (allowed[0] != '\0') {
		reply_error(r, 405, "%s does not take %s; it takes %s", path, method, allowed);
		return send_reply(c, r, allowed);
	}
	if (near != NULL)
		reply_error(r, 404, "there is no %s; did you mean %s?", path, near);
	else
		reply_error(r, 404, "there is no %s", path);
	return send_reply(c, r, NULL);
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
	if (x->refused == 0 && !keep_body(a, x, data, *n))
		drop_body(a, x);
	if (x->refused != 0)
		x->skipped += *n;
	*n = 0;
	return x->skipped > 4 * (size_t)API_BODY_MAX ? MHD_NO : MHD_YES;
}

static unsigned depth_of(const char *s, size_t len)
{
	unsigned depth = 0, deepest = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && s[i] == '\\')
			i++;
		else if (s[i] == '"')
			quoted = !quoted;
		else if (!quoted && (s[i] == '{' || s[i] == '['))
			deepest = ++depth > deepest ? depth : deepest;
		else if (!quoted && (s[i] == '}' || s[i] == ']') && depth > 0)
			depth--;
	}
	return deepest;
}

/* Reads the JSON of a body. False after a reply was written to x->request. */
static bool parse_body(struct exchange *x)
{
	struct request *r = &x->request;
	json_error_t why;

	if (x->refused == 413)
		reply_error(r, 413, "the body is larger than %u MiB", API_BODY_MAX >> 20);
	else if (x->refused != 0)
		reply_error(r, x->refused, "there is no room for the body now; try again");
	else if (x->len == 0)
		r->body = json_object();
	else if (depth_of(x->body, x->len) > API_BODY_DEPTH)
		reply_error(r, 400, "the body nests deeper than %d levels", API_BODY_DEPTH);
	else {
		r->body = json_loadb(x->body, x->len, JSON_REJECT_DUPLICATES, &why);
		if (r->body == NULL)
			reply_error(r, 400, "the body is not JSON: line %d, column %d: %s", why.line,
				why.column, why.text);
		else if (!json_is_object(r->body))
			reply_error(r, 400, "the body must be a JSON object");
	}
	return r->status == 0;
}

/* --- MHD callbacks --- */

static enum MHD_Result begin(
	struct api *a, struct MHD_Connection *c, const char *url, const char *method, struct exchange **out)
{
	struct exchange *x = calloc(1, sizeof *x);
	char allowed[64];

	if (x == NULL)
		return MHD_NO;
	*out = x;
	x->request = (struct request){.w = a->w, .query = query, .query_ctx = c};
	if (strcmp(method, "HEAD") == 0)
		method = "GET"; /* MHD leaves the body out */
	x->endpoint = endpoint_find(method, url, allowed, sizeof allowed);
	if (x->endpoint == NULL)
		return send_unknown(c, &x->request, method, url, allowed);
	return MHD_YES;
}

/* Called once with the header, then with each piece of the body, then without one: answer. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *n, void **state)
{
	struct api *a = ctx;
	struct exchange *x = *state;

	if (x == NULL)
		return begin(a, c, url, method, (struct exchange **)state);
	if (*n != 0)
		return take_body(a, x, data, n);
	if (strcmp(x->endpoint->method, "GET") == 0 || parse_body(x))
		x->endpoint->handle(&x->request);
	drop_body(a, x);
	return send_reply(c, &x->request, NULL);
}

static void on_completed(
	void *ctx, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	if (x == NULL)
		return;
	drop_body(ctx, x);
	json_decref(x->request.body);
	jw_free(&x->request.out);
	free(x);
	*state = NULL;
}

static void on_log(void *ctx, const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof text, fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("api: %s", text);
}

/* --- the event loop --- */

static void run(evutil_socket_t fd, short what, void *arg)
{
	struct api *a = arg;
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval tv;

	MHD_run(a->mhd);
	if (MHD_get_timeout(a->mhd, &ms) != MHD_YES) {
		evtimer_del(a->timer);
		return;
	}
	tv = (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(a->timer, &tv);
}

static struct MHD_Daemon *start_mhd(struct api *a, int fd)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, a,
		MHD_OPTION_EXTERNAL_LOGGER, on_log, a, MHD_OPTION_LISTEN_SOCKET, fd,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)API_TIMEOUT_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a,
		MHD_OPTION_END);
}

static int watch(struct api *a, struct event_base *base, struct err *e)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(a->mhd, MHD_DAEMON_INFO_EPOLL_FD);

	if (info == NULL)
		return err_set(e, EIO, "this libmicrohttpd has no epoll support");
	a->ready = event_new(base, info->epoll_fd, EV_READ | EV_PERSIST, run, a);
	a->timer = evtimer_new(base, run, a);
	if (a->ready == NULL || a->timer == NULL || event_add(a->ready, NULL) != 0)
		return err_set(e, ENOMEM, "not enough memory for the API");
	return 0;
}

struct api *api_start(struct weir *w, struct event_base *base, const char *socket_path, struct err *e)
{
	struct api *a = calloc(1, sizeof *a);
	int fd;

	if (a == NULL) {
		err_set(e, ENOMEM, "not enough memory for the API");
		return NULL;
	}
	a->w = w;
	fd = socket_listen(socket_path, e);
	if (fd < 0) {
		free(a);
		return NULL;
	}
	a->path = strdup(socket_path);
	a->mhd = start_mhd(a, fd);
	if (a->mhd == NULL) {
		err_set(e, EIO, "the HTTP server for %s cannot be started", socket_path);
		close(fd);
	}
	if (a->mhd == NULL || watch(a, base, e) != 0) {
		api_stop(a);
		return NULL;
	}
	return a;
}

void api_stop(struct api *a)
{
	if (a == NULL)
		return;
	if (a->ready != NULL)
		event_free(a->ready);
	if (a->timer != NULL)
		event_free(a->timer);
	if (a->path != NULL)
		unlink(a->path);
	if (a->mhd != NULL)
		MHD_stop_daemon(a->mhd); /* closes the listening socket as well */
	free(a->path);
	free(a);
}
