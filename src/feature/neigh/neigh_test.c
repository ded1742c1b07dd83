/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The neighbour state machine by the clock: every state from entering it to leaving it, and what the wire may
 * say in each (RFC 4861 7.2.5). Both families through one test where the rules are the same.
 */
#include "neigh_test.h"

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
	};

	return cmocka_run_group_tests_name("neigh", tests, lab_group_setup, NULL);
}
