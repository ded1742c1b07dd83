/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connections: who may have one, how many, for how long. We accept and hand over to libmicrohttpd, so that a
 * newcomer finds room: where there is none, the connection that does least is closed.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/log.h"

#define ACCEPT_BATCH 16 /* then others get their turn */
#define SECOND UINT64_C(1000000000)
#define STANDS_STILL SECOND /* what does nothing for so long may have to make room */

struct api_stats api_stats;

uint64_t api_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* --- the list --- */

static struct connection *connection_new(struct server *s, int fd)
{
	struct connection *c = calloc(1, sizeof *c);
	struct api *a = s->api;

	if (c == NULL)
		return NULL;
	c->server = s;
	c->fd = fd;
	c->since = api_clock();
	c->next = a->connections;
	c->prev = &a->connections;
	if (c->next != NULL)
		c->next->prev = &c->next;
	a->connections = c;
	api_stats.open++;
	return c;
}

static void connection_free(struct connection *c)
{
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->server->api->admitting == c)
		c->server->api->admitting = NULL;
	api_stats.open--;
	if (c->state == CONNECTION_STREAMS)
		api_stats.streams--;
	free(c);
}

struct connection *connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

void connection_enter(struct connection *c, enum connection_state state)
{
	api_stats.streams += (state == CONNECTION_STREAMS) - (c->state == CONNECTION_STREAMS);
	c->state = state;
	c->since = c->moved = api_clock();
}

void connection_close(struct connection *c)
{
	c->closing = true;
	shutdown(c->fd, SHUT_RDWR);
	if (c->suspended)
		MHD_resume_connection(c->mhd);
	c->suspended = false;
	server_run_soon(c->server);
}

void connection_notify(
	void *ctx, struct MHD_Connection *m, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct server *s = ctx;
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(m, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context != NULL)
			connection_free(*socket_context);
		*socket_context = NULL;
		return;
	}
	for (struct connection *c = s->api->connections; c != NULL && info != NULL; c = c->next)
		if (c->mhd == NULL && c->fd == info->connect_fd) {
			c->mhd = m;
			*socket_context = c;
			return;
		}
}

/* --- limits --- */

static bool same_client(const struct connection *a, const struct connection *b)
{
	return a->client.family == b->client.family &&
	       memcmp(a->client.key, b->client.key, sizeof a->client.key) == 0;
}

static unsigned count_of(const struct connection *c, bool streams)
{
	unsigned n = 0;

	for (const struct connection *k = c->server->api->connections; k != NULL; k = k->next)
		n += !k->closing && same_client(k, c) && (!streams || k->state == CONNECTION_STREAMS);
	return n;
}

/* Of a stream nothing more is read, so what the client sent behind its request does not hide that it left.
 * From others what was sent before leaving is still to be read. */
