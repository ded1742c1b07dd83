/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Named sets: entries as text, files, what is joined, what is refused and where, and what a commit keeps.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "control/read_test.h"
#include "feature/set/set.h"

static void entries_are_addresses_prefixes_and_ranges(void **state)
{
	static const struct {
		const char *text;
		const char *why; /* NULL: taken */
	} rows[] = {
		{"10.0.0.1", NULL},
		{"10.0.0.0/8", NULL},
		{"0.0.0.0/0", NULL},
		{"2001:db8::/32", NULL},
		{"::1", NULL},
		{"10.0.0.1-10.0.0.9", NULL},
		{"2001:db8::1-2001:db8::ffff", NULL},
		{"10.0.0.1/8", "bits set"},
		{"10.0.0.9-10.0.0.1", "ends before"},
		{"10.0.0.1-::1", "two families"},
		{"10.0.0.1-", "range of two"},
		{"-10.0.0.1", "range of two"},
		{"10.0.0.256", "is no address"},
		{"10.0.0.0/33", "is no address"},
		{"", "is no address"},
		{"example.org", "is no address"},
		{"web-server", "range of two"},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct addr_set s = {0};
		const char *why = NULL;
		int rc = set_parse_address(rows[i].text, &s, &why);

		if ((rc == 0) != (rows[i].why == NULL) || (rc != 0 && strstr(why, rows[i].why) == NULL))
			fail_msg("'%s': %d, %s", rows[i].text, rc, why != NULL ? why : "taken");
		addr_set_free(&s);
	}
}

static void ports_are_numbers_and_ranges(void **state)
{
	static const char *const good[] = {"0", "80", "65535", "1-2", "0-65535", "80-80"},
				 *const bad[] = {"", "65536", "-1", "1-", "2-1", "080", "http", "1-65536",
					 "1 - 2", "123456789-2"};
	const char *why = NULL;

	for (unsigned i = 0; i < RTE_DIM(good); i++) {
		struct ranges r = {0};

		assert_int_equal(set_parse_port(good[i], &r, &why), 0);
		ranges_free(&r);
	}
	for (unsigned i = 0; i < RTE_DIM(bad); i++) {
		struct ranges r = {0};

		if (set_parse_port(bad[i], &r, &why) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
		ranges_free(&r);
	}
}

static long lines(const char *text, struct addr_set *s, struct set_fault *f)
{
	*s = (struct addr_set){0};
	return set_parse_lines(text, strlen(text), s, f);
}

static void files_have_one_entry_on_a_line(void **state)
{
	struct set_fault f;
	struct addr_set s;

	assert_int_equal(
		lines("# a comment\n\n 10.0.0.0/24 \r\n10.0.1.0/24 ; SBL1\n\t2001:db8::/32# x", &s, &f), 3);
	addr_set_merge(&s);
	assert_int_equal(s.v4.count, 1); /* both /24 touch */
	assert_int_equal(s.v6.count, 1);
	addr_set_free(&s);
	assert_int_equal(lines("", &s, &f), 0);
	assert_int_equal(lines("10.0.0.1\n10.0.0.2 10.0.0.3\n", &s, &f), -EINVAL);
	assert_int_equal(f.line, 2);
	assert_non_null(strstr(f.text, "'10.0.0.2 10.0.0.3' is no address"));
	addr_set_free(&s);
	assert_int_equal(set_parse_lines("10.0.0.1\0x\n", 11, &s, &f), -EINVAL);
	addr_set_free(&s);
}

static void mistakes_are_shown_where_they_are(void **state)
{
	static const struct {
		const char *yaml, *says;
	} rows[] = {
		{"sets: {a: {}}", "test:1:8: error: set 'a' needs either"},
		{"sets: {a: {ports: [1], addresses: [10.0.0.1]}}", "set 'a' needs either"},
		{"sets:\n  a:\n    addresses:\n      - 10.0.0.1\n      - 10.0.0.1/24\n",
			"test:5:9: error: '10.0.0.1/24' has bits"},
		{"sets: {a: {ports: [80, 9-1]}}", "test:1:24: error: '9-1' ends before"},
		{"sets: {a: {file: /nonexistent/x}}", "test:1:18: error: file /nonexistent/x cannot be read"},
		{"sets: {a: {file: /dev/zero}}", "/dev/zero is no ordinary file"},
	};
	char text[4096];

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		if (errors_of(rows[i].yaml, text, sizeof text) != 1 || strstr(text, rows[i].says) == NULL)
			fail_msg("%s\n%s", rows[i].yaml, text);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_set_keeps_its_serial_until_it_says_something_else(void **state)
{
	char path[] = "/tmp/weir-set-XXXXXX", yaml[512];
	uint64_t before, ports;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	snprintf(yaml, sizeof yaml,
		"sets: {a: {addresses: [10.0.0.0/25], file: %s}, p: {ports: [80, 443]}}\n", path);
	write_file(path, "10.0.0.128/25\n");
	lab_config(yaml);
	before = sets_find(lab.w, "a")->serial;
	ports = sets_find(lab.w, "p")->serial;
	assert_int_equal(sets_find(lab.w, "a")->addresses.v4.count, 1);
	assert_int_equal(sets_find(lab.w, "a")->entries, 2);
	assert_null(sets_find(lab.w, "b"));
	write_file(path, "# the same in other words\n10.0.0.0/24\n");
	lab_config(yaml);
	assert_int_equal(sets_find(lab.w, "a")->serial, before);
	write_file(path, "10.0.0.0/24\n10.9.9.9\n");
	lab_config(yaml);
	assert_int_not_equal(sets_find(lab.w, "a")->serial, before);
	assert_int_equal(sets_find(lab.w, "p")->serial, ports);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_addresses_prefixes_and_ranges),
		cmocka_unit_test(ports_are_numbers_and_ranges),
		cmocka_unit_test(files_have_one_entry_on_a_line),
		cmocka_unit_test(mistakes_are_shown_where_they_are),
		lab_test(a_set_keeps_its_serial_until_it_says_something_else),
	};

	return cmocka_run_group_tests_name("sets", tests, lab_group_setup, NULL);
}
