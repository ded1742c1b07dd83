/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Our own addresses on the wire: duplicate address detection (RFC 4862 5.4), announcements, answers to ARP
 * and neighbour solicitations, checks of RFC 4861 7.1, and conflicts (RFC 5227).
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/neigh/neigh_priv.h"

#define ONE "interfaces: {a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}}\n"
#define ONE_DISABLED                                                                                         \
	"interfaces: {a: {port: p0, enabled: false, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}}\n"
#define US6 "2001:db8:a::1"

static struct ipaddr address(const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, &a), 0);
	return a;
}

static bool is_usable(const char *text)
{
	struct ipaddr a = address(text);

	return neigh_address_usable(lab.w, generation_iface(lab.w->gen, "a")->id, &a);
}

static void apply(const char *yaml)
{
	struct err e = {0};

	if (lab_apply(yaml, &e) != 0)
		fail_msg("%s", e.text);
}

/* Everything that waits on port 0, sorted by kind. */
struct told {
	unsigned arp_announcements, advertisements, probes, listener_reports, other;
};

static struct told heard(void)
{
	struct told t = {0};

	while (lab_waiting(0) != 0) {
		const struct seen *s = expect_frame(0);

		if (s->type == 0x0806 && memcmp(s->data + s->l3 + 14, s->data + s->l3 + 24, 4) == 0)
			t.arp_announcements++;
		else if (s->proto == 58 && s->data[s->l4] == 136 && (s->data[s->l4 + 4] & 0x40) == 0)
			t.advertisements++;
		else if (s->proto == 58 && s->data[s->l4] == 135 && strcmp(s->src, "::") == 0)
			t.probes++;
		else if (s->proto == 58 && s->data[s->l4] == 143)
			t.listener_reports++; /* mld_test.c */
		else
			t.other++;
	}
	assert_int_equal(t.other, 0);
	return t;
}

static void addresses_are_probed_before_they_are_used(void **state)
{
	struct told t;

	apply(ONE);
	weir_link_set(lab.w, 0, true);
	lab_step();
	t = heard();
	assert_int_equal(t.probes, 2); /* the global and the link-local address */
	assert_int_equal(t.arp_announcements, 1);
	assert_int_equal(t.advertisements, 0);
	assert_false(is_usable(US6));
	lab_advance(SECONDS(1) - 1);
	assert_false(is_usable(US6));
	lab_advance(1);
	assert_true(is_usable(US6));
	lab_advance(SECONDS(10));
	t = heard();
	assert_int_equal(t.advertisements, 4);
	assert_int_equal(t.arp_announcements, 1);
}

/* Somebody else defends it, or probes it at the same time. */
static void a_duplicate_address_is_not_used(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct ipaddr a = address(US6);

		apply(ONE);
		weir_link_set(lab.w, 0, true);
		lab_step();
		heard();
		begin_ip(0, 2, i ? "::" : US6, i ? "ff02::1:ff00:1" : "ff02::1");
		build_nd(&lab.b, i ? 135 : 136, i ? 0 : 0x20, US6, i ? NULL : host_mac(2));
		inject(0);
		lab_advance(SECONDS(10));
		assert_false(is_usable(US6));
		assert_true(neigh_address_duplicate(lab.w, generation_iface(lab.w->gen, "a")->id, &a));
		assert_true(is_usable("fe80::ff:fe00:10"));
		heard();
		begin_ip(0, 2, "fe80::2", US6);
		build_icmp(&lab.b, 128, 0, 1);
		inject(0);
		lab_discard();
		assert_int_equal(lab_drops("nd-handled"), 1);
		weir_link_set(lab.w, 0, false);
		apply("interfaces: {}\n");
		lab_step();
		lab_discard();
	}
}

/* Neither answered nor asked for on the link: that would look like a second owner. */
static void packets_to_an_address_under_probe_end(void **state)
{
	apply(ONE);
	weir_link_set(lab.w, 0, true);
	lab_step();
	heard();
	for (unsigned usable = 0; usable < 2; usable++) {
		begin_ip(0, 2, "2001:db8:a::2", US6);
		build_icmp(&lab.b, 128, 0, 1);
		inject(0);
		lab_step();
		assert_int_equal(lab_drops("address-not-usable"), !usable);
		if (!usable)
			expect_silence();
		lab_advance(SECONDS(2));
		lab_discard();
	}
}

