/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Record route and timestamp options, as rows: before, after, or which byte is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_common.h>

#include "packet/checksum.h"
#include "packet/options.h"

#define US 0x0a000101u
#define NOW 0x01020304u

static void make_header(uint8_t *ip, const uint8_t *options, size_t len)
{
	uint16_t sum;

	memset(ip, 0, 20);
	ip[0] = (uint8_t)(0x40 | len / 4);
	memcpy(ip + 20, options, len - 20);
	sum = checksum_ip4_header(ip, len);
	memcpy(ip + 10, &sum, sizeof sum);
}

static bool test_ours(const void *ctx, uint32_t address)
{
	return address == US;
}

static void ipv4_options_are_filled_in(void **state)
{
	static const struct {
		const char *what;
		uint8_t options[20], after[20];
		uint8_t len, wrong; /* wrong: offset in the options of what is, plus 1; 0 = nothing */
	} rows[] = {
		{"record route with room", {7, 7, 4, 0, 0, 0, 0, 0}, {7, 7, 8, 10, 0, 1, 1, 0}, 8, 0},
		{"the second entry", {7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0},
			{7, 11, 12, 9, 9, 9, 9, 10, 0, 1, 1, 0}, 12, 0},
		{"full", {7, 7, 8, 9, 9, 9, 9, 0}, {7, 7, 8, 9, 9, 9, 9, 0}, 8, 0},
		{"full from the start", {7, 3, 4, 0}, {7, 3, 4, 0}, 4, 0},
		{"behind others", {1, 148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0},
			{1, 148, 4, 0, 0, 7, 7, 8, 10, 0, 1, 1}, 12, 0},
		{"behind the end", {0, 7, 7, 4, 0, 0, 0, 0}, {0, 7, 7, 4, 0, 0, 0, 0}, 8, 0},
		{"room for part of an address", {7, 8, 6, 0, 0, 0, 0, 0}, {0}, 8, 3},
		{"pointer before the data", {7, 7, 3, 0, 0, 0, 0, 0}, {0}, 8, 3},
		{"record route too short", {7, 2, 1, 1}, {0}, 4, 2},
		{"record route twice", {7, 7, 4, 0, 0, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0, 0}, {0}, 16, 8},
		{"timestamp alone", {68, 8, 5, 0, 0, 0, 0, 0}, {68, 8, 9, 0, 1, 2, 3, 4}, 8, 0},
		{"timestamp with address", {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0},
			{68, 12, 13, 1, 10, 0, 1, 1, 1, 2, 3, 4}, 12, 0},
		{"timestamp of ours", {68, 12, 5, 3, 10, 0, 1, 1, 0, 0, 0, 0},
			{68, 12, 13, 3, 10, 0, 1, 1, 1, 2, 3, 4}, 12, 0},
		{"timestamp of somebody else", {68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0},
			{68, 12, 5, 3, 9, 9, 9, 9, 0, 0, 0, 0}, 12, 0},
		{"no room: one more missed", {68, 8, 9, 0x20, 1, 1, 1, 1}, {68, 8, 9, 0x30, 1, 1, 1, 1}, 8,
			0},
		{"missed too often", {68, 8, 9, 0xf0, 1, 1, 1, 1}, {0}, 8, 4},
		{"unknown flag", {68, 8, 5, 2, 0, 0, 0, 0}, {0}, 8, 4},
		{"room for part of a timestamp", {68, 8, 5, 1, 0, 0, 0, 0}, {0}, 8, 3},
		{"timestamp pointer into its head", {68, 8, 4, 0, 0, 0, 0, 0}, {0}, 8, 3},
		{"timestamp too short", {68, 3, 5, 0}, {0}, 4, 2},
		{"both", {7, 7, 4, 0, 0, 0, 0, 1, 68, 8, 5, 0, 0, 0, 0, 0},
			{7, 7, 8, 10, 0, 1, 1, 1, 68, 8, 9, 0, 1, 2, 3, 4}, 16, 0},
		{"the second is wrong: the first stays", {7, 7, 4, 0, 0, 0, 0, 1, 68, 8, 4, 0, 0, 0, 0, 0},
			{0}, 16, 11},
	};
	const struct ip4_stamp s = {.address = US, .time = NOW, .ours = test_ours};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		size_t len = 20u + rows[i].len;
		uint8_t ip[60], before[60], pointer = 0;
		enum parse_result want = rows[i].wrong != 0 ? PARSE_MALFORMED : PARSE_OK;

		make_header(ip, rows[i].options, len);
		memcpy(before, ip, len);
		if (ip4_options_stamp(ip, len, &s, &pointer) != want)
			fail_msg("%s: taken for something else", rows[i].what);
		if (want == PARSE_MALFORMED ? memcmp(ip, before, len) != 0 || pointer != 19 + rows[i].wrong
					    : memcmp(ip + 20, rows[i].after, rows[i].len) != 0)
			fail_msg("%s: written wrongly (pointer %u)", rows[i].what, pointer);
		assert_int_equal(checksum_ip4_header(ip, len), 0); /* right: nothing is missing */
	}
}

static void only_options_that_record_are_kept(void **state)
{
	uint8_t ip[40] = {[20] = 1, 148, 4, 0, 0, 7, 7, 4, 1, 2, 3, 4, 130, 4, 5, 6};
	static const uint8_t kept[20] = {1, 1, 1, 1, 1, 7, 7, 4, 1, 2, 3, 4, 1, 1, 1, 1};
	uint8_t none[24] = {[20] = 148, 4, 0, 0};

	assert_true(ip4_options_keep_records(ip, sizeof ip));
	assert_memory_equal(ip + 20, kept, sizeof kept);
	assert_false(ip4_options_keep_records(none, sizeof none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4_options_are_filled_in),
		cmocka_unit_test(only_options_that_record_are_kept),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
