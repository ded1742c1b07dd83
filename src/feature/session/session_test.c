/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions in a whole router: what begins them, what they let through, how they end. Host 2 is behind
 * interface a, host 3 behind b; both interfaces keep sessions.
 */
#include "harness.h"

#include <string.h>

#include "feature/session/key.h"
#include "feature/session/session_priv.h"
#include "pipeline/shard.h"

#define NETS                                                                                                 \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, sessions: true, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                  \
	"  b: {port: p1, sessions: true, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"                  \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"

static const char *const addr[2][2] = {{"10.0.0.2", "10.0.1.3"}, {"2001:db8:a::2", "2001:db8:b::3"}};

/* Begins a packet from a's host to b's, or back. */
static void begin(bool v6, bool back)
{
	begin_ip(back, back ? 3 : 2, addr[v6][back], addr[v6][!back]);
}

static void send_udp(bool v6, bool back, uint16_t client, uint16_t server)
{
	begin(v6, back);
	build_udp(&lab.b, back ? server : client, back ? client : server);
	build_payload(&lab.b, 10);
	inject(back);
}

static void send_tcp(bool back, uint16_t client, uint8_t flags, uint32_t seq, uint32_t ack)
{
	begin(false, back);
	build_tcp(&lab.b, back ? 80 : client, back ? client : 80);
	build_set(&lab.b, 4, 4, seq);
	build_set(&lab.b, 8, 4, ack);
	build_set(&lab.b, 13, 1, flags);
	build_set(&lab.b, 14, 2, 1000);
	inject(back);
}

static void passes(bool back)
{
	expect_frame(!back);
	expect_silence();
}

static uint64_t sessions(void)
{
	struct session_totals t;

	session_totals(lab.w, &t);
	return t.sessions;
}

static uint64_t in_state(enum session_state s)
{
	struct session_totals t;

	session_totals(lab.w, &t);
	return t.state[s];
}

/* Time passes for the workers, too. */
static void wait(uint64_t ns)
{
	for (unsigned i = 0; i < 100; i++)
		lab_advance(ns / 100);
}

static void connect_tcp(uint16_t client)
{
	send_tcp(false, client, TCP_SYN, 100, 0);
	send_tcp(true, client, TCP_SYN | TCP_ACK, 500, 101);
	send_tcp(false, client, TCP_ACK, 101, 501);
	lab_discard();
}

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

static void send_echo(bool v6, bool back, bool reply, uint16_t id)
{
	begin(v6, back);
	build_icmp(&lab.b, v6 ? (reply ? 129 : 128) : (reply ? 0 : 8), 0, (uint32_t)id << 16 | 1);
	inject(back);
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

/* --- errors --- */

/* From b's host about a packet of a's host, of which the first `quoted` bytes are there. */
static void send_error(bool v6, const char *to, uint16_t client, uint32_t seq, bool tcp)
{
	static struct build in;

	build_begin(&in);
	build_ip(&in, addr[v6][0], addr[v6][1]);
	if (tcp) {
		build_tcp(&in, client, 80);
		build_set(&in, 4, 4, seq);
	} else {
		build_udp(&in, client, 53);
	}
	build_end(&in);
	begin_ip(1, 3, addr[v6][1], to);
	build_icmp(&lab.b, v6 ? 1 : 3, v6 ? 4 : 3, 0);
	build_bytes(&lab.b, in.data, (v6 ? 40 : 20) + 8);
	inject(1);
}

static void test_errors_go_with_their_session(void **state)
{
	lab_config(NETS);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		send_error(v6, addr[v6][0], 1000, 0, false);
		expect_drop("session-invalid");
		send_udp(v6, false, 1000, 53);
		passes(false);
		send_error(v6, addr[v6][0], 1000, 0, false);
		passes(true);
		send_error(v6, addr[v6][0], 1001, 0, false);
		expect_drop("session-invalid");
	}
	connect_tcp(1000);
	send_error(false, addr[0][0], 1000, 101, true);
	passes(true);
	send_error(false, addr[0][0], 1000, 800000, true);
	expect_drop("session-window");
	assert_int_equal(in_state(SESSION_ESTAB), 1);
}

static void test_an_error_for_somebody_else_is_refused(void **state)
{
	lab_config(NETS "routes: [{prefix: 10.8.0.0/16, via: [{address: 10.0.0.2}]}]\n");
	send_udp(false, false, 1000, 53);
	passes(false);
	send_error(false, "10.8.0.1", 1000, 0, false);
	expect_drop("session-invalid");
}

/* --- fragments --- */

static void send_fragment(bool v6, uint32_t id, uint16_t units, bool more, size_t bytes, uint16_t client)
{
	begin(v6, false);
	build_fragment(&lab.b, id, units, more);
	if (units == 0) {
		build_udp(&lab.b, client, 53);
		build_set(&lab.b, 4, 2, 1000); /* of the whole packet */
		build_payload(&lab.b, bytes - 8);
	} else {
		lab.b.data[v6 ? 14 + 40 : 14 + 9] = 17;
		build_payload(&lab.b, bytes);
	}
	inject(0);
}

static void test_later_fragments_follow_the_first(void **state)
{
	lab.random_payload = true;
	lab_config(NETS);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		send_fragment(v6, 77, 0, true, 64, 1000);
		passes(false);
		send_fragment(v6, 77, 8, true, 64, 0);
		passes(false);
		send_fragment(v6, 77, 16, false, 10, 0);
		passes(false);
	}
	assert_int_equal(sessions(), 2);
}

