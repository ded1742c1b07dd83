/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ACLs across commits: counters stay with their rules, no packet meets half a list, a list of 10,000 rules
 * comes into force in time and is tuned beside the traffic; mistakes in rules are shown where they are.
 */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>

#include "control/read_test.h"
#include "feature/acl/acl.h"

#define HOST4 "10.0.0.2"
#define FAR4 "10.0.1.3"

static void send_udp(uint16_t port, unsigned n)
{
	for (; n > 0; n--) {
		begin_ip(0, 2, HOST4, FAR4);
		build_udp(&lab.b, 1000, port);
		build_payload(&lab.b, 72);
		inject(0);
	}
}

static struct acl_rule_info rule(const char *list, uint32_t at)
{
	struct acl_rule_info r;
	int n = acl_find(lab.w, list);

	assert_true(n >= 0);
	acl_rule_info(lab.w, (uint32_t)n, at, false, &r);
	return r;
}

#define TWO_LISTS(rules) LAB_TWO_NETS(", acl-out: t") "acls: {u: {}, t: {rules: [" rules "]}}\n"
#define WEB "{name: web, match: {protocol: udp, destination-port: 80}, action: accept}"
#define DNS "{match: {protocol: udp, destination-port: 53}, action: accept}"

static void counters_stay_with_their_rule(void **state)
{
	lab_config(TWO_LISTS(WEB "," DNS));
	send_udp(80, 3);
	send_udp(53, 2);
	send_udp(99, 1);
	assert_int_equal(rule("t", 0).packets, 3);
	assert_int_equal(rule("t", 0).bytes, 300);
	assert_int_equal(rule("t", 0).last, lab.now);
	assert_int_equal(rule("t", 1).packets, 2);
	assert_int_equal(rule("t", 1).id, 20);
	assert_int_equal(rule("t", 2).packets, 1); /* the default */
	assert_int_equal(lab_drops("acl-deny"), 1);
	/* The named rule moves and says something else; the other one has the id of another rule now. */
	lab_config(TWO_LISTS("{match: {protocol: tcp}, action: accept}, {id: 25, match: {protocol: udp, "
			     "destination-port: 53}, action: accept}, {name: web, match: {protocol: udp, "
			     "destination-port: 80-90}, action: accept}"));
	assert_int_equal(rule("t", 2).packets, 3);
	assert_int_equal(rule("t", 1).packets, 0);
	assert_int_equal(rule("t", 0).packets, 0);
	send_udp(85, 1);
	assert_int_equal(rule("t", 2).packets, 4);
	acl_clear(lab.w, (uint32_t)acl_find(lab.w, "t"));
	assert_int_equal(rule("t", 2).packets, 0);
	send_udp(85, 1);
	assert_int_equal(rule("t", 2).packets, 1);
}

static void rules_that_continue_count_mark_and_let_others_decide(void **state)
{
	lab_config(TWO_LISTS("{match: {protocol: udp}, action: count, mark: 7},"
			     "{match: {protocol: udp, destination-port: 53}, action: accept},"
			     "{match: {protocol: udp}, action: continue}, {action: drop}"));
	send_udp(53, 2);
	send_udp(54, 1);
	assert_int_equal(rule("t", 0).packets, 3);
	assert_int_equal(rule("t", 1).packets, 2);
	assert_int_equal(rule("t", 2).packets, 1); /* only what rule 2 did not decide */
	assert_int_equal(rule("t", 3).packets, 1);
	assert_int_equal(lab_drops("acl-deny"), 1);
}

