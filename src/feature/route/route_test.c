/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Routes from the config and by hand, seen through packets: connected, static, recursive, multipath and its
 * resilience, refusing types, VRFs, precedence, commits, and next-hop slots that must come back.
 */
#include "harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/rib.h"

#define HOSTS 12 /* permanent neighbours 10..21 on interface b: gateways */

static bool v6;

static struct prefix prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static void send_from(const char *dst, uint16_t sport)
{
	begin_ip(0, 2, strchr(dst, ':') != NULL ? "2001:db8:a::2" : "10.0.0.2", dst);
	build_udp(&lab.b, sport, 1);
	inject(0);
}

/* Host on port 1 a packet to dst goes to, 0 when it does not come out there. */
static unsigned goes_to(const char *dst, uint16_t sport)
{
	unsigned host = 0;

	send_from(dst, sport);
	if (lab_waiting(1) != 0) {
		const struct seen *s = expect_frame(1);

		host = s->type != 0x0806 && s->proto == 17 ? s->data[5] : 0;
	}
	lab_discard();
	return host;
}

/* Adds a static route over hosts of interface b (10.0.1.x or 2001:db8:b::x). */
static int add(const char *text, const unsigned *hosts, unsigned n, uint16_t weight, bool replace)
{
	struct route_spec spec = {.source = ROUTE_STATIC, .prefix = prefix(text), .via_count = (uint16_t)n};
	struct err e = {0};

	for (unsigned i = 0; i < n; i++) {
		char gateway[ADDR_STRLEN];

		snprintf(gateway, sizeof gateway,
			spec.prefix.addr.family == FAMILY_V6 ? "2001:db8:b::%x" : "10.0.1.%u", hosts[i]);
		ipaddr_parse(gateway, &spec.via[i].address);
		spec.via[i].weight = i == 0 ? weight : 1;
	}
	return route_add(lab.w, &spec, replace, &e);
}

static int add_one(const char *text, unsigned host)
{
	return add(text, &host, 1, 1, false);
}

static int del(const char *text)
{
	struct prefix p = prefix(text);
	struct err e = {0};

	return route_del(lab.w, 0, ROUTE_STATIC, &p, &e);
}

/* Two nets and gateways 10..21 on b whose link-layer addresses are known. */
static void open_nets(void)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 10; i < 10 + HOSTS; i++)
		for (unsigned six = 0; six < 2; six++) {
			char text[ADDR_STRLEN];
			struct ipaddr a;

			snprintf(text, sizeof text, six ? "2001:db8:b::%x" : "10.0.1.%u", i);
			ipaddr_parse(text, &a);
			assert_int_equal(neigh_add(lab.w, generation_iface(lab.w->gen, "b")->id, &a,
						 host_mac(i), true, false, false, NULL),
				0);
		}
}

/* --- single paths --- */

static void connected_and_static_routes_lead_out(void **state)
{
	open_nets();
	assert_int_equal(goes_to("10.0.1.10", 1), 10);
	assert_int_equal(goes_to("2001:db8:b::a", 1), 10);
	assert_int_equal(goes_to("203.0.113.1", 1), 0);
	assert_int_equal(lab_drops("route-none"), 1);
	assert_int_equal(add_one("203.0.113.0/24", 11), 0);
	assert_int_equal(add_one("2001:db8:f::/48", 12), 0);
	assert_int_equal(goes_to("203.0.113.1", 1), 11);
	assert_int_equal(goes_to("2001:db8:f:1::1", 1), 12);
	assert_int_equal(add_one("203.0.113.128/25", 13), 0);
	assert_int_equal(goes_to("203.0.113.127", 1), 11);
	assert_int_equal(goes_to("203.0.113.128", 1), 13);
	assert_int_equal(add_one("203.0.113.0/24", 14), -EEXIST);
	assert_int_equal(add("203.0.113.0/24", (unsigned[]){14}, 1, 1, true), 0);
	assert_int_equal(goes_to("203.0.113.1", 1), 14);
	assert_int_equal(del("203.0.113.128/25"), 0);
	assert_int_equal(goes_to("203.0.113.128", 1), 14);
	assert_int_equal(del("203.0.113.0/24"), 0);
	assert_int_equal(del("203.0.113.0/24"), -ENOENT);
	assert_int_equal(goes_to("203.0.113.1", 1), 0);
}

