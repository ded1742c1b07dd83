/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IP input (RFC 1812 5.2.2, RFC 8200), lifetime, checksum update, MTU and fragmenting, through a whole
 * router.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/ip/ip_hdr.h"

#define HOST4 "10.0.0.2"
#define FAR4 "10.0.1.3"
#define HOST6 "2001:db8:a::2"
#define FAR6 "2001:db8:b::3"

/* --- input --- */

struct row {
	const char *what, *src, *dst;
	uint32_t at, size, value; /* override in the IP header */
	const char *reason;       /* NULL: forwarded */
	bool answered;            /* an ICMP error goes back */
};

static void run_rows(const struct row *rows, unsigned n)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		begin_ip(0, 2, r->src, r->dst);
		if (r->size != 0)
			build_set(&lab.b, r->at, (uint8_t)r->size, r->value);
		build_udp(&lab.b, 1000, 2000);
		build_payload(&lab.b, 20);
		inject(0);
		if (r->reason != NULL && lab_drops(r->reason) != 1)
			fail_msg("%s: ended with '%s' instead of '%s'", r->what, lab.last_reason, r->reason);
		if (lab_waiting(0) != r->answered || lab_waiting(1) != (r->reason == NULL))
			fail_msg("%s: %u answers, %u forwarded", r->what, lab_waiting(0), lab_waiting(1));
		lab_discard();
	}
}

static void ipv4_input_is_checked_as_rfc1812_demands(void **state)
{
	static const struct row rows[] = {
		{"a good packet", HOST4, FAR4, 0, 0, 0, NULL, false},
		{"version 5", HOST4, FAR4, 0, 1, 0x55, "ip-bad-version", false},
		{"version 6 in an IPv4 frame", HOST4, FAR4, 0, 1, 0x65, "ip-bad-version", false},
		{"header of 16 bytes", HOST4, FAR4, 0, 1, 0x44, "ip-bad-header-length", false},
		{"header of 60 bytes in 48", HOST4, FAR4, 0, 1, 0x4f, "ip-truncated", false},
		{"total length beyond the frame", HOST4, FAR4, 2, 2, 49, "ip-truncated", false},
		{"total length below the header", HOST4, FAR4, 2, 2, 19, "ip-bad-length", false},
		{"total length 0", HOST4, FAR4, 2, 2, 0, "ip-bad-length", false},
		{"wrong checksum", HOST4, FAR4, 10, 2, 0x1234, "ip-bad-checksum", false},
		{"checksum 0", HOST4, FAR4, 10, 2, 0, "ip-bad-checksum", false},
		{"from network 0", "0.1.2.3", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"from nobody", "0.0.0.0", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"from loopback", "127.0.0.1", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"from a group", "224.0.0.1", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"from class E", "240.0.0.1", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"from broadcast", "255.255.255.255", FAR4, 0, 0, 0, "ip-martian-source", false},
		{"to network 0", HOST4, "0.0.0.1", 0, 0, 0, "ip-martian-destination", false},
		{"to loopback", HOST4, "127.1.1.1", 0, 0, 0, "ip-martian-destination", false},
		{"to class E", HOST4, "240.0.0.1", 0, 0, 0, "ip-martian-destination", false},
		{"to a group nobody joined", HOST4, "239.1.1.1", 0, 0, 0, "ip-multicast", false},
		{"to a link's group", HOST4, "224.0.0.5", 0, 0, 0, "local-multicast", false},
		{"to everybody", HOST4, "255.255.255.255", 0, 0, 0, "local-multicast", false},
		{"TTL 2", HOST4, FAR4, 8, 1, 2, NULL, false},
		{"TTL 1", HOST4, FAR4, 8, 1, 1, "ip-ttl-exceeded", true},
		{"TTL 0", HOST4, FAR4, 8, 1, 0, "ip-ttl-exceeded", true},
		{"nowhere to go", HOST4, "203.0.113.1", 0, 0, 0, "route-none", true},
		{"to a broadcast address of another link", HOST4, "10.0.1.255", 0, 0, 0, "local-multicast",
			false},
		{"reserved flag", HOST4, FAR4, 6, 2, 0x8000, NULL, false},
		{"don't fragment", HOST4, FAR4, 6, 2, 0x4000, NULL, false},
	};

	run_rows(rows, RTE_DIM(rows));
}

