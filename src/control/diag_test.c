/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How errors are printed, and which word is suggested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/diag.h"

/* What diag_print() writes, until the next call. */
static const char *printed(const struct diag *d)
{
	static char out[8192];
	FILE *f = fmemopen(out, sizeof out, "w");

	assert_non_null(f);
	diag_print(d, f);
	fclose(f);
	return out;
}

static struct diag diag_of(const char *source, size_t len)
{
	return (struct diag){.file = "test.yaml", .source = source, .source_len = len};
}

static void test_an_error_is_printed_with_its_line_and_a_caret(void **state)
{
	static const char text[] = "interfaces:\r\n\r\n  lan0: {\xc3\xa9t: 1}\n\n\tx\x1b";
	struct diag d = diag_of(text, sizeof text - 1);
	const char *out;

	(void)state;
	diag_add(&d, 3, 12, "mtu", "not a key");
	diag_add(&d, 5, 2, "write true or false", "wrong");
	diag_add(&d, 9, 1, NULL, "past the end");
	out = printed(&d);
	assert_string_equal(out, "test.yaml:3:12: error: not a key\n"
				 "      lan0: {\xc3\xa9t: 1}\n"
				 "               ^\n"
				 "hint: did you mean 'mtu'?\n"
				 "test.yaml:5:2: error: wrong\n"
				 "     x?\n"
				 "     ^\n"
				 "hint: write true or false\n"
				 "test.yaml:9:1: error: past the end\n");
}

static void test_an_error_of_the_whole_file_has_no_position(void **state)
{
	struct diag d = diag_of(NULL, 0);
	const char *out;

	(void)state;
	diag_add(&d, 0, 0, NULL, "cannot read the config: %s", "No such file or directory");
	out = printed(&d);
	assert_string_equal(out, "test.yaml: error: cannot read the config: No such file or directory\n");
}

static void test_what_a_terminal_would_act_on_is_replaced(void **state)
{
	static const struct {
		const char *text, *kept;
	} rows[] = {
		{"a\x1b[31m\n\tb\x7f", "a?[31m??b?"},
		{"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
		{"\xc2\x9b"
		 "31m",
			"??31m"},                         /* a C1 control */
		{"\xff\xc0\xaf \xed\xa0\x80", "??? ???"}, /* no UTF-8, overlong, a surrogate */
		{"\xe2\x82", "??"},                       /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct diag d = diag_of(NULL, 0);

		diag_add(&d, 1, 1, NULL, "%s", rows[i].text);
		assert_string_equal(d.entry[0].text, rows[i].kept);
	}
}

static void test_only_the_first_errors_are_kept_and_all_counted(void **state)
{
	struct diag d = diag_of(NULL, 0);
	const char *out;

	(void)state;
	for (unsigned i = 1; i <= 100; i++)
		diag_add(&d, i, 1, NULL, "error %u", i);
	assert_int_equal(d.total, 100);
	assert_int_equal(d.count, DIAG_MAX);
	out = printed(&d);
	assert_non_null(strstr(out, "error 20\n... and 80 more errors\n"));
}

static void test_a_long_line_is_shown_in_part(void **state)
{
	char text[5000];
	const char *out, *caret;
	struct diag d = diag_of(text, sizeof text);

	(void)state;
	memset(text, 'x', sizeof text);
	text[3999] = 'Y';
	diag_add(&d, 1, 4000, NULL, "far");
	out = printed(&d);
	assert_true(strlen(out) < 300);
	caret = strchr(out, '^');
	assert_non_null(caret);
	assert_int_equal(strchr(out, 'Y') - strchr(out, '\n'), caret - strrchr(out, 'x') - 1);
}

static void test_the_nearest_word_is_suggested(void **state)
{
	static const char *const words[] = {"addresses", "mtu", "ip", "description", NULL};

	(void)state;
	assert_string_equal(diag_nearest("adresses", words), "addresses");
	assert_string_equal(diag_nearest("desrciption", words), "description");
	assert_string_equal(diag_nearest("mut", words), "mtu");
	assert_string_equal(diag_nearest("MTU", words), "mtu");
	assert_null(diag_nearest("gateway", words));
	assert_null(diag_nearest("x", words));
	assert_null(diag_nearest("", words));
	assert_null(diag_nearest("mtu", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_error_is_printed_with_its_line_and_a_caret),
		cmocka_unit_test(test_an_error_of_the_whole_file_has_no_position),
		cmocka_unit_test(test_what_a_terminal_would_act_on_is_replaced),
		cmocka_unit_test(test_only_the_first_errors_are_kept_and_all_counted),
		cmocka_unit_test(test_a_long_line_is_shown_in_part),
		cmocka_unit_test(test_the_nearest_word_is_suggested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
