/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions in a whole router: what begins them, what they let through, how they end. Host 2 is behind
 * interface a, host 3 behind b; both interfaces keep sessions.
 */
#include "feature/session/session_test.h"

/* --- protocols --- */

static void test_udp_lives_as_long_as_rfc_4787_says(void **state)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		lab_config(NETS);
		send_udp(v6, false, 1000, 53);
		passes(false);
		assert_int_equal(in_state(SESSION_UDP_NEW), 1);
		wait(SECONDS(119));
		assert_int_equal(sessions(), 1);
		wait(SECONDS(9));
		assert_int_equal(sessions(), 0);
		send_udp(v6, false, 1000, 53);
		send_udp(v6, true, 1000, 53);
		assert_int_equal(in_state(SESSION_UDP), 1);
		wait(SECONDS(299));
		assert_int_equal(sessions(), 1);
		send_udp(v6, false, 1000, 53);
		wait(SECONDS(299));
		assert_int_equal(sessions(), 1);
		wait(SECONDS(15));
		assert_int_equal(sessions(), 0);
		lab_discard();
	}
}

static void test_an_expired_session_is_over_before_it_is_swept(void **state)
{
	lab_config(NETS);
	connect_tcp(1000);
	lab.now += SECONDS(7450); /* nobody made a round meanwhile */
	send_tcp(false, 1000, TCP_ACK, 101, 501);
	expect_drop("session-invalid");
	assert_int_equal(sessions(), 0);
}

static void test_tcp_begins_with_a_syn(void **state)
{
	lab_config(NETS);
	send_tcp(false, 1000, TCP_ACK, 101, 501);
	expect_drop("session-invalid");
	send_tcp(false, 1000, TCP_SYN | TCP_ACK, 101, 501);
	expect_drop("session-invalid");
	send_tcp(false, 1000, TCP_RST, 101, 501);
	expect_drop("session-invalid");
	send_tcp(false, 1000, TCP_SYN | TCP_FIN, 101, 501);
	expect_drop("session-invalid");
	assert_int_equal(sessions(), 0);
	connect_tcp(1000);
	assert_int_equal(in_state(SESSION_ESTAB), 1);
	send_tcp(true, 1000, TCP_RST, 90000, 0);
	expect_drop("session-window");
	send_tcp(true, 1000, TCP_RST, 501, 0);
	passes(true);
	assert_int_equal(in_state(SESSION_RESET), 1);
}

static void test_tcp_may_be_taken_up(void **state)
{
	lab_config("sessions: {tcp-pickup: true}\n" NETS);
	send_tcp(false, 1000, TCP_ACK, 101, 501);
	passes(false);
	send_tcp(true, 1000, TCP_ACK, 7777, 5);
	passes(true);
	assert_int_equal(in_state(SESSION_ESTAB), 1);
	send_tcp(false, 1001, TCP_RST, 101, 501);
	expect_drop("session-invalid");
}

static void test_tcp_times_are_those_of_rfc_5382(void **state)
{
	lab_config(NETS);
	send_tcp(false, 1, TCP_SYN, 100, 0);
	wait(SECONDS(239));
	assert_int_equal(sessions(), 1);
	wait(SECONDS(15));
	assert_int_equal(sessions(), 0);
	connect_tcp(2);
	wait(SECONDS(7400));
	assert_int_equal(sessions(), 1);
	send_tcp(false, 2, TCP_FIN | TCP_ACK, 101, 501);
	wait(SECONDS(239));
	assert_int_equal(sessions(), 1);
	wait(SECONDS(15));
	assert_int_equal(sessions(), 0);
	lab_discard();
}

static void test_a_port_is_used_again_after_the_end(void **state)
{
	lab_config(NETS);
	connect_tcp(1000);
	send_tcp(false, 1000, TCP_FIN | TCP_ACK, 101, 501);
	send_tcp(true, 1000, TCP_FIN | TCP_ACK, 501, 102);
	send_tcp(false, 1000, TCP_ACK, 102, 502);
	lab_discard();
	assert_int_equal(in_state(SESSION_TIME), 1);
	send_tcp(false, 1000, TCP_SYN, 900000, 0);
	passes(false);
	assert_int_equal(in_state(SESSION_SYN), 1);
	assert_int_equal(sessions(), 1);
}

static void test_echo_in_both_directions(void **state)
{
	lab_config(NETS);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		send_echo(v6, false, true, 7);
		expect_drop("session-invalid");
		send_echo(v6, false, false, 7);
		passes(false);
		send_echo(v6, true, true, 8);
		expect_drop("session-invalid");
		send_echo(v6, true, true, 7);
		passes(true);
		send_echo(v6, true, false, 7); /* a question of its own */
		passes(true);
		send_echo(v6, false, true, 7);
		passes(false);
	}
	assert_int_equal(in_state(SESSION_ICMP), 4);
}

/* Generic protocols have no ports. */
static void test_gre_there_and_back(void **state)
{
	lab_config(NETS);
	for (unsigned back = 0; back < 2; back++) {
		begin(false, back);
		build_set(&lab.b, 9, 1, 47);
		build_bytes(&lab.b, "\0\0\10\0abcd", 8);
		inject(back);
		passes(back);
	}
	assert_int_equal(in_state(SESSION_OTHER), 1);
	assert_int_equal(sessions(), 1);
}