static bool peer_left(const struct connection *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
	char byte;

	if (c->state == CONNECTION_STREAMS)
		return poll(&p, 1, 0) == 1;
	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* Streams whose clients left count no more: those who come back at once are not refused. */
bool connection_may_stream(const struct connection *c)
{
	unsigned all = 0;

	for (struct connection *k = c->server->api->connections; k != NULL; k = k->next) {
		if (k->state != CONNECTION_STREAMS || k->closing)
			continue;
		if (peer_left(k))
			connection_close(k);
		else
			all++;
	}
	return all < API_STREAMS && count_of(c, true) < API_STREAMS_PER_CLIENT;
}

/* How willingly a connection is closed for another, 0: not at all. A newcomer always finds room, at the cost
 * of what stands still, or else of the oldest. */
static unsigned worth_closing(const struct connection *c, uint64_t now)
{
	const bool still = now - c->since > STANDS_STILL;

	if (c->closing)
		return 0;
	switch (c->state) {
	case CONNECTION_WAITS:
		return still ? 4 : 1;
	case CONNECTION_SENDS_BODY:
		return still ? 3 : 1;
	case CONNECTION_GETS_REPLY:
		return now - c->moved > STANDS_STILL ? 2 : 1;
	default:
		return 0;
	}
}

/* The one that does least, of the same client (or of all), oldest first. */
static struct connection *find_victim(const struct connection *newcomer, bool same)
{
	const uint64_t now = api_clock();
	struct connection *best = NULL;
	unsigned best_worth = 0, best_count = 0;

	for (struct connection *c = newcomer->server->api->connections; c != NULL; c = c->next) {
		unsigned worth = worth_closing(c, now), count;

		if (c == newcomer || worth == 0 || (same && !same_client(c, newcomer)))
			continue;
		count = same ? 0 : count_of(c, false);
		/* Who has most gives first; the list has the youngest first. */
		if (best == NULL || count > best_count || (count == best_count && worth >= best_worth)) {
			best = c;
			best_worth = worth;
			best_count = count;
		}
	}
	return best;
}

static bool make_room(const struct connection *c, bool same)
{
	struct connection *victim = find_victim(c, same);

	if (victim == NULL)
		return false;
	api_stats.closed_for_room++;
	connection_close(victim);
	return true;
}

static bool has_room(const struct connection *c)
{
	unsigned open = 0;

	for (const struct connection *k = c->server->api->connections; k != NULL; k = k->next)
		open += !k->closing;
	if (count_of(c, false) > API_PER_CLIENT)
		return make_room(c, true);
	return open <= API_CONNECTIONS || make_room(c, false);
}

/* --- accepting --- */

static void refuse(struct connection *c)
{
	static const char text[] =
		"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: "
		"close\r\n\r\n"
		"{\"error\":\"too many connections are open; close some, or try again later\"}\n";

	char request[4096];

	/* What it sent is read, or closing would destroy the answer. */
	recv(c->fd, request, sizeof request, MSG_DONTWAIT);
	if (c->server->listen == NULL || !c->server->listen->tls)
		send(c->fd, text, sizeof text - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(c->fd);
	connection_free(c);
}

/* Handshakes cost time that the control thread needs for neighbours. */
static bool handshake_allowed(struct server *s)
{
	struct api *a = s->api;
	const uint64_t second = api_clock() / SECOND;

	if (s->listen == NULL || !s->listen->tls)
		return true;
	if (a->tls_second != second) {
		a->tls_second = second;
		a->tls_count = 0;
	}
	return a->tls_count++ < API_TLS_PER_SECOND;
}

static void admit(struct server *s, int fd, const struct sockaddr_storage *from, socklen_t len)
{
	struct connection *c;

	if (!handshake_allowed(s)) {
		api_stats.refused_rate++;
		close(fd);
		return;
	}
	c = connection_new(s, fd);
	if (c == NULL) {
		close(fd);
		return;
	}
	if (s->listen == NULL)
		auth_peer(c, s->api->set);
	else
		auth_address(c, from);
	api_stats.connections++;
	if (!has_room(c)) {
		api_stats.refused_limit++;
		refuse(c);
		return;
	}
	/* When it fails it has closed the descriptor, and perhaps said that the connection ended. */
	s->api->admitting = c;
	if (MHD_add_connection(s->mhd, fd, (const struct sockaddr *)from, len) != MHD_YES &&
		s->api->admitting != NULL)
		connection_free(c);
	s->api->admitting = NULL;
}

void connection_accept(evutil_socket_t listener, short what, void *server)
{
	struct server *s = server;

	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage from = {0};
		socklen_t len = sizeof from;
		int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			admit(s, fd, &from, len);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			/* Out of descriptors or memory: the socket stays readable, so wait for the tick. */
			s->paused = errno != EAGAIN;
			break;
		}
	}
	if (s->paused)
		event_del(s->accept);
	server_run(s);
}

/* --- time --- */

static bool took_too_long(const struct connection *c, uint64_t now)
{
	static const unsigned seconds[] = {[CONNECTION_WAITS] = API_HEADER_SECONDS,
		[CONNECTION_SENDS_BODY] = API_BODY_SECONDS,
		[CONNECTION_GETS_REPLY] = API_REPLY_SECONDS};

	return c->state != CONNECTION_STREAMS && now - c->since > seconds[c->state] * SECOND;
}

void connections_expire(struct api *a)
{
	const uint64_t now = api_clock();
	struct connection *next;

	for (struct connection *c = a->connections; c != NULL; c = next) {
		next = c->next;
		if (c->closing || c->mhd == NULL)
			continue;
		if (took_too_long(c, now)) {
			api_stats.expired++;
			log_debug("api: closing a connection of %s that takes too long", c->who);
			connection_close(c);
		} else if (c->state != CONNECTION_GETS_REPLY && peer_left(c)) {
			/* libmicrohttpd does not look at suspended ones, nor again after the last bytes and
			 * the end came together. */
			connection_close(c);
		}
	}
}
