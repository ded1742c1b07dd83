/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ACLs through a whole router: what rules match, what becomes of packets, what hides a header, counters and
 * commits.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "feature/acl/acl.h"

#define HOST4 "10.0.0.2"
#define FAR4 "10.0.1.3"
#define HOST6 "2001:db8:a::2"
#define FAR6 "2001:db8:b::3"

/* Interface a filters what comes in by list "t"; `rules` are its rules, `more` further top-level keys. */
static void filter(const char *rules, const char *more)
{
	static char yaml[8192];
	const char *two = LAB_TWO_NETS("");
	const char *end = strstr(two, "]}\n  b:");

	snprintf(yaml, sizeof yaml, "%.*s], acl-in: t}\n%sacls: {t: {default: accept, rules: [%s]}}\n%s",
		(int)(end - two), two, end + 3, rules, more);
	lab_config(yaml);
}

enum l4 { UDP, TCP, ICMP };

/* A packet from host 2 to host 3. */
static void begin(bool v4)
{
	begin_ip(0, 2, v4 ? HOST4 : HOST6, v4 ? FAR4 : FAR6);
}

static void send_l4(bool v4, enum l4 l4, uint16_t a, uint16_t b)
{
	begin(v4);
	if (l4 == UDP)
		build_udp(&lab.b, a, b);
	else if (l4 == TCP)
		build_tcp(&lab.b, a, b);
	else
		build_icmp(&lab.b, (uint8_t)a, (uint8_t)b, 0);
	build_payload(&lab.b, 30);
	inject(0);
}

/* It went on, or was denied in silence. */
static bool passed(const char *what)
{
	const uint64_t denied = lab_drops("acl-deny");
	const unsigned out = lab_waiting(1);

	if (out + denied != 1 || lab_waiting(0) != 0)
		fail_msg("%s: %u went on, %lu denied, %u answered, last '%s'", what, out, denied,
			lab_waiting(0), lab.last_reason);
	lab_discard();
	return out == 1;
}

/* --- what rules match --- */

struct row {
	const char *match; /* of a rule that denies */
	enum l4 l4;
	uint16_t a, b; /* ports; type and code */
	bool hit4, hit6;
};

static void rules_match_what_they_say(void **state)
{
	static const struct row rows[] = {
		{"{}", UDP, 1000, 53, true, true},
		{"{family: ipv4}", UDP, 1000, 53, true, false},
		{"{family: ipv6}", UDP, 1000, 53, false, true},
		{"{source: 10.0.0.0/24}", UDP, 1000, 53, true, false},
		{"{source: 10.0.0.2}", UDP, 1000, 53, true, false},
		{"{source: 10.0.0.3-10.0.0.9}", UDP, 1000, 53, false, false},
		{"{source: 10.0.0.1-10.0.0.9}", UDP, 1000, 53, true, false},
		{"{destination: \"2001:db8:b::/48\"}", UDP, 1000, 53, false, true},
		{"{destination: \"2001:db8:c::/48\"}", UDP, 1000, 53, false, false},
		{"{source: $hosts}", UDP, 1000, 53, true, true},
		{"{destination: $hosts}", UDP, 1000, 53, false, false},
		{"{protocol: udp}", UDP, 1000, 53, true, true},
		{"{protocol: tcp}", UDP, 1000, 53, false, false},
		{"{protocol: \"tcp,udp\"}", UDP, 1000, 53, true, true},
		{"{protocol: 17}", UDP, 1000, 53, true, true},
		{"{protocol: udp, destination-port: 53}", UDP, 1000, 53, true, true},
		{"{protocol: udp, destination-port: 54}", UDP, 1000, 53, false, false},
		{"{protocol: udp, destination-port: 50-60}", UDP, 1000, 53, true, true},
		{"{protocol: udp, destination-port: $names}", UDP, 1000, 53, true, true},
		{"{protocol: udp, destination-port: $names}", UDP, 1000, 54, false, false},
		{"{protocol: udp, source-port: 1000}", UDP, 1000, 53, true, true},
		{"{protocol: tcp, destination-port: 53}", UDP, 1000, 53, false, false},
		{"{protocol: icmp}", ICMP, 8, 0, true, false},
		{"{protocol: icmp, icmp-type: 8}", ICMP, 8, 0, true, false},
		{"{protocol: icmp, icmp-type: 8, icmp-code: 1}", ICMP, 8, 0, false, false},
		{"{protocol: icmpv6, icmp-type: 128, icmp-code: 3}", ICMP, 128, 3, false, true},
		{"{length: 58}", UDP, 1000, 53, true, false},
		{"{length: 60-100}", UDP, 1000, 53, false, true},
		{"{vlan: 0}", UDP, 1000, 53, true, true},
		{"{vlan: 1-4095}", UDP, 1000, 53, false, false},
		{"{fragment: no}", UDP, 1000, 53, true, true},
		{"{fragment: any}", UDP, 1000, 53, false, false},
		{"{options: false}", UDP, 1000, 53, true, true},
		{"{options: true}", UDP, 1000, 53, false, false},
		{"{dscp: 0}", UDP, 1000, 53, true, true},
		{"{dscp: ef}", UDP, 1000, 53, false, false},
	};
	char rule[256];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct row *r = &rows[i];

		snprintf(rule, sizeof rule, "{match: %s, action: drop}", r->match);
		filter(rule, "sets: {hosts: {addresses: [10.0.0.0/30, \"2001:db8:a::/64\"]}, names: {ports: "
			     "[53, 5353]}}\n");
		for (unsigned v4 = 0; v4 < 2; v4++) {
			send_l4(v4 != 0, r->l4, r->a, r->b);
			if (passed(r->match) == (v4 ? r->hit4 : r->hit6))
				fail_msg("%s: IPv%d", r->match, v4 ? 4 : 6);
		}
	}
}

