/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/http.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* --- parsing (RFC 9112) --- */

struct header {
	bool chunked, has_length;
	size_t length;
};

static int bad(struct err *e, const char *why)
{
	return err_set(e, EBADMSG, "the daemon's answer is not valid HTTP: %s", why);
}

/* The digits at s in `base`; false when there are none or the value is beyond any answer. */
static bool number(const char **s, unsigned base, size_t *out)
{
	size_t v = 0;
	const char *at = *s;

	for (; base == 16 ? isxdigit((unsigned char)*at) : isdigit((unsigned char)*at); at++) {
		unsigned digit = isdigit((unsigned char)*at)
					 ? (unsigned)(*at - '0')
					 : (unsigned)(tolower((unsigned char)*at) - 'a' + 10);

		v = v * base + digit;
		if (v > HTTP_REPLY_MAX)
			return false;
	}
	if (at == *s)
		return false;
	*s = at;
	*out = v;
	return true;
}

/* One header line without its CRLF. */
static int take_line(const char *line, struct header *h, struct err *e)
{
	const char *colon = strchr(line, ':');
	size_t name = colon != NULL ? (size_t)(colon - line) : 0;
	size_t length;

	if (colon == NULL || name == 0 || line[0] == ' ' || line[0] == '\t')
		return bad(e, "a header line has no name");
	for (colon++; *colon == ' ' || *colon == '\t'; colon++)
		;
	if (name == 17 && strncasecmp(line, "Transfer-Encoding", name) == 0) {
		if (strcasecmp(colon, "chunked") != 0)
			return bad(e, "an unknown transfer encoding");
		h->chunked = true;
	} else if (name == 14 && strncasecmp(line, "Content-Length", name) == 0) {
		if (!number(&colon, 10, &length) || *colon != '\0' || (h->has_length && h->length != length))
			return bad(e, "a wrong Content-Length");
		h->has_length = true;
		h->length = length;
	}
	return 0;
}