static void a_gateway_without_a_subnet_waits_for_one(void **state)
{
	struct route_spec spec = {
		.source = ROUTE_STATIC, .prefix = prefix("198.51.100.0/24"), .via_count = 1};
	struct prefix subnet = prefix("192.168.7.1/24");
	struct route_info info;
	struct err e = {0};

	open_nets();
	ipaddr_parse("192.168.7.9", &spec.via[0].address);
	assert_int_equal(route_add(lab.w, &spec, false, &e), 0);
	assert_int_equal(goes_to("198.51.100.1", 1), 0);
	assert_int_equal(lab_drops("route-none"), 1);
	assert_int_equal(iface_address_add(lab.w, "b", &subnet, &e), 0);
	lab_step();
	lab_discard();
	send_from("198.51.100.1", 1);
	assert_int_equal(lab.w->held, 1); /* it is asked for */
	assert_true(route_get(lab.w, 0, &spec.prefix.addr, &info));
	assert_true(info.active && info.via_usable[0]);
	assert_int_equal(iface_address_del(lab.w, "b", &subnet, &e), 0);
	lab_step();
	assert_false(route_get(lab.w, 0, &spec.prefix.addr, &info));
	lab_drops("route-none");
	assert_int_equal(goes_to("198.51.100.1", 1), 0);
	assert_int_equal(lab_drops("route-none"), 1);
}

static void routes_follow_the_link(void **state)
{
	open_nets();
	assert_int_equal(add_one("203.0.113.0/24", 11), 0);
	weir_link_set(lab.w, 1, false);
	lab_step();
	assert_int_equal(goes_to("203.0.113.1", 1), 0);
	assert_int_equal(goes_to("10.0.1.77", 1), 0);
	assert_int_equal(lab_drops("route-none"), 2);
	weir_link_set(lab.w, 1, true);
	lab_advance(SECONDS(5));
	lab_discard();
	assert_int_equal(goes_to("203.0.113.1", 1), 11);
}

/* A gateway that was deleted by hand is asked for anew; its routes do not stay dead. */
static void a_deleted_gateway_is_resolved_again(void **state)
{
	struct ipaddr a;

	open_nets();
	for (unsigned i = 0; i < 2; i++) {
		ipaddr_parse("10.0.1.40", &a);
		assert_int_equal(add("203.0.113.0/24", (unsigned[]){40}, 1, 1, true), 0);
		lab_discard();
		if (i == 0)
			assert_int_equal(
				neigh_del(lab.w, generation_iface(lab.w->gen, "b")->id, &a, NULL), 0);
		else
			neigh_flush(lab.w, IFACE_NONE);
		lab_step();
		lab_discard();
		send_from("203.0.113.1", 1);
		begin_from(1, 40);
		build_arp(&lab.b, 2, host_mac(40), 0x0a000128, lab_mac(1), 0x0a000101);
		inject(1);
		lab_discard();
		assert_int_equal(goes_to("203.0.113.1", 1), 40);
	}
}

/* `via: [{interface: b}]`: every destination is its own neighbour on the link, whatever its address. */
static void a_route_onto_an_interface_asks_for_the_destination(void **state)
{
	struct route_spec spec = {.source = ROUTE_STATIC, .prefix = prefix("192.0.2.0/24"), .via_count = 1};

	open_nets();
	spec.via[0].iface = generation_iface(lab.w->gen, "b")->id;
	assert_int_equal(route_add(lab.w, &spec, false, NULL), 0);
	send_from("192.0.2.5", 1);
	assert_memory_equal(expect_frame(1)->data + 12, "\10\6", 2);
	begin_from(1, 5);
	build_arp(&lab.b, 2, host_mac(5), 0xc0000205, lab_mac(1), 0x0a000101);
	inject(1);
	assert_memory_equal(expect_frame(1)->data, host_mac(5), 6);
	assert_int_equal(goes_to("192.0.2.5", 1), 5);
	assert_int_equal(del("192.0.2.0/24"), 0);
	assert_int_equal(goes_to("192.0.2.5", 1), 0);
	assert_int_equal(lab_drops("route-none"), 1);
}

static void refusing_types_answer_in_their_way(void **state)
{
	static const struct {
		uint8_t type;
		const char *reason;
		int code4, code6; /* of destination unreachable, -1: silence */
	} rows[] = {{ROUTE_TYPE_BLACKHOLE, "route-blackhole", -1, -1},
		{ROUTE_TYPE_UNREACHABLE, "route-unreachable", 1, 3},
		{ROUTE_TYPE_PROHIBIT, "route-prohibit", 13, 1}};

	open_nets();
	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		for (unsigned six = 0; six < 2; six++) {
			struct route_spec spec = {.source = ROUTE_STATIC,
				.type = rows[i].type,
				.prefix = prefix(six ? "2001:db8:f::/48" : "203.0.113.0/24")};

			assert_int_equal(route_add(lab.w, &spec, true, NULL), 0);
			send_from(six ? "2001:db8:f::1" : "203.0.113.1", 1);
			if (rows[i].code4 >= 0)
				expect_icmp(0, six ? "2001:db8:a::1" : "10.0.0.1",
					six ? "2001:db8:a::2" : "10.0.0.2", six ? 1 : 3,
					(uint8_t)(six ? rows[i].code6 : rows[i].code4), 0);
			expect_drop(rows[i].reason);
		}
}