/* A list of n rules for ports, then one that accepts. */
static char *long_list(unsigned n, unsigned deny)
{
	size_t size = 4096 + (size_t)n * 128, len;
	char *yaml = malloc(size);

	len = (size_t)snprintf(yaml, size, "%s", LAB_TWO_NETS(", acl-out: t") "acls:\n  t:\n    rules:\n");
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(yaml + len, size - len,
			"      - {match: {source: 172.%u.%u.0/26, destination: 10.%u.1.0/24, protocol: udp, "
			"destination-port: %u}, action: drop}\n",
			16 + i % 16, i / 16 % 256, i % 250, 1 + i);
	snprintf(yaml + len, size - len,
		"      - {match: {protocol: udp, destination-port: %u}, action: drop}\n"
		"      - {action: accept}\n",
		deny);
	return yaml;
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The last two rules of each list decide: a packet that met a list without them would end by the default,
 * which denies, or pass though its port is denied. */
static void ten_thousand_rules_come_into_force_at_once(void **state)
{
	char *yaml[2] = {long_list(10000, 53), long_list(10000, 54)};
	struct acl_list_info l;
	struct err e = {0};
	double worst = 0;

	lab_config(yaml[0]);
	for (unsigned i = 1; i < 4; i++) {
		double start = seconds();

		assert_int_equal(lab_apply(yaml[i % 2], &e), 0);
		worst = RTE_MAX(worst, seconds() - start);
		for (unsigned k = 0; k < 50; k++) {
			send_udp((uint16_t)(i % 2 ? 54 : 53), 1);
			assert_int_equal(lab_drops("acl-deny"), 1);
			send_udp((uint16_t)(i % 2 ? 53 : 54), 1);
			expect_frame(1);
		}
	}
	print_message("10,000 rules: %.2f s to read and apply\n", worst);
	assert_true(worst < 8); /* reading the text is part of it, and the machine may be busy */
	acl_wait(lab.w);
	acl_list_info(lab.w, 0, &l);
	assert_true(l.tuned);
	send_udp(54, 1);
	assert_int_equal(lab_drops("acl-deny"), 1);
	send_udp(53, 1);
	expect_frame(1);
	free(yaml[0]);
	free(yaml[1]);
}

static void a_list_that_did_not_change_is_kept(void **state)
{
	char *yaml = long_list(5000, 53);
	struct acl_list_info l;

	lab_config(yaml);
	acl_wait(lab.w);
	acl_list_info(lab.w, 0, &l);
	assert_true(l.tuned);
	lab_config(yaml);
	acl_list_info(lab.w, 0, &l);
	assert_true(l.tuned);
	send_udp(53, 1);
	assert_int_equal(lab_drops("acl-deny"), 1);
	free(yaml);
}

static void mistakes_are_shown_where_they_are(void **state)
{
	static const struct {
		const char *rules, *says;
	} rows[] = {
		{"{match: {source: $none}, action: drop}",
			"test:1:37: error: names the set 'none', which is not in 'sets'"},
		{"{match: {source: $ports}, action: drop}", "the set 'ports' has ports, not addresses"},
		{"{match: {protocol: tcp, source-port: $hosts}, action: drop}",
			"the set 'hosts' has addresses, not ports"},
		{"{match: {source: 10.0.0.0/8, destination: \"::/0\"}, action: drop}",
			"is of another family"},
		{"{match: {protocol: icmp, source: \"::1\"}, action: drop}", "is of another family"},
		{"{match: {destination-port: 80}, action: drop}", "needs a protocol that has ports"},
		{"{match: {protocol: gre, destination-port: 80}, action: drop}",
			"needs a protocol that has ports"},
		{"{match: {protocol: tcpp}, action: drop}", "'tcpp' is no protocol"},
		{"{match: {protocol: udp, tcp-flags: syn}, action: drop}",
			"'tcp-flags' needs 'protocol: tcp'"},
		{"{match: {protocol: tcp, tcp-flags: \"syn,syn\"}, action: drop}", "are no TCP flags"},
		{"{match: {icmp-type: 8}, action: drop}", "'icmp-type' needs 'protocol: icmp'"},
		{"{match: {protocol: icmp, icmp-code: 8}, action: drop}", "'icmp-code' needs 'icmp-type'"},
		{"{match: {dscp: af44}, action: drop}", "'af44' is no DSCP"},
		{"{match: {vlan: 5000}, action: drop}", "is no number from 0 to 4095"},
		{"{match: {source: 10.0.0.1/8}, action: drop}", "has bits set behind its length"},
		{"{action: goto}", "needs the key 'goto'"},
		{"{action: drop, goto: t}", "'goto' needs 'action: goto'"},
		{"{action: goto, goto: t}", "list 't' leads in a circle"},
		{"{id: 10, action: drop}, {id: 10, action: drop}", "id 10 is not above"},
		{"{name: a, action: drop}, {name: a, action: drop}", "is called 'a'"},
		{"{action: drop, log-sample: 5}", "'log-sample' needs 'log: true'"},
	};
	char yaml[1024], text[8192];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		snprintf(yaml, sizeof yaml,
			"acls: {t: {rules: [%s]}}\nsets: {hosts: {addresses: [10.0.0.1]}, ports: {ports: "
			"[1]}}\n",
			rows[i].rules);
		if (errors_of(yaml, text, sizeof text) == 0 || strstr(text, rows[i].says) == NULL)
			fail_msg("%s\n%s", rows[i].rules, text);
	}
}

static void a_refused_change_leaves_lists_and_counters(void **state)
{
	struct err e = {0};

	lab_config(TWO_LISTS(WEB));
	send_udp(80, 2);
	/* The port does not exist: iface refuses before, and again after the lists were read. */
	assert_int_not_equal(lab_apply(LAB_TWO_NETS(", mtu: 9000") "acls: {t: {}}\n", &e), 0);
	assert_int_equal(rule("t", 0).packets, 2);
	send_udp(80, 1);
	assert_int_equal(rule("t", 0).packets, 3);
	/* No lists at all, and again. */
	lab_config(LAB_TWO_NETS(""));
	assert_int_equal(acl_lists(lab.w), 0);
	send_udp(99, 1);
	lab_config(TWO_LISTS(WEB));
	assert_int_equal(rule("t", 0).packets, 0);
	send_udp(99, 1);
	assert_int_equal(lab_drops("acl-deny"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(counters_stay_with_their_rule),
		lab_test(rules_that_continue_count_mark_and_let_others_decide),
		lab_test(a_list_that_did_not_change_is_kept),
		lab_test(ten_thousand_rules_come_into_force_at_once),
		lab_test(a_refused_change_leaves_lists_and_counters),
		cmocka_unit_test(mistakes_are_shown_where_they_are),
	};

	return cmocka_run_group_tests_name("acl, commits", tests, lab_group_setup, NULL);
}