static int take_status(const char *line, unsigned *status, struct err *e)
{
	if (strncmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
		line[9] < '1' || line[9] > '5' || !isdigit((unsigned char)line[10]) ||
		!isdigit((unsigned char)line[11]) || (line[12] != ' ' && line[12] != '\0'))
		return bad(e, "no status line");
	*status = (unsigned)((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
	return 0;
}

/* Splits the header at its CRLFs; *body is what follows the empty line. */
static int take_header(
	char *raw, char *end, struct http_reply *out, struct header *h, char **body, struct err *e)
{
	char *line = raw;

	for (unsigned n = 0;; n++) {
		char *eol = memmem(line, (size_t)(end - line), "\r\n", 2);

		if (eol == NULL)
			return bad(e, "it ends within the header");
		*eol = '\0';
		if (strlen(line) != (size_t)(eol - line))
			return bad(e, "a NUL byte in the header");
		*body = eol + 2;
		if (n == 0 && take_status(line, &out->status, e) != 0)
			return -EBADMSG;
		if (n != 0 && eol == line)
			return 0;
		if (n != 0 && take_line(line, h, e) != 0)
			return -EBADMSG;
		line = *body;
	}
}

/* Joins chunks in place. */
static int join_chunks(struct http_reply *out, char *at, char *end, struct err *e)
{
	char *to = out->body;

	for (;;) {
		char *eol = memmem(at, (size_t)(end - at), "\r\n", 2);
		const char *digits = at;
		size_t n;

		if (eol == NULL || !number(&digits, 16, &n) || (digits != eol && *digits != ';'))
			return bad(e, "a broken chunk");
		at = eol + 2;
		if (n == 0)
			break;
		if ((size_t)(end - at) < n + 2 || memcmp(at + n, "\r\n", 2) != 0)
			return bad(e, "a chunk is cut off");
		memmove(to, at, n);
		to += n;
		at += n + 2;
	}
	out->len = (size_t)(to - out->body);
	*to = '\0';
	return 0;
}

int http_parse(char *raw, size_t len, struct http_reply *out, struct err *e)
{
	struct header h = {0};
	char *end = raw + len, *body = raw;

	*out = (struct http_reply){.raw = raw};
	*end = '\0';
	if (take_header(raw, end, out, &h, &body, e) != 0)
		return -EBADMSG;
	out->body = body;
	if (h.chunked && h.has_length)
		return bad(e, "both a length and chunks");
	if (h.chunked)
		return join_chunks(out, body, end, e);
	out->len = (size_t)(end - body);
	if (h.has_length && h.length > out->len)
		return bad(e, "it is cut off");
	if (h.has_length && h.length < out->len)
		return bad(e, "more bytes than its length says");
	return 0;
}

/* --- the exchange --- */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#define SLICE_MS 100

volatile sig_atomic_t http_interrupted;

static int wait_for(int fd, short what, int64_t deadline, struct err *e)
{
	struct pollfd p = {.fd = fd, .events = what};
	int64_t left;
	int rc;

	/* In slices: Ctrl-C may come just before poll(), which would sleep on. */
	do {
		left = deadline - now_ms();
		left = left < 0 ? 0 : left > SLICE_MS ? SLICE_MS : left;
		rc = poll(&p, 1, (int)left);
	} while (!http_interrupted && ((rc == 0 && left > 0) || (rc < 0 && errno == EINTR)));
	if (http_interrupted)
		return err_set(e, EINTR, "interrupted");
	if (rc == 0)
		return err_set(e, ETIMEDOUT, "the daemon did not answer within %d s", HTTP_TIMEOUT_MS / 1000);
	return rc < 0 ? err_set(e, errno, "waiting for the daemon failed: %s", strerror(errno)) : 0;
}

static int connect_to(const char *path, int64_t deadline, struct err *e)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd, rc;

	if (path[0] == '\0' || strlen(path) >= sizeof at.sun_path)
		return err_set(e, ENAMETOOLONG, "the socket path '%.128s' must have 1 to %zu characters",
			path, sizeof at.sun_path - 1);
	memcpy(at.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, errno, "no socket: %s", strerror(errno));
	for (;;) { /* EAGAIN: the daemon lives and its backlog is full */
		rc = connect(fd, (const struct sockaddr *)&at, sizeof at) == 0 ? 0 : errno;
		if (rc != EAGAIN && rc != EINTR)
			break;
		if (now_ms() >= deadline) {
			rc = ETIMEDOUT;
			break;
		}
		poll(NULL, 0, 20);
	}
	if (rc == 0)
		return fd;
	close(fd);
	if (rc == ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "the daemon on %s does not accept connections", path);
	if (rc == EACCES || rc == EPERM)
		return err_set(e, ECONNREFUSED,
			"you may not use %s; run this as root or as a member of the socket's group", path);
	return err_set(e, ECONNREFUSED,
		"no weir answers on %s (%s); start it with 'weir run -c FILE' or 'systemctl start weir', or "
		"name "
		"its socket with --socket",
		path, strerror(rc));
}

/* A daemon that refuses a request may close before it has read all of it: the answer tells. */
static int send_all(int fd, const char *data, size_t len, int64_t deadline, struct err *e)
{
	while (len > 0) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n >= 0) {
			data += n;
			len -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0;
		} else if (errno != EAGAIN && errno != EINTR) {
			return err_set(e, errno, "sending to the daemon failed: %s", strerror(errno));
		} else if (wait_for(fd, POLLOUT, deadline, e) != 0) {
			return -e->code;
		}
	}
	return 0;
}

/* Reads until the daemon closes. */
static int receive_all(int fd, int64_t deadline, char **raw, size_t *len, struct err *e)
{
	size_t room = 0;

	for (*len = 0;;) {
		ssize_t n;

		if (*len + 1 >= room) {
			char *p = realloc(*raw, room = room * 2 + 16384);

			if (p == NULL)
				return err_set(e, ENOMEM, "not enough memory for the daemon's answer");
			*raw = p;
		}
		n = recv(fd, *raw + *len, room - *len - 1, 0);
		if (n == 0)
			break;
		if (n > 0)
			*len += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			break; /* reset: what came is judged by the parser */
		else if (wait_for(fd, POLLIN, deadline, e) != 0)
			return -e->code;
		if (*len > HTTP_REPLY_MAX)
			return err_set(e, EMSGSIZE, "the daemon's answer is larger than %u MiB",
				HTTP_REPLY_MAX >> 20);
	}
	return *len == 0 ? err_set(e, ECONNRESET, "the daemon closed the connection without an answer") : 0;
}

