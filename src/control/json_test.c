/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The JSON writer: whatever goes in, jansson reads what comes out.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "control/json.h"

static const struct {
	const char *in, *out; /* out: as jansson reads it */
} texts[] = {
	{"", ""},
	{"plain", "plain"},
	{"quote \" back \\ slash /", "quote \" back \\ slash /"},
	{"\b\f\n\r\t\x01\x7f", "\b\f\n\r\t\x01\x7f"},
	{"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"},
	{"\xff\xfe", "??"},
	{"cut \xe2\x82", "cut ??"},
	{"overlong \xc0\xaf", "overlong ??"},
	{"surrogate \xed\xa0\x80", "surrogate ???"},
	{"beyond \xf4\x90\x80\x80", "beyond ????"},
	{"lone \x80", "lone ?"},
};

static void test_text(void **state)
{
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct jw j = {0};
		json_t *doc;

		jw_open(&j, NULL, '{');
		jw_text(&j, "k", texts[i].in);
		jw_close(&j, '}');
		doc = json_loadb(j.buf, j.len, 0, NULL);
		assert_non_null(doc);
		assert_string_equal(json_string_value(json_object_get(doc, "k")), texts[i].out);
		json_decref(doc);
		jw_free(&j);
	}
}

static void test_values(void **state)
{
	static const char expected[] = "{\"a\":[1,true,null,9223372036854775807,0.000,1.500],\"b\":{},\"m\":"
				       "\"02:00:00:00:00:0a\"}\n";
	struct jw j = {0};

	jw_open(&j, NULL, '{');
	jw_open(&j, "a", '[');
	jw_u64(&j, NULL, 1);
	jw_bool(&j, NULL, true);
	jw_text(&j, NULL, NULL);
	jw_u64(&j, NULL, UINT64_MAX);
	jw_real(&j, NULL, (double)NAN);
	jw_real(&j, NULL, 1.5);
	jw_close(&j, ']');
	jw_open(&j, "b", '{');
	jw_close(&j, '}');
	jw_mac(&j, "m", (const uint8_t[]){2, 0, 0, 0, 0, 10});
	jw_close(&j, '}');
	jw_end(&j);
	assert_int_equal(j.len, strlen(expected));
	assert_memory_equal(j.buf, expected, j.len);
	jw_free(&j);
}

static void test_large(void **state)
{
	struct jw j = {0};
	json_t *doc;

	jw_open(&j, NULL, '[');
	for (unsigned i = 0; i < 100000; i++)
		jw_format(&j, NULL, "row %u", i);
	jw_close(&j, ']');
	doc = json_loadb(j.buf, j.len, 0, NULL);
	assert_int_equal(json_array_size(doc), 100000);
	json_decref(doc);
	jw_free(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text), cmocka_unit_test(test_values), cmocka_unit_test(test_large)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