static void ipv6_input_is_checked_as_rfc8200_demands(void **state)
{
	static const struct row rows[] = {
		{"a good packet", HOST6, FAR6, 0, 0, 0, NULL, false},
		{"version 4 in an IPv6 frame", HOST6, FAR6, 0, 1, 0x40, "ip-bad-version", false},
		{"payload beyond the frame", HOST6, FAR6, 4, 2, 29, "ip-truncated", false},
		{"padding behind the packet", HOST6, FAR6, 4, 2, 27, NULL, false},
		{"from a group", "ff02::1", FAR6, 0, 0, 0, "ip-martian-source", false},
		{"from nobody", "::", FAR6, 0, 0, 0, "ip-martian-source", false},
		{"from loopback", "::1", FAR6, 0, 0, 0, "ip-martian-source", false},
		{"to nobody", HOST6, "::", 0, 0, 0, "ip-martian-destination", false},
		{"to loopback", HOST6, "::1", 0, 0, 0, "ip-martian-destination", false},
		{"to an interface-local group", HOST6, "ff01::1", 0, 0, 0, "ip-martian-destination", false},
		{"to a group of scope 0", HOST6, "ff00::1", 0, 0, 0, "ip-martian-destination", false},
		{"to a site's group", HOST6, "ff05::1:3", 0, 0, 0, "ip-multicast", false},
		{"to a link's group nobody joined", HOST6, "ff02::5", 0, 0, 0, "ip-multicast", false},
		{"to all nodes", HOST6, "ff02::1", 0, 0, 0, "local-multicast", false},
		{"to somebody else's link-local address", HOST6, "fe80::99", 0, 0, 0,
			"ip-martian-destination", false},
		{"from a link-local address beyond the link", "fe80::2", FAR6, 0, 0, 0, "route-scope", true},
		{"hop limit 2", HOST6, FAR6, 7, 1, 2, NULL, false},
		{"hop limit 1", HOST6, FAR6, 7, 1, 1, "ip-ttl-exceeded", true},
		{"hop limit 0", HOST6, FAR6, 7, 1, 0, "ip-ttl-exceeded", true},
		{"nowhere to go", HOST6, "2001:db8:dead::1", 0, 0, 0, "route-none", true},
	};

	run_rows(rows, RTE_DIM(rows));
}

static void options_and_extension_headers_pass_or_are_answered(void **state)
{
	static const struct {
		const char *what;
		uint8_t body[8], len;
		uint8_t type; /* IPv6 header, 255: IPv4 options */
		const char *reason;
		int code; /* of the parameter problem, -1: silence */
		uint32_t pointer;
	} rows[] = {
		{"record route", {7, 7, 4, 0, 0, 0, 0, 0}, 8, 255, NULL, -1, 0},
		{"source route", {131, 7, 4, 10, 0, 1, 3, 0}, 8, 255, "ip-source-route", -1, 0},
		{"option longer than the header", {1, 7, 9, 0}, 4, 255, "ip-bad-options", 0, 21u << 24},
		{"hop-by-hop padding", {1, 4}, 6, 0, NULL, -1, 0},
		{"hop-by-hop option to discard", {0x40, 4}, 6, 0, "ip-unknown-option", -1, 0},
		{"hop-by-hop option to answer", {0x80, 4}, 6, 0, "ip-unknown-option", 2, 42},
		{"hop-by-hop option cut short", {1, 9}, 6, 0, "ip-bad-options", 0, 42},
		{"destination option of the destination", {0x80, 4}, 6, 60, NULL, -1, 0},
	};

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		bool v4 = rows[i].type == 255;

		begin_ip(0, 2, v4 ? HOST4 : HOST6, v4 ? FAR4 : FAR6);
		if (v4)
			build_options(&lab.b, rows[i].body, rows[i].len);
		else
			build_extension(&lab.b, rows[i].type, rows[i].body, rows[i].len);
		build_udp(&lab.b, 1, 2);
		inject(0);
		if (rows[i].reason != NULL && lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		if (rows[i].reason == NULL)
			expect_frame(1);
		if (rows[i].code >= 0)
			expect_icmp(0, v4 ? "10.0.0.1" : "2001:db8:a::1", v4 ? HOST4 : HOST6, v4 ? 12 : 4,
				(uint8_t)rows[i].code, rows[i].pointer);
		expect_silence();
	}
}

