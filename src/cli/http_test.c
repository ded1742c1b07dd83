/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parser of HTTP answers, with good, bad and cut-off ones.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/http.h"

static const struct {
	const char *raw;
	unsigned status; /* 0: refused */
	const char *body;
} rows[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"},
	{"HTTP/1.0 404 Not Found\r\n\r\nto the end", 404, "to the end"},
	{"HTTP/1.1 204\r\n\r\n", 204, ""},
	{"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
		200, "abc0123456789"},
	{"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length:\t3\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"},
	{"", 0, NULL},
	{"HTTP/1.1", 0, NULL},
	{"HTTP/2 200 OK\r\n\r\n", 0, NULL},
	{"HTTP/1.1 999 OK\r\n\r\n", 0, NULL},
	{"HTTP/1.1 20x OK\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\n: x\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 0, NULL},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc\r\n0\r\n\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n", 0, NULL},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 0, NULL},
};

/* A copy of exactly the size the parser may touch, so that a sanitizer sees every step beyond. */
static char *copy(const char *text, size_t len)
{
	char *raw = malloc(len + 1);

	memcpy(raw, text, len);
	return raw;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t len = strlen(rows[i].raw);
		char *raw = copy(rows[i].raw, len);
		struct http_reply reply;
		struct err e = {0};
		int rc = http_parse(raw, len, &reply, &e);

		if (rows[i].status == 0) {
			if (rc != -EBADMSG || e.text[0] == '\0')
				fail_msg("accepted: %s", rows[i].raw);
		} else {
			if (rc != 0)
				fail_msg("%s: %s", rows[i].raw, e.text);
			assert_int_equal(reply.status, rows[i].status);
			assert_string_equal(reply.body, rows[i].body);
			assert_int_equal(reply.len, strlen(rows[i].body));
		}
		free(raw);
	}
}

/* Every prefix, and every single byte changed: no crash, no read beyond. */
static void test_mutations(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t len = strlen(rows[i].raw);

		for (size_t at = 0; at < len; at++) {
			static const char bytes[] = "\0\r\n0f: ;\xff";
			struct http_reply reply;
			char *raw = copy(rows[i].raw, at);

			http_parse(raw, at, &reply, &(struct err){0});
			free(raw);
			for (size_t b = 0; b < sizeof bytes - 1; b++) {
				raw = copy(rows[i].raw, len);
				raw[at] = bytes[b];
				if (http_parse(raw, len, &reply, &(struct err){0}) == 0)
					assert_in_range(reply.len, 0, len);
				free(raw);
			}
		}
	}
}

static void test_nobody_listens(void **state)
{
	struct http_reply reply;
	struct err e = {0};

	assert_int_equal(http_call("/nonexistent/weir.sock", "GET", "/", NULL, &reply, &e), -ECONNREFUSED);
	assert_non_null(strstr(e.text, "weir run -c FILE"));
	e = (struct err){0};
	assert_int_equal(http_call("", "GET", "/", NULL, &reply, &e), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_mutations),
		cmocka_unit_test(test_nobody_listens)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
