/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The endpoint table and the replies every handler uses.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/diag.h"

static const struct endpoint endpoints[] = {
	{"GET", "/v1/version", show_version},
	{"GET", "/v1/interfaces", show_interfaces},
	{"GET", "/v1/ports", show_ports},
	{"GET", "/v1/routes", show_routes},
	{"GET", "/v1/route", show_route},
	{"GET", "/v1/vrfs", show_vrfs},
	{"GET", "/v1/neighbors", show_neighbors},
	{"GET", "/v1/stages", show_stages},
	{"GET", "/v1/pipeline", show_pipeline},
	{"GET", "/v1/drops", show_drops},
	{"GET", "/v1/workers", show_workers},
	{"GET", "/v1/memory", show_memory},
	{"POST", "/v1/routes", change_route_add},
	{"PUT", "/v1/routes", change_route_replace},
	{"DELETE", "/v1/routes", change_route_delete},
	{"POST", "/v1/neighbors", change_neighbor_add},
	{"PUT", "/v1/neighbors", change_neighbor_replace},
	{"DELETE", "/v1/neighbors", change_neighbor_delete},
	{"POST", "/v1/addresses", change_address_add},
	{"PUT", "/v1/addresses", change_address_replace},
	{"DELETE", "/v1/addresses", change_address_delete},
	{"POST", "/v1/counters/clear", clear_counters},
	{"POST", "/v1/config/apply", config_apply},
};
#define ENDPOINTS (sizeof endpoints / sizeof endpoints[0])

const struct endpoint *endpoint_find(const char *method, const char *path, char *allowed, size_t size)
{
	size_t len = 0;

	allowed[0] = '\0';
	for (unsigned i = 0; i < ENDPOINTS; i++) {
		const struct endpoint *p = &endpoints[i];

		if (strcmp(p->path, path) != 0)
			continue;
		if (strcmp(p->method, method) == 0)
			return p;
		if (len < size)
			len += (size_t)snprintf(
				allowed + len, size - len, "%s%s", len != 0 ? ", " : "", p->method);
	}
	return NULL;
}

const char *endpoint_near(const char *path)
{
	struct diag_near near;

	diag_near_init(&near, path);
	for (unsigned i = 0; i < ENDPOINTS; i++)
		diag_near_try(&near, endpoints[i].path);
	return near.best;
}

void reply_error(struct request *r, unsigned status, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	r->status = status;
	jw_reset(&r->out);
	jw_open(&r->out, NULL, '{');
	jw_text(&r->out, "error", text);
	jw_close(&r->out, '}');
}

static unsigned status_of(int code)
{
	switch (code) {
	case ENOENT:
		return 404;
	case EEXIST:
	case EBUSY:
	case EADDRINUSE:
		return 409;
	case ENOSPC:
	case ENOMEM:
		return 507;
	default:
		return 400;
	}
}

void reply_err(struct request *r, const struct err *e)
{
	reply_error(r, status_of(e->code), "%s",
		e->text[0] != '\0' ? e->text : "the request was refused without a reason");
}

void reply_ok(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_bool(&r->out, "ok", true);
	jw_close(&r->out, '}');
}

struct counters *counters_read(struct request *r)
{
	struct counters *c = calloc(1, sizeof *c);

	if (c != NULL)
		c->iface = calloc(IFACE_MAX, sizeof *c->iface);
	if (c == NULL || c->iface == NULL) {
		counters_free(c);
		reply_error(r, 507, "not enough memory to read the counters");
		return NULL;
	}
	weir_counters(r->w, c);
	return c;
}

void counters_free(struct counters *c)
{
	if (c != NULL)
		free(c->iface);
	free(c);
}