/* --- forwarding --- */

static void forwarded_packets_change_only_what_they_must(void **state)
{
	lab_config(LAB_TWO_NETS(""));
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned len = 0; len <= 1452 - v6 * 20; len += 1 + len / 3) {
			const struct seen *s;

			begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? FAR6 : FAR4);
			build_ttl(&lab.b, (uint8_t)(2 + len % 250));
			build_udp(&lab.b, 1, 2);
			build_payload(&lab.b, len);
			inject_split(0, len % 2 ? 0 : 64, (uint16_t)(1 + len % 100));
			s = expect_frame(1);
			assert_memory_equal(s->data, host_mac(3), 6);
			assert_memory_equal(s->data + 6, lab_mac(1), 6);
			assert_int_equal(s->len, lab.b.len);
			assert_int_equal(s->ttl, 1 + len % 250);
			assert_memory_equal(s->data + s->l4, lab.b.data + s->l4, s->len - s->l4);
			expect_silence();
		}
}

/* RFC 1624: the incremental update equals a sum from scratch, whatever was in the header. */
static void ttl_checksum_update_equals_a_new_sum(void **state)
{
	for (unsigned round = 0; round < 300000; round++) {
		uint8_t ip[20];
		uint16_t sum;

		for (unsigned i = 0; i < 20; i += 4)
			memcpy(ip + i, &(uint32_t){round % 3 ? (uint32_t)lab_random() : 0xffffffff}, 4);
		ip[8] = (uint8_t)(1 + lab_random() % 255);
		memset(ip + 10, 0, 2);
		sum = (uint16_t)~build_sum(ip, 20, 0);
		ip[10] = (uint8_t)(sum >> 8);
		ip[11] = (uint8_t)sum;
		ip4_decrement_ttl(ip);
		assert_int_equal(build_sum(ip, 20, 0), 0xffff);
	}
}

static void link_padding_is_not_part_of_a_packet(void **state)
{
	static const uint8_t padding[60] = {0xaa, 0xbb, 0xcc};
	const uint16_t payload = 1280 - 40 - 8;
	const struct seen *s;

	lab_config(LAB_TWO_NETS(", mtu: 1280"));
	for (unsigned v6 = 0; v6 < 2; v6++)
		for (unsigned split = 0; split < 2; split++) {
			begin_ip(0, 2, v6 ? HOST6 : HOST4, v6 ? FAR6 : FAR4);
			build_set(&lab.b, v6 ? 4 : 2, 2, 8u + payload + (v6 ? 0 : 20));
			build_udp(&lab.b, 1, 2);
			build_set(&lab.b, 4, 2, 8u + payload);
			build_set(&lab.b, 6, 2, 0);
			build_payload(&lab.b, payload);
			build_bytes(&lab.b, padding, sizeof padding);
			inject_split(0, split ? 70 : 0, split ? 20 : 0);
			s = expect_frame(1);
			assert_false(s->fragment);
			assert_int_equal(s->end - s->l4, 8 + payload);
			expect_silence();
		}
}

/* --- MTU --- */

static void too_big_packets_are_answered_with_the_mtu(void **state)
{
	const struct seen *s;

	lab_config(LAB_TWO_NETS(", mtu: 1300"));
	begin_ip(0, 2, HOST4, FAR4);
	build_set(&lab.b, 6, 2, 0x4000);
	build_udp(&lab.b, 1, 2);
	build_payload(&lab.b, 1300 - 27);
	inject(0);
	s = expect_icmp(0, "10.0.0.1", HOST4, 3, 4, 1300);
	assert_int_equal(s->end - s->l3, 576);
	assert_memory_equal(s->data + s->l4 + 8, lab.b.data + 14, 576 - 28); /* the packet as it came */
	expect_drop("ip-too-big");

	begin_ip(0, 2, HOST6, FAR6);
	build_udp(&lab.b, 1, 2);
	build_payload(&lab.b, 1300 - 47);
	inject(0);
	s = expect_icmp(0, "2001:db8:a::1", HOST6, 2, 0, 1300);
	assert_int_equal(s->end - s->l3, 1280);
	assert_memory_equal(s->data + s->l4 + 8, lab.b.data + 14, 1280 - 48);
	expect_drop("ip-too-big");

	begin_ip(0, 2, HOST6, FAR6);
	build_udp(&lab.b, 1, 2);
	build_payload(&lab.b, 1300 - 48);
	inject(0);
	expect_frame(1);
	expect_silence();
}

