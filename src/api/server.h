/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the server: listening sockets, each with a libmicrohttpd daemon; connections, who made them and how
 * long they may take; exchanges.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_API_SERVER_H
#define WEIR_API_SERVER_H

#include <sys/socket.h>

#include <event2/event.h>
#include <microhttpd.h>

#include "api/api.h"
#include "api/settings.h"
#include "api/stats.h"

#define API_CONNECTIONS 128 /* of all clients */
#define API_BACKLOG 1024
#define API_PER_CLIENT 48 /* of one user on the socket, or one address (IPv6: one /64) on TCP */
#define API_STREAMS 32    /* of these, streams without end */
#define API_STREAMS_PER_CLIENT 16
#define API_TLS_PER_SECOND 50  /* handshakes: each costs the control thread about a millisecond */
#define API_HEADER_SECONDS 10  /* from the connection or the last reply to the end of a header */
#define API_BODY_SECONDS 60    /* from the header to the end of the body */
#define API_REPLY_SECONDS 900  /* from the request to the last byte of the reply */
#define API_TIMEOUT_SECONDS 30 /* without a byte in either direction */
#define API_HEARTBEAT_SECONDS 15
#define API_SKIP_MAX (1u << 20) /* of a body whose header was refused already */
#define API_HEADER_MEMORY 32768 /* per connection, for the header and for buffering */

/* A client as the limits see it. */
struct client {
	uint8_t family; /* 1: user of this machine, 4, 6 */
	uint8_t key[16];
};

enum connection_state { CONNECTION_WAITS, CONNECTION_SENDS_BODY, CONNECTION_GETS_REPLY, CONNECTION_STREAMS };

struct exchange;

struct connection {
	struct connection *next, **prev;
	struct server *server;
	struct MHD_Connection *mhd; /* NULL until libmicrohttpd announced it */
	struct exchange *exchange;  /* NULL between requests */
	int fd;
	struct client client;
	enum role role; /* on the Unix socket; ROLE_NONE on TCP, where each request shows who it is */
	char who[48];
	enum connection_state state;
	uint64_t since; /* ns; when this state began */
	uint64_t moved; /* ns; when a piece of the reply was taken last */
	uint64_t due;   /* ns; a suspended stream wants to be asked then */
	bool suspended, closing;
};

/* A listening socket. */
struct server {
	struct server *next;
	struct api *api;                 /* NULL until it serves */
	const struct api_listen *listen; /* NULL: the Unix socket */
	char name[80];                   /* for the log: "the socket PATH", "10.0.0.1 port 8443" */
	int fd;
	struct MHD_Daemon *mhd;
	struct event *accept, *ready, *timer;
	bool paused; /* accepting waits for the next tick: no descriptors left */
	bool soon;   /* server_run_soon() was called since the last run began */
};

struct api {
	struct weir *w;
	struct event_base *base;       /* NULL until api_start() */
	struct api_settings *set;      /* in force */
	struct server *servers;        /* in force; the Unix socket is the first */
	struct api_settings *next_set; /* between prepare and commit or abort */
	struct server *next_servers;
	struct server *gone;            /* not in force any more; freed outside of their own callbacks */
	struct api_settings *gone_sets; /* what those still point into */
	struct connection *connections;
	struct connection *admitting; /* being handed to libmicrohttpd; NULL once that ended it */
	struct event *tick, *feeds, *reap;
	char *path;
	size_t bodies;  /* bytes of request bodies that are held now */
	size_t replies; /* bytes of replies that are held now */
	uint64_t tls_second;
	unsigned tls_count;
	bool stopping;
};

/* ns, monotonic. */
uint64_t api_clock(void);

/* server.c */
/* Lets libmicrohttpd do what is possible now, and sets the timer for the rest. Not from its callbacks. */
void server_run(struct server *s);
/* The same, soon: from anywhere. */
void server_run_soon(struct server *s);

/* listen.c */
/* A listening, non-blocking Unix socket; -1 with a sentence. */
int socket_listen(const char *path, const struct api_settings *set, struct err *e);
int socket_listen_tcp(const struct api_listen *l, struct err *e);

/* connection.c */
/* Takes new connections from the listening socket. */
void connection_accept(evutil_socket_t fd, short what, void *server);
/* libmicrohttpd: a connection begins or ends. */
void connection_notify(
	void *ctx, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code);
struct connection *connection_of(struct MHD_Connection *c);
void connection_enter(struct connection *c, enum connection_state state);
/* Ends a connection; it is gone after the next server_run(). */
void connection_close(struct connection *c);
/* Closes what takes too long; once a second. */
void connections_expire(struct api *a);
/* False when the client has as many streams as it may. */
bool connection_may_stream(const struct connection *c);

/* auth.c */
/* Who is on the Unix socket: fills client, role and who. */
void auth_peer(struct connection *c, const struct api_settings *set);
void auth_address(struct connection *c, const struct sockaddr_storage *from);
/* Who sends this request; ROLE_NONE when nobody knows. `who` lives as long as the connection. */
enum role auth_request(struct connection *c, const char *authorization);

/* exchange.c */
enum MHD_Result exchange_request(void *server, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *n, void **state);
void exchange_completed(
	void *server, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why);

/* watch.c: publishes what nobody else tells: links that change, workers that stall. Once a second. */
void watch_tick(struct weir *w);

/* One HTTP exchange, from its header to its last byte. */
struct exchange {
	struct connection *connection;
	struct request request;
	char *body;
	size_t len, room;
	bool decided;     /* the header alone was refused; the reply is ready */
	char allowed[64]; /* methods, for a 405 */
	unsigned refused; /* status of a body that cannot be taken; what still comes is skipped */
	size_t skipped;
	size_t held;    /* bytes of the reply that count in api->replies */
	size_t sent;    /* bytes of request.out that were handed over */
	bool last;      /* no piece follows */
	uint64_t spoke; /* ns; last time a stream said something */
};

/* reply.c: replies that are made while they are sent */
struct MHD_Response *reply_in_pieces(struct exchange *x);
struct MHD_Response *reply_stream(struct exchange *x);
/* Asks every stream again: an event was published. */
void streams_wake(void *api);
/* Sets the timer for the stream that is due first. */
void streams_schedule(struct api *a);
void streams_due(evutil_socket_t fd, short what, void *api);

#endif
