/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Differences between configs: rows of two texts and the sentences between them.
 */
#include "control/control_test.h"

#include <stdlib.h>
#include <time.h>

#include "control/config_diff.h"

struct row {
	const char *now, *next, *says; /* sentences, one per line; "" for no difference */
};

static const struct row rows[] = {
	{"", "", ""},
	{"interfaces: {}\n", "", ""},
	{"interfaces: {a: {}}\n", "interfaces: {a: {mtu: 1500, enabled: true}}\n", ""},
	{"timers: {stale: 60s}\n", "timers: {stale: 1m}\n", ""},
	{"timers: {memory: 1G}\n", "timers: {memory: 1024M}\n", ""},
	{"routes: [{prefix: '2001:db8::/32'}]\n", "routes: [{prefix: '2001:DB8:0::/32', vrf: default}]\n",
		""},
	{"routes: [{prefix: 10.0.0.0/8}, {prefix: 11.0.0.0/8}]\n",
		"routes: [{prefix: 11.0.0.0/8}, {prefix: 10.0.0.0/8}]\n", ""},
	{"interfaces: {a: {description: x}}\n", "interfaces: {a: {description: 'x'}}\n", ""},
	{"", "interfaces: {a: {mtu: 1400}}\n", "interfaces a is added: {mtu: 1400}\n"},
	{"interfaces: {a: {mtu: 1400}}\n", "", "interfaces a is removed: {mtu: 1400}\n"},
	{"interfaces: {a: {}}\n", "interfaces: {a: {mtu: 1400}}\n",
		"interfaces a mtu is changed: 1500 (default) -> 1400\n"},
	{"interfaces: {a: {mtu: 1400}}\n", "interfaces: {a: {}}\n",
		"interfaces a mtu is changed: 1400 -> 1500 (default)\n"},
	{"interfaces: {a: {}}\n", "interfaces: {a: {description: hi}}\n",
		"interfaces a description is added: hi\n"},
	{"interfaces: {a: {addresses: [10.0.0.1/24]}}\n",
		"interfaces: {a: {addresses: [10.0.0.1/24, 10.0.1.1/24]}}\n",
		"interfaces a addresses 10.0.1.1/24 is added\n"},
	{"interfaces: {a: {addresses: [10.0.0.1/24, 10.0.1.1/24]}}\n",
		"interfaces: {a: {addresses: [10.0.1.1/24, 10.0.0.1/24]}}\n",
		"interfaces a addresses order is changed: [10.0.0.1/24, 10.0.1.1/24] -> [10.0.1.1/24, "
		"10.0.0.1/24]\n"},
	{"routes: [{prefix: 10.0.0.0/8}]\n", "routes: [{prefix: 10.0.0.0/8, vrf: blue}]\n",
		"routes 10.0.0.0/8 is removed: {prefix: 10.0.0.0/8}\n"
		"routes vrf blue 10.0.0.0/8 is added: {prefix: 10.0.0.0/8, vrf: blue}\n"},
	{"routes: [{prefix: 10.0.0.0/8, via: [{address: 1.1.1.1}]}]\n",
		"routes: [{prefix: 10.0.0.0/8, via: [{address: 1.1.1.2, weight: 1}, {address: 1.1.1.3}]}]\n",
		"routes 10.0.0.0/8 via number 1 address is changed: 1.1.1.1 -> 1.1.1.2\n"
		"routes 10.0.0.0/8 via number 2 is added: {address: 1.1.1.3}\n"},
	{"timers: {stale: 5s}\n", "timers: {stale: 90s}\n", "timers stale is changed: 5s -> 90s\n"},
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct node *a = read_tree(rows[i].now), *b = read_tree(rows[i].next);
		char text[4096] = "", line[1024];
		struct config_diff d;

		assert_int_equal(config_diff_make(&d, a, b), 0);
		assert_int_equal(config_diff_total(&d), d.count);
		for (unsigned k = 0; k < d.count; k++) {
			diff_sentence(&d.item[k], line, sizeof line);
			strcat(strcat(text, line), "\n");
		}
		if (strcmp(text, rows[i].says) != 0)
			fail_msg("row %zu: expected\n%sgot\n%s", i, rows[i].says, text);
		config_diff_free(&d);
		node_free(a);
		node_free(b);
	}
}

static void test_effects(void **state)
{
	struct node *a = read_tree("timers: {memory: 1G}\n"),
		    *b = read_tree("timers: {memory: 2G, stale: 1s}\n");
	struct config_diff d;

	assert_int_equal(config_diff_make(&d, a, b), 0);
	assert_int_equal(d.effects[EFFECT_RESTART], 1);
	assert_int_equal(d.effects[EFFECT_LIVE], 1);
	config_diff_free(&d);
	node_free(a);
	node_free(b);
}

static struct node *many_routes(unsigned from, unsigned to)
{
	char *text = malloc(100 * (size_t)(to - from) + 100);
	size_t len = (size_t)sprintf(text, "routes:\n");
	struct node *n;

	for (unsigned i = from; i < to; i++)
		len += (size_t)sprintf(
			text + len, "- {prefix: %u.%u.%u.0/24}\n", 1 + i / 65536, i / 256 % 256, i % 256);
	n = read_tree(text);
	free(text);
	return n;
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A list is kept to a bound, the totals are right, and the time is linear. */
static void test_many(void **state)
{
	struct node *a = many_routes(0, 100000), *b = many_routes(50000, 150000);
	struct config_diff d;
	double start = cpu();

	assert_int_equal(config_diff_make(&d, a, b), 0);
	assert_true(cpu() - start < 3);
	assert_int_equal(d.total[DIFF_ADD], 50000);
	assert_int_equal(d.total[DIFF_REMOVE], 50000);
	assert_int_equal(d.count, DIFF_LISTED);
	config_diff_free(&d);
	node_free(a);
	node_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_effects),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
