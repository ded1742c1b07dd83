/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reassembly of packets for the router itself: an echo request is cut up, and its reply, put together by the
 * plainest code there is, must carry the same bytes. Order, duplicates, overlaps (RFC 5722), time, limits.
 */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#include "feature/ip/reass.h"

static struct build original;
static uint8_t reply[70000];
static bool v6;

static const char *us(void)
{
	return v6 ? "2001:db8:a::1" : "10.0.0.1";
}

static const char *host(void)
{
	return v6 ? "2001:db8:a::2" : "10.0.0.2";
}

/* The ICMP message of an echo request with `len` bytes of data; what is cut starts at message(). */
static void make_request(size_t len)
{
	build_begin(&original);
	build_ip(&original, host(), us());
	build_icmp(&original, v6 ? 128 : 8, 0, 0x00010002);
	build_payload(&original, len);
	build_end(&original);
}

static const uint8_t *message(void)
{
	return original.data + (v6 ? 40 : 20);
}

static uint32_t message_len(void)
{
	return original.len - (v6 ? 40 : 20);
}

/* Bytes from..from+len of the message as one fragment; split over segments now and then. */
static void send_piece(uint32_t id, uint32_t from, uint32_t len, bool more)
{
	begin_ip(0, 2, host(), us());
	if (!v6)
		build_set(&lab.b, 9, 1, 1);
	build_fragment(&lab.b, id, (uint16_t)(from / 8), more);
	if (v6)
		build_set(&lab.b, 0, 1, 58);
	build_bytes(&lab.b, message() + from, len);
	inject_split(0, lab_random() % 2 ? 0 : 70, (uint16_t)(20 + lab_random() % 500));
}

/* The echo reply, in one piece or several, is complete and the same but for its first four bytes. */
static void expect_reply(void)
{
	uint32_t have = 0, want = message_len();
	bool last = false;

	while (have < want) {
		const struct seen *s = expect_frame(0);

		assert_string_equal(s->src, us());
		assert_string_equal(s->dst, host());
		memcpy(reply + s->frag_offset, s->data + s->l4, s->end - s->l4);
		have += s->end - s->l4;
		last |= !s->more;
	}
	assert_true(last);
	assert_int_equal(have, want);
	assert_int_equal(reply[0], v6 ? 129 : 0);
	assert_memory_equal(reply + 4, message() + 4, want - 4);
	lab_drops("ip-fragmented");
	expect_silence();
	assert_int_equal(lab.w->held, 0);
	assert_int_equal(lab.w->reass->bytes, 0);
}

struct cut {
	uint32_t from, len;
};

/* Random cuts at multiples of 8; returns how many. */
static unsigned make_cuts(struct cut *c, unsigned limit)
{
	uint32_t at = 0, total = message_len();
	unsigned n = 0;

	while (at < total) {
		uint32_t len = 8 * (1 + (uint32_t)lab_random() % (total / 8 < 40 ? 3 : 180));

		if (n == limit - 1 || at + len >= total)
			len = total - at;
		c[n++] = (struct cut){at, len};
		at += len;
	}
	return n;
}

static void shuffle(struct cut *c, unsigned n)
{
	for (unsigned i = n; i > 1; i--) {
		unsigned k = (unsigned)(lab_random() % i);
		struct cut t = c[i - 1];

		c[i - 1] = c[k];
		c[k] = t;
	}
}

static void send_cuts(const struct cut *c, unsigned n, uint32_t id)
{
	for (unsigned i = 0; i < n; i++)
		send_piece(id, c[i].from, c[i].len, c[i].from + c[i].len < message_len());
}

static void both_families(void (*fn)(void))
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < 2; i++) {
		v6 = i != 0;
		fn();
		lab_advance(SECONDS(61)); /* nothing is left of it */
		lab_discard();
		assert_int_equal(lab.w->held, 0);
		assert_int_equal(lab.w->reass->datagrams, 0);
	}
}

/* --- what comes together --- */

static void in_order(void)
{
	for (unsigned len = 9; len < 9000; len += 1 + len / 2) {
		struct cut c[60];

		make_request(len);
		send_cuts(c, make_cuts(c, 60), len);
		expect_reply();
	}
}

static void fragments_in_order_become_the_packet(void **state)
{
	both_families(in_order);
}

static void backwards(void)
{
	struct cut c[60];
	unsigned n;

	make_request(3000);
	n = make_cuts(c, 60);
	while (n-- > 0)
		send_piece(1, c[n].from, c[n].len, c[n].from + c[n].len < message_len());
	expect_reply();
}

static void fragments_in_reverse_become_the_packet(void **state)
{
	both_families(backwards);
}

static void random_order(void)
{
	for (unsigned round = 0; round < 150; round++) {
		struct cut c[120];
		unsigned n;

		make_request(8 + lab_random() % 4000);
		n = make_cuts(c, 120);
		shuffle(c, n);
		send_cuts(c, n, round);
		expect_reply();
	}
}