static void test_fragments_wait_for_the_first(void **state)
{
	lab.random_payload = true;
	lab_config(NETS);
	for (unsigned v6 = 0; v6 < 2; v6++) {
		send_fragment(v6, 78, 16, false, 10, 0);
		send_fragment(v6, 78, 8, true, 64, 0);
		expect_silence();
		assert_int_equal(weir_held(lab.w), 2);
		send_fragment(v6, 78, 0, true, 64, 1000);
		for (unsigned i = 0; i < 3; i++)
			expect_frame(1);
		expect_silence();
		assert_int_equal(weir_held(lab.w), 0);
	}
	send_fragment(false, 79, 8, true, 64, 0);
	wait(SECONDS(3));
	expect_drop("fragment-alone");
}

static void test_fragments_cannot_hide_ports(void **state)
{
	lab.random_payload = true;
	lab_config(NETS);
	/* A first fragment of 8 bytes of TCP (RFC 1858 3.1), and one that reaches into the header (3.2). */
	begin(false, false);
	build_set(&lab.b, 9, 1, 6);
	build_fragment(&lab.b, 80, 0, true);
	build_bytes(&lab.b, "\3\350\0\120\0\0\0\1", 8);
	inject(0);
	expect_drop("fragment-tiny");
	begin(false, false);
	build_set(&lab.b, 9, 1, 6);
	build_fragment(&lab.b, 81, 1, false);
	build_payload(&lab.b, 24);
	inject(0);
	expect_drop("fragment-tiny");
	send_fragment(false, 82, 0, true, 64, 1000);
	passes(false);
	send_fragment(false, 82, 0, true, 64, 1001);
	expect_drop("fragment-conflict");
	send_fragment(false, 82, 0, true, 64, 1000);
	passes(false);
}

static void test_fragments_that_wait_are_few(void **state)
{
	lab.random_payload = true;
	lab_config(NETS);
	for (unsigned i = 0; i < 20; i++)
		send_fragment(false, 83, (uint16_t)(8 + 8 * i), true, 64, 0);
	assert_int_equal(lab_drops("fragment-no-room"), 4);
	for (unsigned i = 0; i < 1200; i++)
		send_fragment(false, 1000 + i, 8, true, 64, 0);
	assert_true(weir_held(lab.w) <= 512);
	wait(SECONDS(40));
	assert_int_equal(weir_held(lab.w), 0);
	assert_true(lab_drops("fragment-alone") >= 16);
	lab_drops("fragment-no-room");
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

/* --- owners --- */

static int open_three(void **state)
{
	lab.workers = 3;
	return lab_open(state);
}

static int close_three(void **state)
{
	int rc = lab_close(state);

	lab.workers = 1;
	return rc;
}

static void check_owners(uint64_t count)
{
	struct session_info i;
	uint64_t seen = 0;

	for (unsigned k = 0; k < lab.w->worker_count; k++)
		for (uint32_t n = 1; n < session_limit(lab.w, k); n++) {
			uint16_t h;

			if (!session_read(lab.w, k, n, &i))
				continue;
			h = shard_hash_key(i.family, i.proto, i.src[0].bytes, i.dst[0].bytes,
				rte_cpu_to_be_16(i.sport[0]), rte_cpu_to_be_16(i.dport[0]));
			assert_int_equal(lab.w->shard.owner[h % SHARD_BUCKETS], k);
			seen++;
		}
	assert_int_equal(seen, count);
}

static void test_each_session_is_its_owners(void **state)
{
	lab.random_payload = true;
	lab_config(NETS);
	for (uint16_t i = 0; i < 50; i++) {
		connect_tcp((uint16_t)(1000 + i));
		send_udp(true, i & 1, (uint16_t)(2000 + i), 53);
		send_echo(false, false, false, i);
	}
	for (uint32_t i = 0; i < 50; i++) {
		send_fragment(false, i, 8, false, 10, 0);
		send_fragment(false, i, 0, true, 64, (uint16_t)(3000 + i));
	}
	check_owners(200);
	lab_discard();
	/* Fewer workers, then more: sessions follow their owners. */
	for (unsigned workers = 3; workers-- > 1;) {
		shard_map_fill(&lab.w->shard, lab.w->worker, workers);
		lab_config(NETS);
		check_owners(200);
	}
	shard_map_fill(&lab.w->shard, lab.w->worker, 3);
	lab_config(NETS);
	check_owners(200);
	for (uint16_t i = 0; i < 50; i++) {
		send_tcp(true, (uint16_t)(1000 + i), TCP_ACK, 501, 101);
		passes(true);
	}
}

#define owner_test(f) cmocka_unit_test_setup_teardown(f, open_three, close_three)

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
		lab_test(test_errors_go_with_their_session),
		lab_test(test_an_error_for_somebody_else_is_refused),
		lab_test(test_later_fragments_follow_the_first),
		lab_test(test_fragments_wait_for_the_first),
		lab_test(test_fragments_cannot_hide_ports),
		lab_test(test_fragments_that_wait_are_few),
		lab_test(test_a_source_has_a_limit),
		lab_test(test_a_flood_leaves_established_connections_alone),
		lab_test(test_a_full_table_refuses_and_says_so),
		lab_test(test_sessions_are_cleared_by_what_they_are),
		lab_test(test_a_config_without_sessions_ends_them),
		lab_test(test_other_settings_keep_sessions),
		owner_test(test_each_session_is_its_owners),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
