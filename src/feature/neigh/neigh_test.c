/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The neighbour state machine by the clock: every state from entering it to leaving it, what the wire may say
 * in each (RFC 4861 7.2.5), queues, limits, and what links and commits do to entries. Both families through
 * one test where the rules are the same.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"

#define PEER 9 /* the host that is to be resolved, on port 1 */
#define OTHER 10

static bool v6;

static const char *us(void)
{
	return v6 ? "2001:db8:b::1" : "10.0.1.1";
}

static const char *peer(void)
{
	return v6 ? "2001:db8:b::9" : "10.0.1.9";
}

static struct ipaddr address(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, &a), 0);
	return a;
}

static struct neigh *entry_of(const char *text)
{
	struct ipaddr a = address(text);
	const struct iface *ifc = generation_iface(lab.w->gen, "b");

	return ifc != NULL ? neigh_find(lab.w, ifc->id, &a) : NULL;
}

static void expect_state(enum neigh_nud state)
{
	const struct neigh *n = entry_of(peer());

	assert_non_null(n);
	assert_string_equal(neigh_nud_names[n->state], neigh_nud_names[state]);
}

/* A UDP packet from host 2 through the router. */
static void send_to(const char *dst, uint16_t sport)
{
	begin_ip(0, 2, v6 ? "2001:db8:a::2" : "10.0.0.2", dst);
	build_udp(&lab.b, sport, 1);
	inject(0);
}

static void expect_delivery(unsigned host)
{
	const struct seen *s = expect_frame(1);

	assert_int_equal(s->proto, 17);
	assert_memory_equal(s->data, host_mac(host), 6);
}

static void expect_solicit(bool unicast)
{
	const struct seen *s = expect_frame(1);
	struct ipaddr target = address(peer());
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	assert_memory_equal(s->data + 6, lab_mac(1), 6);
	if (v6) {
		uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 9};

		assert_int_equal(s->data[s->l4], 135);
		assert_int_equal(s->ttl, 255);
		assert_string_equal(s->src, us());
		assert_string_equal(s->dst, unicast ? peer() : "ff02::1:ff00:9");
		assert_memory_equal(s->data + s->l4 + 8, target.bytes, 16);
		assert_memory_equal(s->data, unicast ? host_mac(PEER) : group, 6);
	} else {
		assert_int_equal(s->type, 0x0806);
		assert_memory_equal(s->data + s->l3, "\0\1\10\0\6\4\0\1", 8);
		assert_memory_equal(s->data + s->l3 + 24, target.bytes, 4);
		assert_memory_equal(s->data, unicast ? host_mac(PEER) : all, 6);
	}
}

/* A neighbour advertisement about the peer; flags of RFC 4861 4.4; host 0: without link-layer address. */
static void advertise(uint8_t flags, unsigned host)
{
	begin_ip(1, host != 0 ? host : PEER, peer(), flags & 0x40 ? us() : "ff02::1");
	build_nd(&lab.b, 136, flags, peer(), host != 0 ? host_mac(host) : NULL);
	inject(1);
}

static void arp(uint16_t op, unsigned host, uint32_t spa, uint32_t tpa)
{
	begin_from(1, host);
	build_arp(&lab.b, op, host_mac(host), spa, lab_mac(1), tpa);
	inject(1);
}

/* The answer to a solicitation. */
static void answer(void)
{
	if (v6)
		advertise(0x60, PEER);
	else
		arp(2, PEER, 0x0a000109, 0x0a000101);
}

static void both_families(const char *yaml, void (*fn)(void))
{
	lab_config(yaml);
	for (unsigned i = 0; i < 2; i++) {
		v6 = i != 0;
		fn();
		lab_discard();
	}
}

static void resolve(void)
{
	send_to(peer(), 1);
	answer();
	lab_discard();
	expect_state(NEIGH_REACHABLE);
}

/* --- the way up and down --- */

