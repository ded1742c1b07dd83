/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The value parsers, row by row: what each text means, or that it means nothing.
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

#include "control/value.h"

#define NO UINT64_MAX /* refused */
#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

struct row {
	const char *text;
	uint64_t value;
};

static void check(
	const char *kind, int (*parse)(const char *, uint64_t *), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint64_t v = 4711;
		int rc = parse(rows[i].text, &v);

		/* A refused text leaves the value alone. */
		if (rc != (rows[i].value == NO ? -EINVAL : 0) ||
			v != (rows[i].value == NO ? 4711 : rows[i].value))
			fail_msg("the %s '%s' gave %d and %llu", kind, rows[i].text, rc,
				(unsigned long long)v);
	}
}

static void test_numbers(void **state)
{
	static const struct row rows[] = {
		{"0", 0},
		{"42", 42},
		{"18446744073709551614", UINT64_MAX - 1},
		{"18446744073709551616", NO},
		{"99999999999999999999", NO},
		{"", NO},
		{"+1", NO},
		{"-1", NO},
		{" 1", NO},
		{"1 ", NO},
		{"010", NO},
		{"0x10", NO},
		{"1.5", NO},
		{"1e3", NO},
		{"1_000", NO},
		{"abc", NO},
	};

	(void)state;
	check("number", value_u64, rows, COUNT(rows));
}

static void test_sizes(void **state)
{
	static const struct row rows[] = {
		{"0", 0},
		{"9000", 9000},
		{"2k", 2048},
		{"2K", 2048},
		{"2KiB", 2048},
		{"2kB", 2000},
		{"1M", 1 << 20},
		{"1MiB", 1 << 20},
		{"1MB", 1000000},
		{"2G", 2ull << 30},
		{"2GiB", 2ull << 30},
		{"2GB", 2000000000},
		{"1T", 1ull << 40},
		{"16777215T", 16777215ull << 40},
		{"16777216T", NO},
		{"2 G", NO},
		{"1.5G", NO},
		{"G", NO},
		{"2g", NO},
		{"2KB", NO},
		{"-1K", NO},
	};

	(void)state;
	check("size", value_size, rows, COUNT(rows));
}

static void test_rates(void **state)
{
	static const struct row rows[] = {
		{"0", 0},
		{"64000", 64000},
		{"64kbit", 64000},
		{"20Mbit", 20000000},
		{"100Gbit", 100000000000},
		{"20mbit", NO},
		{"20M", NO},
		{"20kbps", NO},
		{"20bit", NO},
		{"18446744074Gbit", NO},
		{"", NO},
	};

	(void)state;
	check("rate", value_rate, rows, COUNT(rows));
}

static void test_durations(void **state)
{
	static const struct row rows[] = {
		{"0", 0},
		{"0s", 0},
		{"7ns", 7},
		{"7us", 7000},
		{"200ms", 200000000},
		{"5s", 5000000000},
		{"5m", 300000000000},
		{"2h", 7200000000000},
		{"5", NO},
		{"00", NO},
		{"5sec", NO},
		{"-5s", NO},
		{"1h30m", NO},
		{"5124096h", NO},
		{"s", NO},
		{"", NO},
	};

	(void)state;
	check("duration", value_duration, rows, COUNT(rows));
}

static int bool_as_number(const char *text, uint64_t *out)
{
	bool v;
	int rc = value_bool(text, &v);

	if (rc == 0)
		*out = v;
	return rc;
}

static void test_booleans(void **state)
{
	static const struct row rows[] = {
		{"true", 1},
		{"false", 0},
		{"yes", NO},
		{"no", NO},
		{"on", NO},
		{"off", NO},
		{"True", NO},
		{"1", NO},
		{"", NO},
	};

	(void)state;
	check("boolean", bool_as_number, rows, COUNT(rows));
}

static int mac_as_number(const char *text, uint64_t *out)
{
	uint8_t mac[6];
	int rc = value_mac(text, mac);

	if (rc == 0)
		for (unsigned i = 0; i < 6; i++)
			*out = (i == 0 ? 0 : *out << 8) | mac[i];
	return rc;
}

static void test_mac_addresses(void **state)
{
	static const struct row rows[] = {
		{"02:00:00:00:00:01", 0x020000000001},
		{"aa:BB:cc:DD:ee:Ff", 0xaabbccddeeff},
		{"02-00-00-00-00-01", NO},
		{"02:00:00:00:00", NO},
		{"02:00:00:00:00:01:", NO},
		{"02:00:00:00:00:0g", NO},
		{"2:0:0:0:0:1", NO},
		{"02:00:00:00:00:1 ", NO},
		{"", NO},
	};

	(void)state;
	check("MAC address", mac_as_number, rows, COUNT(rows));
}

static void test_values_are_written_as_they_are_read(void **state)
{
	char buf[VALUE_STRLEN];
	uint64_t v = 1, back = 0;

	(void)state;
	assert_string_equal(value_format_size(0, buf), "0");
	assert_string_equal(value_format_size(2ull << 30, buf), "2G");
	assert_string_equal(value_format_size(1500, buf), "1500");
	assert_string_equal(value_format_size(3 << 19, buf), "1536K");
	assert_string_equal(value_format_rate(20000000, buf), "20Mbit");
	assert_string_equal(value_format_rate(1500, buf), "1500");
	assert_string_equal(value_format_duration(0, buf), "0");
	assert_string_equal(value_format_duration(90000000000, buf), "90s");
	assert_string_equal(value_format_duration(3600000000000, buf), "1h");
	assert_string_equal(value_format_duration(UINT64_MAX, buf), "18446744073709551615ns");
	for (unsigned i = 0; i < 1000; i++, v = v * 6364136223846793005ull + i % 3 * 1000) {
		assert_int_equal(value_size(value_format_size(v, buf), &back), 0);
		assert_true(back == v);
		assert_int_equal(value_rate(value_format_rate(v, buf), &back), 0);
		assert_true(back == v);
		assert_int_equal(value_duration(value_format_duration(v, buf), &back), 0);
		assert_true(back == v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_mac_addresses),
		cmocka_unit_test(test_values_are_written_as_they_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