static void test_a_port_to_itself_is_nobodys_flow(void **state)
{
	lab_config(NETS "routes: [{prefix: 10.9.0.0/16, via: [{address: 10.0.1.3}]}]\n");
	begin_ip(0, 2, "10.9.0.1", "10.9.0.1");
	build_udp(&lab.b, 7, 7);
	inject(0);
	expect_drop("session-invalid");
}

/* --- limits --- */

static void test_a_source_has_a_limit(void **state)
{
	lab_config("sessions: {per-source: 3}\n" NETS);
	for (uint16_t i = 0; i < 3; i++)
		send_udp(false, false, (uint16_t)(1000 + i), 53);
	lab_discard();
	send_udp(false, false, 1003, 53);
	expect_drop("session-source-limit");
	send_udp(false, false, 1002, 53);
	passes(false);
	send_udp(true, false, 1003, 53);
	passes(false);
	wait(SECONDS(130));
	send_udp(false, false, 1003, 53);
	passes(false);
}

static void test_a_flood_leaves_established_connections_alone(void **state)
{
	unsigned refused = 0;

	lab_config("sessions: {max: 100}\n" NETS);
	for (uint16_t i = 0; i < 60; i++)
		connect_tcp((uint16_t)(1000 + i));
	for (uint16_t i = 0; i < 500; i++) {
		send_tcp(false, (uint16_t)(5000 + i), TCP_SYN, 1, 0);
		refused += lab_waiting(1) == 0;
		lab_discard();
	}
	assert_int_equal(refused, 0); /* older ones made room */
	for (uint16_t i = 0; i < 60; i++) {
		send_tcp(false, (uint16_t)(1000 + i), TCP_ACK, 101, 501);
		passes(false);
	}
	assert_int_equal(in_state(SESSION_ESTAB), 60);
}

static void test_a_full_table_refuses_and_says_so(void **state)
{
	lab_config("sessions: {max: 64}\n" NETS);
	for (uint16_t i = 0; i < 64; i++)
		connect_tcp((uint16_t)(1000 + i));
	assert_int_equal(in_state(SESSION_ESTAB), 64);
	send_tcp(false, 3000, TCP_SYN, 1, 0);
	expect_drop("session-table-full");
	send_tcp(false, 1007, TCP_ACK, 101, 501);
	passes(false);
}

/* --- changes --- */

static void test_sessions_are_cleared_by_what_they_are(void **state)
{
	struct session_filter f = SESSION_FILTER_ALL;

	lab_config(NETS);
	for (uint16_t i = 0; i < 10; i++)
		send_udp(false, false, (uint16_t)(1000 + i), 53);
	connect_tcp(1000);
	send_udp(true, false, 1000, 53);
	f.proto = 17;
	f.sport = 1003;
	assert_int_equal(session_clear(lab.w, &f), 1);
	f = SESSION_FILTER_ALL;
	f.address = (struct prefix){.addr = ipaddr_v4(0x0a000103), .len = 32};
	f.proto = 17;
	assert_int_equal(session_clear(lab.w, &f), 9);
	f = SESSION_FILTER_ALL;
	f.state = SESSION_ESTAB;
	assert_int_equal(session_clear(lab.w, &f), 1);
	f = SESSION_FILTER_ALL;
	assert_int_equal(session_clear(lab.w, &f), 1);
	assert_int_equal(sessions(), 0);
	lab_discard();
}

static void test_a_config_without_sessions_ends_them(void **state)
{
	lab_config(NETS);
	connect_tcp(1000);
	lab_config(LAB_TWO_NETS(""));
	assert_int_equal(sessions(), 0);
	send_tcp(false, 1000, TCP_ACK, 5, 5);
	passes(false);
	lab_config(NETS);
	send_tcp(false, 1000, TCP_ACK, 5, 5);
	expect_drop("session-invalid");
}

static void test_other_settings_keep_sessions(void **state)
{
	lab_config(NETS);
	connect_tcp(1000);
	lab_config("sessions: {max: 300000, accounting: true, per-source: 10, timeouts: {tcp-established: "
		   "1h}}\n" NETS);
	send_tcp(false, 1000, TCP_ACK, 101, 501);
	passes(false);
	lab_config("sessions: {max: 100}\n" NETS);
	send_tcp(false, 1000, TCP_ACK, 101, 501);
	passes(false);
	assert_int_equal(in_state(SESSION_ESTAB), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(test_udp_lives_as_long_as_rfc_4787_says),
		lab_test(test_an_expired_session_is_over_before_it_is_swept),
		lab_test(test_tcp_begins_with_a_syn),
		lab_test(test_tcp_may_be_taken_up),
		lab_test(test_tcp_times_are_those_of_rfc_5382),
		lab_test(test_a_port_is_used_again_after_the_end),
		lab_test(test_echo_in_both_directions),
		lab_test(test_gre_there_and_back),
		lab_test(test_a_port_to_itself_is_nobodys_flow),
		lab_test(test_a_source_has_a_limit),
		lab_test(test_a_flood_leaves_established_connections_alone),
		lab_test(test_a_full_table_refuses_and_says_so),
		lab_test(test_sessions_are_cleared_by_what_they_are),
		lab_test(test_a_config_without_sessions_ends_them),
		lab_test(test_other_settings_keep_sessions),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
