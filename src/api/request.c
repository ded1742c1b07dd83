/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a request that was received to its reply, without the network: bodies, checks, errors, versions.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "config/config.h"
#include "control/diag.h"

const struct doc doc_ok[] = {{"ok", DOC_BOOL, "Always true: what went wrong is an error."}, {0}};

/* --- replies --- */

void reply_error(struct request *r, unsigned status, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	r->status = status;
	r->type = NULL;
	r->more = NULL;
	r->feed = NULL;
	r->etag[0] = '\0';
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
	case EACCES:
	case EPERM:
		return 403;
	case ESTALE:
		return 412;
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

/* --- versions (RFC 9110 8.8.3, 13.1) --- */

/* Is the quoted tag in a list such as: "a", W/"b" or *? Weak ones count only where that is allowed. */
static bool tag_in(const char *list, const char *tag, bool weak)
{
	const size_t len = strlen(tag);

	for (const char *at = list; *at != '\0';) {
		const char *open = strchr(at, '"'), *close = open != NULL ? strchr(open + 1, '"') : NULL;

		if (at == list && list[strspn(list, " ")] == '*')
			return true;
		if (close == NULL)
			return false;
		if ((size_t)(close + 1 - open) == len && memcmp(open, tag, len) == 0 &&
			(weak || open < at + 2 || open[-1] != '/'))
			return true;
		at = close + 1;
	}
	return false;
}

void reply_etag(struct request *r, const char *version)
{
	const char *known = strcmp(r->endpoint->method, "GET") == 0 ? r->header(r, "If-None-Match") : NULL;

	snprintf(r->etag, sizeof r->etag, "\"%.64s\"", version);
	if (known == NULL || !tag_in(known, r->etag, true) || (r->status != 0 && r->status != 200))
		return;
	r->status = 304;
	r->more = NULL;
	jw_reset(&r->out);
}

static bool names(const char *list, const char *version, const char *more)
{
	char tag[CONFIG_VERSION_LEN + 12];

	snprintf(tag, sizeof tag, "\"%s%s\"", version, more);
	return tag_in(list, tag, false);
}

/* Two people must not overwrite each other's changes: what is changed must be what was read. False after a
 * reply. The version of everything that people change is one: that of what runs. */
static bool still_current(struct request *r)
{
	const struct endpoint *p = r->endpoint;
	const char *wanted = r->header(r, "If-Match");
	char now[CONFIG_VERSION_LEN], applied[16];

	if (r->w->config == NULL || !endpoint_changes(p) ||
		(wanted == NULL && (p->flags & ENDPOINT_MATCH) == 0))
		return true;
	config_service_version(r->w->config, now);
	snprintf(applied, sizeof applied, "%" PRIu32, txn_id(config_service_txn(r->w->config)));
	if (wanted == NULL)
		reply_error(r, 428,
			"%s %s needs an If-Match header with the ETag of what it replaces, so that nobody's "
			"change is lost; GET it first",
			p->method, p->path);
	else if (names(wanted, now, "") ||
		 ((p->flags & ENDPOINT_CONFIG) != 0 && names(wanted, applied, API_ETAG_APPLIED)))
		return true;
	else
		reply_error(r, 412,
			"it changed since you read it: If-Match says %.80s and it is at \"%s\" now; read it "
			"again. Nothing was changed",
			wanted, now);
	return false;
}

/* What a change led to, so that the next one can follow without reading it all again. */
static void tell_version(struct request *r)
{
	char now[CONFIG_VERSION_LEN];

	if (r->w->config == NULL || !endpoint_changes(r->endpoint) || r->status != 0)
		return;
	config_service_version(r->w->config, now);
	reply_etag(r, now);
}

/* --- parameters --- */

bool request_check_param(struct request *r, const char *name)
{
	const struct endpoint *p = r->endpoint;
	struct diag_near near;

	diag_near_init(&near, name);
	for (const struct param *q = p->params; q != NULL && q->name != NULL; q++) {
		if (strcmp(q->name, name) == 0)
			return true;
		diag_near_try(&near, q->name);
	}
	if (near.best != NULL)
		reply_error(
			r, 400, "%s has no parameter '%.64s'; did you mean '%s'?", p->path, name, near.best);
	else
		reply_error(r, 400, "%s has no parameter '%.64s'", p->path, name);
	return false;
}

/* --- bodies --- */

struct extent {
	unsigned depth; /* deepest nesting */
	size_t values;  /* at least as many as the parser would make */
};

/* What parsing would cost, from the brackets and commas alone. */
static struct extent measure(const char *s, size_t len)
{
	struct extent x = {.values = 1};
	unsigned depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < len; i++) {
		if (quoted && s[i] == '\\') {
			i++;
		} else if (s[i] == '"') {
			quoted = !quoted;
		} else if (!quoted && (s[i] == '{' || s[i] == '[')) {
			x.depth = ++depth > x.depth ? depth : x.depth;
			x.values++;
		} else if (!quoted && (s[i] == '}' || s[i] == ']')) {
			depth -= depth > 0;
		} else if (!quoted && s[i] == ',') {
			x.values++;
		}
	}
	return x;
}

bool request_parse(struct request *r, const char *text, size_t len, unsigned depth, size_t values)
{
	const struct extent x = measure(text, len);
	json_error_t why;

	if (len == 0) {
		r->body = json_object();
	} else if (x.depth > depth) {
		reply_error(r, 400, "the body nests deeper than %u levels", depth);
	} else if (x.values > values) {
		reply_error(
			r, 413, "the body holds more than %zu values; send it in several requests", values);
	} else {
		r->body = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
		if (r->body == NULL)
			reply_error(r, 400, "the body is not JSON: line %d, column %d: %s", why.line,
				why.column, why.text);
		else if (!json_is_object(r->body))
			reply_error(r, 400, "the body must be a JSON object");
	}
	return r->status == 0;
}

static bool takes_body(const struct endpoint *p)
{
	return strcmp(p->method, "GET") != 0;
}

void request_run(struct request *r, const char *text, size_t len)
{
	static const struct schema nothing[] = {{0}};
	const struct endpoint *p = r->endpoint;
	struct err e = {0};

	if (!still_current(r))
		return;
	if (takes_body(p) && (p->flags & ENDPOINT_RAW) != 0) {
		r->text = text;
		r->text_len = len;
	} else if (takes_body(p)) {
		if (!request_parse(r, text, len, API_BODY_DEPTH, API_BODY_VALUES))
			return;
		if (p->body_json == NULL &&
			body_check(p->body != NULL ? p->body : nothing, r->body, &e) != 0) {
			reply_err(r, &e);
			return;
		}
	}
	p->handle(r);
	tell_version(r);
}

void request_free(struct request *r)
{
	if (r->state_free != NULL)
		r->state_free(r->state);
	json_decref(r->body);
	jw_free(&r->out);
	*r = (struct request){0};
}

/* --- counters --- */

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
