/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Patterns against the parsers they stand for, with the regular expressions of the C library.
 */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/pattern.h"
#include "packet/addr.h"

static regex_t re;

/* POSIX has no non-capturing groups. */
static void compile(char *text)
{
	char *anchored;

	for (char *p; (p = strstr(text, "(?:")) != NULL;)
		memmove(p + 1, p + 3, strlen(p + 3) + 1);
	assert_true(asprintf(&anchored, "^(%s)$", text) > 0);
	assert_int_equal(regcomp(&re, anchored, REG_EXTENDED | REG_NOSUB), 0);
	free(anchored);
}

#define COMPILE(call)                                                                                        \
	do {                                                                                                 \
		char *text_ = NULL;                                                                          \
		size_t size_;                                                                                \
		FILE *f = open_memstream(&text_, &size_);                                                    \
		call;                                                                                        \
		fclose(f);                                                                                   \
		compile(text_);                                                                              \
		free(text_);                                                                                 \
	} while (0)

static bool accepts(const char *text)
{
	return regexec(&re, text, 0, NULL, 0) == 0;
}

static bool accepts_number(uint64_t v)
{
	char text[32];

	snprintf(text, sizeof text, "%lu", v);
	return accepts(text);
}

static void test_ranges_of_numbers(void **state)
{
	static const uint64_t ranges[][2] = {{0, 0}, {0, 9}, {0, 255}, {1, 64}, {1, 4094}, {68, 9216},
		{68, 9600}, {7, 1007}, {10, 99}, {99, 100}, {100, 1999}, {16, 30000}, {0, 40000},
		{123, 4567}};

	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
		uint64_t lo = ranges[i][0], hi = ranges[i][1];

		COMPILE(pattern_number(f, lo, hi));
		for (uint64_t v = 0; v < 41000; v++)
			if (accepts_number(v) != (v >= lo && v <= hi))
				fail_msg("%lu in %lu..%lu", v, lo, hi);
		assert_false(accepts("01"));
		assert_false(accepts(""));
		assert_false(accepts("-1"));
		regfree(&re);
	}
}

static void test_the_largest_numbers(void **state)
{
	COMPILE(pattern_number(f, 5, UINT64_MAX));
	assert_true(accepts_number(UINT64_MAX) && accepts_number(UINT64_MAX - 1) && accepts_number(5));
	assert_false(accepts("18446744073709551616") || accepts_number(4));
	regfree(&re);
}

static void test_numbers_with_units(void **state)
{
	const uint64_t min = 100000000, max = 60000000000; /* 100ms..60s */
	char text[32];

	COMPILE(pattern_units(f, value_duration_units, min, max));
	for (const struct value_unit *u = value_duration_units; u->suffix != NULL; u++)
		for (uint64_t n = 0; n < 70000; n += n < 2000 ? 1 : 97) {
			uint64_t v;

			snprintf(text, sizeof text, "%lu%s", n, u->suffix);
			assert_int_equal(value_duration(text, &v), 0);
			if (accepts(text) != (v >= min && v <= max))
				fail_msg("%s", text);
		}
	assert_false(accepts("5"));
	regfree(&re);
	COMPILE(pattern_units(f, value_size_units, 16u << 20, 0));
	assert_true(accepts("16M") && accepts("16MiB") && accepts("17MB") && accepts("1T") &&
		    accepts("16777216"));
	assert_false(accepts("15M") || accepts("16MB") || accepts("16777215") || accepts("1m"));
	regfree(&re);
}

/* Texts near the edge of what is an address, and all one-character changes of good ones. */
static void test_addresses(void **state)
{
	static const char *const texts[] = {"0.0.0.0", "255.255.255.255", "1.2.3", "1.2.3.4.5", "01.2.3.4",
		"1.2.3.256", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "1::3::5", "::1.2.3.4", "1::1.2.3.4",
		"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:6::1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
		"1:2::5:6:1.2.3.4", "1:2:3::6:1.2.3.4", "fe80::1%eth0", "12345::", "G::", ":1",
		"1:", ":::", "a:b::c:d", "::ffff:1.2.3.04"};
	char copy[64];

	COMPILE(pattern_address4(f); fputc('|', f); pattern_address6(f));
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct ipaddr a;

		if (accepts(texts[i]) != (ipaddr_parse(texts[i], &a) == 0))
			fail_msg("%s", texts[i]);
		for (size_t at = 0; at < strlen(texts[i]); at++)
			for (const char *c = "01:.fg"; *c != '\0'; c++) {
				strcpy(copy, texts[i]);
				copy[at] = *c;
				if (accepts(copy) != (ipaddr_parse(copy, &a) == 0))
					fail_msg("%s", copy);
			}
	}
	regfree(&re);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_of_numbers),
		cmocka_unit_test(test_the_largest_numbers),
		cmocka_unit_test(test_numbers_with_units),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
