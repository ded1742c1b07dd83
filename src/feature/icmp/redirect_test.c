/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Redirects: who is told of a better first hop, in which words, how often, and who is not.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/icmp/redirect.h"
#include "packet/checksum.h"

#define NEIGHBOUR(ip, x) "  - {interface: a, address: \"" ip "\", mac: \"02:aa:00:00:00:0" x "\"}\n"
#define CONFIG(extra)                                                                                        \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/24, 10.0.5.1/24, \"2001:db8:a::1/64\"]" extra "}\n"            \
	"  b: {port: p1, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"                                  \
	"neighbors:\n" NEIGHBOUR("10.0.0.2", "2") NEIGHBOUR("10.0.0.5", "5") NEIGHBOUR(                      \
		"10.0.0.6", "6") NEIGHBOUR("10.0.5.5", "5") NEIGHBOUR("2001:db8:a::2",                       \
		"2") NEIGHBOUR("2001:db8:a::5", "5") NEIGHBOUR("fe80::5",                                    \
		"5") "routes:\n"                                                                             \
		     "  - {prefix: 198.51.100.0/24, via: [{address: 10.0.0.5}]}\n"                           \
		     "  - {prefix: 198.51.101.0/24, via: [{address: 10.0.0.5}, {address: 10.0.0.6}]}\n"      \
		     "  - {prefix: 198.51.102.0/24, via: [{address: 10.0.5.5}]}\n"                           \
		     "  - {prefix: 198.51.103.0/24, via: [{address: 10.0.0.2}]}\n"                           \
		     "  - {prefix: \"2001:db8:f0::/48\", via: [{address: \"fe80::5\", interface: a}]}\n"     \
		     "  - {prefix: \"2001:db8:f1::/48\", via: [{address: \"2001:db8:a::5\"}]}\n"

static void emit(const char *src, const char *dst)
{
	begin_ip(0, 2, src, dst);
	build_udp(&lab.b, 1000, 2000);
	build_payload(&lab.b, 64);
	inject(0);
}

/* What came out besides the packet itself: 0 or 1 redirect. */
static unsigned told(void)
{
	unsigned n = lab_waiting(0);

	lab_discard();
	assert_true(n >= 1);
	return n - 1;
}

static void the_sender_is_told_the_router(void **state)
{
	lab_config(CONFIG(""));
	emit("10.0.0.2", "198.51.100.1");
	expect_frame(0);
	expect_icmp(0, "10.0.0.1", "10.0.0.2", 5, 1, 0x0a000005);
	assert_int_equal(lab_drops("redirect-sent"), 1);
	expect_silence();
}

static void the_quoted_packet_is_as_it_came(void **state)
{
	const uint8_t *ip;
	const struct seen *s;

	lab_config(CONFIG(""));
	emit("10.0.0.2", "198.51.100.1");
	expect_frame(0);
	s = expect_frame(0);
	ip = s->data + 14 + 20 + 8;
	assert_int_equal(ip[8], lab.b.data[14 + 8]);
	assert_int_equal(checksum_ip4_header(ip, 20), 0);
}

static void ipv6_names_the_router_by_its_link_local_address(void **state)
{
	static const uint8_t router[16] = {0xfe, 0x80, [15] = 5};
	const struct seen *s;
	const uint8_t *ip;

	lab_config(CONFIG(""));
	emit("2001:db8:a::2", "2001:db8:f0::1");
	expect_frame(0);
	s = expect_frame(0);
	ip = s->data + 14;
	assert_int_equal(ip[7], 255);
	assert_int_equal(ip[8], 0xfe);
	assert_int_equal(ip[40], 137);
	assert_memory_equal(ip + 48, router, 16);
	assert_memory_equal(ip + 64, lab.b.data + 14 + 24, 16);
	assert_int_equal(ip[80], 2); /* its link-layer address */
	assert_memory_equal(ip + 82, host_mac(5), 6);
	assert_int_equal(ip[88], 4); /* the packet */
	assert_int_equal(ip[96 + 7], lab.b.data[14 + 7]);
	assert_memory_equal(ip + 96 + 8, lab.b.data + 14 + 8, 32);
	expect_silence();
}