static void fragments_in_any_order_become_the_packet(void **state)
{
	both_families(random_order);
}

static void interleaved(void)
{
	make_request(2000);
	for (uint32_t at = 0; at < 2000; at += 400)
		for (uint32_t id = 0; id < 10; id++)
			send_piece(id << 8 | 3, at, at == 1600 ? message_len() - at : 400, at != 1600);
	for (uint32_t id = 0; id < 10; id++) {
		uint32_t have = 0;

		while (have < message_len()) {
			const struct seen *s = expect_frame(0);

			have += s->end - s->l4;
		}
	}
	expect_silence();
}

/* Two links with the same link-local addresses: halves of different packets never meet. */
static void links_are_told_apart(void **state)
{
	static const uint8_t half[16] = {128, 0, 0x7f};

	lab_config("interfaces:\n"
		   "  a: {port: p0, addresses: [\"fe80::1/64\"]}\n"
		   "  b: {port: p1, addresses: [\"fe80::1/64\"]}\n");
	for (unsigned port = 0; port < 2; port++) {
		begin_ip(port, 2, "fe80::2", "fe80::1");
		build_fragment(&lab.b, 7, (uint16_t)(port * 2), port == 0);
		build_set(&lab.b, 0, 1, 58);
		build_bytes(&lab.b, half, sizeof half);
		inject(port);
	}
	assert_int_equal(lab_drops("reassembled"), 0);
	lab_advance(SECONDS(31));
	assert_int_equal(lab_drops("reassembly-timeout"), 2);
	lab_discard();
}

static void packets_are_told_apart_by_identification(void **state)
{
	both_families(interleaved);
}

static void duplicates(void)
{
	make_request(1000);
	send_piece(5, 0, 400, true);
	send_piece(5, 0, 400, true);
	send_piece(5, 800, message_len() - 800, false);
	send_piece(5, 800, message_len() - 800, false);
	assert_int_equal(lab_drops("reassembly-duplicate"), 2);
	send_piece(5, 400, 400, true);
	expect_reply();
}

static void the_same_fragment_twice_does_no_harm(void **state)
{
	both_families(duplicates);
}

static void largest(void)
{
	uint32_t at = 0, limit = v6 ? 65535 : 65515;

	make_request(limit - 8);
	for (; at + 1440 < limit; at += 1440)
		send_piece(9, at, 1440, true);
	send_piece(9, at, limit - at, false);
	expect_reply();
}

static void the_largest_packet_comes_together(void **state)
{
	both_families(largest);
}

/* --- what does not --- */

static void overlap_rows(void)
{
	static const struct {
		const char *what;
		uint32_t from, len;
		bool more;
	} rows[] = {
		{"the end of another", 392, 16, true},
		{"the start of another", 768, 40, true},
		{"all of another", 0, 408, true},
		{"nothing, but inside another", 8, 8, true},
		{"the end twice", 1600, 8, false},
		{"an end before data that came", 400, 40, false},
		{"data behind the end", 1208, 8, true},
	};

	make_request(2000);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		uint32_t id = 100 + i;

		send_piece(id, 0, 400, true);
		send_piece(id, 800, 200, true);
		send_piece(id, 1200 - 200, 208, false);
		assert_int_equal(lab_drops("reassembly-overlap"), 0);
		send_piece(id, rows[i].from, rows[i].len, rows[i].more);
		if (lab_drops("reassembly-overlap") != 4)
			fail_msg("a fragment covers %s: ended with '%s'", rows[i].what, lab.last_reason);
		send_piece(id, 400, 400, true); /* what would have completed it */
		assert_int_equal(lab_drops("reassembly-overlap"), 1);
		expect_silence();
	}
	assert_int_equal(lab.w->held, 0);
	lab_advance(SECONDS(31));
	expect_silence(); /* no time exceeded about it */
}

static void overlaps_poison_the_packet(void **state)
{
	both_families(overlap_rows);
}

static void timeouts(void)
{
	make_request(1000);
	send_piece(6, 400, 400, true);
	lab_advance(SECONDS(20));
	send_piece(6, 0, 400, true);
	lab_advance(SECONDS(10) - 1);
	expect_silence();
	lab_advance(1);
	assert_int_equal(lab_drops("reassembly-timeout"), 2);
	expect_icmp(0, us(), host(), v6 ? 3 : 11, 1, 0);
	expect_silence();

	send_piece(7, 400, 400, true);
	lab_advance(SECONDS(31));
	assert_int_equal(lab_drops("reassembly-timeout"), 1);
	begin_ip(0, 2, host(), us());
	build_fragment(&lab.b, 8, 50, true);
	if (v6)
		build_set(&lab.b, 0, 1, 17);
	build_payload(&lab.b, 80);
	inject(0);
	lab_advance(SECONDS(31));
	assert_int_equal(lab_drops("reassembly-timeout"), 1);
	expect_silence(); /* the sender only hears of it when the first fragment came */
}

