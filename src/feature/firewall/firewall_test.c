/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall in a whole router: host 2 is inside, host 3 outside, host 4 nowhere.
 */
#include "harness.h"

#include <string.h>

#include "base/err.h"
#include "feature/firewall/rules.h"
#include "feature/session/session.h"
#include "feature/session/tcp.h"

#define NETS(zone_c)                                                                                         \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, zone: inside, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                    \
	"  b: {port: p1, zone: outside, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"                   \
	"  c: {port: p2, addresses: [10.0.2.1/24]" zone_c "}\n"                                              \
	"  d: {port: p3, addresses: [10.0.3.1/24]}\n"                                                        \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"                       \
	"  - {interface: c, address: 10.0.2.4, mac: \"02:aa:00:00:00:04\"}\n"                                \
	"  - {interface: d, address: 10.0.3.5, mac: \"02:aa:00:00:00:05\"}\n"
#define OUT "  - {from: inside, to: outside, default: accept}\n"
#define POLICY "firewall:\n" OUT

static const char *const host[] = {"10.0.0.2", "10.0.1.3", "10.0.2.4", "10.0.3.5"};

static void send_udp(unsigned from, unsigned to, uint16_t sport, uint16_t dport)
{
	begin_ip(from, from + 2, host[from], host[to]);
	build_udp(&lab.b, sport, dport);
	build_payload(&lab.b, 4);
	inject(from);
}

static void send_tcp(
	unsigned from, unsigned to, uint16_t sport, uint16_t dport, uint8_t flags, uint32_t seq, uint32_t ack)
{
	begin_ip(from, from + 2, host[from], host[to]);
	build_tcp(&lab.b, sport, dport);
	build_set(&lab.b, 4, 4, seq);
	build_set(&lab.b, 8, 4, ack);
	build_set(&lab.b, 13, 1, flags);
	inject(from);
}

static void passes(unsigned to)
{
	expect_frame(to);
	expect_silence();
}

static uint64_t sessions(void)
{
	struct session_totals t;

	session_totals(lab.w, &t);
	return t.sessions;
}

static void test_between_zones_only_what_a_policy_accepts(void **state)
{
	lab_config(POLICY NETS(""));
	send_udp(1, 0, 1000, 53);
	expect_drop("firewall-denied");
	send_udp(0, 1, 1000, 53);
	passes(1);
	send_udp(1, 0, 53, 1000);
	passes(0);
	send_udp(1, 0, 53, 1001);
	expect_drop("firewall-denied");
}

static void test_an_interface_without_zone_reaches_only_its_like(void **state)
{
	lab_config(POLICY NETS(""));
	send_udp(2, 0, 1, 2);
	expect_drop("firewall-denied");
	send_udp(0, 2, 1, 2);
	expect_drop("firewall-denied");
	send_tcp(2, 3, 1, 2, TCP_ACK, 1, 1); /* nobody keeps sessions of it */
	passes(3);
	assert_int_equal(sessions(), 0);
}

static void test_one_zone_is_one_network(void **state)
{
	lab_config(POLICY NETS(", zone: inside"));
	send_udp(0, 2, 1, 2);
	passes(2);
	assert_int_equal(sessions(), 1);
	lab_config(POLICY "  - {from: inside, to: inside, default: drop}\n" NETS(", zone: inside"));
	send_udp(0, 2, 3, 4);
	expect_drop("firewall-denied");
}

#define WEB                                                                                                  \
	"  - from: outside\n    to: inside\n    rules:\n"                                                    \
	"      - {name: bad, match: {source: 10.0.1.0/29, destination-port: 8080, protocol: \"tcp,udp\"}, "  \
	"action: reject}\n"                                                                                  \
	"      - {name: web, match: {protocol: tcp, destination-port: \"80,443,8000-8100\"}, action: "       \
	"accept}\n"                                                                                          \
	"      - {match: {protocol: icmp, icmp-type: 8}, action: accept}\n"

static void test_rules_in_order(void **state)
{
	lab_config(POLICY WEB NETS(""));
	send_tcp(1, 0, 1000, 80, TCP_SYN, 5, 0);
	passes(0);
	send_tcp(1, 0, 1000, 8050, TCP_SYN, 5, 0);
	passes(0);
	send_tcp(1, 0, 1000, 81, TCP_SYN, 5, 0);
	expect_drop("firewall-denied");
	send_udp(1, 0, 1000, 80);
	expect_drop("firewall-denied");
	begin_ip(1, 3, host[1], host[0]);
	build_icmp(&lab.b, 8, 0, 1);
	inject(1);
	passes(0);
	begin_ip(1, 3, host[1], host[0]);
	build_icmp(&lab.b, 13, 0, 1);
	inject(1);
	expect_drop("firewall-denied");
}

static void test_a_refusal_tells_the_sender(void **state)
{
	const struct seen *f;

	lab_config(POLICY WEB NETS(""));
	send_tcp(1, 0, 1000, 8080, TCP_SYN, 5, 0);
	f = expect_frame(1);
	assert_string_equal(f->src, host[0]);
	assert_int_equal(f->proto, 6);
	assert_int_equal(f->data[f->l4 + 13], TCP_RST | TCP_ACK);
	assert_int_equal(f->data[f->l4 + 11], 6); /* acknowledges the SYN */
	assert_int_equal(lab_drops("firewall-denied"), 1);
	send_udp(1, 0, 1000, 8080);
	expect_icmp(1, "10.0.1.1", host[1], 3, 13, 0);
	assert_int_equal(lab_drops("firewall-denied"), 1);
	expect_silence();
}

static struct firewall_rule_info told[16];
static unsigned told_count;

static void tell_policy(void *ctx, const struct firewall_policy_info *p)
{
}

static void tell_rule(void *ctx, const struct firewall_rule_info *r)
{
	told[told_count++ % 16] = *r;
}

static void tell_end(void *ctx)
{
}

static void walk(void)
{
	told_count = 0;
	firewall_walk(lab.w, tell_policy, tell_rule, tell_end, NULL);
}

static void test_hits_stay_with_the_rule(void **state)
{
	lab_config(POLICY WEB NETS(""));
	send_tcp(1, 0, 1000, 80, TCP_SYN, 5, 0);
	send_tcp(1, 0, 1001, 80, TCP_SYN, 5, 0);
	send_udp(1, 0, 1, 1);
	lab_discard();
	walk();
	assert_int_equal(told_count, 5);
	assert_string_equal(told[2].name, "web");
	assert_int_equal(told[2].hits, 2);
	assert_null(told[4].name);
	assert_int_equal(told[4].hits, 1);
	lab_config("firewall:\n"
		   "  - from: outside\n    to: inside\n    rules:\n"
		   "      - {name: other, match: {protocol: udp}, action: drop}\n"
		   "      - {name: web, match: {protocol: tcp}, action: accept}\n" OUT NETS(""));
	walk();
	assert_int_equal(told[0].hits, 0);
	assert_int_equal(told[1].hits, 2);
	lab_drops("firewall-denied");
}

static void test_sessions_are_judged_again_when_the_policy_changes(void **state)
{
	lab_config(POLICY WEB NETS(""));
	send_tcp(1, 0, 1000, 80, TCP_SYN, 5, 0);
	send_tcp(0, 1, 80, 1000, TCP_SYN | TCP_ACK, 70, 6);
	send_tcp(1, 0, 1000, 80, TCP_ACK, 6, 71);
	send_udp(0, 1, 1000, 53);
	lab_discard();
	/* The same policy again: nothing is asked. */
	lab_config(POLICY WEB NETS(""));
	walk();
	assert_int_equal(told[2].hits, 1);
	/* Others, which accept both: asked once each, whatever direction comes first. */
	lab_config(POLICY WEB "  - {from: inside, to: inside, default: accept}\n" NETS(""));
	send_tcp(0, 1, 80, 1000, TCP_ACK, 71, 6);
	passes(1);
	send_udp(1, 0, 53, 1000);
	passes(0);
	walk();
	assert_int_equal(told[2].hits, 2);
	/* One that does not. */
	lab_config(POLICY NETS(""));
	send_tcp(0, 1, 80, 1000, TCP_ACK, 71, 6);
	expect_drop("firewall-denied");
	send_udp(1, 0, 53, 1000);
	passes(0);
	assert_int_equal(sessions(), 1);
}

static void test_an_interface_that_moves_to_another_zone(void **state)
{
	lab_config(POLICY NETS(", zone: outside"));
	send_udp(0, 2, 1000, 53);
	passes(2);
	lab_config(POLICY NETS(""));
	send_udp(0, 2, 1000, 53);
	expect_drop("firewall-denied");
}

static void test_rules_without_sessions(void **state)
{
	lab_config("firewall:\n"
		   "  - {from: inside, to: outside, rules: [{match: {protocol: tcp}, track: false, action: "
		   "accept}]}\n"
		   "  - {from: outside, to: inside, rules: [{match: {protocol: tcp, source-port: 80}, track: "
		   "false, "
		   "action: accept}]}\n" NETS(""));
	send_tcp(0, 1, 1000, 80, TCP_ACK, 1, 1);
	passes(1);
	send_tcp(1, 0, 80, 1000, TCP_ACK, 1, 1);
	passes(0);
	send_tcp(1, 0, 81, 1000, TCP_ACK, 1, 1);
	expect_drop("firewall-denied");
	assert_int_equal(sessions(), 0);
}

static void ping_router(const char *from, unsigned port, const char *to)
{
	begin_ip(port, port + 2, from, to);
	build_icmp(&lab.b, 8, 0, 1);
	build_payload(&lab.b, 8);
	inject(port);
}

static void test_the_router_itself(void **state)
{
	lab_config(POLICY NETS(""));
	ping_router(host[1], 1, "10.0.1.1");
	passes(1);
	ping_router(host[1], 1, "10.0.0.1"); /* the address of another zone's interface is the router, too */
	passes(1);
	lab_config(
		POLICY "  - {from: outside, to: self, rules: [{match: {protocol: udp, destination-port: 53}, "
		       "action: accept}]}\n" NETS(""));
	ping_router(host[1], 1, "10.0.1.1");
	expect_drop("firewall-denied");
	ping_router(host[0], 0, "10.0.0.1");
	passes(0);
	begin_ip(1, 3, host[1], "10.0.1.1");
	build_udp(&lab.b, 1000, 53);
	build_payload(&lab.b, 4);
	inject(1);
	expect_icmp(1, "10.0.1.1", host[1], 3, 3, 0); /* accepted; but nobody is there */
	expect_silence();
	assert_int_equal(lab_drops("local-no-port"), 1);
	assert_int_equal(sessions(), 0);
}

/* Without neighbour discovery there is no IPv6, whatever the policy says. */
static void test_neighbour_discovery_passes(void **state)
{
	lab_config(POLICY "  - {from: outside, to: self, default: drop}\n" NETS(""));
	begin_ip(1, 3, "2001:db8:b::3", "2001:db8:b::1");
	build_nd(&lab.b, 135, 0, "2001:db8:b::1", host_mac(3));
	inject(1);
	passes(1);
}

static void test_no_zones_no_sessions(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	assert_null(lab.w->gen->session.lane);
	assert_int_equal(generation_iface(lab.w->gen, "a")->in, 0);
	assert_int_equal(lab.w->gen->turns, 0);
}

static void test_what_a_rule_can_say(void **state)
{
	const uint8_t a[4] = {10, 1, 2, 3}, b[4] = {10, 9, 9, 9};
	struct session_question q = {
		.family = FAMILY_V4, .proto = 6, .src = a, .dst = b, .sport = 1000, .dport = 80};
	struct rule r = {.icmp_type = -1};

	assert_true(rule_matches(&r, &q));
	r.source = (struct prefix){.addr = ipaddr_v4(0x0a010000), .len = 17};
	assert_true(rule_matches(&r, &q));
	r.source.addr = ipaddr_v4(0x0a018000);
	assert_false(rule_matches(&r, &q));
	r.source.len = 0;
	assert_true(rule_matches(&r, &q));
	r.source.addr.family = FAMILY_V6;
	assert_false(rule_matches(&r, &q));
	r.source.addr.family = FAMILY_NONE;
	r.dports = 1;
	r.dport[0] = (struct port_range){81, 90};
	assert_false(rule_matches(&r, &q));
	q.dport = 90;
	assert_true(rule_matches(&r, &q));
	r.protocols = 1;
	r.protocol[0] = 17;
	assert_false(rule_matches(&r, &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_between_zones_only_what_a_policy_accepts),
		lab_test(test_an_interface_without_zone_reaches_only_its_like),
		lab_test(test_one_zone_is_one_network),
		lab_test(test_rules_in_order),
		lab_test(test_a_refusal_tells_the_sender),
		lab_test(test_hits_stay_with_the_rule),
		lab_test(test_sessions_are_judged_again_when_the_policy_changes),
		lab_test(test_an_interface_that_moves_to_another_zone),
		lab_test(test_rules_without_sessions),
		lab_test(test_the_router_itself),
		lab_test(test_neighbour_discovery_passes),
		lab_test(test_no_zones_no_sessions),
		cmocka_unit_test(test_what_a_rule_can_say),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
