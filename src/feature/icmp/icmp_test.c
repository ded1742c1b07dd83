/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMP and ICMPv6 of the router: echo in every shape, which packets cause errors and which never do, what an
 * error quotes, and how often.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#define HOST4 "10.0.0.2"
#define HOST6 "2001:db8:a::2"
#define US4 "10.0.0.1"
#define US6 "2001:db8:a::1"
#define NOWHERE4 "203.0.113.1"
#define NOWHERE6 "2001:db8:dead::1"

/* --- echo --- */

/* The reply to what was injected last: same message but for type and checksum, lengths as the headers say. */
static void expect_echo_reply(const char *src, const char *dst, uint32_t at, uint32_t len)
{
	const struct seen *s = expect_frame(0);

	assert_string_equal(s->src, src);
	assert_string_equal(s->dst, dst);
	assert_int_equal(s->ttl, 64);
	assert_memory_equal(s->data, host_mac(2), 6);
	assert_memory_equal(s->data + 6, lab_mac(0), 6);
	assert_int_equal(s->proto, s->family == FAMILY_V4 ? 1 : 58);
	assert_int_equal(s->data[s->l4], s->family == FAMILY_V4 ? 0 : 129);
	assert_int_equal(s->end - s->l4, len);
	assert_memory_equal(s->data + s->l4 + 4, lab.b.data + at + 4, len - 4);
	expect_silence();
}

static void echo_is_answered_at_every_length_and_split(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned len = 0; len <= 1400; len += 1 + len / 7) {
			uint32_t at = v6 ? 54 : 34;

			begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? US6 : US4);
			build_icmp(&lab.b, v6 ? 128 : 8, 0, (uint32_t)lab_random());
			build_payload_from(&lab.b, len, len);
			inject_split(
				0, len % 3 ? (uint16_t)(at + 8 + len % 11) : 0, (uint16_t)(1 + len % 77));
			expect_echo_reply(v6 ? US6 : US4, v6 ? HOST6 : HOST4, at, 8 + len);
		}
}

static void padding_of_short_frames_is_not_echoed(void **state)
{
	static const uint8_t padding[46] = {0xde, 0xad};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned len = 0; len < 18; len++) {
		begin_ip(0, 2, HOST4, US4);
		build_set(&lab.b, 2, 2, 28 + len);
		build_icmp(&lab.b, 8, 0, 7);
		build_payload(&lab.b, len);
		build_end(&lab.b);
		build_bytes(&lab.b, padding, 18 - len); /* behind the checksum */
		lab.b.layers = 0;
		inject(0);
		expect_echo_reply(US4, HOST4, 34, 8 + len);
	}
}

static void options_and_extension_headers_are_not_sent_back(void **state)
{
	static const uint8_t options[12] = {7, 11, 4}, pad[6] = {1, 4};

	lab_config(LAB_TWO_NETS(""));
	begin_ip(0, 2, HOST4, US4);
	build_options(&lab.b, options, sizeof options);
	build_icmp(&lab.b, 8, 0, 7);
	build_payload(&lab.b, 33);
	inject_split(0, 60, 5);
	expect_echo_reply(US4, HOST4, 46, 41);

	begin_ip(0, 2, HOST6, US6);
	build_extension(&lab.b, 0, pad, sizeof pad);
	build_extension(&lab.b, 60, pad, sizeof pad);
	build_icmp(&lab.b, 128, 0, 7);
	build_payload(&lab.b, 33);
	inject_split(0, 80, 7);
	expect_echo_reply(US6, HOST6, 70, 41);
}

