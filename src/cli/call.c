/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/call.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/help.h"
#include "cli/http.h"
#include "cli/text.h"

const char *cli_socket(const struct cli *c)
{
	const char *env = getenv("WEIR_SOCKET");

	if (c->socket != NULL)
		return c->socket;
	return env != NULL && env[0] != '\0' ? env : CLI_SOCKET;
}

static const char *where = "weir";

void cli_where(const char *text)
{
	where = text != NULL ? text : "weir";
}

static void (*before_error)(void *ctx);
static void *before_error_ctx;

void cli_before_error(void (*fn)(void *ctx), void *ctx)
{
	before_error = fn;
	before_error_ctx = ctx;
}

int cli_error(int code, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	text_safe(text);
	if (http_interrupted) /* Ctrl-C is no news */
		return code;
	if (before_error != NULL)
		before_error(before_error_ctx);
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", where, text);
	return code;
}

int cli_usage(const struct cli *c, const struct verb *v, const struct err *e)
{
	cli_error(CLI_USAGE, "%s", e->text);
	help_usage(stderr, v, c->path);
	return CLI_USAGE;
}

void cli_print_json(const json_t *doc)
{
	json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
}

void cli_query(char *target, size_t size, const char *name, const char *value)
{
	size_t len = strlen(target);

	len += (size_t)snprintf(
		target + len, size - len, "%c%s=", strchr(target, '?') != NULL ? '&' : '?', name);
	for (; *value != '\0' && len + 4 < size; value++) {
		unsigned char c = (unsigned char)*value;

		len += (size_t)snprintf(target + len, size - len,
			isalnum(c) || strchr("-._~", c) != NULL ? "%c" : "%%%02X", c);
	}
}

static int transport_error(const struct err *e)
{
	if (e->code == ECONNREFUSED)
		return cli_error(CLI_UNREACHABLE, "%s", e->text);
	if (e->code == ETIMEDOUT)
		return cli_error(CLI_TIMEOUT, "%s", e->text);
	return cli_error(CLI_FAILED, "%s", e->text);
}

int cli_call_quiet(const struct cli *c, const char *method, const char *target, json_t *body, json_t **out)
{
	char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
	struct http_reply reply;
	struct err e = {0};
	int rc;

	*out = NULL;
	json_decref(body);
	rc = http_call(cli_socket(c), method, target, text, &reply, &e);
	free(text);
	if (rc != 0)
		return transport_error(&e);
	*out = json_loadb(reply.body, reply.len, 0, NULL);
	free(reply.raw);
	if (*out == NULL)
		return cli_error(
			CLI_FAILED, "the daemon answered %u with something that is not JSON", reply.status);
	return reply.status < 300 ? CLI_OK : CLI_FAILED;
}

int cli_call(const struct cli *c, const char *method, const char *target, json_t *body, json_t **out)
{
	int rc = cli_call_quiet(c, method, target, body, out);
	const char *why = json_string_value(json_object_get(*out, "error"));

	if (rc == CLI_OK || *out == NULL)
		return rc;
	return cli_error(rc, "%s", why != NULL ? why : "the daemon refused without a reason");
}

int cli_change(const struct cli *c, const char *method, const char *target, json_t *body)
{
	json_t *doc;
	int rc = cli_call(c, method, target, body, &doc);

	if (c->json && doc != NULL)
		cli_print_json(doc);
	json_decref(doc);
	return rc;
}
