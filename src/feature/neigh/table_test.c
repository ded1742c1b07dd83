/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The neighbour table: its limits, and what links, commits and addresses do to entries.
 */
#include "neigh_test.h"

/* --- limits --- */

static void the_table_is_limited_and_makes_room(void **state)
{
	char text[32];

	v6 = false;
	lab_config(LAB_TWO_NETS("") "neighbor: {limit: 16}\n");
	for (unsigned i = 0; i < 10; i++) { /* 5 are permanent, 8 may be unresolved */
		snprintf(text, sizeof text, "10.0.1.%u", 100 + i);
		send_to(text, 1);
	}
	assert_int_equal(lab_drops("neighbor-table-full"), 2);
	assert_int_equal(lab.w->neigh->entries, 13);
	lab_advance(SECONDS(10));
	assert_int_equal(lab.w->neigh->entries, 5);
	for (unsigned i = 0; i < 12; i++) {
		snprintf(text, sizeof text, "10.0.1.%u", 100 + i);
		send_to(text, 1);
		arp(2, 100 + i, 0x0a000100 + 100 + i, 0x0a000101);
	}
	assert_int_equal(lab_drops("neighbor-table-full"), 1);
	lab_advance(SECONDS(40)); /* those are stale now and may go */
	lab_discard();
	send_to(peer(), 1);
	answer();
	expect_state(NEIGH_REACHABLE);
	assert_int_equal(lab.w->neigh->entries, 16);
	lab_discard();
}

static void send_to_host(unsigned host)
{
	char text[32];

	snprintf(text, sizeof text, "10.0.1.%u", host);
	send_to(text, 1);
}

/* Buffers are what a scan costs: all queues together hold a bounded number, whatever each may hold. */
static void packets_that_wait_are_limited_in_all(void **state)
{
	v6 = false;
	lab_config(LAB_TWO_NETS("") "neighbor: {queue-packets: 64}\n");
	for (unsigned i = 0; i < 70 * 64; i++) {
		send_to_host(100 + i % 70);
		if (i % 64 == 0)
			lab_advance(MILLIS(4));
	}
	assert_int_equal(lab.w->held, NEIGH_HELD_MAX);
	assert_int_equal(lab_drops("neighbor-queue-full"), 70 * 64 - NEIGH_HELD_MAX);
	send_to_host(200); /* has nothing to give up */
	assert_int_equal(lab_drops("neighbor-queues-full"), 1);
	lab_advance(SECONDS(4));
	assert_int_equal(lab.w->held, 0);
	lab_discard();
	send_to_host(201);
	assert_int_equal(lab.w->held, 1);
	lab_discard();
}

/* A route that comes while a scan keeps the table full gets its gateway all the same. */
static void a_gateway_does_not_wait_for_a_scan_to_end(void **state)
{
	static const char limits[] = LAB_TWO_NETS("") "neighbor: {limit: 16}\n";

	v6 = false;
	lab_config(limits);
	for (unsigned i = 0; i < 3; i++) {
		send_to_host(50 + i);
		arp(2, 50 + i, 0x0a000100 + 50 + i, 0x0a000101);
	}
	for (unsigned i = 0; i < 10; i++)
		send_to_host(100 + i);
	assert_int_equal(lab.w->neigh->entries, 16);
	assert_int_equal(lab_drops("neighbor-table-full"), 2);
	assert_int_equal(
		lab_apply(
			LAB_TWO_NETS("") "neighbor: {limit: 16}\n"
					 "routes: [{prefix: 198.51.100.0/24, via: [{address: 10.0.1.77}]}]\n",
			NULL),
		0);
	assert_int_equal(lab.w->neigh->entries, 16);
	assert_non_null(entry_of("10.0.1.77"));
	assert_int_equal(lab_drops("neighbor-removed"), 1); /* the packet of the one that gave way */
	send_to("198.51.100.1", 1);
	assert_int_equal(entry_of("10.0.1.77")->queued, 1);
	lab_discard();
}

/* The offline twin has no peers: every neighbour is there at once, however many there are. */
static void offline_every_neighbour_answers(void **state)
{
	v6 = false;
	lab.w->offline = true;
	lab_config(LAB_TWO_NETS("") "neighbor: {limit: 100}\n");
	for (unsigned i = 0; i < 90; i++) {
		char text[32];

		snprintf(text, sizeof text, "10.0.1.%u", 100 + i);
		send_to(text, 1);
		assert_int_equal(expect_frame(1)->proto, 17);
	}
	expect_silence();
}

