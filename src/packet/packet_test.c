/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Addresses and prefixes as text, checksums against the builder's plain sum over every way to cut a packet,
 * and the walks over IPv4 options and IPv6 extension headers, malformed ones included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rte_byteorder.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "packet/addr.h"
#include "packet/builder.h"
#include "packet/checksum.h"
#include "packet/parse.h"

static struct build b;
static struct rte_mempool *pool;
static uint64_t seed = 88172645463325252ull;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20);
}

/* --- text --- */

static void addresses_are_written_as_rfc5952_says(void **state)
{
	static const struct {
		const char *text, *canonical;
	} rows[] = {
		{"192.0.2.1", "192.0.2.1"},
		{"0.0.0.0", "0.0.0.0"},
		{"255.255.255.255", "255.255.255.255"},
		{"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
		{"2001:DB8::2:1", "2001:db8::2:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* 4.2.2: one zero field stays */
		{"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* 4.2.3: the longest run */
		{"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* 4.2.3: the first of equal runs */
		{"::", "::"},
		{"0:0:0:0:0:0:0:1", "::1"},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1"}, /* 5: v4-mapped */
		{"fe80::1", "fe80::1"},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		char text[ADDR_STRLEN];
		struct ipaddr a;

		if (ipaddr_parse(rows[i].text, &a) != 0)
			fail_msg("%s was refused", rows[i].text);
		assert_string_equal(ipaddr_format(&a, text), rows[i].canonical);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const rows[] = {"", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ",
		" 1.2.3.4", "0x1.2.3.4", "1.2.3.-4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9", "12345::", "fe80::1%eth0", "g::1", "::1.2.3", "1.2.3.4/24"};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct ipaddr a;

		if (ipaddr_parse(rows[i], &a) == 0)
			fail_msg("'%s' was taken", rows[i]);
	}
}

static void addresses_are_written_as_printf_would(void **state)
{
	for (unsigned v = 0; v < 256; v++) {
		struct prefix p = {.addr = {.family = FAMILY_V4, .bytes = {v, 255 - v, v / 2, 7}},
			.len = (uint8_t)(v <= 128 ? v : 32)};
		char got[PREFIX_STRLEN], want[PREFIX_STRLEN];

		snprintf(want, sizeof want, "%u.%u.%u.7/%u", v, 255 - v, v / 2, p.len);
		assert_string_equal(prefix_format(&p, got), want);
		*strchr(want, '/') = '\0';
		assert_string_equal(ipaddr_format(&p.addr, got), want);
	}
}

static void prefixes_are_read_strictly(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
	} rows[] = {{"10.0.0.0/8", "10.0.0.0/8"}, {"10.1.2.3", "10.1.2.3/32"}, {"::/0", "::/0"},
		{"2001:db8::1", "2001:db8::1/128"}, {"0.0.0.0/0", "0.0.0.0/0"}, {"10.0.0.0/33", NULL},
		{"10.0.0.0/08", NULL}, {"10.0.0.0/", NULL}, {"10.0.0.0/+8", NULL}, {"10.0.0.0/8/8", NULL},
		{"::/129", NULL}, {"/8", NULL}, {"10.0.0.0/8 ", NULL}, {"10.0.0.0/-1", NULL},
		{"::/1000000000000000000000000000", NULL},
		{"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/64", NULL}};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		char text[PREFIX_STRLEN];
		struct prefix p;
		int rc = prefix_parse(rows[i].text, &p);

		if ((rc == 0) != (rows[i].back != NULL))
			fail_msg("'%s' gave %d", rows[i].text, rc);
		if (rc == 0)
			assert_string_equal(prefix_format(&p, text), rows[i].back);
	}
}

static bool bits_equal(const uint8_t *x, const uint8_t *y, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if (((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

/* Against a loop over single bits. */
static void prefix_logic_agrees_with_single_bits(void **state)
{
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t family = rnd() % 2 ? FAMILY_V4 : FAMILY_V6;
		unsigned bits = family_bits(family), flip = rnd() % bits;
		struct prefix p = {.addr.family = family, .len = (uint8_t)(rnd() % (bits + 1))}, m;
		struct prefix q;

		for (unsigned i = 0; i < bits / 8; i++)
			p.addr.bytes[i] = (uint8_t)rnd();
		m = prefix_masked(&p);
		for (unsigned i = 0; i < bits; i++)
			assert_int_equal(m.addr.bytes[i / 8] >> (7 - i % 8) & 1,
				i < p.len ? p.addr.bytes[i / 8] >> (7 - i % 8) & 1 : 0);
		q = p;
		q.addr.bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
		assert_int_equal(prefix_contains(&p, &q.addr), bits_equal(p.addr.bytes, q.addr.bytes, p.len));
		assert_int_equal(prefix_equal(&p, &q), bits_equal(p.addr.bytes, q.addr.bytes, p.len));
		assert_true(prefix_contains(&m, &p.addr));
	}
}

static void addresses_know_what_they_are(void **state)
{
	static const struct {
		const char *text;
		bool host, multicast, link_local;
	} rows[] = {{"10.0.0.1", true, false, false}, {"0.1.2.3", false, false, false},
		{"127.0.0.1", false, false, false}, {"224.0.0.1", false, true, false},
		{"239.255.255.255", false, true, false}, {"240.0.0.1", false, false, false},
		{"255.255.255.255", false, false, false}, {"169.254.0.1", true, false, true},
		{"223.255.255.255", true, false, false}, {"::", false, false, false},
		{"::1", false, false, false}, {"::2", true, false, false}, {"ff02::1", false, true, false},
		{"fe80::1", true, false, true}, {"febf::1", true, false, true},
		{"fec0::1", true, false, false}, {"::ffff:10.0.0.1", false, false, false},
		{"2001:db8::", true, false, false}};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct ipaddr a;

		assert_int_equal(ipaddr_parse(rows[i].text, &a), 0);
		if (ipaddr_is_host(&a) != rows[i].host || ipaddr_is_multicast(&a) != rows[i].multicast ||
			ipaddr_is_link_local(&a) != rows[i].link_local)
			fail_msg("%s was taken for something else", rows[i].text);
	}
}

/* --- checksums --- */

static void sums_agree_with_the_plain_one(void **state)
{
	static uint8_t bytes[2048];

	for (unsigned round = 0; round < 3000; round++) {
		size_t len = rnd() % sizeof bytes, at = rnd() % 8, even;

		len = len > at ? len - at : 0;
		for (size_t i = 0; i < len; i++)
			bytes[at + i] = rnd() % 4 ? 0xff : (uint8_t)rnd(); /* many carries */
		assert_int_equal(rte_be_to_cpu_16(checksum_finish(checksum_add(0, bytes + at, len))),
			(uint16_t)~build_sum(bytes + at, len, 0));
		even = len != 0 ? rnd() % len & ~1u : 0;
		assert_int_equal(rte_be_to_cpu_16(checksum_finish(checksum_add(
					 checksum_add(0, bytes + at, even), bytes + at + even, len - even))),
			(uint16_t)~build_sum(bytes + at, len, 0));
	}
}

static void sum_of_a_chain(uint32_t len, uint16_t first, uint16_t rest, uint32_t from, uint32_t count)
{
	struct rte_mbuf *m = build_mbuf(&b, pool, first, rest);
	uint16_t want = (uint16_t)~build_sum(b.data + from, count, 0), sum;

	assert_non_null(m);
	sum = rte_be_to_cpu_16(checksum_finish(checksum_mbuf(0, m, from, count)));
	if (sum != want)
		fail_msg("%u bytes in segments of %u, %u: the sum over %u+%u is wrong", len, first, rest,
			from, count);
	rte_pktmbuf_free(m);
}

static void chains_are_summed_across_every_split(void **state)
{
	for (uint32_t len = 1; len <= 65; len++) {
		build_begin(&b);
		build_payload_from(&b, len, len);
		for (uint16_t first = 1; first <= len; first++)
			for (uint32_t from = 0; from < len; from += 1 + from / 3)
				sum_of_a_chain(len, first, (uint16_t)(1 + rnd() % 9), from,
					1 + rnd() % (len - from));
	}
}

static void long_random_chains_are_summed_right(void **state)
{
	for (unsigned round = 0; round < 400; round++) {
		uint32_t len = 1 + rnd() % 9000, from;

		build_begin(&b);
		build_payload_from(&b, rnd() % 1000, len);
		memset(b.data, 0xff, len / 2);
		from = rnd() % len;
		sum_of_a_chain(
			len, (uint16_t)(1 + rnd() % 1500), (uint16_t)(16 + rnd() % 700), from, len - from);
	}
}

static void header_and_pseudo_header_sums_are_right(void **state)
{
	for (size_t len = 0; len < 200; len++) {
		build_begin(&b);
		build_ip(&b, "2001:db8::1", "fe80::ff:fe00:9");
		build_icmp(&b, 128, 0, 0x12345678);
		build_payload(&b, len);
		build_end(&b);
		assert_int_equal(checksum_ip6(b.data + 8, b.data + 24, 58, b.data + 40, 8 + len), 0);
		b.data[40] ^= 1;
		assert_int_not_equal(checksum_ip6(b.data + 8, b.data + 24, 58, b.data + 40, 8 + len), 0);
	}
	build_begin(&b);
	build_ip(&b, "10.0.0.1", "10.0.0.2");
	build_end(&b);
	assert_int_equal(checksum_ip4_header(b.data, 20), 0);
}

/* --- IPv4 options --- */

static void ipv4_options_are_walked_within_bounds(void **state)
{
	static const struct {
		const char *what;
		uint8_t options[12];
		enum parse_result result;
		bool source_route, alert;
		uint16_t pointer;
	} rows[] = {
		{"nothing but no-operations", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, PARSE_OK, false, false,
			0},
		{"end at once, rubbish behind it", {0, 131, 0, 255, 9, 9}, PARSE_OK, false, false, 0},
		{"loose source route", {131, 7, 4, 10, 0, 0, 1, 0}, PARSE_OK, true, false, 0},
		{"strict source route", {137, 7, 4, 10, 0, 0, 1, 0}, PARSE_OK, true, false, 0},
		{"router alert", {148, 4, 0, 0}, PARSE_OK, false, true, 0},
		{"record route, then alert", {7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0}, PARSE_OK, false, true,
			0},
		{"unknown option", {30, 12}, PARSE_OK, false, false, 0},
		{"length 0", {7, 0}, PARSE_MALFORMED, false, false, 20},
		{"length 1", {1, 7, 1}, PARSE_MALFORMED, false, false, 21},
		{"longer than the header", {7, 13}, PARSE_MALFORMED, false, false, 20},
		{"no room for its length", {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7}, PARSE_MALFORMED, false,
			false, 31},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct ip4_options o;

		build_begin(&b);
		build_ip(&b, "10.0.0.1", "10.0.0.2");
		build_options(&b, rows[i].options, 12);
		build_end(&b);
		if (parse_ip4_options(b.data, 32, &o) != rows[i].result ||
			o.source_route != rows[i].source_route || o.router_alert != rows[i].alert ||
			o.pointer != rows[i].pointer)
			fail_msg("%s: read as something else", rows[i].what);
	}
}

/* --- IPv6 extension headers --- */

enum { HOP = 0, ROUTING = 43, DST = 60, AUTH = 51 };

struct ext {
	uint8_t type;
	uint8_t body[14];
	uint8_t len;
};

static void build_chain(const struct ext *e, unsigned n)
{
	build_begin(&b);
	build_ip(&b, "2001:db8::1", "2001:db8::2");
	for (unsigned i = 0; i < n; i++)
		build_extension(&b, e[i].type, e[i].body, e[i].len);
	build_udp(&b, 1, 2);
	build_end(&b);
}

static void ipv6_headers_are_walked_to_the_payload(void **state)
{
	static const struct {
		const char *what;
		struct ext ext[3];
		unsigned n;
		enum parse_result router, host;
		uint16_t pointer;
		bool alert;
	} rows[] = {
		{"none", {{0}}, 0, PARSE_OK, PARSE_OK, 0, false},
		{"hop-by-hop of padding", {{HOP, {1, 4}, 6}}, 1, PARSE_OK, PARSE_OK, 0, false},
		{"Pad1 six times", {{HOP, {0}, 6}}, 1, PARSE_OK, PARSE_OK, 0, false},
		{"router alert", {{HOP, {5, 2, 0, 0, 1, 0}, 6}}, 1, PARSE_OK, PARSE_OK, 0, true},
		{"unknown option to skip", {{HOP, {0x1e, 4}, 6}}, 1, PARSE_OK, PARSE_OK, 0, false},
		{"unknown option to discard", {{HOP, {0x5e, 4}, 6}}, 1, PARSE_DISCARD, PARSE_DISCARD, 0,
			false},
		{"unknown option to answer", {{HOP, {0, 0x9e, 3}, 6}}, 1, PARSE_UNKNOWN, PARSE_UNKNOWN, 43,
			false},
		{"an option to answer behind one to skip", {{HOP, {0x1e, 1, 0xff, 0x9e, 1, 0}, 6}}, 1,
			PARSE_UNKNOWN, PARSE_UNKNOWN, 45, false},
		{"jumbo payload", {{HOP, {0xc2, 4}, 6}}, 1, PARSE_UNKNOWN, PARSE_UNKNOWN, 42, false},
		{"option beyond its header", {{HOP, {1, 5}, 6}}, 1, PARSE_MALFORMED, PARSE_MALFORMED, 42,
			false},
		{"option without its length", {{HOP, {1, 3, 0, 0, 0, 1}, 6}}, 1, PARSE_MALFORMED,
			PARSE_MALFORMED, 47, false},
		{"destination options are the destination's", {{DST, {0x9e, 4}, 6}}, 1, PARSE_OK,
			PARSE_UNKNOWN, 42, false},
		{"routing with segments left", {{ROUTING, {0, 1, 0, 0, 0, 0}, 6}}, 1, PARSE_OK, PARSE_UNKNOWN,
			42, false},
		{"routing without segments left", {{ROUTING, {0, 0, 0, 0, 0, 0}, 6}}, 1, PARSE_OK, PARSE_OK,
			0, false},
		{"hop-by-hop in second place", {{DST, {1, 4}, 6}, {HOP, {1, 4}, 6}}, 2, PARSE_UNKNOWN,
			PARSE_UNKNOWN, 40, false},
		{"two long headers", {{HOP, {1, 12}, 14}, {DST, {1, 12}, 14}}, 2, PARSE_OK, PARSE_OK, 0,
			false},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		for (unsigned us = 0; us < 2; us++) {
			enum parse_result want = us ? rows[i].host : rows[i].router, r;
			struct ip6_headers h;

			build_chain(rows[i].ext, rows[i].n);
			r = parse_ip6(b.data, b.len, us != 0, &h);
			if (r != want || (want != PARSE_OK && h.pointer != rows[i].pointer) ||
				h.router_alert != rows[i].alert)
				fail_msg("%s: result %d at %u", rows[i].what, r, h.pointer);
			if (r == PARSE_OK && (h.proto != 17 || h.l4 != b.len - 8 || b.data[h.next_at] != 17))
				fail_msg("%s: the payload was not found", rows[i].what);
		}
}

static void ipv6_fragments_end_the_walk(void **state)
{
	struct ip6_headers h;

	build_begin(&b);
	build_ip(&b, "2001:db8::1", "2001:db8::2");
	build_extension(&b, HOP, "\1\4\0\0\0\0", 6);
	build_fragment(&b, 0x01020304, 185, true);
	build_extension(&b, DST, "\377\377\377\377\377\377", 6); /* not a header: the middle of a packet */
	build_end(&b);
	assert_int_equal(parse_ip6(b.data, b.len, true, &h), PARSE_OK);
	assert_true(h.fragment && h.more);
	assert_int_equal(h.frag_units, 185);
	assert_int_equal(h.frag_at, 48);
	assert_int_equal(h.frag_prev, 40);
	assert_int_equal(h.proto, DST);
	assert_int_equal(h.l4, 56);
	assert_memory_equal(&h.frag_id, "\1\2\3\4", 4);
}

static void ipv6_chains_are_bounded(void **state)
{
	struct ip6_headers h;

	build_begin(&b);
	build_ip(&b, "2001:db8::1", "2001:db8::2");
	for (unsigned i = 0; i <= IP6_EXTENSIONS_MAX; i++)
		build_extension(&b, DST, "\1\4\0\0\0\0", 6);
	build_end(&b);
	assert_int_equal(parse_ip6(b.data, b.len, false, &h), PARSE_TOO_MANY);
	for (size_t len = 40; len < 40 + 8 * IP6_EXTENSIONS_MAX; len++)
		assert_int_equal(parse_ip6(b.data, len, false, &h), PARSE_TRUNCATED);
}

/* Whatever the bytes: no read beyond the end (the sanitizers watch) and an offset inside the packet. */
static void random_bytes_are_walked_safely(void **state)
{
	for (unsigned round = 0; round < 200000; round++) {
		size_t len = 40 + rnd() % 120;
		uint8_t *p = test_malloc(len);
		struct ip6_headers h;
		struct ip4_options o;

		for (size_t i = 0; i < len; i++)
			p[i] = rnd() % 3 ? (uint8_t) "\0\74\53\54\63\1\2\5"[rnd() % 8] : (uint8_t)rnd();
		if (parse_ip6(p, len, rnd() % 2, &h) == PARSE_OK)
			assert_true(h.l4 <= len);
		parse_ip4_options(p, 20 + rnd() % 6 * 4, &o);
		test_free(p);
	}
}

static int setup(void **state)
{
	char *eal[] = {"test", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-test", "-m",
		"64", "--no-telemetry", "--log-level", "error"};

	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		return -1;
	pool = rte_pktmbuf_pool_create("packet", 2047, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	return pool != NULL ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_written_as_rfc5952_says),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(addresses_are_written_as_printf_would),
		cmocka_unit_test(prefixes_are_read_strictly),
		cmocka_unit_test(prefix_logic_agrees_with_single_bits),
		cmocka_unit_test(addresses_know_what_they_are),
		cmocka_unit_test(sums_agree_with_the_plain_one),
		cmocka_unit_test(chains_are_summed_across_every_split),
		cmocka_unit_test(long_random_chains_are_summed_right),
		cmocka_unit_test(header_and_pseudo_header_sums_are_right),
		cmocka_unit_test(ipv4_options_are_walked_within_bounds),
		cmocka_unit_test(ipv6_headers_are_walked_to_the_payload),
		cmocka_unit_test(ipv6_fragments_end_the_walk),
		cmocka_unit_test(ipv6_chains_are_bounded),
		cmocka_unit_test(random_bytes_are_walked_safely),
	};

	return cmocka_run_group_tests_name("packet", tests, setup, NULL);
}
