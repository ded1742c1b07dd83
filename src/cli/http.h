/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small HTTP/1.1 client for one request per connection over a Unix socket. Strict and bounded: what is not
 * a complete, well-formed answer is an error.
 */
#ifndef WEIR_CLI_HTTP_H
#define WEIR_CLI_HTTP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HTTP_REPLY_MAX (64u << 20) /* bytes of an answer, header included */
#define HTTP_TIMEOUT_MS 30000      /* for the whole exchange */

struct http_reply {
	unsigned status;
	char *raw;  /* owns the memory; free it */
	char *body; /* inside raw, NUL-terminated */
	size_t len;
};

/* Parses an answer that was read until the connection closed. `raw` has len bytes and room for a NUL behind
 * them; chunks are joined in place. -EBADMSG with a sentence. */
int http_parse(char *raw, size_t len, struct http_reply *out, struct err *e);

/* One exchange. `body` may be NULL. -ECONNREFUSED: nobody listens (or may not be asked); -ETIMEDOUT; others
 * are failures of the exchange. */
int http_call(const char *socket, const char *method, const char *target, const char *body,
	struct http_reply *out, struct err *e);

/* The same with another limit of time. */
int http_call_within(unsigned ms, const char *socket, const char *method, const char *target,
	const char *body, struct http_reply *out, struct err *e);

/* Gets `target`, whose answer goes on. head() is called with the status and whether the body is chunked; when
 * it returns 0 the answer is read whole, into *out. Else bytes() gets the body as it comes, until it returns
 * non-zero (an error if negative) or the daemon closes, which is -ECONNRESET. -EINTR after http_interrupted.
 */
int http_stream(const char *socket, const char *target, int (*head)(void *ctx, unsigned status, bool chunked),
	int (*bytes)(void *ctx, const char *data, size_t len, struct err *e), void *ctx,
	struct http_reply *out, struct err *e);

/* Set (by a signal handler) to end a call with -EINTR. The caller clears it. */
extern volatile sig_atomic_t http_interrupted;

#endif
