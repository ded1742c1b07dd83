/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multicast listener discovery: what an interface reports when its addresses and its link come and go, and to
 * queriers of both versions.
 */
#include "feature/neigh/mld_msg.h"
#include "feature/neigh/neigh_test.h"
#include "packet/checksum.h"

#define CONFIG "interfaces:\n  b: {port: p1, addresses: [\"2001:db8:b::1/64\"]}\n"
#define LINK_LOCAL "fe80::ff:fe00:11"

static const uint8_t router_alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};

/* --- frames --- */

/* Groups of the version 2 reports that wait on port 1, with their type, sorted by what comes first: "4
 * ff02::2". Other frames are passed over. */
static char reported[32][64];

static unsigned reports(void)
{
	unsigned n = 0;

	while (lab_waiting(1) != 0) {
		const struct seen *s = expect_frame(1);
		const uint8_t *icmp = s->data + s->l4, *ip = s->data + s->l3;
		char text[ADDR_STRLEN];

		if (s->family != FAMILY_V6 ||
			(icmp[0] != MLD_REPORT2 && icmp[0] != MLD_REPORT1 && icmp[0] != MLD_DONE1))
			continue;
		assert_int_equal(s->ttl, 1);
		assert_memory_equal(ip + 40, router_alert, sizeof router_alert);
		assert_memory_equal(s->data, "\x33\x33", 2);
		assert_memory_equal(s->data + 2, ip + 36, 4);
		if (icmp[0] != MLD_REPORT2) {
			struct ipaddr a = ipaddr_v6(icmp + 8);

			snprintf(reported[n++], sizeof reported[0], "v1 %u %s > %s", icmp[0],
				ipaddr_format(&a, text), s->dst);
			continue;
		}
		assert_string_equal(s->dst, "ff02::16");
		for (unsigned i = 0; i < (unsigned)(icmp[6] << 8 | icmp[7]); i++) {
			struct ipaddr a = ipaddr_v6(icmp + 8 + 20 * i + 4);

			assert_int_equal(
				icmp[8 + 20 * i + 1] + icmp[8 + 20 * i + 2] + icmp[8 + 20 * i + 3], 0);
			snprintf(reported[n++], sizeof reported[0], "%u %s from %s", icmp[8 + 20 * i],
				ipaddr_format(&a, text), s->src);
		}
	}
	return n;
}

static void expect_report(unsigned count, const char *line)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(reported[i], line) == 0)
			return;
	for (unsigned i = 0; i < count; i++)
		print_error("reported: %s\n", reported[i]);
	fail_msg("'%s' was not reported", line);
}

/* A query from host PEER's link-local address. */
static void query(const char *src, const char *dst, const char *group, unsigned hops, bool alert,
	uint16_t delay, bool v1)
{
	uint8_t message[28] = {MLD_QUERY}, headers[8];
	struct ipaddr s = address(src), d = address(dst), g = address(group);
	size_t len = v1 ? 24 : 28;
	uint16_t sum;

	memcpy(headers, router_alert, sizeof headers);
	if (!alert)
		memcpy(headers + 2, "\1\4\0\0\0\0", 6);
	message[4] = (uint8_t)(delay >> 8);
	message[5] = (uint8_t)delay;
	memcpy(message + 8, g.bytes, 16);
	sum = checksum_ip6(s.bytes, d.bytes, 58, message, len);
	memcpy(message + 2, &sum, sizeof sum);
	begin_ip(1, PEER, src, dst);
	build_ttl(&lab.b, (uint8_t)hops);
	build_set(&lab.b, 6, 1, 0);
	build_bytes(&lab.b, headers, sizeof headers);
	build_bytes(&lab.b, message, len);
	inject(1);
}

static void general(uint16_t delay)
{
	query("fe80::9", "ff02::1", "::", 1, true, delay, false);
}

/* --- joining --- */