static void an_incomplete_packet_is_given_up_after_its_time(void **state)
{
	both_families(timeouts);
}

static void impossible(void)
{
	make_request(2000);
	send_piece(8, 0, 401, true); /* not the last and not a multiple of 8 */
	assert_int_equal(lab_drops("reassembly-bad-fragment"), 1);
	if (v6)
		expect_icmp(0, us(), host(), 4, 0, 4);
	expect_silence();
	begin_ip(0, 2, host(), us());
	if (!v6)
		build_set(&lab.b, 9, 1, 1);
	build_fragment(&lab.b, 9, 8191, false);
	build_payload(&lab.b, 8);
	inject(0);
	assert_int_equal(lab_drops("reassembly-bad-fragment"), 1);
	if (v6)
		expect_icmp(0, us(), host(), 4, 0, 42);
	expect_silence();
	send_piece(10, 8, 0, false);
	assert_int_equal(lab_drops("reassembly-bad-fragment"), 1);
	expect_silence();
}

static void impossible_fragments_are_refused(void **state)
{
	both_families(impossible);
}

/* The header counts as well: 65512 + 20 bytes of payload fit behind none. */
static void an_ipv4_packet_ends_at_65535_with_its_header(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = false;
	make_request(65524);
	for (uint32_t at = 0; at < 65512; at += 1448)
		send_piece(9, at, RTE_MIN(1448u, 65512 - at), true);
	send_piece(9, 65512, 20, false);
	expect_silence();
	assert_int_equal(lab_drops("reassembly-bad-fragment"), 1);
}

static void atomic(void)
{
	make_request(100);
	send_piece(11, 0, 48, true); /* does not disturb it and is not disturbed */
	begin_ip(0, 2, host(), us());
	build_extension(&lab.b, 60, "\1\4\0\0\0\0", 6);
	build_fragment(&lab.b, 11, 0, false);
	build_set(&lab.b, 0, 1, 58);
	build_bytes(&lab.b, message(), message_len());
	inject(0);
	assert_int_equal(lab.w->held, 1);
	lab.w->held = 0; /* expect_reply() looks */
	lab.w->reass->bytes -= 14 + 40 + 8 + 48;
	expect_reply();
	lab.w->held = 1;
	lab.w->reass->bytes += 14 + 40 + 8 + 48;
}

static void an_atomic_fragment_stands_alone(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = true;
	atomic();
}

/* --- limits --- */

static void a_packet_has_a_limited_number_of_fragments(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = false;
	make_request(8 * 200);
	for (unsigned i = 0; i < REASS_FRAGMENTS + 1; i++)
		send_piece(1, 8 * i, 8, true);
	assert_int_equal(lab_drops("reassembly-full"), 1);
	assert_int_equal(lab.w->held, REASS_FRAGMENTS);
}

/* Slowly enough for the way to the control thread. */
static void send_in_time(uint32_t id, uint32_t from, uint32_t len)
{
	send_piece(id, from, len, true);
	lab_advance(MILLIS(1));
}

static void packets_under_reassembly_are_limited(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = true;
	make_request(100);
	for (uint32_t id = 0; id < REASS_DATAGRAMS + 5; id++)
		send_in_time(id, 8, 8);
	assert_int_equal(lab_drops("reassembly-full"), 5);
	lab_advance(SECONDS(31));
	make_request(3000);
	send_piece(7, 0, 1400, true);
	send_piece(7, 1400, message_len() - 1400, false);
	expect_reply();
}

static void bytes_under_reassembly_are_limited(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	v6 = false;
	make_request(65000);
	for (uint32_t id = 0; id < 70; id++)
		for (uint32_t at = 0; at < 64000; at += 1480)
			send_in_time(id, at, 1480);
	assert_true(lab.w->reass->bytes <= REASS_BYTES);
	assert_true(lab_drops("reassembly-full") > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(fragments_in_order_become_the_packet),
		lab_test(fragments_in_reverse_become_the_packet),
		lab_test(fragments_in_any_order_become_the_packet),
		lab_test(packets_are_told_apart_by_identification),
		lab_test(links_are_told_apart),
		lab_test(the_same_fragment_twice_does_no_harm),
		lab_test(the_largest_packet_comes_together),
		lab_test(overlaps_poison_the_packet),
		lab_test(an_incomplete_packet_is_given_up_after_its_time),
		lab_test(impossible_fragments_are_refused),
		lab_test(an_ipv4_packet_ends_at_65535_with_its_header),
		lab_test(an_atomic_fragment_stands_alone),
		lab_test(a_packet_has_a_limited_number_of_fragments),
		lab_test(packets_under_reassembly_are_limited),
		lab_test(bytes_under_reassembly_are_limited),
	};

	return cmocka_run_group_tests_name("reassembly", tests, lab_group_setup, NULL);
}
