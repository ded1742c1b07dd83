/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What reaches a terminal: lines as words, widths, tables that fit, progress, rates, the room of top's
 * panels.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/grid.h"
#include "cli/line.h"
#include "cli/progress.h"
#include "cli/rates.h"
#include "cli/top.h"

/* --- lines --- */

static const struct {
	const char *line, *words; /* words joined by "|" */
	char quote;
	bool within;
} lines[] = {
	{"", "", 0, false},
	{"   ", "", 0, false},
	{"show ports", "show|ports", 0, true},
	{" show  ports ", "show|ports", 0, false},
	{"a 'b c' d", "a|b c|d", 0, true},
	{"a \"b 'c\" d", "a|b 'c|d", 0, true},
	{"a b\\ c", "a|b c", 0, true},
	{"a ''", "a|", 0, true},
	{"a 'b c", "a|b c", '\'', true},
	{"a 'b ", "a|b ", '\'', true},
	{"a # b", "a", 0, false},
	{"a#b c", "a#b|c", 0, true},
	{"# all", "", 0, false},
	{"a\tb\n", "a|b", 0, false},
	{"x\\", "x\\", 0, true},
};

static void test_lines(void **state)
{
	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char got[128] = "";
		struct line l;
		struct err e = {0};

		assert_int_equal(line_split(&l, lines[i].line, strlen(lines[i].line), &e), 0);
		assert_string_equal(l.word[0], "weir");
		for (int k = 1; k < l.count; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k > 1 ? "|" : "",
				l.word[k]);
		if (strcmp(got, lines[i].words) != 0 || l.quote != lines[i].quote ||
			l.within != lines[i].within)
			fail_msg("%s: %s, quote %d, within %d", lines[i].line, got, l.quote, l.within);
		assert_null(l.word[l.count]);
		line_free(&l);
	}
}

static void test_quoting(void **state)
{
	static const char *const words[] = {"plain", "with space", "a'b\"c\\", "#x", "", "tab\there"};

	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
		char *quoted = line_quote(words[i]);
		struct line l;
		struct err e = {0};

		assert_int_equal(line_split(&l, quoted, strlen(quoted), &e), 0);
		assert_int_equal(l.count, 2);
		assert_string_equal(l.word[1], words[i]);
		line_free(&l);
		free(quoted);
	}
}

/* --- text --- */

static void test_width(void **state)
{
	char text[64] = "a\033[31m\xc2\x9b\xff\xed\xa0\x80\xe2\x80\xae!\xf4\x90\x80\x80";

	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("gr\xc3\xbc\xc3\x9f"), 4);
	assert_int_equal(text_width("\xe6\xbc\xa2\xe5\xad\x97"), 4); /* two wide characters */
	assert_int_equal(text_width("e\xcc\x81"), 1);                /* e and a combining accent */
	assert_int_equal(text_fit("\xe6\xbc\xa2\xe5\xad\x97", 3), 3);
	assert_int_equal(text_fit("abc", 2), 2);
	assert_int_equal(text_fit("abc", 9), 3);
	text_safe(text);
	assert_string_equal(text, "a?[31m"
				  "??"
				  "??"
				  "??"
				  "!"
				  "??"
				  "??");
}

/* --- tables --- */

/* A table for a terminal of so many columns. */
static char *table(unsigned columns)
{
	static const char *const heads[] = {"Name", "?Minor", "?>MTU", ">Packets", "Text"};
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	struct grid g;

	grid_init(&g, heads, 5);
	g.limit = columns;
	grid_row(&g, (const char *[]){
			     "lan", "something", "1500", "1,234", "one two three four five six seven eight"});
	grid_row(&g, (const char *[]){"a-very-long-name", "x", "9000", "5", "short"});
	grid_end(&g, f);
	fclose(f);
	return text;
}

static void expect_table(unsigned columns, const char *expected)
{
	char *got = table(columns);

	if (strcmp(got, expected) != 0)
		fail_msg("%u columns:\n%s", columns, got);
	free(got);
}

static void test_tables(void **state)
{
	expect_table(0,
		"Name              Minor       MTU  Packets  Text\n"
		"lan               something  1500    1,234  one two three four five six seven eight\n"
		"a-very-long-name  x          9000        5  short\n");
	expect_table(70, "Name              Minor       MTU  Packets  Text\n"
			 "lan               something  1500    1,234  one two three four five\n"
			 "                                            six seven eight\n"
			 "a-very-long-name  x          9000        5  short\n");
	expect_table(54, "Name              Packets  Text\n"
			 "lan                 1,234  one two three four five six\n"
			 "                           seven eight\n"
			 "a-very-long-name        5  short\n"
			 "(no room for: Minor, MTU)\n");
	expect_table(33, "Name        Packets  Text\n"
			 "lan           1,234  one two\n"
			 "                     three four\n"
			 "                     five six\n"
			 "                     seven eight\n"
			 "a-very-lo~        5  short\n"
			 "(no room for: Minor, MTU)\n");
}