static void groups_are_reported_before_an_address_is_probed(void **state)
{
	struct err e = {0};
	const struct seen *s;
	unsigned n;

	assert_int_equal(lab_apply(CONFIG, &e), 0);
	lab_step();
	expect_silence(); /* no link */
	weir_link_set(lab.w, 1, true);
	lab_step();
	s = expect_frame(1);
	assert_int_equal(s->data[s->l4], MLD_REPORT2);
	assert_string_equal(s->src, "::"); /* our link-local address is tentative, RFC 3590 */
	s = expect_frame(1);
	assert_int_equal(s->data[s->l4], 135);
	lab_discard();
	lab_advance(SECONDS(5));
	n = reports(); /* once more, and twice when the link-local address can be used */
	assert_in_range(n, 3 * 4, 3 * 4);
	expect_report(n, "4 ff02::2 from " LINK_LOCAL);
	expect_report(n, "4 ff02::1:ff00:0 from " LINK_LOCAL);
	expect_report(n, "4 ff02::1:ff00:1 from " LINK_LOCAL);
	expect_report(n, "4 ff02::1:ff00:11 from " LINK_LOCAL);
	lab_advance(SECONDS(1000));
	assert_int_equal(reports(), 0);
}

static void a_change_is_reported_twice(void **state)
{
	struct prefix p = {.addr = address("2001:db8:b::99"), .len = 64};
	unsigned n;

	lab_config(CONFIG);
	assert_int_equal(iface_address_add(lab.w, "b", &p, NULL), 0);
	lab_step();
	assert_int_equal(reports(), 1);
	expect_report(1, "4 ff02::1:ff00:99 from " LINK_LOCAL);
	lab_advance(SECONDS(3));
	n = reports();
	assert_int_equal(n, 1);
	expect_report(n, "4 ff02::1:ff00:99 from " LINK_LOCAL);
	assert_int_equal(iface_address_del(lab.w, "b", &p, NULL), 0);
	lab_advance(SECONDS(3));
	n = reports();
	assert_int_equal(n, 2);
	expect_report(n, "3 ff02::1:ff00:99 from " LINK_LOCAL);

	p.addr = address("2001:db8:b::1:0:1"); /* the same group as the address that is there */
	assert_int_equal(iface_address_add(lab.w, "b", &p, NULL), 0);
	lab_advance(SECONDS(3));
	assert_int_equal(reports(), 0);
	assert_int_equal(iface_address_del(lab.w, "b", &p, NULL), 0);
	lab_advance(SECONDS(3));
	assert_int_equal(reports(), 0);
}

static void an_interface_that_stops_routing_leaves_all_routers(void **state)
{
	struct err e = {0};
	unsigned n;

	lab_config(CONFIG);
	assert_int_equal(lab_apply("interfaces:\n  b: {port: p1, forwarding: false, addresses: "
				   "[\"2001:db8:b::1/64\"]}\n",
				 &e),
		0);
	lab_advance(SECONDS(3));
	n = reports();
	assert_int_equal(n, 2);
	expect_report(n, "3 ff02::2 from " LINK_LOCAL);
}

static void a_link_that_returns_is_told_everything(void **state)
{
	lab_config(CONFIG);
	weir_link_set(lab.w, 1, false);
	lab_advance(SECONDS(3));
	expect_silence();
	weir_link_set(lab.w, 1, true);
	lab_advance(SECONDS(3));
	assert_int_equal(reports(), 8);
	lab_config("interfaces:\n  b: {port: p1, enabled: false, addresses: [\"2001:db8:b::1/64\"]}\n");
	general(0);
	assert_int_equal(lab_drops("interface-disabled"), 1);
	lab_advance(SECONDS(3));
	expect_silence();
}

static void many_groups_take_several_reports(void **state)
{
	unsigned n = 0;

	lab_config(CONFIG);
	for (unsigned i = 0; i < 29; i++) {
		char text[64];
		struct prefix p = {.len = 112};

		snprintf(text, sizeof text, "2001:db8:c:%x::%x:%x", i, i + 2, i + 0x100);
		p.addr = address(text);
		assert_int_equal(iface_address_add(lab.w, "b", &p, NULL), 0);
	}
	lab_advance(SECONDS(5));
	lab_discard();
	general(1000);
	lab_advance(SECONDS(1));
	while (lab_waiting(1) != 0) {
		const struct seen *s = expect_frame(1);

		assert_true(s->end - s->l3 <= 1280);
		n += (unsigned)(s->data[s->l4 + 6] << 8 | s->data[s->l4 + 7]);
	}
	assert_int_equal(n, 4 + 2 * 29);
}

/* --- queries --- */