/* Connects and sends the request; the file descriptor, or negative. */
static int ask(const char *socket_path, const char *method, const char *target, const char *accept,
	const char *body, int64_t deadline, struct err *e)
{
	char *request = NULL;
	int fd = connect_to(socket_path, deadline, e), n, rc;

	if (fd < 0)
		return fd;
	n = asprintf(&request,
		"%s %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nAccept: %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
		method, target, accept, body != NULL ? strlen(body) : 0, body != NULL ? body : "");
	rc = n < 0 ? err_set(e, ENOMEM, "not enough memory for the request")
		   : send_all(fd, request, (size_t)n, deadline, e);
	if (n >= 0)
		free(request);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int http_call_within(unsigned ms, const char *socket_path, const char *method, const char *target,
	const char *body, struct http_reply *out, struct err *e)
{
	int64_t deadline = now_ms() + ms;
	int fd = ask(socket_path, method, target, "application/json", body, deadline, e), rc;
	char *raw = NULL;
	size_t len = 0;

	*out = (struct http_reply){0};
	if (fd < 0)
		return fd;
	rc = receive_all(fd, deadline, &raw, &len, e);
	if (rc == 0)
		rc = http_parse(raw, len, out, e);
	if (rc != 0) {
		free(raw);
		*out = (struct http_reply){0};
	}
	close(fd);
	return rc;
}

int http_call(const char *socket_path, const char *method, const char *target, const char *body,
	struct http_reply *out, struct err *e)
{
	return http_call_within(HTTP_TIMEOUT_MS, socket_path, method, target, body, out, e);
}

/* --- answers that go on --- */

#define HEAD_MAX 16384

/* Reads the header. *body is where the body begins in buf, *len how much is there. */
static int read_head(int fd, int64_t deadline, char *buf, size_t *len, char **body, struct err *e)
{
	char *end = NULL;

	for (*len = 0; end == NULL;) {
		ssize_t n = *len < HEAD_MAX ? recv(fd, buf + *len, HEAD_MAX - *len, 0) : 0;

		if (n > 0)
			*len += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return bad(e, "it ends within the header");
		else if (wait_for(fd, POLLIN, deadline, e) != 0)
			return -e->code;
		end = memmem(buf, *len, "\r\n\r\n", 4);
	}
	*body = end + 4;
	return 0;
}

/* The rest of an answer that is no stream, behind what is there of it. */
static int read_rest(
	int fd, int64_t deadline, const char *buf, size_t len, struct http_reply *out, struct err *e)
{
	char *raw = NULL, *whole;
	size_t more = 0;
	int rc = receive_all(fd, deadline, &raw, &more, e);

	if (rc == -ECONNRESET) { /* nothing came any more: fine */
		*e = (struct err){0};
		rc = 0;
	}
	whole = rc == 0 ? malloc(len + more + 1) : NULL;
	if (whole != NULL) {
		memcpy(whole, buf, len);
		if (more != 0)
			memcpy(whole + len, raw, more);
		rc = http_parse(whole, len + more, out, e);
		if (rc != 0)
			free(whole);
	}
	free(raw);
	return rc != 0 || whole != NULL ? rc
					: err_set(e, ENOMEM, "not enough memory for the daemon's answer");
}

static int follow(int fd, int (*bytes)(void *ctx, const char *data, size_t len, struct err *e), void *ctx,
	struct err *e)
{
	char buf[16384];

	for (;;) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);
		int rc = 0;

		if (n > 0)
			rc = bytes(ctx, buf, (size_t)n, e);
		else if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return err_set(e, ECONNRESET, "the daemon ended the stream");
		else if (wait_for(fd, POLLIN, INT64_MAX, e) != 0)
			return -e->code;
		if (rc != 0)
			return rc < 0 ? rc : 0;
	}
}

int http_stream(const char *socket_path, const char *target,
	int (*head)(void *ctx, unsigned status, bool chunked),
	int (*bytes)(void *ctx, const char *data, size_t len, struct err *e), void *ctx,
	struct http_reply *out, struct err *e)
{
	int64_t deadline = now_ms() + HTTP_TIMEOUT_MS;
	int fd = ask(socket_path, "GET", target, "text/event-stream", NULL, deadline, e), rc;
	char buf[HEAD_MAX + 1], copy[HEAD_MAX + 1], *body = NULL, *ignored;
	struct http_reply first = {0};
	struct header h = {0};
	size_t len = 0;

	*out = (struct http_reply){0};
	if (fd < 0)
		return fd;
	rc = read_head(fd, deadline, buf, &len, &body, e);
	if (rc == 0) { /* parsing cuts the text into pieces, so it gets a copy */
		memcpy(copy, buf, len);
		rc = take_header(copy, copy + (body - buf), &first, &h, &ignored, e);
	}
	if (rc == 0 && head(ctx, first.status, h.chunked) == 0)
		rc = read_rest(fd, deadline, buf, len, out, e);
	else if (rc == 0 && body != buf + len)
		rc = bytes(ctx, body, (size_t)(buf + len - body), e);
	if (rc == 0 && out->raw == NULL)
		rc = follow(fd, bytes, ctx, e);
	close(fd);
	return rc < 0 ? rc : 0;
}
