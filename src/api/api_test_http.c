/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client for the API's tests.
 */
#include "api/api_test.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

int dial(unsigned seconds)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	struct timeval tv = {.tv_sec = seconds};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", server_socket());
	assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof at), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
	return fd;
}

static char *read_all(int fd, size_t *len)
{
	size_t room = 1 << 16;
	char *text = malloc(room);
	ssize_t n;

	*len = 0;
	while ((n = recv(fd, text + *len, room - *len - 1, 0)) > 0) {
		*len += (size_t)n;
		if (room - *len < 4096)
			text = realloc(text, room *= 2);
	}
	text[*len] = '\0';
	return text;
}

/* Joins the chunks of a body in place (RFC 9112 7.1); false when it is cut off. */
static bool join_chunks(char *body, char *end)
{
	char *to = body, *at = body;

	for (;;) {
		char *digits_end;
		unsigned long n = strtoul(at, &digits_end, 16);

		if (digits_end == at || strncmp(digits_end, "\r\n", 2) != 0 ||
			(unsigned long)(end - digits_end) < n + 4)
			return false;
		memmove(to, digits_end + 2, n);
		to += n;
		at = digits_end + 2 + n + 2;
		if (n == 0)
			break;
	}
	*to = '\0';
	return true;
}

struct answer ask_raw(const char *bytes, size_t len, unsigned seconds)
{
	struct answer a = {0};
	char *body;
	size_t got;
	int fd = dial(seconds);

	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			break; /* refused before all of it was read */
		bytes += n;
		len -= (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	a.text = read_all(fd, &got);
	close(fd);
	if (strncmp(a.text, "HTTP/1.1 ", 9) == 0)
		a.status = (unsigned)atoi(a.text + 9);
	body = strstr(a.text, "\r\n\r\n");
	if (body != NULL && strcasestr(a.text, "transfer-encoding: chunked") != NULL)
		a.chunked = join_chunks(body + 4, a.text + got);
	if (body != NULL)
		a.doc = json_loads(body + 4, JSON_REJECT_DUPLICATES, NULL);
	return a;
}

struct answer ask(const char *method, const char *target, const char *body)
{
	struct answer a;
	char *text;
	int n = asprintf(&text,
		"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", method,
		target, body != NULL ? strlen(body) : 0, body != NULL ? body : "");

	assert_true(n > 0);
	a = ask_raw(text, (size_t)n, 20);
	free(text);
	return a;
}

void answer_free(struct answer *a)
{
	json_decref(a->doc);
	free(a->text);
	*a = (struct answer){0};
}