static void queries_are_answered_in_time(void **state)
{
	lab_config(CONFIG);
	general(10000);
	expect_silence();
	lab_advance(SECONDS(10) + MILLIS(1));
	assert_int_equal(reports(), 4);
	expect_report(4, "2 ff02::1:ff00:1 from " LINK_LOCAL);
	expect_report(4, "2 ff02::2 from " LINK_LOCAL);
	for (unsigned i = 0; i < 100; i++) /* one answer for all that ask meanwhile */
		general(5000);
	lab_advance(SECONDS(6));
	assert_int_equal(reports(), 4);
	query("fe80::9", "ff02::1:ff00:1", "ff02::1:ff00:1", 1, true, 1000, false);
	lab_advance(SECONDS(1) + MILLIS(1));
	assert_int_equal(reports(), 1);
	expect_report(1, "2 ff02::1:ff00:1 from " LINK_LOCAL);
	query("fe80::9", "ff02::1:ff00:7", "ff02::1:ff00:7", 1, true, 1000, false); /* not ours */
	lab_advance(SECONDS(2));
	expect_silence();
	assert_int_equal(lab_drops("mld-handled"), 103);
}

static void a_querier_of_version_1_is_answered_in_its_version(void **state)
{
	struct prefix p = {.addr = address("2001:db8:b::99"), .len = 64};

	lab_config(CONFIG);
	query("fe80::9", "ff02::1", "::", 1, true, 1000, true);
	lab_advance(SECONDS(1) + MILLIS(1));
	assert_int_equal(reports(), 4);
	expect_report(4, "v1 131 ff02::2 > ff02::2");
	expect_report(4, "v1 131 ff02::1:ff00:1 > ff02::1:ff00:1");
	assert_int_equal(iface_address_add(lab.w, "b", &p, NULL), 0);
	assert_int_equal(iface_address_del(lab.w, "b", &p, NULL), 0);
	lab_step();
	assert_int_equal(reports(), 2);
	expect_report(2, "v1 132 ff02::1:ff00:99 > ff02::2");
	lab_advance(SECONDS(300));
	lab_discard();
	general(1000);
	lab_advance(SECONDS(1) + MILLIS(1));
	assert_int_equal(reports(), 4);
	expect_report(4, "2 ff02::2 from " LINK_LOCAL);
}

static void a_bad_query_is_dropped(void **state)
{
	lab_config(CONFIG);
	query("2001:db8:b::9", "ff02::1", "::", 1, true, 0, false);
	query("fe80::9", "ff02::1", "::", 2, true, 0, false);
	query("fe80::9", "ff02::1", "::", 1, false, 0, false);
	query("fe80::9", "ff02::1", "2001:db8::1", 1, true, 0, false);
	assert_int_equal(lab_drops("mld-malformed"), 4);
	lab_advance(SECONDS(1));
	expect_silence();
}

/* --- the messages alone --- */

static void the_delay_may_be_a_floating_point_number(void **state)
{
	static const struct {
		uint16_t code;
		uint32_t ms;
	} rows[] = {{0, 0}, {1, 1}, {32767, 32767}, {0x8000, 0x1000 << 3}, {0x8fff, 0x1fff << 3},
		{0xffff, 0x1fff << 10}};
	uint8_t p[28] = {MLD_QUERY};
	struct mld_query q;

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		p[4] = (uint8_t)(rows[i].code >> 8);
		p[5] = (uint8_t)rows[i].code;
		assert_true(mld_parse_query(p, sizeof p, &q));
		assert_int_equal(q.delay, rows[i].ms);
	}
	for (size_t len = 0; len < sizeof p; len++)
		assert_int_equal(mld_parse_query(p, len, &q), len == 24);
	p[27] = 1; /* a source that is not there */
	assert_false(mld_parse_query(p, sizeof p, &q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(groups_are_reported_before_an_address_is_probed),
		lab_test(a_change_is_reported_twice),
		lab_test(an_interface_that_stops_routing_leaves_all_routers),
		lab_test(a_link_that_returns_is_told_everything),
		lab_test(many_groups_take_several_reports),
		lab_test(queries_are_answered_in_time),
		lab_test(a_querier_of_version_1_is_answered_in_its_version),
		lab_test(a_bad_query_is_dropped),
		cmocka_unit_test(the_delay_may_be_a_floating_point_number),
	};

	return cmocka_run_group_tests_name("neigh-mld", tests, lab_group_setup, NULL);
}