/* --- several paths --- */

#define FLOWS 4000
static uint8_t before[FLOWS], after[FLOWS];

/* Where each flow goes and how many each host gets. */
static void spread(uint8_t where[FLOWS], unsigned count[256])
{
	memset(count, 0, 256 * sizeof *count);
	for (unsigned i = 0; i < FLOWS; i++) {
		where[i] = (uint8_t)goes_to(v6 ? "2001:db8:f::1" : "203.0.113.1", (uint16_t)i);
		count[where[i]]++;
	}
}

static unsigned moved(unsigned not_from)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLOWS; i++)
		n += before[i] != after[i] && before[i] != not_from;
	return n;
}

static void flows_spread_by_weight_and_stay(void **state)
{
	unsigned hosts[] = {10, 11, 12, 13}, count[256];

	open_nets();
	for (unsigned six = 0; six < 2; six++) {
		v6 = six != 0;
		assert_int_equal(add(v6 ? "2001:db8:f::/48" : "203.0.113.0/24", hosts, 4, 5, false), 0);
		spread(before, count);
		for (unsigned i = 0; i < 4; i++) {
			unsigned want = FLOWS * (i == 0 ? 5 : 1) / 8;

			if (count[hosts[i]] < want * 8 / 10 || count[hosts[i]] > want * 12 / 10)
				fail_msg("host %u got %u of %d flows", hosts[i], count[hosts[i]], FLOWS);
		}
		spread(after, count);
		assert_int_equal(moved(0), 0);
	}
}

/* The interfaces of the paths go down and up: only the flows of the lost path move, and no more than its
 * share comes back. */
static void a_lost_path_moves_only_its_own_flows(void **state)
{
	static const char nets[] =
		"interfaces:\n"
		"  a: {port: p0, addresses: [10.0.0.1/24]}\n"
		"  b: {port: p1, addresses: [10.0.1.1/24]}\n"
		"  c: {port: p2, addresses: [10.0.2.1/24]}\n"
		"  d: {port: p3, addresses: [10.0.3.1/24]}\n"
		"neighbors:\n"
		"  - {interface: b, address: 10.0.1.9, mac: \"02:aa:00:00:00:01\"}\n"
		"  - {interface: c, address: 10.0.2.9, mac: \"02:aa:00:00:00:02\"}\n"
		"  - {interface: d, address: 10.0.3.9, mac: \"02:aa:00:00:00:03\"}\n"
		"routes:\n"
		"  - {prefix: 203.0.113.0/24, via: [{address: 10.0.1.9}, {address: 10.0.2.9},"
		" {address: 10.0.3.9}]}\n";
	uint8_t *const where[3] = {before, after, before};
	unsigned count[4];

	lab_config(nets);
	for (unsigned round = 0; round < 3; round++) {
		weir_link_set(lab.w, 2, round != 1);
		lab_advance(SECONDS(5));
		lab_discard();
		memset(count, 0, sizeof count);
		for (unsigned i = 0; i < FLOWS; i++) {
			unsigned port = 0;

			send_from("203.0.113.1", (uint16_t)i);
			for (unsigned p = 1; p < 4; p++)
				port = lab_waiting(p) != 0 ? p : port;
			lab_discard();
			where[round][i] = (uint8_t)port;
			count[port]++;
		}
		assert_int_equal(count[0], 0);
		assert_true(round != 1 || count[2] == 0);
		if (round == 1)
			assert_int_equal(moved(2), 0);
	}
	for (unsigned i = 0; i < FLOWS; i++) /* `before` is the last round now */
		if (before[i] != after[i])
			assert_int_equal(before[i], 2);
	assert_true(count[2] > FLOWS / 3 * 8 / 10 && count[2] < FLOWS / 3 * 12 / 10);
}

/* --- VRFs, precedence, commits --- */

