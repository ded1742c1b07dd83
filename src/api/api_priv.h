/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/api: a request, the endpoint table, the handlers.
 */
#ifndef WEIR_API_API_PRIV_H
#define WEIR_API_API_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "control/json.h"
#include "base/err.h"
#include "pipeline/weir.h"

/* A body holds one change; what is larger is a mistake. All connections together may hold API_BODIES_MAX. */
#define API_BODY_MAX (16u << 20)
#define API_BODIES_MAX (64u << 20)
#define API_ROUTES_MAX 10000u /* in one request: the control thread does nothing else meanwhile */
#define API_BODY_DEPTH 16     /* nesting of a JSON body */
#define API_CONNECTIONS 64
#define API_TIMEOUT_SECONDS 30

struct request {
	struct weir *w;
	/* Query parameter by name, "" for one without a value, NULL if absent. */
	const char *(*query)(const struct request *r, const char *name);
	const void *query_ctx;
	json_t *body;    /* the object of a POST, PUT or DELETE; NULL for GET */
	struct jw out;   /* the document */
	unsigned status; /* HTTP; 0 counts as 200 */
};

typedef void (*endpoint_fn)(struct request *r);

struct endpoint {
	const char *method, *path;
	endpoint_fn handle;
};

/* The endpoint; NULL with *allowed filled (the methods the path knows, "" if there is no such path). */
const struct endpoint *endpoint_find(const char *method, const char *path, char *allowed, size_t size);
/* The known path nearest to a wrong one, or NULL. */
const char *endpoint_near(const char *path);

/* Replaces the document by {"error": sentence} and sets the status. */
void reply_error(struct request *r, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same from an err: its code decides the status. */
void reply_err(struct request *r, const struct err *e);
/* {"ok": true} */
void reply_ok(struct request *r);

/* socket.c: a listening, non-blocking Unix socket; -errno with a sentence. */
int socket_listen(const char *path, struct err *e);

/* Counters of the whole instance with room for every interface; NULL after reply_error(). Free with
 * counters_free(). */
struct counters *counters_read(struct request *r);
void counters_free(struct counters *c);

/* Handlers, by file. */
void show_version(struct request *r);
void show_ports(struct request *r);
void show_workers(struct request *r);
void show_memory(struct request *r);
void show_interfaces(struct request *r);
void show_neighbors(struct request *r);
void show_routes(struct request *r);
void show_route(struct request *r);
void show_vrfs(struct request *r);
void show_stages(struct request *r);
void show_pipeline(struct request *r);
void show_drops(struct request *r);
void clear_counters(struct request *r);
void change_route_add(struct request *r);
void change_route_replace(struct request *r);
void change_route_delete(struct request *r);
void change_neighbor_add(struct request *r);
void change_neighbor_replace(struct request *r);
void change_neighbor_delete(struct request *r);
void change_address_add(struct request *r);
void change_address_replace(struct request *r);
void change_address_delete(struct request *r);
void config_apply(struct request *r);

#endif
