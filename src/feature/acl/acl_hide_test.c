/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fragments, headers that are cut short, options and extension headers: nothing passes a rule by hiding what
 * the rule looks at.
 */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include <rte_common.h>

#define HOST4 "10.0.0.2"
#define FAR4 "10.0.1.3"
#define HOST6 "2001:db8:a::2"
#define FAR6 "2001:db8:b::3"

enum shape { WHOLE, FIRST, LATER, OVERLAP, TINY, CUT, OPTIONS };

/* A packet of protocol `proto` to port 53 in some shape. `units`: where a later fragment begins. */
static void send_shape(bool v4, enum shape shape, uint8_t proto)
{
	static const uint8_t record_route[] = {7, 7, 4, 0, 0, 0, 0, 0}, padding[6] = {1, 4};
	const bool later = shape == LATER || shape == OVERLAP;
	uint8_t l4[40] = {0x12, 0x34, 0, 53, [12] = 0x50};

	begin_ip(0, 2, v4 ? HOST4 : HOST6, v4 ? FAR4 : FAR6);
	if (shape == OPTIONS && v4)
		build_options(&lab.b, record_route, sizeof record_route);
	else if (shape == OPTIONS)
		build_extension(&lab.b, 0, padding, sizeof padding);
	if (v4)
		build_set(&lab.b, 9, 1, proto);
	if (shape == OPTIONS && !v4) {
		build_set(&lab.b, 0, 1, 60);
		build_extension(&lab.b, 60, padding, sizeof padding);
	}
	if (shape == FIRST || shape == TINY || later)
		build_fragment(&lab.b, 7, shape == LATER ? 100 : shape == OVERLAP ? 1 : 0, true);
	if (!v4)
		build_set(&lab.b, shape == WHOLE || shape == CUT ? 6 : 0, 1, proto);
	build_bytes(&lab.b, l4, shape == TINY ? 8 : shape == CUT ? 2 : sizeof l4);
	lab.random_payload = true;
	inject(0);
}

struct row {
	const char *what, *list;
	enum shape shape;
	uint8_t proto;
	const char *reason; /* NULL: it goes on */
};

#define PERMIT "{rules: [{match: {protocol: \"tcp,udp\", destination-port: 53}, action: accept}]}"
#define DENY                                                                                                 \
	"{default: accept, rules: [{match: {protocol: \"tcp,udp\", destination-port: 53}, action: drop}]}"
#define OTHER_DENY                                                                                           \
	"{default: accept, rules: [{match: {protocol: \"tcp,udp\", destination-port: 99}, action: drop}]}"
#define BY_ADDRESS "{rules: [{match: {protocol: \"tcp,udp\"}, action: accept}]}"
#define LATER_FIRST                                                                                          \
	"{default: accept, rules: [{match: {fragment: later}, action: accept}, "                             \
	"{match: {protocol: udp, destination-port: 53}, action: drop}]}"
#define NO_FRAGMENTS "{default: accept, rules: [{match: {fragment: any}, action: drop}]}"
#define NO_OPTIONS "{default: accept, rules: [{match: {options: true}, action: drop}]}"
#define SYN "{rules: [{match: {protocol: tcp, tcp-flags: \"!syn\"}, action: accept}]}"

static const struct row rows[] = {
	{"a whole packet to a port that is let through", PERMIT, WHOLE, 17, NULL},
	{"its first fragment", PERMIT, FIRST, 17, NULL},
	{"a later one, whose port nobody knows", PERMIT, LATER, 17, "acl-deny"},
	{"a header of two bytes", PERMIT, CUT, 17, "acl-deny"},
	{"a first fragment without the whole TCP header", PERMIT, TINY, 6, "acl-deny"},
	{"one with the whole UDP header", PERMIT, TINY, 17, NULL},
	{"options before the header", PERMIT, OPTIONS, 17, NULL},
	{"a whole packet to a port that is denied", DENY, WHOLE, 17, "acl-deny"},
	{"a later fragment that may be of such a packet", DENY, LATER, 17, "acl-deny"},
	{"one of a packet to another port, for all that is known", OTHER_DENY, LATER, 17, "acl-deny"},
	{"of another protocol", OTHER_DENY, LATER, 50, NULL},
	{"a TCP header that is cut short", DENY, TINY, 6, "acl-deny"},
	{"a header of two bytes, denied", DENY, CUT, 17, "acl-deny"},
	{"options before a port that is denied", DENY, OPTIONS, 17, "acl-deny"},
	{"a later fragment and a rule without ports", BY_ADDRESS, LATER, 17, NULL},
	{"a later fragment that a rule lets through before", LATER_FIRST, LATER, 17, NULL},
	{"and the first one", LATER_FIRST, FIRST, 17, "acl-deny"},
	{"TCP at offset 8, which rewrites flags", BY_ADDRESS, OVERLAP, 6, "acl-tiny-fragment"},
	{"UDP at offset 8", BY_ADDRESS, OVERLAP, 17, NULL},
	{"no fragments: a first one", NO_FRAGMENTS, FIRST, 17, "acl-deny"},
	{"no fragments: a later one", NO_FRAGMENTS, LATER, 17, "acl-deny"},
	{"no fragments: a whole packet", NO_FRAGMENTS, WHOLE, 17, NULL},
	{"no options: with some", NO_OPTIONS, OPTIONS, 17, "acl-deny"},
	{"no options: a first fragment without", NO_OPTIONS, FIRST, 17, NULL},
	{"flags that are there", SYN, WHOLE, 6, NULL},
	{"flags that are not", SYN, TINY, 6, "acl-deny"},
};