/* RFC 8200 5: what Linux calls disable_ipv6 happens by itself. */
static void a_small_mtu_turns_ipv6_off(void **state)
{
	const char *const yaml =
		LAB_TWO_NETS4(", mtu: 1279") "routes:\n"
					     "  - {prefix: \"2001:db8:f::/48\", via: [{interface: b}]}\n"
					     "  - {prefix: \"2001:db8:e::/48\", via: [{address: \"fe80::9\", "
					     "interface: b}]}\n";

	lab_config(yaml);
	for (unsigned out = 0; out < 2; out++) {
		begin_ip(0, 2, HOST6, out ? "2001:db8:f::9" : "2001:db8:e::9");
		build_udp(&lab.b, 1, 2);
		inject(0);
		expect_icmp(0, "2001:db8:a::1", HOST6, 1, 0, 0);
		expect_drop("route-none");
	}
	begin_ip(1, 3, "2001:db8:f::9", HOST6);
	build_udp(&lab.b, 1, 2);
	inject(1);
	expect_drop("ip-ipv6-off");
	begin_ip(1, 3, "fe80::9", "ff02::1");
	build_ttl(&lab.b, 255);
	inject(1);
	expect_drop("ip-ipv6-off");
	begin_ip(1, 3, "10.0.1.3", HOST4); /* IPv4 is not concerned */
	build_udp(&lab.b, 1, 2);
	inject(1);
	expect_frame(0);

	lab_config(LAB_TWO_NETS4(
		", mtu: 1280") "routes: [{prefix: \"2001:db8:f::/48\", via: [{interface: b}]}]\n");
	begin_ip(1, 3, "2001:db8:f::9", HOST6);
	build_udp(&lab.b, 1, 2);
	inject(1);
	expect_frame(0);
	expect_silence();
}

static void a_dying_packet_is_not_too_big(void **state)
{
	lab_config(LAB_TWO_NETS4(", mtu: 576"));
	for (unsigned df = 0; df < 2; df++) {
		begin_ip(0, 2, HOST4, FAR4);
		build_ttl(&lab.b, 1);
		build_set(&lab.b, 6, 2, df ? 0x4000 : 0);
		build_payload(&lab.b, 1000);
		inject(0);
		expect_icmp(0, "10.0.0.1", HOST4, 11, 0, 0);
		expect_drop("ip-ttl-exceeded");
	}
}

/* --- fragments --- */

static uint8_t whole[70000];

/* Takes the fragments that wait on a port together; returns the bytes, which must be there once each. */
static uint32_t gather(unsigned port, uint32_t mtu, uint32_t base, bool *last)
{
	uint32_t end = 0, have = 0, id = 0;
	bool first = true;

	*last = false;
	while (lab_waiting(port) != 0) {
		const struct seen *s = expect_frame(port);
		uint32_t len = s->end - s->l4, at = s->frag_offset - base;

		assert_true(s->end - s->l3 <= mtu && s->frag_offset >= base);
		assert_true(first || s->frag_id == id);
		id = s->frag_id;
		first = false;
		assert_true(len % 8 == 0 || !s->more);
		assert_int_equal(s->ttl, 63);
		*last |= !s->more;
		memcpy(whole + at, s->data + s->l4, len);
		have += len;
		end = at + len > end ? at + len : end;
	}
	assert_int_equal(have, end);
	return end;
}

