/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Server-sent events in pieces of every size, plain and chunked, and what is none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/stream.h"

static char got[256];
static unsigned limit;

static bool note(void *ctx, const char *data)
{
	snprintf(got + strlen(got), sizeof got - strlen(got), "%s|", data);
	return --limit != 0;
}

static const struct {
	bool chunked;
	const char *bytes, *events; /* events: NULL is refused */
} rows[] = {
	{false, "id: 1\nevent: link\ndata: {a}\n\ndata: {b}\n\n", "{a}|{b}|"},
	{false, ": comment\n\ndata: x\r\ndata:y\r\n\r\n", "x\ny|"},
	{false, "data: cut off\n", ""},
	{false, "datax: no\ndata\n\n", ""},
	{true, "f\r\ndata: {a}\n\nd\r\n2\r\nat\r\n6\r\na: b\n\n\r\n0\r\n\r\n", NULL}, /* 15 are not 16 */
	{true, "d\r\ndata: {a}\n\nda\r\n8\r\nta: {b}\n\r\n1;x=y\r\n\n\r\n0\r\n\r\nrest", "{a}|{b}|"},
	{true, "B\r\ndata: {a}\n\n\r\n", "{a}|"},
	{true, "\r\n", NULL},
	{true, "x\r\n", NULL},
	{true, "-1\r\n", NULL},
	{true, "fffffffff\r\n", NULL},
	{true, "1\r\nab", NULL},
};

static int feed(const char *bytes, bool chunked, size_t piece, struct err *e)
{
	struct stream *s = calloc(1, sizeof *s);
	size_t len = strlen(bytes);
	int rc = 0;

	got[0] = '\0';
	s->event = note;
	s->chunked = chunked;
	for (size_t at = 0; at < len && rc == 0; at += piece) {
		size_t n = len - at < piece ? len - at : piece;
		char *copy = malloc(n);

		memcpy(copy, bytes + at, n);
		rc = stream_feed(s, copy, n, e);
		free(copy);
	}
	free(s);
	return rc;
}

static void test_rows(void **state)
{
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t piece = 1; piece < 40; piece++) {
			struct err e = {0};
			int rc;

			limit = 100;
			rc = feed(rows[i].bytes, rows[i].chunked, piece, &e);
			if ((rows[i].events == NULL) != (rc == -EBADMSG))
				fail_msg("row %u: %d %s", i, rc, e.text);
			if (rows[i].events != NULL && strcmp(got, rows[i].events) != 0)
				fail_msg("row %u, pieces of %zu: %s", i, piece, got);
		}
}

static void test_enough(void **state)
{
	struct err e = {0};

	limit = 1;
	assert_int_equal(feed("data: a\n\ndata: b\n\n", false, 100, &e), 0);
	assert_string_equal(got, "a|");
}

/* More than there is room for is cut, and what follows is read. */
static void test_large(void **state)
{
	size_t len = STREAM_LINE + 1000;
	char *bytes = malloc(len + 64);
	struct err e = {0};

	memset(bytes, 'x', len);
	strcpy(bytes + len, "\n\ndata: b\n\n");
	limit = 10;
	assert_int_equal(feed(bytes, false, 1000, &e), 0);
	assert_string_equal(got, "b|");
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows), cmocka_unit_test(test_enough), cmocka_unit_test(test_large)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