#define OWN_LINK_LOCAL "fe80::ff:fe00:10"

/* Whatever would make us speak from it. */
static void ask_link_local(void)
{
	begin_ip(0, 2, "fe80::2", "ff02::1:ff00:10");
	build_nd(&lab.b, 135, 0, OWN_LINK_LOCAL, host_mac(2));
	inject(0);
	begin_ip(0, 2, "fe80::2", OWN_LINK_LOCAL);
	build_icmp(&lab.b, 128, 0, 1);
	inject(0);
	begin_ip(0, 2, "fe80::2", "ff02::1");
	build_icmp(&lab.b, 128, 0, 1);
	inject(0);
	begin_ip(0, 2, "fe80::2", "2001:db8:dead::1"); /* beyond the scope of its source: an error */
	build_udp(&lab.b, 1, 2);
	inject(0);
	begin_ip(0, 2, "fe80::2", OWN_LINK_LOCAL); /* nobody listens: an error */
	build_udp(&lab.b, 1, 2);
	inject(0);
	lab_step();
}

static unsigned from_link_local(void)
{
	unsigned n = 0;

	while (lab_waiting(0) != 0)
		n += strcmp(expect_frame(0)->src, OWN_LINK_LOCAL) == 0;
	return n;
}

/* RFC 4862 5.4: not even a source of errors while it is tentative or when it is a duplicate; asked for again
 * when the link returns. */
static void a_link_local_address_waits_as_well(void **state)
{
	struct ipaddr a = address(OWN_LINK_LOCAL);
	uint16_t id;

	apply("interfaces: {a: {port: p0, addresses: [\"" OWN_LINK_LOCAL "/64\"]}}\n"
	      "neighbors: [{interface: a, address: \"fe80::2\", mac: \"02:aa:00:00:00:02\"}]\n");
	id = generation_iface(lab.w->gen, "a")->id;
	weir_link_set(lab.w, 0, true);
	lab_step();
	assert_int_equal(heard().probes, 1);
	ask_link_local();
	expect_silence();
	assert_int_equal(lab_drops("address-not-usable"), 2);
	begin_ip(0, 9, OWN_LINK_LOCAL, "ff02::1"); /* somebody has it */
	build_nd(&lab.b, 136, 0x20, OWN_LINK_LOCAL, host_mac(9));
	inject(0);
	lab_advance(SECONDS(10));
	assert_true(neigh_address_duplicate(lab.w, id, &a));
	assert_int_equal(from_link_local(), 0);
	assert_true(lab.w->gen->iface[id]->ip6_off); /* RFC 4862 5.4.5: it is the MAC address's */
	ask_link_local();
	expect_silence();
	assert_int_equal(lab_drops("ip-ipv6-off"), 5);

	weir_link_set(lab.w, 0, false);
	weir_link_set(lab.w, 0, true);
	lab_step();
	assert_int_equal(heard().probes, 1);
	assert_false(lab.w->gen->iface[id]->ip6_off);
	assert_false(neigh_address_duplicate(lab.w, id, &a));
	assert_false(is_usable(OWN_LINK_LOCAL));
	lab_advance(SECONDS(5));
	lab_discard();
	assert_true(is_usable(OWN_LINK_LOCAL));
	ask_link_local();
	assert_int_equal(from_link_local(), 5);
}

static void enabling_an_interface_probes_its_addresses(void **state)
{
	apply(ONE_DISABLED);
	weir_link_set(lab.w, 0, true);
	lab_advance(SECONDS(5));
	expect_silence();
	apply(ONE);
	lab_step();
	assert_int_equal(heard().probes, 2);
	lab_advance(SECONDS(5));
	assert_true(is_usable(US6));
	assert_int_equal(heard().advertisements, 4);
}

static void a_link_that_comes_back_is_announced_to(void **state)
{
	struct told t;

	apply(ONE);
	weir_link_set(lab.w, 0, true);
	lab_advance(SECONDS(10));
	heard();
	weir_link_set(lab.w, 0, false);
	lab_advance(SECONDS(10));
	expect_silence();
	weir_link_set(lab.w, 0, true);
	lab_advance(SECONDS(10));
	t = heard();
	assert_int_equal(t.arp_announcements, 2);
	assert_int_equal(t.advertisements, 4);
}