static void fragments_carry_every_byte_once(void **state)
{
	static const unsigned mtus[] = {68, 69, 100, 576, 1499};
	static const char *const texts[] = {LAB_TWO_NETS4(", mtu: 68"), LAB_TWO_NETS4(", mtu: 69"),
		LAB_TWO_NETS4(", mtu: 100"), LAB_TWO_NETS4(", mtu: 576"), LAB_TWO_NETS(", mtu: 1499")};

	for (unsigned i = 0; i < RTE_DIM(mtus); i++) {
		lab_config(texts[i]);
		for (uint32_t len = mtus[i] - 19; len <= 1480; len += 1 + (uint32_t)lab_random() % 97) {
			bool last;

			begin_ip(0, 2, HOST4, FAR4);
			build_fragment(&lab.b, 0x4711, 0, false);
			build_payload(&lab.b, len);
			inject_split(0, len % 2 ? 0 : 50, (uint16_t)(1 + len % 300));
			assert_true(lab_waiting(1) > 1);
			assert_int_equal(gather(1, mtus[i], 0, &last), len);
			assert_true(last);
			assert_memory_equal(whole, lab.b.data + 34, len);
			assert_int_equal(lab_drops("ip-fragmented"), 1);
		}
	}
}

static void fragments_of_fragments_keep_their_place(void **state)
{
	lab_config(LAB_TWO_NETS4(", mtu: 576"));
	for (unsigned more = 0; more < 2; more++) {
		bool last;

		begin_ip(0, 2, HOST4, FAR4);
		build_fragment(&lab.b, 77, 185, more != 0);
		build_payload(&lab.b, 1400);
		inject(0);
		assert_int_equal(gather(1, 576, 185 * 8, &last), 1400);
		assert_memory_equal(whole, lab.b.data + 34, 1400);
		assert_int_equal(last, !more);
	}
}

/* RFC 791 3.1: record route (7), with our address in it, stays in the first fragment, security (130) goes
 * into all. */
static void options_are_copied_as_their_flag_says(void **state)
{
	static const uint8_t options[] = {7, 7, 4, 0, 0, 0, 0, 1, 130, 4, 5, 6, 1, 0, 0, 0};
	static const uint8_t filled[] = {7, 7, 8, 10, 0, 1, 1, 1, 130, 4, 5, 6, 1, 0, 0, 0};
	const struct seen *s;

	lab_config(LAB_TWO_NETS4(", mtu: 576"));
	begin_ip(0, 2, HOST4, FAR4);
	build_options(&lab.b, options, sizeof options);
	build_payload(&lab.b, 1200);
	inject(0);
	s = expect_frame(1);
	assert_int_equal(s->l4 - s->l3, 36);
	assert_memory_equal(s->data + s->l3 + 20, filled, sizeof filled);
	while (lab_waiting(1) != 0) {
		s = expect_frame(1);
		assert_int_equal(s->l4 - s->l3, 24);
		assert_memory_equal(s->data + s->l3 + 20, options + 8, 4);
	}
	assert_true(s->frag_offset != 0);
}

static void fragmenting_survives_an_empty_pool(void **state)
{
	struct rte_mbuf *m[16383];
	unsigned n = 0;

	lab_config(LAB_TWO_NETS4(", mtu: 576"));
	begin_ip(0, 2, HOST4, FAR4);
	build_payload(&lab.b, 1400);
	build_end(&lab.b);
	while (n < RTE_DIM(m) && (m[n] = rte_pktmbuf_alloc(lab.pool)) != NULL)
		n++;
	for (unsigned i = 0; i < 2; i++) /* the packet and room for one fragment of three */
		rte_pktmbuf_free(m[--n]);
	inject(0);
	assert_int_equal(lab_drops("ip-fragment-failed"), 1);
	rte_pktmbuf_free_bulk(m, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(ipv4_input_is_checked_as_rfc1812_demands),
		lab_test(ipv6_input_is_checked_as_rfc8200_demands),
		lab_test(options_and_extension_headers_pass_or_are_answered),
		lab_test(forwarded_packets_change_only_what_they_must),
		cmocka_unit_test(ttl_checksum_update_equals_a_new_sum),
		lab_test(link_padding_is_not_part_of_a_packet),
		lab_test(too_big_packets_are_answered_with_the_mtu),
		lab_test(a_small_mtu_turns_ipv6_off),
		lab_test(a_dying_packet_is_not_too_big),
		lab_test(fragments_carry_every_byte_once),
		lab_test(fragments_of_fragments_keep_their_place),
		lab_test(options_are_copied_as_their_flag_says),
		lab_test(fragmenting_survives_an_empty_pool),
	};

	return cmocka_run_group_tests_name("ip", tests, lab_group_setup, NULL);
}
