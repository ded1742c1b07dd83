/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions of packets that do not show whose they are: ICMP errors and fragments; and who owns a session.
 */
#include "feature/session/session_test.h"

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
		lab_test(test_errors_go_with_their_session),
		lab_test(test_an_error_for_somebody_else_is_refused),
		lab_test(test_later_fragments_follow_the_first),
		lab_test(test_fragments_wait_for_the_first),
		lab_test(test_fragments_cannot_hide_ports),
		lab_test(test_fragments_that_wait_are_few),
		owner_test(test_each_session_is_its_owners),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
