/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/stream.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/http.h"

#define SIZE_DIGITS 8
#define SIZE_READ (SIZE_DIGITS + 1)

/* --- events --- */

static void end_event(struct stream *s)
{
	if (s->data_len != 0) {
		s->data[s->data_len - 1] = '\0'; /* over the last newline */
		s->enough = !s->event(s->ctx, s->data);
	}
	s->data_len = 0;
}

/* Only data matters: its document repeats id and type. Comments keep the connection alive. */
static void end_line(struct stream *s)
{
	const char *value = s->line + 5;
	size_t len;

	s->line[s->line_len] = '\0';
	if (s->line_len == 0)
		end_event(s);
	if (s->line_len >= 5 && strncmp(s->line, "data:", 5) == 0) {
		value += value[0] == ' ';
		len = strlen(value);
		if (s->data_len + len + 1 < sizeof s->data) {
			memcpy(s->data + s->data_len, value, len);
			s->data_len += len;
			s->data[s->data_len++] = '\n';
		}
	}
	s->line_len = 0;
}

static void text(struct stream *s, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len && !s->enough; i++) {
		char c = bytes[i];

		if (c == '\n' && s->after_cr) {
			s->after_cr = false;
			continue;
		}
		s->after_cr = c == '\r';
		if (c == '\n' || c == '\r')
			end_line(s);
		else if (s->line_len + 1 < sizeof s->line)
			s->line[s->line_len++] = c;
	}
}

/* --- chunks --- */

static int bad(struct err *e)
{
	return err_set(e, EBADMSG, "the daemon's stream is not valid HTTP: a broken chunk");
}

/* One byte of a chunk's size line, "1a;extension CRLF". */
static int size_byte(struct stream *s, char c, struct err *e)
{
	if (c == '\n') {
		if (s->digits == 0)
			return bad(e);
		s->state = s->left != 0 ? CHUNK_DATA : CHUNK_LAST;
		s->digits = 0;
	} else if (s->digits == SIZE_READ) {
		return 0; /* what follows up to the newline is no size */
	} else if (isxdigit((unsigned char)c) && s->digits < SIZE_DIGITS) {
		s->left =
			s->left * 16 + (size_t)(isdigit((unsigned char)c) ? c - '0' : tolower(c) - 'a' + 10);
		s->digits++;
	} else if (s->digits != 0 && (c == ';' || c == '\r')) {
		s->digits = SIZE_READ;
	} else {
		return bad(e);
	}
	return 0;
}

/* Takes some bytes; returns how many, or negative. */
static long chunk(struct stream *s, const char *bytes, size_t len, struct err *e)
{
	size_t n = 1;

	switch (s->state) {
	case CHUNK_SIZE:
		if (size_byte(s, bytes[0], e) != 0)
			return -EBADMSG;
		break;
	case CHUNK_DATA:
		n = len < s->left ? len : s->left;
		text(s, bytes, n);
		s->left -= n;
		s->state = s->left != 0 ? CHUNK_DATA : CHUNK_END;
		break;
	case CHUNK_END:
		if (bytes[0] != '\r' && bytes[0] != '\n')
			return bad(e);
		s->state = bytes[0] == '\n' ? CHUNK_SIZE : CHUNK_END;
		break;
	default: /* behind the last chunk nothing matters */
		n = len;
	}
	return (long)n;
}

int stream_feed(struct stream *s, const char *bytes, size_t len, struct err *e)
{
	if (!s->chunked) {
		text(s, bytes, len);
		return 0;
	}
	while (len > 0 && !s->enough) {
		long n = chunk(s, bytes, len, e);

		if (n < 0)
			return (int)n;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- the connection --- */

struct opening {
	struct stream *s;
	unsigned *status;
};

static int on_head(void *ctx, unsigned status, bool chunked)
{
	struct opening *o = ctx;

	*o->status = status;
	o->s->chunked = chunked;
	return status == 200;
}

static int on_bytes(void *ctx, const char *bytes, size_t len, struct err *e)
{
	struct opening *o = ctx;
	int rc = stream_feed(o->s, bytes, len, e);

	return rc != 0 ? rc : o->s->enough;
}

int stream_open(const char *socket, const char *target, struct stream *s, unsigned *status, char **body,
	struct err *e)
{
	struct opening o = {s, status};
	struct http_reply reply = {0};
	int rc = http_stream(socket, target, on_head, on_bytes, &o, &reply, e);

	*body = NULL;
	if (rc == 0 && reply.raw != NULL) {
		*status = reply.status;
		*body = strdup(reply.body);
		free(reply.raw);
	}
	return rc == -EINTR ? 0 : rc;
}