static void three_questions(void)
{
	send_to(peer(), 1);
	for (unsigned i = 0; i < 3; i++) {
		expect_state(NEIGH_INCOMPLETE);
		expect_solicit(false);
		expect_silence();
		lab_advance(SECONDS(1) - 1);
		expect_silence();
		lab_advance(1);
	}
	expect_state(NEIGH_FAILED);
	expect_icmp(0, v6 ? "2001:db8:a::1" : "10.0.0.1", v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? 1 : 3,
		v6 ? 3 : 1, 0);
	expect_drop("route-unreachable");
	send_to(peer(), 1); /* known to be away: no new questions */
	expect_icmp(0, v6 ? "2001:db8:a::1" : "10.0.0.1", v6 ? "2001:db8:a::2" : "10.0.0.2", v6 ? 1 : 3,
		v6 ? 3 : 1, 0);
	expect_drop("route-unreachable");
	lab_advance(SECONDS(3));
	assert_null(entry_of(peer()));
	send_to(peer(), 1);
	expect_solicit(false);
	answer();
	expect_delivery(PEER);
}

static void a_silent_neighbour_is_asked_three_times_and_fails(void **state)
{
	both_families(LAB_TWO_NETS(""), three_questions);
}

static void newest_wait(void)
{
	for (uint16_t i = 1; i <= 11; i++)
		send_to(peer(), i);
	expect_solicit(false);
	assert_int_equal(lab_drops("neighbor-queue-full"), 3);
	assert_int_equal(lab.w->held, 8);
	answer();
	for (uint16_t i = 4; i <= 11; i++) {
		const struct seen *s = expect_frame(1);

		assert_int_equal(s->data[s->l4 + 1], i);
	}
	expect_silence();
	assert_int_equal(lab.w->held, 0);
}

static void the_newest_packets_wait_in_order(void **state)
{
	both_families(LAB_TWO_NETS(""), newest_wait);
}

static void unused(void)
{
	resolve();
	lab_advance(SECONDS(30));
	expect_state(NEIGH_STALE);
	lab_advance(SECONDS(59));
	expect_state(NEIGH_STALE);
	lab_advance(SECONDS(2));
	assert_null(entry_of(peer()));
	expect_silence();
}

static void an_unused_neighbour_grows_stale_and_is_forgotten(void **state)
{
	both_families(LAB_TWO_NETS(""), unused);
}

static void used(void)
{
	resolve();
	lab_advance(SECONDS(30));
	send_to(peer(), 1);
	expect_delivery(PEER); /* while stale */
	lab_advance(SECONDS(1));
	expect_state(NEIGH_DELAY);
	lab_advance(SECONDS(5));
	for (unsigned i = 0; i < 3; i++) {
		expect_state(NEIGH_PROBE);
		expect_solicit(true);
		send_to(peer(), 1);
		expect_delivery(PEER);
		expect_silence();
		lab_advance(SECONDS(1));
	}
	for (unsigned i = 0; i < 3; i++) {
		expect_state(NEIGH_INCOMPLETE);
		expect_solicit(false);
		lab_advance(SECONDS(1));
	}
	expect_state(NEIGH_FAILED);
	expect_silence();
	lab_advance(SECONDS(3));
}

static void a_used_neighbour_is_probed_before_it_is_given_up(void **state)
{
	both_families(LAB_TWO_NETS(""), used);
}

static void confirmed(void)
{
	resolve();
	lab_advance(SECONDS(30));
	send_to(peer(), 1);
	lab_advance(SECONDS(6));
	lab_discard();
	expect_state(NEIGH_PROBE);
	answer();
	expect_state(NEIGH_REACHABLE);
	lab_advance(SECONDS(29));
	expect_state(NEIGH_REACHABLE);
}

static void an_answer_to_a_probe_makes_it_reachable_again(void **state)
{
	both_families(LAB_TWO_NETS(""), confirmed);
}

/* --- what the wire may say --- */

