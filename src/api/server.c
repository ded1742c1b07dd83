/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libmicrohttpd in the daemon's event loop, one of its daemons for each listening socket. It keeps its
 * descriptors in an epoll set; libevent watches the descriptor of that set, and a timer covers what it has
 * pending or wants to time out. A new configuration is prepared beside the running one and takes its place.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "base/log.h"
#include "control/events.h"

static struct api *the_api; /* one in a process: the instance that is no offline twin */

/* --- one listening socket --- */

void server_run(struct server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	struct timeval tv;

	s->soon = false;
	MHD_run(s->mhd);
	if (s->soon) { /* a request in this very run woke a stream, which MHD_get_timeout() does not know */
		ms = 0;
	} else if (MHD_get_timeout(s->mhd, &ms) != MHD_YES) {
		evtimer_del(s->timer);
		return;
	}
	tv = (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	evtimer_add(s->timer, &tv);
}

void server_run_soon(struct server *s)
{
	const struct timeval now = {0};

	s->soon = true;
	evtimer_add(s->timer, &now);
}

static void on_ready(evutil_socket_t fd, short what, void *server)
{
	server_run(server);
}

static void on_log(void *ctx, const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof text, fmt, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("api: %s", text);
}

static struct MHD_Daemon *start_mhd(struct server *s)
{
	const struct api_listen *l = s->listen;
	struct MHD_OptionItem tls[6] = {{MHD_OPTION_END, 0, NULL}};
	unsigned n = 0;

	if (l != NULL && l->tls) {
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, l->certificate};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, l->key};
		if (l->client_ca != NULL)
			tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, l->client_ca};
		tls[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
			(void *)(uintptr_t) "SECURE128:-VERS-TLS1.0:-VERS-TLS1.1"};
		tls[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
	}
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_ERROR_LOG | MHD_USE_NO_LISTEN_SOCKET |
					MHD_ALLOW_SUSPEND_RESUME | (n != 0 ? MHD_USE_TLS : 0),
		0, NULL, NULL, exchange_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, s,
		MHD_OPTION_CONNECTION_LIMIT, 2u * API_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)API_TIMEOUT_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)API_HEADER_MEMORY,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, s,
		MHD_OPTION_NOTIFY_CONNECTION, connection_notify, s, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static void server_free(struct server *s)
{
	if (s->accept != NULL)
		event_free(s->accept);
	if (s->mhd != NULL) {
		/* Suspended streams see that they are closing, and end. */
		for (struct connection *c = s->api != NULL ? s->api->connections : NULL; c != NULL;
			c = c->next)
			if (c->server == s)
				connection_close(c);
		MHD_run(s->mhd);
		MHD_stop_daemon(s->mhd);
	}
	if (s->ready != NULL)
		event_free(s->ready);
	if (s->timer != NULL)
		event_free(s->timer);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

static void servers_free(struct server *list)
{
	while (list != NULL) {
		struct server *next = list->next;

		server_free(list);
		list = next;
	}
}

/* Ready to serve, but not serving. It owns `fd`; NULL with a sentence, fd closed. */
static struct server *server_new(const struct api_listen *l, int fd, const char *name, struct err *e)
{
	struct server *s = fd >= 0 ? calloc(1, sizeof *s) : NULL;

	if (s == NULL) {
		err_set(e, ENOMEM, "not enough memory for the API");
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	s->fd = fd;
	s->listen = l;
	snprintf(s->name, sizeof s->name, "%s", name);
	s->mhd = start_mhd(s);
	if (s->mhd != NULL)
		return s;
	if (l != NULL && l->tls)
		err_set(e, EINVAL,
			"TLS for %s cannot be set up: certificate, key or client-ca is not valid PEM, or the "
			"key "
			"belongs to another certificate",
			name);
	else
		err_set(e, EIO, "the HTTP server for %s cannot be started", name);
	server_free(s);
	return NULL;
}

static int server_serve(struct server *s, struct api *a, struct err *e)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);

	if (info == NULL)
		return err_set(e, EIO, "this libmicrohttpd has no epoll support");
	s->api = a;
	s->accept = event_new(a->base, s->fd, EV_READ | EV_PERSIST, connection_accept, s);
	s->ready = event_new(a->base, info->epoll_fd, EV_READ | EV_PERSIST, on_ready, s);
	s->timer = evtimer_new(a->base, on_ready, s);
	if (s->accept == NULL || s->ready == NULL || s->timer == NULL || event_add(s->ready, NULL) != 0 ||
		event_add(s->accept, NULL) != 0)
		return err_set(e, ENOMEM, "not enough memory for the API");
	return 0;
}