/* --- links and commits --- */

static void link_down(void)
{
	resolve();
	weir_link_set(lab.w, 1, false);
	lab_step();
	assert_null(entry_of(peer()));
	send_to(peer(), 1);
	expect_icmp(
		0, v6 ? "2001:db8:a::1" : "10.0.0.1", v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? 1 : 3, 0, 0);
	weir_link_set(lab.w, 1, true);
	lab_advance(SECONDS(5));
	lab_discard();
	send_to(peer(), 1);
	send_to(peer(), 2);
	expect_solicit(false);
	weir_link_set(lab.w, 1, false);
	lab_step();
	assert_int_equal(lab_drops("neighbor-removed"), 2);
	assert_int_equal(lab.w->held, 0);
	weir_link_set(lab.w, 1, true);
	lab_advance(SECONDS(5));
}

static void a_lost_link_takes_its_neighbours_along(void **state)
{
	both_families(LAB_TWO_NETS(""), link_down);
}

static void permanent_neighbours_do_not_change(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = false;
	arp(1, OTHER, 0x0a000103, 0x0a000103);
	send_to("10.0.1.3", 1);
	expect_delivery(3);
	lab_advance(SECONDS(1000));
	send_to("10.0.1.3", 1);
	expect_delivery(3);
	weir_link_set(lab.w, 1, false);
	weir_link_set(lab.w, 1, true);
	lab_advance(SECONDS(5));
	lab_discard();
	send_to("10.0.1.3", 1);
	expect_delivery(3);
	expect_silence();
}

static const char one_iface[] = "interfaces:\n"
				"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"
				"neighbors:\n"
				"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n";

static void commit_removes(void)
{
	struct err e = {0};

	lab_config(LAB_TWO_NETS(""));
	resolve();
	send_to(v6 ? "2001:db8:b::77" : "10.0.1.77", 1);
	lab_discard();
	assert_int_equal(lab.w->held, 1);
	assert_int_equal(lab_apply(one_iface, &e), 0);
	lab_step();
	assert_int_equal(lab_drops("neighbor-removed"), 1);
	assert_int_equal(lab.w->held, 0);
	assert_int_equal(lab.w->neigh->entries, 1);
	send_to(peer(), 1);
	lab_discard();
	assert_int_equal(lab_drops("route-none"), 1);
}

static void a_commit_without_the_interface_removes_its_neighbours(void **state)
{
	both_families(LAB_TWO_NETS(""), commit_removes);
}

static void a_commit_changes_and_removes_permanent_neighbours(void **state)
{
	static const char nets[] = "interfaces:\n"
				   "  a: {port: p0, addresses: [10.0.0.1/24]}\n"
				   "  b: {port: p1, addresses: [10.0.1.1/24]}\n"
				   "neighbors:\n"
				   "  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:07\"}\n";
	struct err e = {0};

	v6 = false;
	lab_config(LAB_TWO_NETS(""));
	assert_int_equal(lab_apply(nets, &e), 0);
	lab_step();
	lab_discard(); /* the multicast groups it leaves */
	send_to("10.0.1.3", 1);
	expect_delivery(7);
	assert_int_equal(lab.w->neigh->entries, 1);
}

/* An address that goes at run time takes the host routes of its subnet along. */
static void a_removed_address_takes_its_neighbours_along(void **state)
{
	struct err e = {0};
	struct prefix p;

	v6 = false;
	lab_config(LAB_TWO_NETS(""));
	resolve();
	assert_int_equal(prefix_parse("10.0.1.1/24", &p), 0);
	assert_int_equal(iface_address_del(lab.w, "b", &p, &e), 0);
	lab_step();
	send_to(peer(), 1);
	lab_discard();
	assert_int_equal(lab_drops("route-none"), 1);
	assert_null(entry_of(peer()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(the_table_is_limited_and_makes_room),
		lab_test(packets_that_wait_are_limited_in_all),
		lab_test(a_gateway_does_not_wait_for_a_scan_to_end),
		lab_test(offline_every_neighbour_answers),
		lab_test(a_lost_link_takes_its_neighbours_along),
		lab_test(permanent_neighbours_do_not_change),
		lab_test(a_commit_without_the_interface_removes_its_neighbours),
		lab_test(a_commit_changes_and_removes_permanent_neighbours),
		lab_test(a_removed_address_takes_its_neighbours_along),
	};

	return cmocka_run_group_tests_name("neigh table", tests, lab_group_setup, NULL);
}