static void echo_to_every_own_address_is_answered(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	begin_ip(0, 2, HOST4, "10.0.1.1"); /* of another interface */
	build_icmp(&lab.b, 8, 0, 7);
	inject(0);
	expect_echo_reply("10.0.1.1", HOST4, 34, 8);
	begin_ip(0, 2, HOST6, "ff02::1");
	build_icmp(&lab.b, 128, 0, 7);
	inject(0);
	expect_echo_reply(US6, HOST6, 54, 8); /* RFC 4443 4.2: never from the group */
	begin_ip(0, 2, "fe80::2", "fe80::ff:fe00:10");
	build_icmp(&lab.b, 128, 0, 7);
	inject(0);
	expect_echo_reply("fe80::ff:fe00:10", "fe80::2", 54, 8);
	begin_ip(0, 2, HOST6, "2001:db8:b::"); /* subnet-router anycast */
	build_icmp(&lab.b, 128, 0, 7);
	inject(0);
	expect_echo_reply(US6, HOST6, 54, 8); /* nor from an anycast address */
}

static void what_is_no_good_request_gets_no_reply(void **state)
{
	static const struct {
		const char *what, *src, *dst;
		uint8_t type, code;
		bool bad_sum, broadcast;
		const char *reason;
	} rows[] = {
		{"a wrong checksum", HOST4, US4, 8, 0, true, false, "icmp-bad-checksum"},
		{"a wrong ICMPv6 checksum", HOST6, US6, 128, 0, true, false, "icmp-bad-checksum"},
		{"a reply", HOST4, US4, 0, 0, false, false, "icmp-not-handled"},
		{"a reply", HOST6, US6, 129, 0, false, false, "icmp-not-handled"},
		{"a timestamp request", HOST4, US4, 13, 0, false, false, "icmp-not-handled"},
		{"an error", HOST4, US4, 3, 1, false, false, "icmp-not-handled"},
		{"an error", HOST6, US6, 1, 0, false, false, "icmp-not-handled"},
		{"echo in a broadcast frame", HOST4, US4, 8, 0, false, true, "icmp-echo-broadcast"},
		{"echo to everybody", HOST4, "255.255.255.255", 8, 0, false, true, "icmp-echo-broadcast"},
		{"echo to all systems", HOST4, "224.0.0.1", 8, 0, false, false, "icmp-echo-broadcast"},
		{"echo to the subnet", HOST4, "10.0.0.255", 8, 0, false, true, "icmp-echo-broadcast"},
		{"echo to the subnet in a unicast frame", HOST4, "10.0.0.255", 8, 0, false, false,
			"icmp-echo-broadcast"},
		{"echo to another subnet", HOST4, "10.0.1.255", 8, 0, false, false, "icmp-echo-broadcast"},
		{"echo to the network's address", HOST4, "10.0.0.0", 8, 0, false, false,
			"icmp-echo-broadcast"},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_ip(0, 2, rows[i].src, rows[i].dst);
		if (rows[i].broadcast)
			memset(lab.b.data, 0xff, 6);
		build_icmp(&lab.b, rows[i].type, rows[i].code, 7);
		if (rows[i].bad_sum)
			build_set(&lab.b, 2, 2, 0xbeef);
		build_payload(&lab.b, 40);
		inject(0);
		if (lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		expect_silence();
	}
}

static void short_messages_end_quietly(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned len = 0; len < 8; len++) {
			begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? US6 : US4);
			build_set(&lab.b, v6 ? 6 : 9, 1, v6 ? 58 : 1);
			build_payload(&lab.b, len);
			inject(0);
			expect_drop("local-truncated");
		}
}

static void echo_can_be_switched_off(void **state)
{
	lab_config(LAB_TWO_NETS("") "icmp: {echo: false}\n");
	for (unsigned v6 = 0; v6 < 2; v6++) {
		begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? US6 : US4);
		build_icmp(&lab.b, v6 ? 128 : 8, 0, 7);
		inject(0);
		expect_drop("icmp-echo-off");
	}
}

/* --- errors --- */

