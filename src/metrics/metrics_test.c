/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The text format: escapes, numbers, families.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "metrics/metrics.h"

static struct jw out;

static void expect(const char *text)
{
	jw_raw(&out, "", 1);
	assert_string_equal(out.buf, text);
	jw_free(&out);
}

static void test_family_and_samples(void **state)
{
	struct metrics m = {.out = &out};

	metrics_family(&m, "weir_x_total", METRIC_COUNTER, "Things\\ and\nmore.");
	metrics_u64(&m, UINT64_MAX, NULL);
	metrics_u64(&m, 3, "a", "plain", "b", "", NULL);
	expect("# HELP weir_x_total Things\\\\ and\\nmore.\n# TYPE weir_x_total counter\n"
	       "weir_x_total 18446744073709551615\nweir_x_total{a=\"plain\",b=\"\"} 3\n");
}

static void test_labels_are_escaped(void **state)
{
	struct metrics m = {.out = &out, .name = "n"};

	metrics_u64(&m, 1, "a", "q\" b\\ n\n \xff", "b", NULL, NULL);
	expect("n{a=\"q\\\" b\\\\ n\\n ?\",b=\"\"} 1\n");
}

static void test_numbers(void **state)
{
	struct metrics m = {.out = &out, .name = "n"};

	metrics_real(&m, 0.25, NULL);
	metrics_real(&m, INFINITY, NULL);
	metrics_real(&m, 1764075600.125, "a", "b", NULL);
	expect("n 0.25\nn 0\nn{a=\"b\"} 1764075600.125\n");
}

static void part(struct metrics *m, struct weir *w)
{
	metrics_family(m, "n", METRIC_GAUGE, "H.");
	metrics_u64(m, 1, NULL);
}
METRICS_REGISTER(part)

static void test_parts(void **state)
{
	metrics_write(&out, NULL);
	expect("# HELP n H.\n# TYPE n gauge\nn 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_family_and_samples),
		cmocka_unit_test(test_labels_are_escaped),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