static void bring_to(enum neigh_nud state)
{
	struct neigh *n = entry_of(peer());

	if (n != NULL)
		neigh_remove(lab.w, n);
	send_to(peer(), 1);
	if (state != NEIGH_INCOMPLETE)
		answer();
	if (state == NEIGH_STALE || state == NEIGH_DELAY || state == NEIGH_PROBE)
		lab_advance(SECONDS(31));
	if (state == NEIGH_DELAY || state == NEIGH_PROBE) {
		send_to(peer(), 1);
		lab_advance(SECONDS(1));
	}
	if (state == NEIGH_PROBE)
		lab_advance(SECONDS(5));
	lab_discard();
	expect_state(state);
}

static void advertisements_are_believed_as_rfc4861_says(void **state)
{
	enum { S = 0x40, O = 0x20, R = 0x80 };
	static const struct {
		uint8_t before, flags;
		unsigned host; /* whose link-layer address it carries, 0 none */
		uint8_t after;
		unsigned known; /* whose address is used then */
		bool router;
	} rows[] = {
		{NEIGH_INCOMPLETE, S, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_INCOMPLETE, S | R, PEER, NEIGH_REACHABLE, PEER, true},
		{NEIGH_INCOMPLETE, 0, PEER, NEIGH_STALE, PEER, false},
		{NEIGH_INCOMPLETE, O, PEER, NEIGH_STALE, PEER, false},
		{NEIGH_INCOMPLETE, S | O, 0, NEIGH_INCOMPLETE, 0, false},
		{NEIGH_REACHABLE, S | O, OTHER, NEIGH_REACHABLE, OTHER, false},
		{NEIGH_REACHABLE, S | O | R, OTHER, NEIGH_REACHABLE, OTHER, true},
		{NEIGH_REACHABLE, S | R, OTHER, NEIGH_STALE, PEER,
			false}, /* I.a: not updated in any other way */
		{NEIGH_REACHABLE, 0, OTHER, NEIGH_STALE, PEER, false},
		{NEIGH_REACHABLE, O, OTHER, NEIGH_STALE, OTHER, false},
		{NEIGH_REACHABLE, S, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_REACHABLE, R, PEER, NEIGH_REACHABLE, PEER, true},
		{NEIGH_REACHABLE, O, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_REACHABLE, S | R, 0, NEIGH_REACHABLE, PEER, true},
		{NEIGH_STALE, S | O, OTHER, NEIGH_REACHABLE, OTHER, false},
		{NEIGH_STALE, S | R, OTHER, NEIGH_STALE, PEER, false},
		{NEIGH_STALE, O, OTHER, NEIGH_STALE, OTHER, false},
		{NEIGH_STALE, S, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_STALE, 0, PEER, NEIGH_STALE, PEER, false},
		{NEIGH_STALE, O, PEER, NEIGH_STALE, PEER, false},
		{NEIGH_STALE, S, 0, NEIGH_REACHABLE, PEER, false},
		{NEIGH_DELAY, S, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_DELAY, S, OTHER, NEIGH_DELAY, PEER, false},
		{NEIGH_DELAY, O, OTHER, NEIGH_STALE, OTHER, false},
		{NEIGH_DELAY, O, PEER, NEIGH_DELAY, PEER, false},
		{NEIGH_PROBE, S, PEER, NEIGH_REACHABLE, PEER, false},
		{NEIGH_PROBE, S | O, OTHER, NEIGH_REACHABLE, OTHER, false},
		{NEIGH_PROBE, S, 0, NEIGH_REACHABLE, PEER, false},
		{NEIGH_PROBE, S, OTHER, NEIGH_PROBE, PEER, false},
		{NEIGH_PROBE, O, OTHER, NEIGH_STALE, OTHER, false},
		{NEIGH_PROBE, 0, PEER, NEIGH_PROBE, PEER, false},
	};

	v6 = true;
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct neigh *n;

		bring_to((enum neigh_nud)rows[i].before);
		advertise(rows[i].flags, rows[i].host);
		n = entry_of(peer());
		if (n->state != rows[i].after || n->router != rows[i].router ||
			(rows[i].known != 0 && memcmp(n->mac, host_mac(rows[i].known), 6) != 0))
			fail_msg("row %u: %s, flags %02x, address of %u: %s, router %d", i,
				neigh_nud_names[rows[i].before], rows[i].flags, rows[i].host,
				neigh_nud_names[n->state], n->router);
	}
}