/* RFC 1122 3.2.2, RFC 1812 4.3.2.7, RFC 4443 2.4 (e): every packet here has no route. */
static void errors_are_only_sent_about_what_may_cause_them(void **state)
{
	static const struct {
		const char *what;
		bool v6;
		int type; /* of the ICMP message inside, -1: UDP */
		uint16_t units;
		bool more, link_broadcast, answered;
	} rows[] = {
		{"a UDP packet", false, -1, 0, false, false, true},
		{"a first fragment", false, -1, 0, true, false, true},
		{"a later fragment", false, -1, 1, true, false, false},
		{"the last fragment", false, -1, 100, false, false, false},
		{"a broadcast frame", false, -1, 0, false, true, false},
		{"an echo request", false, 8, 0, false, false, true},
		{"a timestamp request", false, 13, 0, false, false, true},
		{"destination unreachable", false, 3, 0, false, false, false},
		{"source quench", false, 4, 0, false, false, false},
		{"redirect", false, 5, 0, false, false, false},
		{"time exceeded", false, 11, 0, false, false, false},
		{"parameter problem", false, 12, 0, false, false, false},
		{"a UDP packet", true, -1, 0, false, false, true},
		{"a broadcast frame", true, -1, 0, false, true, false},
		{"an echo request", true, 128, 0, false, false, true},
		{"an echo reply", true, 129, 0, false, false, true},
		{"destination unreachable", true, 1, 0, false, false, false},
		{"packet too big", true, 2, 0, false, false, false},
		{"time exceeded", true, 3, 0, false, false, false},
		{"parameter problem", true, 4, 0, false, false, false},
		{"an unknown error", true, 127, 0, false, false, false},
		{"redirect", true, 137, 0, false, false, false},
		{"a later fragment of an ICMPv6 message", true, 128, 2, true, false, false},
		{"the first fragment of an error", true, 1, 0, true, false, false},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		bool v6 = rows[i].v6;

		begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? NOWHERE6 : NOWHERE4);
		if (rows[i].link_broadcast)
			memset(lab.b.data, 0xff, 6);
		if (rows[i].units != 0 || rows[i].more)
			build_fragment(&lab.b, 9, rows[i].units, rows[i].more);
		if (rows[i].type >= 0)
			build_icmp(&lab.b, (uint8_t)rows[i].type, 0, 0);
		else
			build_udp(&lab.b, 1, 2);
		build_payload(&lab.b, 64);
		inject(0);
		if (lab_waiting(0) != rows[i].answered)
			fail_msg("%s (IPv%d): %u answers", rows[i].what, v6 ? 6 : 4, lab_waiting(0));
		if (rows[i].answered)
			expect_icmp(0, v6 ? US6 : US4, v6 ? HOST6 : HOST4, v6 ? 1 : 3, 0, 0);
	}
}

/* RFC 4443 2.4 (e.3): option type 10xxxxxx is answered even to a group, 11xxxxxx is not. */
static void multicast_causes_only_the_errors_it_must(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < 4; i++) { /* in a router's header, then in one for the destination */
		uint8_t body[6] = {i % 2 ? 0xc0 : 0x80, 4};

		begin_ip(0, 2, HOST6, "ff02::1");
		build_extension(&lab.b, i < 2 ? 0 : 60, body, sizeof body);
		build_udp(&lab.b, 1, 2);
		inject(0);
		assert_int_equal(lab_drops(i < 2 ? "ip-unknown-option" : "local-bad-headers"), 1);
		if (i % 2 == 0)
			expect_icmp(0, US6, HOST6, 4, 2, 42);
		expect_silence();
	}
}

static void nobody_listens_here(void **state)
{
	static const struct {
		const char *what;
		bool v6;
		uint8_t proto, type, code, pointer;
		const char *reason;
	} rows[] = {
		{"UDP", false, 17, 3, 3, 0, "local-no-port"},
		{"TCP", false, 6, 3, 3, 0, "local-no-port"},
		{"protocol 200", false, 200, 3, 2, 0, "local-no-protocol"},
		{"UDP", true, 17, 1, 4, 0, "local-no-port"},
		{"TCP", true, 6, 1, 4, 0, "local-no-port"},
		{"next header 200", true, 200, 4, 1, 6, "local-no-protocol"},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		bool v6 = rows[i].v6;
		const struct seen *s;

		begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? US6 : US4);
		build_set(&lab.b, v6 ? 6 : 9, 1, rows[i].proto);
		build_payload(&lab.b, 50);
		inject(0);
		if (lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		s = expect_icmp(
			0, v6 ? US6 : US4, v6 ? HOST6 : HOST4, rows[i].type, rows[i].code, rows[i].pointer);
		assert_int_equal(s->end - s->l4, 8 + (v6 ? 40 : 20) + 50);
		assert_memory_equal(s->data + s->l4 + 8, lab.b.data + 14, s->end - s->l4 - 8);
		expect_silence();
	}
	begin_ip(0, 2, HOST6, US6); /* no next header: nothing to complain about */
	build_set(&lab.b, 6, 1, 59);
	inject(0);
	expect_drop("local-no-protocol");
}