/* --- configurations --- */

static struct server *find_server(struct server *list, const struct api_listen *l)
{
	for (struct server *s = list; s != NULL; s = s->next)
		if (s->listen != NULL && ipaddr_equal(&s->listen->address, &l->address) &&
			s->listen->port == l->port)
			return s;
	return NULL;
}

/* Opens what the configuration has and the running one has not. One that differs in its certificate only
 * takes over the listening socket: nobody is turned away. */
static int open_servers(struct api *a, struct api_settings *set, struct server **out, struct err *e)
{
	for (unsigned i = 0; i < set->listen_count; i++) {
		const struct api_listen *l = &set->listen[i];
		struct server *now = find_server(a->servers, l), *s;
		char text[ADDR_STRLEN], name[80];

		if (now != NULL && listen_equal(now->listen, l))
			continue;
		snprintf(name, sizeof name, "%s port %u", ipaddr_format(&l->address, text), l->port);
		s = server_new(l, now != NULL ? dup(now->fd) : socket_listen_tcp(l, e), name, e);
		if (s == NULL)
			return -e->code;
		s->next = *out;
		*out = s;
	}
	return 0;
}

static struct api *api_of(struct weir *w)
{
	if (the_api == NULL) {
		the_api = calloc(1, sizeof *the_api);
		if (the_api != NULL)
			the_api->w = w;
	}
	return the_api;
}

static void forget_next(struct api *a)
{
	servers_free(a->next_servers);
	settings_free(a->next_set);
	a->next_servers = NULL;
	a->next_set = NULL;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct api *a = w->offline ? NULL : api_of(w);

	if (w->offline)
		return 0;
	if (a == NULL)
		return err_set(e, ENOMEM, "not enough memory for the API");
	a->next_set = settings_load(cfg, e);
	if (a->next_set != NULL && open_servers(a, a->next_set, &a->next_servers, e) == 0)
		return 0;
	forget_next(a);
	return -e->code;
}

/* Moves the servers that stay to their place in the new settings; returns the others. */
static struct server *split_servers(struct api *a, struct api_settings *set)
{
	struct server **at = &a->servers, *gone = NULL;

	while (*at != NULL) {
		struct server *s = *at;
		const struct api_listen *place = NULL;

		for (unsigned i = 0; s->listen != NULL && i < set->listen_count; i++)
			if (listen_equal(s->listen, &set->listen[i]))
				place = &set->listen[i];
		if (s->listen == NULL || place != NULL) {
			s->listen = place;
			at = &s->next;
		} else {
			*at = s->next;
			s->next = gone;
			gone = s;
		}
	}
	return gone;
}

static void start_serving(struct api *a, struct server *s)
{
	struct err e = {0};

	if (server_serve(s, a, &e) != 0)
		log_error("%s: %s", s->name, e.text);
	else
		log_info("API: listening on %s", s->name);
}

static void free_gone(struct api *a)
{
	servers_free(a->gone);
	a->gone = NULL;
	while (a->gone_sets != NULL) {
		struct api_settings *next = a->gone_sets->next;

		settings_free(a->gone_sets);
		a->gone_sets = next;
	}
}

static void on_reap(evutil_socket_t fd, short what, void *api)
{
	free_gone(api);
}

/* The request that changed the configuration may have come through a server that is not in force any more: it
 * stops listening now and ends when its callbacks have returned. */
