/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interfaces without a link: packets to their addresses, the rest of their subnets, what is refused, and what
 * happens when one becomes a link.
 */
#include "harness.h"

#include <string.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"

#define LOOPBACKS                                                                                            \
	"  lo0: {loopback: true, addresses: [192.0.2.1/32, \"2001:db8:f::1/128\"]}\n"                        \
	"  pool: {loopback: true, addresses: [203.0.113.1/28, \"2001:db8:e::1/64\"]}\n"
#define CONFIG "interfaces:\n" LOOPBACKS LINKS
#define LINKS                                                                                                \
	"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"                                  \
	"  b: {port: p1, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"                                  \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8:a::2\", mac: \"02:aa:00:00:00:02\"}\n"                       \
	"  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:b::3\", mac: \"02:aa:00:00:00:03\"}\n"

static const struct {
	unsigned port, host;
	const char *v4, *v6;
} sides[] = {{0, 2, "10.0.0.2", "2001:db8:a::2"}, {1, 3, "10.0.1.3", "2001:db8:b::3"}};

static void ping(unsigned side, bool v6, const char *dst)
{
	begin_ip(sides[side].port, sides[side].host, v6 ? sides[side].v6 : sides[side].v4, dst);
	build_icmp(&lab.b, v6 ? 128 : 8, 0, 7);
	inject(sides[side].port);
}

static void answered(unsigned side, bool v6, const char *dst)
{
	const struct seen *s;

	ping(side, v6, dst);
	s = expect_frame(sides[side].port);
	assert_string_equal(s->src, dst);
	assert_int_equal(s->data[s->l4], v6 ? 129 : 0);
	assert_memory_equal(s->data, host_mac(sides[side].host), 6);
	expect_silence();
}

static void addresses_answer_on_every_side(void **state)
{
	static const char *const ours[][2] = {{"192.0.2.1", "2001:db8:f::1"},
		{"203.0.113.1", "2001:db8:e::1"}, {"10.0.1.1", "2001:db8:b::1"}};

	lab_config(CONFIG);
	for (unsigned side = 0; side < 2; side++)
		for (unsigned i = 0; i < 3; i++)
			for (unsigned v6 = 0; v6 < 2; v6++)
				answered(side, v6, ours[i][v6]);
}

static void the_rest_of_the_subnet_is_nobodys(void **state)
{
	lab_config(CONFIG);
	ping(0, false, "203.0.113.9");
	expect_icmp(0, "10.0.0.1", "10.0.0.2", 3, 1, 0);
	ping(0, false, "203.0.113.15"); /* no broadcast */
	expect_icmp(0, "10.0.0.1", "10.0.0.2", 3, 1, 0);
	ping(0, true, "2001:db8:e::9");
	expect_icmp(0, "2001:db8:a::1", "2001:db8:a::2", 1, 3, 0);
	assert_int_equal(lab_drops("route-unreachable"), 3);
	expect_silence();
}

/* No duplicate address detection, no announcement, no listener report, no link-local address. */
static void nothing_is_said_about_it(void **state)
{
	static const char links[] = "interfaces:\n" LINKS, more[] = CONFIG;
	struct err e = {0};
	const struct iface *ifc;

	lab_config(links);
	assert_int_equal(lab_apply(more, &e), 0);
	ifc = generation_iface(lab.w->gen, "lo0");
	assert_non_null(ifc);
	assert_true(iface_is_loopback(ifc) && iface_is_up(lab.w, ifc));
	assert_int_equal(ifc->address_count, 2);
	for (unsigned i = 0; i < ifc->address_count; i++)
		assert_true(neigh_address_usable(lab.w, ifc->id, &ifc->address[i].addr));
	answered(0, true, "2001:db8:f::1");
	lab_advance(SECONDS(10));
	expect_silence();
	assert_int_equal(lab_drops("tx-no-port"), 0);
}

static void nobody_is_behind_it(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct route_spec spec = {.via_count = 1};
	struct err e = {0};
	struct ipaddr host;
	struct prefix p;
	uint16_t pool;

	lab_config(CONFIG);
	pool = generation_iface(lab.w->gen, "pool")->id;
	assert_int_equal(ipaddr_parse("203.0.113.9", &host), 0);
	assert_int_equal(neigh_add(lab.w, pool, &host, mac, true, true, false, &e), -EINVAL);
	e.code = 0;
	assert_int_equal(prefix_parse("198.51.100.0/24", &spec.prefix), 0);
	spec.source = ROUTE_STATIC;
	spec.via[0] = (struct route_via){.iface = pool};
	assert_int_equal(route_add(lab.w, &spec, false, &e), -EINVAL);
	assert_non_null(strstr(e.text, "loopback"));
	/* A gateway in its subnet is on no link: the route waits for one. */
	spec.via[0] = (struct route_via){.address = host};
	assert_int_equal(route_add(lab.w, &spec, false, &e), 0);
	ping(0, false, "198.51.100.1");
	expect_icmp(0, "10.0.0.1", "10.0.0.2", 3, 0, 0);
	assert_int_equal(lab_drops("route-none"), 1);
	assert_int_equal(prefix_parse("fe80::1/64", &p), 0);
	assert_int_equal(iface_address_add(lab.w, "pool", &p, &e), -EINVAL);
}

/* The kernel may still have sent something when its interface became a loopback. */
static void frames_for_it_end(void **state)
{
	struct rte_mbuf *m;

	lab_config(CONFIG);
	m = weir_alloc(lab.w);
	assert_non_null(rte_pktmbuf_append(m, 64));
	note_of(m)->oif = generation_iface(lab.w->gen, "lo0")->id;
	note_of(m)->flags = SLOT_ORIGINATED;
	weir_send(lab.w, m, STAGE_TX, true);
	lab_step();
	expect_drop("tx-no-port");
}

/* Its addresses begin anew when there is somebody to ask, and are ours at once when there is nobody. */
static void it_becomes_a_link_and_back(void **state)
{
	static const char link[] =
		"interfaces:\n"
		"  lo0: {port: p2, addresses: [192.0.2.1/32, \"2001:db8:f::1/128\"]}\n" LINKS;
	struct err e = {0};
	const struct seen *s;

	lab_config(CONFIG);
	assert_int_equal(lab_apply(link, &e), 0);
	lab_step();
	s = expect_frame(2);
	while (lab_waiting(2) != 0 && s->type != 0x0806)
		s = expect_frame(2);
	assert_int_equal(s->type, 0x0806); /* announced */
	ping(0, true, "2001:db8:f::1");
	expect_icmp(0, "2001:db8:a::1", "2001:db8:a::2", 1, 0, 0); /* not ours yet */
	assert_int_equal(lab_drops("route-none"), 1);
	lab_advance(SECONDS(3));
	lab_discard();
	answered(0, true, "2001:db8:f::1");
	assert_int_equal(lab_apply(CONFIG, &e), 0);
	lab_step();
	lab_discard();
	answered(0, true, "2001:db8:f::1");
	answered(1, false, "192.0.2.1");
	assert_int_equal(lab_waiting(2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		lab_test(addresses_answer_on_every_side),
		lab_test(the_rest_of_the_subnet_is_nobodys),
		lab_test(nothing_is_said_about_it),
		lab_test(nobody_is_behind_it),
		lab_test(frames_for_it_end),
		lab_test(it_becomes_a_link_and_back),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