static void the_destination_looks_into_every_header(void **state)
{
	static const struct {
		const char *what;
		uint8_t type, body[6], code;
		uint32_t pointer;
	} rows[] = {
		{"unknown option", 60, {0x80, 4}, 2, 42},
		{"option beyond its header", 60, {1, 7}, 0, 42},
		{"routing header with segments left", 43, {0, 1}, 0, 42},
		{"unknown protocol behind a header", 60, {1, 4}, 1, 40},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_ip(0, 2, HOST6, US6);
		build_extension(&lab.b, rows[i].type, rows[i].body, 6);
		build_set(&lab.b, 0, 1, 200);
		build_payload(&lab.b, 8);
		inject(0);
		if (lab_waiting(0) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		expect_icmp(0, US6, HOST6, 4, rows[i].code, rows[i].pointer);
	}
}

static void an_error_quotes_as_much_as_fits(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned len = 0; len < 1440; len += 1 + len / 5) {
			uint32_t head = v6 ? 40 : 20, limit = (v6 ? 1280 : 576) - head - 8,
				 quoted = head + 8 + len;
			const struct seen *s;

			begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? NOWHERE6 : NOWHERE4);
			build_udp(&lab.b, 1, 2);
			build_payload(&lab.b, len);
			inject_split(0, 60, (uint16_t)(1 + len % 300));
			s = expect_icmp(0, v6 ? US6 : US4, v6 ? HOST6 : HOST4, v6 ? 1 : 3, 0, 0);
			quoted = RTE_MIN(quoted, limit);
			assert_int_equal(s->end - s->l4 - 8, quoted);
			assert_memory_equal(s->data + s->l4 + 8, lab.b.data + 14, quoted);
			lab_advance(MILLIS(2));
		}
}

static unsigned answers_to(unsigned packets)
{
	unsigned n;

	for (unsigned i = 0; i < packets; i++) {
		begin_ip(0, 2, HOST4, NOWHERE4);
		build_udp(&lab.b, 1, 2);
		inject(0);
	}
	n = lab_waiting(0);
	lab_discard();
	return n;
}

static void errors_are_limited_in_rate(void **state)
{
	struct counters c = {0};

	lab_config(LAB_TWO_NETS("") "icmp: {error-rate: 10, error-burst: 5}\n");
	assert_int_equal(answers_to(20), 5);
	weir_counters(lab.w, &c);
	assert_int_equal(c.icmp_suppressed, 15);
	lab_advance(MILLIS(200));
	assert_int_equal(answers_to(20), 2);
	lab_advance(SECONDS(100));
	assert_int_equal(answers_to(20), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(echo_is_answered_at_every_length_and_split),
		lab_test(padding_of_short_frames_is_not_echoed),
		lab_test(options_and_extension_headers_are_not_sent_back),
		lab_test(echo_to_every_own_address_is_answered),
		lab_test(what_is_no_good_request_gets_no_reply),
		lab_test(short_messages_end_quietly),
		lab_test(echo_can_be_switched_off),
		lab_test(errors_are_only_sent_about_what_may_cause_them),
		lab_test(multicast_causes_only_the_errors_it_must),
		lab_test(nobody_listens_here),
		lab_test(the_destination_looks_into_every_header),
		lab_test(an_error_quotes_as_much_as_fits),
		lab_test(errors_are_limited_in_rate),
	};

	return cmocka_run_group_tests_name("icmp", tests, lab_group_setup, NULL);
}