/* No line is wider than the terminal, whatever its size. */
static void test_fits(void **state)
{
	for (unsigned columns = 26; columns < 100; columns++) {
		char *text = table(columns), *rest = text, *line;

		while ((line = strsep(&rest, "\n")) != NULL)
			if (text_width(line) > columns && line[0] != '(')
				fail_msg("%u columns: '%s'", columns, line);
		free(text);
	}
}

/* --- progress --- */

static void test_progress(void **state)
{
	struct progress p = {.what = "routes", .unit = "lines", .total = 1000};
	char buf[256];

	assert_string_equal(progress_line(&p, 500, 50, 2000000000, 80, buf, sizeof buf),
		"routes: [#################..................]  50 %, 50 lines, 25/s, 2.0 s left");
	assert_true(text_width(progress_line(&p, 500, 123456, 2000000000, 40, buf, sizeof buf)) < 40);
	assert_true(text_width(progress_line(&p, 1000, 1, 1, 4, buf, sizeof buf)) < 4);
	p.total = 0;
	assert_string_equal(
		progress_line(&p, 500, 50, 2000000000, 80, buf, sizeof buf), "routes: 50 lines, 25/s");
	assert_string_equal(progress_line(&p, 0, 0, 0, 80, buf, sizeof buf), "routes: 0 lines, 0/s");
}

/* --- rates --- */

static void test_rates(void **state)
{
	json_t *before = json_pack("{s:[{s:s,s:i,s:f,s:i}]}", "stages", "name", "tx", "packets", 100,
		"cycles_per_packet", 10.0, "sampled_packets", 10);
	json_t *now = json_pack("{s:s,s:i,s:f,s:i}", "name", "tx", "packets", 1100, "cycles_per_packet", 25.0,
		"sampled_packets", 20);
	struct rates r = {before, 0.5};
	const json_t *row = rates_row(&r, "stages", "name", now);
	char buf[TEXT_NUMBER];

	assert_non_null(row);
	assert_string_equal(rates_text(&r, row, now, "packets", buf), "2,000");
	assert_true(rates_cycles(row, now) == 40); /* (25 * 20 - 10 * 10) / 10 */
	assert_true(rates_cycles(NULL, now) == 25);
	assert_true(rates_cycles(now, now) < 0);
	assert_null(rates_text(&r, NULL, now, "packets", buf));
	assert_null(rates_text(&r, now, row, "packets", buf)); /* cleared in between */
	r.seconds = 400;
	assert_string_equal(rates_text(&r, row, now, "packets", buf), "2.5");
	json_decref(before);
	json_decref(now);
}

static void test_busy(void **state)
{
	json_t *before =
		json_pack("{s:i,s:i,s:i}", "busy_cycles", 100, "idle_cycles", 100, "sleep_cycles", 0);
	json_t *now = json_pack("{s:i,s:i,s:i}", "busy_cycles", 130, "idle_cycles", 150, "sleep_cycles", 20);

	assert_true(rates_busy(before, now) == 0.3);
	assert_true(rates_busy(NULL, before) == 0.5);
	assert_true(rates_busy(now, now) == 130.0 / 300);
	assert_true(rates_busy(NULL, NULL) == 0);
	json_decref(before);
	json_decref(now);
}

/* --- top --- */

static void test_layout(void **state)
{
	const unsigned need[TOP_PANELS] = {3, 5, 2, 10, 14};
	unsigned got[TOP_PANELS];

	for (unsigned room = 0; room < 60; room++) {
		unsigned sum = 0, wanted = 0;

		top_layout(room, need, got);
		for (unsigned i = 0; i < TOP_PANELS; i++) {
			assert_true(got[i] <= need[i]);
			assert_true(got[i] != 1 || room < 2);
			sum += got[i];
			wanted += need[i];
		}
		assert_int_equal(sum, room < wanted ? room : wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines), cmocka_unit_test(test_quoting),
		cmocka_unit_test(test_width), cmocka_unit_test(test_tables), cmocka_unit_test(test_fits),
		cmocka_unit_test(test_progress), cmocka_unit_test(test_rates), cmocka_unit_test(test_busy),
		cmocka_unit_test(test_layout)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