static void tcp_flags_are_matched(void **state)
{
	static const struct {
		const char *flags;
		uint8_t is;
		bool hit;
	} rows[] = {
		{"syn", 0x02, true},
		{"syn", 0x12, true},
		{"syn,!ack", 0x12, false},
		{"syn,!ack", 0x02, true},
		{"!syn", 0x10, true},
		{"established", 0x10, true},
		{"established", 0x04, true},
		{"established", 0x02, false},
		{"fin,psh,urg", 0x29, true},
	};
	char rule[256];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		snprintf(rule, sizeof rule, "{match: {protocol: tcp, tcp-flags: \"%s\"}, action: drop}",
			rows[i].flags);
		filter(rule, "");
		for (unsigned v4 = 0; v4 < 2; v4++) {
			begin(v4 != 0);
			build_tcp(&lab.b, 1000, 80);
			build_set(&lab.b, 13, 1, rows[i].is);
			inject(0);
			if (passed(rows[i].flags) == rows[i].hit)
				fail_msg("%s with flags %02x", rows[i].flags, rows[i].is);
		}
	}
}

/* --- what becomes of packets --- */

static void the_first_rule_that_matches_decides(void **state)
{
	filter("{match: {protocol: udp, destination-port: 53}, action: accept},"
	       "{match: {protocol: udp}, action: deny},"
	       "{match: {protocol: udp, destination-port: 54}, action: permit}",
		"");
	send_l4(true, UDP, 1, 53);
	assert_true(passed("an accepted packet"));
	send_l4(true, UDP, 1, 54);
	assert_false(passed("a denied packet"));
	send_l4(true, TCP, 1, 54);
	assert_true(passed("a packet without a rule"));
}

static void rejected_packets_are_answered(void **state)
{
	const struct seen *s;

	filter("{match: {protocol: \"tcp,udp\", destination-port: 99}, action: reject}", "");
	send_l4(true, UDP, 1, 99);
	expect_icmp(0, "10.0.0.1", HOST4, 3, 13, 0);
	send_l4(false, UDP, 1, 99);
	expect_icmp(0, "2001:db8:a::1", HOST6, 1, 1, 0);
	assert_int_equal(lab_drops("acl-reject"), 2);
	for (unsigned v4 = 0; v4 < 2; v4++) {
		begin(v4 != 0);
		build_tcp(&lab.b, 1234, 99);
		build_set(&lab.b, 4, 4, 1000);
		build_set(&lab.b, 13, 1, 2);
		inject(0);
		s = expect_frame(0);
		assert_string_equal(s->src, v4 ? FAR4 : FAR6);
		assert_string_equal(s->dst, v4 ? HOST4 : HOST6);
		assert_int_equal(s->data[s->l4 + 13], 0x14); /* RST, ACK */
		assert_int_equal(s->data[s->l4 + 10] << 8 | s->data[s->l4 + 11], 1001);
		assert_int_equal(s->data[s->l4] << 8 | s->data[s->l4 + 1], 99);
	}
	assert_int_equal(lab_drops("acl-reject"), 2);
	/* Nobody answers a reset with one. */
	begin(true);
	build_tcp(&lab.b, 1234, 99);
	build_set(&lab.b, 13, 1, 4);
	inject(0);
	expect_icmp(0, "10.0.0.1", HOST4, 3, 13, 0);
	assert_int_equal(lab_drops("acl-reject"), 1);
	expect_silence();
}

static void goto_leads_to_another_list(void **state)
{
	lab_config(LAB_TWO_NETS(
		", acl-out: t") "acls:\n"
				"  t: {rules: [{match: {protocol: udp}, action: goto, goto: names}]}\n"
				"  names: {default: drop, rules: [{match: {protocol: udp, "
				"destination-port: 53}, action: accept}]}\n");
	send_l4(true, UDP, 1, 53);
	assert_true(passed("accepted by the other list"));
	send_l4(true, UDP, 1, 54);
	assert_false(passed("the other list's default"));
	send_l4(true, TCP, 1, 53);
	assert_false(passed("the list's own default"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(rules_match_what_they_say),
		lab_test(tcp_flags_are_matched),
		lab_test(the_first_rule_that_matches_decides),
		lab_test(rejected_packets_are_answered),
		lab_test(goto_leads_to_another_list),
	};

	return cmocka_run_group_tests_name("acl", tests, lab_group_setup, NULL);
}
