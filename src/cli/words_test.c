/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The grammar of the command line: words to verbs, words to request bodies, numbers to text.
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

#include "cli/call.h"
#include "cli/grid.h"
#include "cli/words.h"

#define WORDS_MAX 32

/* Splits a line at spaces. */
static int split(char *line, char **word)
{
	int n = 0;

	for (char *w = strtok(line, " "); w != NULL && n < WORDS_MAX; w = strtok(NULL, " "))
		word[n++] = w;
	return n;
}

/* --- global options --- */

static const struct {
	const char *line, *socket, *rest;
	bool json, help;
	int family, code;
} globals[] = {
	{"weir show routes", NULL, "show routes"},
	{"weir -j show routes", NULL, "show routes", .json = true},
	{"weir show routes --json", NULL, "show routes", .json = true},
	{"weir -s /x show drops", "/x", "show drops"},
	{"weir show drops --socket /x", "/x", "show drops"},
	{"weir show --socket=/x drops -j", "/x", "show drops", .json = true},
	{"weir -6 show routes", NULL, "show routes", .family = 6},
	{"weir route add -h", NULL, "route add", .help = true},
	{"weir run -c f -- -s /x -j", NULL, "run -c f -- -s /x -j"},
	{"weir -j replay -j -s 3 --help", NULL, "replay -j -s 3 --help", .json = true},
	{"weir rep -h", NULL, "rep -h"},
	{"weir route add -z", NULL, "route add -z"},
	{"weir", NULL, ""},
	{"weir show -s", NULL, NULL, .code = EINVAL},
};

static void test_globals(void **state)
{
	for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
		char line[256], rest[256] = "", *word[WORDS_MAX];
		struct cli c = {0};
		struct words a;
		struct err e = {0};
		int n;

		snprintf(line, sizeof line, "%s", globals[i].line);
		n = split(line, word);
		words_globals(n, word, "replay", &c, &a, &e);
		assert_int_equal(e.code, globals[i].code);
		if (globals[i].code != 0)
			continue;
		while (words_peek(&a) != NULL) {
			strcat(rest, rest[0] != '\0' ? " " : "");
			strcat(rest, words_take(&a));
		}
		assert_string_equal(rest, globals[i].rest);
		assert_string_equal(
			c.socket != NULL ? c.socket : "", globals[i].socket != NULL ? globals[i].socket : "");
		assert_int_equal(c.json, globals[i].json);
		assert_int_equal(c.help, globals[i].help);
		assert_int_equal(c.family, globals[i].family);
	}
}

/* --- verbs --- */

static const struct verb table[] = {{"run"}, {"replay"}, {"route"}, {"routes"}, {"show"}, {"neighbor"}, {0}};

static const struct {
	const char *word, *verb, *sentence;
} verbs[] = {
	{"run", "run", NULL},
	{"ru", "run", NULL},
	{"s", "show", NULL},
	{"route", "route", NULL}, /* exact wins over the longer word */
	{"routes", "routes", NULL},
	{"r", NULL, "'r' can be 'run' or 'replay'; write more of it"},
	{"rout", NULL, "can be 'route' or 'routes'"},
	{"shwo", NULL, "did you mean 'show'?"},
	{"zzz", NULL, "it takes: run, replay, route, routes, show, neighbor"},
	{"", NULL, "it takes: run"},
};

static void test_verbs(void **state)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		struct err e = {0};
		const struct verb *v = verb_find(table, verbs[i].word, "weir", &e);

		if (verbs[i].verb != NULL) {
			assert_non_null(v);
			assert_string_equal(v->word, verbs[i].verb);
		} else {
			assert_null(v);
			if (strstr(e.text, verbs[i].sentence) == NULL)
				fail_msg("%s: %s", verbs[i].word, e.text);
		}
	}
}

/* --- text --- */

static void test_numbers(void **state)
{
	char b[TEXT_NUMBER];

	assert_string_equal(text_number(0, b), "0");
	assert_string_equal(text_number(999, b), "999");
	assert_string_equal(text_number(1000, b), "1,000");
	assert_string_equal(text_number(UINT64_MAX, b), "18,446,744,073,709,551,615");
	assert_string_equal(text_bytes(1023, b), "1023 B");
	assert_string_equal(text_bytes(1024, b), "1.0 KiB");
	assert_string_equal(text_bytes(128u << 20, b), "128 MiB");
	assert_string_equal(text_bytes(UINT64_MAX, b), "16.0 EiB");
	assert_string_equal(text_duration(1500000, b), "1 ms");
	assert_string_equal(text_duration(4250000000, b), "4.2 s");
	assert_string_equal(text_duration(UINT64_C(185000000000), b), "3m05s");
	assert_string_equal(text_duration(UINT64_C(90061000000000), b), "1d01h");
	assert_string_equal(text_speed(10000, b), "10 Gbit/s");
	assert_string_equal(text_speed(0, b), "-");
}

static void test_grid(void **state)
{
	static const char expected[] = "Name       N  Text\n"
				       "a          1  x\n"
				       "gr\xc3\xbc\xc3\x9f\x65  1,000  esc?[31m\n"
				       "-          -  -\n";
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct grid g;

	grid_init(&g, (const char *const[]){"Name", ">N", "Text"}, 3);
	grid_row(&g, (const char *const[]){"a", "1", "x"});
	grid_row(&g, (const char *const[]){"gr\xc3\xbc\xc3\x9f\x65", "1,000", "esc\033[31m"});
	grid_row(&g, (const char *const[]){NULL, "", NULL});
	grid_end(&g, f);
	fclose(f);
	assert_string_equal(text, expected);
	free(text);
}

static void test_query(void **state)
{
	char target[64] = "/v1/x";

	cli_query(target, sizeof target, "a", "2001:db8::/32");
	cli_query(target, sizeof target, "b", "x y&z");
	assert_string_equal(target, "/v1/x?a=2001%3Adb8%3A%3A%2F32&b=x%20y%26z");
	for (unsigned i = 0; i < 20; i++)
		cli_query(target, sizeof target, "longer", "than the room");
	assert_true(strlen(target) < sizeof target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_globals), cmocka_unit_test(test_verbs),
		cmocka_unit_test(test_numbers), cmocka_unit_test(test_grid), cmocka_unit_test(test_query)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