static void arp_is_believed_when_it_should_be(void **state)
{
	static const struct {
		const char *what;
		uint8_t before;
		uint16_t op;
		unsigned host;
		uint32_t spa, tpa;
		uint8_t after;
		unsigned known;
	} rows[] = {
		{"an answer", NEIGH_INCOMPLETE, 2, PEER, 0x0a000109, 0x0a000101, NEIGH_REACHABLE, PEER},
		{"a question", NEIGH_INCOMPLETE, 1, PEER, 0x0a000109, 0x0a000101, NEIGH_STALE, PEER},
		{"an announcement", NEIGH_INCOMPLETE, 1, PEER, 0x0a000109, 0x0a000109, NEIGH_STALE, PEER},
		{"the same announced", NEIGH_REACHABLE, 1, PEER, 0x0a000109, 0x0a000109, NEIGH_REACHABLE,
			PEER},
		{"another announced", NEIGH_REACHABLE, 1, OTHER, 0x0a000109, 0x0a000109, NEIGH_STALE, OTHER},
		{"another announced by reply", NEIGH_REACHABLE, 2, OTHER, 0x0a000109, 0x0a000109, NEIGH_STALE,
			OTHER},
		{"an answer nobody asked for", NEIGH_REACHABLE, 2, OTHER, 0x0a000109, 0x0a000101, NEIGH_STALE,
			OTHER},
		{"an answer nobody asked for", NEIGH_STALE, 2, OTHER, 0x0a000109, 0x0a000101, NEIGH_STALE,
			OTHER},
		{"the answer to a probe", NEIGH_PROBE, 2, PEER, 0x0a000109, 0x0a000101, NEIGH_REACHABLE,
			PEER},
		{"a question from elsewhere", NEIGH_DELAY, 1, OTHER, 0x0a000109, 0x0a000101, NEIGH_STALE,
			OTHER},
		{"talk of others", NEIGH_STALE, 1, OTHER, 0x0a000109, 0x0a000142, NEIGH_STALE, PEER},
	};

	v6 = false;
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct neigh *n;

		bring_to((enum neigh_nud)rows[i].before);
		arp(rows[i].op, rows[i].host, rows[i].spa, rows[i].tpa);
		n = entry_of(peer());
		if (n->state != rows[i].after || memcmp(n->mac, host_mac(rows[i].known), 6) != 0)
			fail_msg("%s while %s: %s", rows[i].what, neigh_nud_names[rows[i].before],
				neigh_nud_names[n->state]);
	}
}

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
		lab_test(a_silent_neighbour_is_asked_three_times_and_fails),
		lab_test(the_newest_packets_wait_in_order),
		lab_test(an_unused_neighbour_grows_stale_and_is_forgotten),
		lab_test(a_used_neighbour_is_probed_before_it_is_given_up),
		lab_test(an_answer_to_a_probe_makes_it_reachable_again),
		lab_test(advertisements_are_believed_as_rfc4861_says),
		lab_test(arp_is_believed_when_it_should_be),
		lab_test(the_table_is_limited_and_makes_room),
		lab_test(offline_every_neighbour_answers),
		lab_test(a_lost_link_takes_its_neighbours_along),
		lab_test(permanent_neighbours_do_not_change),
		lab_test(a_commit_without_the_interface_removes_its_neighbours),
		lab_test(a_commit_changes_and_removes_permanent_neighbours),
		lab_test(a_removed_address_takes_its_neighbours_along),
	};

	return cmocka_run_group_tests_name("neigh", tests, lab_group_setup, NULL);
}