/* --- answers --- */

static void solicitations_are_answered_and_learnt_from(void **state)
{
	const struct seen *s;
	struct ipaddr a = address("2001:db8:a::7");
	struct neigh *n;

	lab_config(ONE);
	begin_ip(0, 7, "2001:db8:a::7", "ff02::1:ff00:1");
	build_nd(&lab.b, 135, 0, US6, host_mac(7));
	inject(0);
	s = expect_frame(0);
	assert_string_equal(s->src, US6);
	assert_string_equal(s->dst, "2001:db8:a::7");
	assert_memory_equal(s->data, host_mac(7), 6);
	assert_int_equal(s->ttl, 255);
	assert_int_equal(s->data[s->l4], 136);
	assert_int_equal(s->data[s->l4 + 4], 0xe0);
	assert_memory_equal(s->data + s->l4 + 24, "\2\1", 2);
	assert_memory_equal(s->data + s->l4 + 26, lab_mac(0), 6);
	n = neigh_find(lab.w, 1, &a);
	assert_int_equal(n->state, NEIGH_STALE);
	assert_memory_equal(n->mac, host_mac(7), 6);
	expect_silence();

	begin_ip(0, 8,
		"::", "ff02::1:ff00:1"); /* its duplicate address detection: all nodes hear the answer */
	build_nd(&lab.b, 135, 0, US6, NULL);
	inject(0);
	s = expect_frame(0);
	assert_string_equal(s->dst, "ff02::1");
	assert_int_equal(s->data[s->l4 + 4], 0xa0);
	expect_silence();
}

static void bad_discovery_messages_are_refused(void **state)
{
	static const struct {
		const char *what, *src, *dst, *target;
		uint8_t type, flags;
		bool lladdr;
		uint32_t at, size, value; /* override in the ICMP message */
		uint8_t hops;
		const char *reason;
	} rows[] = {
		{"hop limit 254", "2001:db8:a::7", US6, US6, 135, 0, true, 0, 0, 0, 254, "nd-hop-limit"},
		{"code 1", "2001:db8:a::7", US6, US6, 135, 0, true, 1, 1, 1, 255, "nd-malformed"},
		{"option of length 0", "2001:db8:a::7", US6, US6, 135, 0, true, 25, 1, 0, 255,
			"nd-malformed"},
		{"option beyond the end", "2001:db8:a::7", US6, US6, 135, 0, true, 25, 1, 2, 255,
			"nd-malformed"},
		{"a group as target", "2001:db8:a::7", US6, "ff02::1", 135, 0, true, 0, 0, 0, 255,
			"nd-malformed"},
		{"DAD with a source link-layer address", "::", "ff02::1:ff00:1", US6, 135, 0, true, 0, 0, 0,
			255, "nd-malformed"},
		{"DAD to all nodes", "::", "ff02::1", US6, 135, 0, false, 0, 0, 0, 255, "nd-malformed"},
		{"a solicited advertisement to a group", "2001:db8:a::7", "ff02::1", "2001:db8:a::7", 136,
			0x60, true, 0, 0, 0, 255, "nd-malformed"},
		{"a wrong checksum", "2001:db8:a::7", US6, US6, 135, 0, true, 2, 2, 0x1234, 255,
			"icmp-bad-checksum"},
		{"a router advertisement", "fe80::7", "ff02::1", US6, 134, 0, false, 0, 0, 0, 255,
			"nd-ignored"},
		{"a solicitation from another subnet", "2001:db8:f::7", US6, US6, 135, 0, true, 0, 0, 0, 255,
			"nd-off-link"},
		{"a question for somebody else", "2001:db8:a::7", "ff02::1:ff00:1", "2001:db8:a::ff00:1", 135,
			0, true, 0, 0, 0, 255, "nd-handled"},
	};

	lab_config(ONE);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_ip(0, 7, rows[i].src, rows[i].dst);
		build_nd(&lab.b, rows[i].type, rows[i].flags, rows[i].target,
			rows[i].lladdr ? host_mac(7) : NULL);
		build_ttl(&lab.b, rows[i].hops);
		if (rows[i].size != 0)
			build_set(&lab.b, rows[i].at, (uint8_t)rows[i].size, rows[i].value);
		inject(0);
		if (lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		expect_silence();
	}
	assert_int_equal(lab.w->neigh->entries, 0);
}