static const struct {
	const char *what, *src, *dst;
	unsigned told;
} rows[] = {
	{"by a router", "10.0.0.2", "198.51.100.1", 1},
	{"by a router, IPv6", "2001:db8:a::2", "2001:db8:f0::1", 1},
	{"on the link, IPv6", "2001:db8:a::2", "2001:db8:a::5", 1},
	{"on the link", "10.0.0.2", "10.0.0.5", 1},
	{"spread over two", "10.0.0.2", "198.51.101.1", 0},
	{"by a router of another subnet", "10.0.0.2", "198.51.102.1", 0},
	{"back to the sender", "10.0.0.2", "198.51.103.1", 0},
	{"from elsewhere", "192.0.2.1", "198.51.100.1", 0},
	{"by a router without link-local address", "2001:db8:a::2", "2001:db8:f1::1", 0},
	{"from elsewhere, IPv6", "2001:db8:99::2", "2001:db8:f0::1", 0},
};

static void who_is_told(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		lab_config(CONFIG(""));
		lab_advance(SECONDS(400));
		lab_discard();
		emit(rows[i].src, rows[i].dst);
		if (told() != rows[i].told)
			fail_msg("%s", rows[i].what);
	}
}

static void nobody_is_told_when_it_is_off(void **state)
{
	lab_config(CONFIG(", redirects: false"));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		emit(rows[i].src, rows[i].dst);
		assert_int_equal(told(), 0);
		lab_advance(SECONDS(1));
		lab_discard();
	}
	assert_int_equal(lab_drops("redirect-not-sent"), 0);
}

/* Once, after a second, after two more, four more ... */
static void less_and_less_often(void **state)
{
	unsigned n = 0;

	lab_config(CONFIG(""));
	for (unsigned ms = 0; ms < 8000; ms += 20) {
		emit("10.0.0.2", "198.51.100.1");
		n += told();
		lab_advance(UINT64_C(20000000));
	}
	assert_int_equal(n, 4);
}

/* A flood costs a copy every ten milliseconds. */
static void seldom_looked_at(void **state)
{
	lab_config(CONFIG(""));
	for (unsigned i = 0; i < 1000; i++) {
		char dst[32];

		snprintf(dst, sizeof dst, "198.51.100.%u", i % 250 + 1);
		emit("10.0.0.2", dst);
		lab_advance(UINT64_C(100000)); /* 100 ms in all */
		lab_discard();
	}
	assert_in_range(lab_drops("redirect-sent") + lab_drops("redirect-not-sent"), 9, 11);
}

static void other_ways_are_no_reason(void **state)
{
	lab_config(CONFIG("") "  - {prefix: 203.0.113.0/24, via: [{address: 10.0.1.3}]}\n");
	begin_ip(0, 2, "10.0.0.2", "203.0.113.1");
	build_udp(&lab.b, 1, 2);
	inject(0);
	assert_int_equal(lab_drops("redirect-sent") + lab_drops("redirect-not-sent"), 0);
	lab_advance(SECONDS(10));
	lab_discard();
}

static void redirects_to_us_are_ignored(void **state)
{
	lab_config(CONFIG(""));
	begin_ip(0, 2, "10.0.0.2", "10.0.0.1");
	build_icmp(&lab.b, 5, 1, 0x0a000006);
	build_payload(&lab.b, 28);
	inject(0);
	expect_drop("icmp-redirect-ignored");
	begin_from(0, 2);
	build_ip(&lab.b, "fe80::2", "2001:db8:a::1");
	build_ttl(&lab.b, 255);
	build_icmp(&lab.b, 137, 0, 0);
	build_payload(&lab.b, 32);
	build_end(&lab.b);
	inject(0);
	expect_drop("icmp-redirect-ignored");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(the_sender_is_told_the_router),
		lab_test(the_quoted_packet_is_as_it_came),
		lab_test(ipv6_names_the_router_by_its_link_local_address),
		lab_test(who_is_told),
		lab_test(nobody_is_told_when_it_is_off),
		lab_test(less_and_less_often),
		lab_test(seldom_looked_at),
		lab_test(other_ways_are_no_reason),
		lab_test(redirects_to_us_are_ignored),
	};

	return cmocka_run_group_tests_name("redirects", tests, lab_group_setup, NULL);
}