static void vrfs_are_worlds_of_their_own(void **state)
{
	static const char nets[] = "vrfs: {red: {}}\n"
				   "interfaces:\n"
				   "  a: {port: p0, addresses: [10.0.0.1/24]}\n"
				   "  b: {port: p1, addresses: [10.0.1.1/24]}\n"
				   "  c: {port: p2, addresses: [10.0.0.1/24], vrf: red}\n"
				   "  d: {port: p3, addresses: [10.0.1.1/24], vrf: red}\n"
				   "neighbors:\n"
				   "  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"
				   "  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"
				   "  - {interface: c, address: 10.0.0.2, mac: \"02:aa:00:00:00:04\"}\n"
				   "  - {interface: d, address: 10.0.1.3, mac: \"02:aa:00:00:00:05\"}\n"
				   "routes:\n"
				   "  - {prefix: 203.0.113.0/24, via: [{address: 10.0.1.3}]}\n"
				   "  - {prefix: 198.51.100.0/24, vrf: red, via: [{address: 10.0.1.3}]}\n";

	lab_config(nets);
	for (unsigned red = 0; red < 2; red++) {
		begin_ip(red ? 2 : 0, 2, "10.0.0.2", "10.0.1.3");
		build_udp(&lab.b, 1, 2);
		inject(red ? 2 : 0);
		assert_int_equal(expect_frame(red ? 3 : 1)->data[5], red ? 5 : 3);
		expect_silence();
		begin_ip(red ? 2 : 0, 2, "10.0.0.2", red ? "198.51.100.1" : "203.0.113.1");
		build_udp(&lab.b, 1, 2);
		inject(red ? 2 : 0);
		assert_int_equal(expect_frame(red ? 3 : 1)->data[5], red ? 5 : 3);
		begin_ip(red ? 2 : 0, 2, "10.0.0.2", red ? "203.0.113.1" : "198.51.100.1");
		build_udp(&lab.b, 1, 2);
		inject(red ? 2 : 0);
		assert_int_equal(expect_frame(red ? 2 : 0)->data[5], red ? 4 : 2); /* the error goes back */
		assert_int_equal(lab_drops("route-none"), 1);
		expect_silence();
	}
}

static void a_host_route_wins_over_the_neighbour_itself(void **state)
{
	open_nets();
	assert_int_equal(goes_to("10.0.1.10", 1), 10);
	assert_int_equal(add_one("10.0.1.10/32", 11), 0);
	assert_int_equal(goes_to("10.0.1.10", 1), 11);
	assert_int_equal(del("10.0.1.10/32"), 0);
	assert_int_equal(goes_to("10.0.1.10", 1), 10);
	assert_int_equal(add_one("10.0.1.0/24", 12), 0); /* the subnet itself stays connected */
	assert_int_equal(goes_to("10.0.1.13", 1), 13);
}

static void a_commit_removes_its_own_routes_only(void **state)
{
	struct err e = {0};

	lab_config(LAB_TWO_NETS("") "routes: [{prefix: 203.0.113.0/24, via: [{address: 10.0.1.3}]}]\n");
	assert_int_equal(add_one("198.51.100.0/24", 3), 0);
	assert_int_equal(goes_to("203.0.113.1", 1), 3);
	assert_int_equal(goes_to("198.51.100.1", 1), 3);
	for (unsigned i = 0; i < 300; i++) /* more rounds than a mark has values */
		assert_int_equal(lab_apply(LAB_TWO_NETS(""), &e), 0);
	assert_int_equal(goes_to("203.0.113.1", 1), 0);
	assert_int_equal(goes_to("198.51.100.1", 1), 3);
}

/* --- slots --- */

static void next_hop_slots_come_back(void **state)
{
	struct route_totals start, end;

	open_nets();
	lab_step();
	route_totals(lab.w, &start);
	for (unsigned i = 0; i < 10000; i++) {
		unsigned hosts[4] = {10 + i % HOSTS, 10 + (i + 1) % HOSTS, 30 + i % 60, 10 + (i + 5) % HOSTS};
		unsigned n = 1 + i % 4;

		assert_int_equal(add("203.0.113.0/24", hosts, n, 1, false), 0);
		assert_int_equal(add("203.0.113.0/24", hosts + 1, 1, 1, true), 0);
		assert_int_equal(del("203.0.113.0/24"), 0);
		lab_step();
		lab_discard();
	}
	lab_advance(SECONDS(200));
	lab_discard();
	route_totals(lab.w, &end);
	assert_int_equal(end.nexthops, start.nexthops);
	assert_int_equal(end.groups, 0);
	assert_int_equal(lab.w->route->set_count, 0);
	assert_true(end.buckets <= start.buckets + 64 * 4);
	assert_true(lab.w->route->nh_used < start.nexthops + 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(connected_and_static_routes_lead_out),
		lab_test(a_gateway_without_a_subnet_waits_for_one),
		lab_test(routes_follow_the_link),
		lab_test(a_deleted_gateway_is_resolved_again),
		lab_test(a_route_onto_an_interface_asks_for_the_destination),
		lab_test(refusing_types_answer_in_their_way),
		lab_test(flows_spread_by_weight_and_stay),
		lab_test(a_lost_path_moves_only_its_own_flows),
		lab_test(vrfs_are_worlds_of_their_own),
		lab_test(a_host_route_wins_over_the_neighbour_itself),
		lab_test(a_commit_removes_its_own_routes_only),
		lab_test(next_hop_slots_come_back),
	};

	return cmocka_run_group_tests_name("route", tests, lab_group_setup, NULL);
}