static void retire(struct api *a, struct server *list)
{
	const struct timeval now = {0};

	while (list != NULL) {
		struct server *next = list->next;

		if (list->accept != NULL)
			event_free(list->accept);
		list->accept = NULL;
		close(list->fd);
		list->fd = -1;
		list->next = a->gone;
		a->gone = list;
		list = next;
	}
	if (a->set != NULL) {
		a->set->next = a->gone_sets;
		a->gone_sets = a->set;
	}
	if (a->reap != NULL)
		evtimer_add(a->reap, &now);
	else
		free_gone(a);
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct api *a = w->offline ? NULL : the_api;
	struct server **end;

	if (a == NULL || a->next_set == NULL)
		return;
	retire(a, split_servers(a, a->next_set));
	a->set = a->next_set;
	for (end = &a->servers; *end != NULL; end = &(*end)->next)
		;
	*end = a->next_servers;
	a->next_set = NULL;
	a->next_servers = NULL;
	for (struct server *s = *end; s != NULL && a->base != NULL; s = s->next)
		start_serving(a, s);
}

static void abort_next(struct weir *w)
{
	if (!w->offline && the_api != NULL)
		forget_next(the_api);
}

static void free_api(struct weir *w)
{
	if (!w->offline && the_api != NULL && the_api->w == w)
		api_stop(the_api);
}

static struct feature feature = {.name = "api",
	.order = 200,
	.prepare = prepare,
	.commit = commit,
	.abort = abort_next,
	.fini = free_api};
FEATURE_REGISTER(feature)

/* --- the whole --- */

static void on_tick(evutil_socket_t fd, short what, void *api)
{
	struct api *a = api;

	connections_expire(a);
	for (struct server *s = a->servers; s != NULL; s = s->next)
		if (s->paused && event_add(s->accept, NULL) == 0)
			s->paused = false;
	watch_tick(a->w);
}

static int start_timers(struct api *a, struct err *e)
{
	const struct timeval second = {.tv_sec = 1};

	a->tick = event_new(a->base, -1, EV_PERSIST, on_tick, a);
	a->feeds = evtimer_new(a->base, streams_due, a);
	a->reap = evtimer_new(a->base, on_reap, a);
	if (a->tick == NULL || a->feeds == NULL || a->reap == NULL || event_add(a->tick, &second) != 0 ||
		events_open(a->w, streams_wake, a) != 0)
		return err_set(e, ENOMEM, "not enough memory for the API");
	return 0;
}

static int start_unix(struct api *a, const char *path, struct err *e)
{
	struct server *s;
	char name[80];
	int fd = socket_listen(path, a->set, e);

	if (fd < 0)
		return -e->code;
	snprintf(name, sizeof name, "%.79s", path);
	s = server_new(NULL, fd, name, e);
	if (s == NULL)
		return -e->code;
	a->path = strdup(path);
	s->next = a->servers;
	a->servers = s;
	return 0;
}

struct api *api_start(struct weir *w, struct event_base *base, const char *socket_path, struct err *e)
{
	struct api *a = api_of(w);

	if (a == NULL) {
		err_set(e, ENOMEM, "not enough memory for the API");
		return NULL;
	}
	if (a->base != NULL) {
		err_set(e, EADDRINUSE, "this weir serves %s already", a->path);
		return NULL;
	}
	if (a->set == NULL)
		a->set = settings_load(NULL, e);
	a->base = base;
	if (a->set == NULL || start_unix(a, socket_path, e) != 0 || start_timers(a, e) != 0) {
		api_stop(a);
		return NULL;
	}
	for (struct server *s = a->servers; s != NULL; s = s->next)
		if (server_serve(s, a, e) != 0) {
			api_stop(a);
			return NULL;
		}
	return a;
}

void api_stop(struct api *a)
{
	if (a == NULL)
		return;
	a->stopping = true;
	if (a->path != NULL)
		unlink(a->path);
	if (a->base != NULL)
		events_close();
	free_gone(a);
	servers_free(a->servers);
	forget_next(a);
	settings_free(a->set);
	if (a->tick != NULL)
		event_free(a->tick);
	if (a->feeds != NULL)
		event_free(a->feeds);
	if (a->reap != NULL)
		event_free(a->reap);
	free(a->path);
	if (a == the_api)
		the_api = NULL;
	free(a);
}