static void run_rows(bool out)
{
	char yaml[2048];

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		const struct row *r = &rows[i];

		snprintf(yaml, sizeof yaml, "%sacls: {t: %s}\n",
			out ? LAB_TWO_NETS(", acl-out: t") : LAB_TWO_NETS(""), r->list);
		if (!out) { /* the same list on interface a */
			char *at = strstr(yaml, "]}\n");

			memmove(at + 14, at + 1, strlen(at + 1) + 1);
			memcpy(at + 1, ", acl-in: t  ", 13);
		}
		lab_config(yaml);
		for (unsigned v4 = 0; v4 < 2; v4++) {
			send_shape(v4 != 0, r->shape, r->proto);
			if (lab_waiting(1) != (r->reason == NULL) || lab_waiting(0) != 0 ||
				(r->reason != NULL && lab_drops(r->reason) != 1))
				fail_msg("%s (IPv%d, %s): %u went on, %u answered, last '%s'", r->what,
					v4 ? 4 : 6, out ? "out" : "in", lab_waiting(1), lab_waiting(0),
					lab.last_reason);
			lab_discard();
		}
	}
}

static void headers_cannot_be_hidden_on_input(void **state)
{
	run_rows(false);
}

static void nor_on_output(void **state)
{
	run_rows(true);
}

/* Fragments that we make are parts of a packet that passed. */
static void a_packet_is_asked_once_before_it_is_cut(void **state)
{
	lab_config(LAB_TWO_NETS4(", mtu: 576, acl-out: t") "acls: {t: " PERMIT "}\n");
	begin_ip(0, 2, HOST4, FAR4);
	build_udp(&lab.b, 1, 53);
	build_payload(&lab.b, 1400);
	inject(0);
	assert_int_equal(lab_waiting(1), 3);
	lab_discard();
	begin_ip(0, 2, HOST4, FAR4);
	build_udp(&lab.b, 1, 54);
	build_payload(&lab.b, 1400);
	inject(0);
	expect_drop("acl-deny");
}

static void neighbours_are_found_and_what_we_say_is_not_asked(void **state)
{
	lab_config("interfaces:\n"
		   "  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"], acl-in: none, acl-out: "
		   "none}\n"
		   "acls: {none: {}}\n");
	begin_from(0, 2);
	build_ip(&lab.b, HOST6, "ff02::1:ff00:1");
	build_nd(&lab.b, 135, 0, "2001:db8:a::1", host_mac(2));
	inject(0);
	assert_int_equal(lab_waiting(0), 1);
	lab_discard();
	/* Not from this link, or not neighbour discovery: the default holds. */
	begin_ip(0, 2, HOST6, "2001:db8:a::1");
	build_nd(&lab.b, 135, 0, "2001:db8:a::1", host_mac(2));
	build_ttl(&lab.b, 64);
	inject(0);
	assert_int_equal(lab_drops("acl-deny"), 1);
	begin_ip(0, 2, HOST6, "ff02::1");
	build_icmp(&lab.b, 128, 0, 0);
	inject(0);
	begin_ip(0, 2, HOST4, "10.0.0.1");
	build_icmp(&lab.b, 8, 0, 0);
	inject(0);
	assert_int_equal(lab_drops("acl-deny"), 2);
	expect_silence();
}

/* A rule, other than the default, may deny neighbour discovery. */
static void a_rule_can_deny_neighbour_discovery(void **state)
{
	lab_config("interfaces:\n"
		   "  a: {port: p0, addresses: [\"2001:db8:a::1/64\"], acl-in: none}\n"
		   "acls: {none: {rules: [{match: {protocol: icmpv6, icmp-type: 135}, action: drop}]}}\n");
	begin_from(0, 2);
	build_ip(&lab.b, HOST6, "ff02::1:ff00:1");
	build_nd(&lab.b, 135, 0, "2001:db8:a::1", host_mac(2));
	inject(0);
	expect_drop("acl-deny");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(headers_cannot_be_hidden_on_input),
		lab_test(nor_on_output),
		lab_test(a_packet_is_asked_once_before_it_is_cut),
		lab_test(neighbours_are_found_and_what_we_say_is_not_asked),
		lab_test(a_rule_can_deny_neighbour_discovery),
	};

	return cmocka_run_group_tests_name("acl, hidden headers", tests, lab_group_setup, NULL);
}
