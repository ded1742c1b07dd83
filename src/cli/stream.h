/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Server-sent events from the daemon (the format of WHATWG HTML 9.2, as far as the daemon uses it).
 */
#ifndef WEIR_CLI_STREAM_H
#define WEIR_CLI_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define STREAM_LINE 65536 /* bytes of an event's data; the rest is cut */

/* What came of the stream so far. Zeroed at the start; stream_free() at the end. */
struct stream {
	bool (*event)(void *ctx, const char *data); /* one event; false: enough */
	void *ctx;
	bool enough;
	/* chunked coding (RFC 9112 7.1) */
	bool chunked;
	enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_LAST } state;
	size_t left, digits;
	/* the event that is being read */
	char line[STREAM_LINE], data[STREAM_LINE];
	size_t line_len, data_len;
	bool after_cr;
};

/* Bytes of the body, in pieces of any size. -EBADMSG with a sentence when they are not what they should be.
 */
int stream_feed(struct stream *s, const char *bytes, size_t len, struct err *e);

/* Opens `target` on the socket and feeds `s` until the daemon closes, an event said enough, or the call was
 * interrupted (0 then). *status: of the answer. When it is not 200, *body is the document with the reason
 * (free it) and 0 is returned. -ECONNREFUSED: nobody listens; -ECONNRESET: the daemon ended the stream;
 * others are failures. */
int stream_open(const char *socket, const char *target, struct stream *s, unsigned *status, char **body,
	struct err *e);

#endif