/* RFC 6980 5 */
static void fragmented_discovery_is_refused(void **state)
{
	lab_config(ONE);
	begin_ip(0, 7, "2001:db8:a::7", "ff02::1:ff00:1");
	build_fragment(&lab.b, 1, 0, true);
	build_nd(&lab.b, 135, 0, US6, host_mac(7));
	inject(0);
	expect_drop("nd-fragmented");
}

static void arp_questions_are_answered(void **state)
{
	static const struct {
		const char *what;
		uint32_t spa, tpa;
		uint16_t op;
		bool answered;
		const char *reason;
		unsigned known; /* entries after it */
	} rows[] = {
		{"for others", 0x0a000007, 0x0a000008, 1, false, "arp-not-for-us", 0},
		{"from another subnet", 0x0b000007, 0x0a000001, 1, false, "arp-off-link", 0},
		{"a probe for our address", 0, 0x0a000001, 1, true, "arp-handled", 0},
		{"an answer nobody asked for", 0x0a000007, 0x0a000001, 2, false, "arp-handled", 0},
		{"an announcement of a stranger", 0x0a000007, 0x0a000007, 1, false, "arp-handled", 0},
		{"from a group", 0xe0000001, 0x0a000001, 1, false, "arp-malformed", 0},
		{"operation 3", 0x0a000007, 0x0a000001, 3, false, "arp-malformed", 0},
		{"a question for us", 0x0a000007, 0x0a000001, 1, true, "arp-handled", 1},
	};

	lab_config(ONE);
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_from(0, 7);
		build_arp(&lab.b, rows[i].op, host_mac(7), rows[i].spa, lab_mac(0), rows[i].tpa);
		inject(0);
		if (lab_drops(rows[i].reason) != 1)
			fail_msg("%s: ended with '%s'", rows[i].what, lab.last_reason);
		if (rows[i].answered) {
			const struct seen *s = expect_frame(0);

			assert_memory_equal(s->data, host_mac(7), 6);
			assert_memory_equal(s->data + s->l3 + 6, "\0\2", 2);
			assert_memory_equal(s->data + s->l3 + 8, lab_mac(0), 6);
			assert_memory_equal(s->data + s->l3 + 14, "\12\0\0\1", 4);
			assert_memory_equal(s->data + s->l3 + 18, host_mac(7), 6);
		}
		expect_silence();
		assert_int_equal(lab.w->neigh->entries, rows[i].known);
	}
	begin_from(0, 7);
	build_arp(&lab.b, 1, host_mac(7), 0x0a000007, lab_mac(0), 0x0a000001);
	lab.b.len -= 1;
	inject(0);
	expect_drop("arp-truncated");
}

/* RFC 5227 2.4 (b): defended at once, and then once in ten seconds. */
static void our_addresses_are_defended(void **state)
{
	lab_config(ONE);
	for (unsigned i = 0; i < 22; i++) {
		begin_from(0, 7);
		build_arp(&lab.b, 1, host_mac(7), 0x0a000001, lab_mac(0), 0x0a000001);
		inject(0);
		assert_int_equal(heard().arp_announcements, i % 10 == 0 ? 1 : 0);
		lab_advance(SECONDS(1));
	}
	assert_int_equal(lab.w->neigh->conflicts, 22);
	assert_int_equal(lab.w->neigh->entries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(addresses_are_probed_before_they_are_used),
		lab_test(a_duplicate_address_is_not_used),
		lab_test(packets_to_an_address_under_probe_end),
		lab_test(a_link_local_address_waits_as_well),
		lab_test(enabling_an_interface_probes_its_addresses),
		lab_test(a_link_that_comes_back_is_announced_to),
		lab_test(solicitations_are_answered_and_learnt_from),
		lab_test(bad_discovery_messages_are_refused),
		lab_test(fragmented_discovery_is_refused),
		lab_test(arp_questions_are_answered),
		lab_test(our_addresses_are_defended),
	};

	return cmocka_run_group_tests_name("own addresses", tests, lab_group_setup, NULL);
}
