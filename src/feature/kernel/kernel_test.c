/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The way to the kernel without a kernel: what goes up and as what, at which rate, in which frames, and what
 * the kernel's own questions for neighbours get.
 */
#include "harness.h"

#include <string.h>

#include <rte_common.h>

#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"
#include "feature/neigh/neigh.h"

/* --- classes --- */

#define TCP(s, d) .proto = IPPROTO_TCP, .ports = true, .sport = (s), .dport = (d)
#define UDP(s, d) .proto = IPPROTO_UDP, .ports = true, .sport = (s), .dport = (d)
#define ICMP6(t) .proto = IPPROTO_ICMPV6, .v6 = true, .icmp_type = (t)

static const struct {
	const char *what;
	struct kernel_key key;
	enum kernel_class is;
} classes[] = {
	{"ospf", {.proto = 89}, KERNEL_ROUTING},
	{"vrrp", {.proto = 112, .ttl = 255}, KERNEL_LIVENESS},
	{"vrrp through a router", {.proto = 112, .ttl = 254}, KERNEL_OTHER},
	{"pim", {.proto = 103}, KERNEL_ROUTING},
	{"igmp", {.proto = 2}, KERNEL_ROUTING},
	{"bgp to us", {TCP(40000, 179)}, KERNEL_ROUTING},
	{"bgp from us", {TCP(179, 40000)}, KERNEL_ROUTING},
	{"ldp", {UDP(646, 646)}, KERNEL_ROUTING},
	{"rip", {UDP(520, 520)}, KERNEL_ROUTING},
	{"ripng", {UDP(521, 521), .v6 = true}, KERNEL_ROUTING},
	{"bfd", {UDP(49152, 3784), .ttl = 255}, KERNEL_LIVENESS},
	{"bfd echo, IPv6", {UDP(3785, 3785), .ttl = 255, .v6 = true}, KERNEL_LIVENESS},
	{"bfd through a router", {UDP(49152, 3784), .ttl = 254}, KERNEL_OTHER},
	{"bfd multihop", {UDP(49152, 4784), .v6 = true}, KERNEL_ROUTING},
	{"from the port of bfd to another", {UDP(3784, 4000)}, KERNEL_OTHER},
	{"mld query", {ICMP6(130)}, KERNEL_ROUTING},
	{"mld 2 report", {ICMP6(143)}, KERNEL_ROUTING},
	{"router advertisement", {ICMP6(134)}, KERNEL_ARP_ND},
	{"redirect", {ICMP6(137)}, KERNEL_ARP_ND},
	{"echo reply", {.proto = IPPROTO_ICMP, .icmp_type = 0}, KERNEL_ICMP},
	{"icmp 134 of IPv4 is no router advertisement", {.proto = IPPROTO_ICMP, .icmp_type = 134},
		KERNEL_ICMP},
	{"echo reply, IPv6", {ICMP6(129)}, KERNEL_ICMP},
	{"icmp over IPv6", {.proto = IPPROTO_ICMP, .v6 = true}, KERNEL_OTHER},
	{"dhcp to a client", {UDP(67, 68)}, KERNEL_DHCP},
	{"dhcp to a server", {UDP(68, 67)}, KERNEL_DHCP},
	{"dhcp6", {UDP(547, 546), .v6 = true}, KERNEL_DHCP},
	{"port 546 of IPv4", {UDP(547, 546)}, KERNEL_OTHER},
	{"ssh", {TCP(40000, 22)}, KERNEL_OTHER},
	{"a later fragment of udp", {.proto = IPPROTO_UDP, .dport = 68}, KERNEL_OTHER},
	{"a later fragment of tcp", {.proto = IPPROTO_TCP, .dport = 179}, KERNEL_OTHER},
	{"gre", {.proto = 47}, KERNEL_OTHER},
};

static void classes_of_packets(void **state)
{
	for (unsigned i = 0; i < RTE_DIM(classes); i++)
		if (kernel_classify(&classes[i].key) != classes[i].is)
			fail_msg("%s is %s", classes[i].what,
				kernel_class_names[kernel_classify(&classes[i].key)]);
}

static void groups_of_the_link_layer(void **state)
{
	static const struct {
		uint8_t dst[6];
		uint16_t type;
		bool ours;
	} rows[] = {
		{{0x01, 0x80, 0xc2, 0, 0, 0x0e}, 0x88cc, true},
		{{0x01, 0x80, 0xc2, 0, 0, 0x02}, 0x8809, true},
		{{0x01, 0x80, 0xc2, 0, 0, 0x01}, 0x8808, false},
		{{0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc}, 100, true},
		{{0x09, 0x00, 0x2b, 0, 0, 0x05}, 100, true},
		{{0x01, 0x00, 0x5e, 0, 0, 0x05}, 0x9999, false},
		{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0x9999, false},
		{{0x33, 0x33, 0, 0, 0, 1}, 0x9999, false},
	};
	static const uint8_t isis[3] = {0xfe, 0xfe, 3}, stp[3] = {0x42, 0x42, 3};

	for (unsigned i = 0; i < RTE_DIM(rows); i++)
		assert_int_equal(kernel_is_l2_group(rows[i].dst, rows[i].type), rows[i].ours);
	assert_int_equal(kernel_classify_l2(60, isis), KERNEL_ROUTING);
	assert_int_equal(kernel_classify_l2(60, stp), KERNEL_L2);
	assert_int_equal(kernel_classify_l2(0x88cc, isis), KERNEL_L2);
}

/* --- police --- */

/* Packets of 2 seconds at `offered` per second that pass a rate. */
static unsigned passed(struct kernel_share *s, uint32_t rate, unsigned offered)
{
	unsigned n = 0;

	for (unsigned i = 0; i < 2 * offered; i++)
		n += kernel_police(s, KERNEL_DHCP, rate, SECONDS(1) + i * (SECONDS(1) / offered));
	return n;
}

static void police_passes_the_rate_and_a_burst(void **state)
{
	static const struct {
		uint32_t rate;
		unsigned offered, least, most;
	} rows[] = {
		{1000, 100000, 2000, 2251}, /* 2 s, and a quarter of a second's worth */
		{1000, 900, 1800, 1800},
		{10, 1000, 45, 53}, /* a burst is never below 32 */
		{1, 1000, 32, 35},
		{0, 1000, 0, 0},
	};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		struct kernel_share s = {0};
		unsigned n = passed(&s, rows[i].rate, rows[i].offered);

		assert_in_range(n, rows[i].least, rows[i].most);
		assert_int_equal(s.punted[KERNEL_DHCP], n);
		assert_int_equal(s.policed[KERNEL_DHCP], 2 * rows[i].offered - n);
		assert_int_equal(s.policed[KERNEL_OTHER], 0);
	}
}

/* --- the stage --- */

static struct kernel_lane lanes[WORKER_MAX + 1];

/* Interface a has a twin, as a configuration with `kernel` would make it, but nobody empties the ring. */
static void open_twin(void)
{
	struct generation *g = lab.w->gen;

	lab_config(LAB_TWO_NETS(""));
	g = lab.w->gen;
	for (unsigned way = 0; way < KERNEL_WAYS && lanes[0].ring[way] == NULL; way++)
		lanes[0].ring[way] = rte_ring_create(way == KERNEL_BULK ? "kernel_bulk" : "kernel_urgent", 64,
			SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	if (lanes[0].share == NULL)
		lanes[0].share = calloc(IFACE_MAX, sizeof *lanes[0].share);
	memset(lanes[0].share, 0, IFACE_MAX * sizeof *lanes[0].share);
	g->kernel.lane = lanes;
	for (unsigned c = 0; c < KERNEL_CLASSES; c++)
		g->kernel.rate[c] = 1000;
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL)
			g->iface[i]->twin = strcmp(g->iface[i]->name, "a") == 0;
}

static struct kernel_share *share_of_a(void)
{
	return &lanes[0].share[generation_iface(lab.w->gen, "a")->id];
}

/* Ends what went up one way, as the twins' thread would. Returns how many. */
static unsigned taken_by(enum kernel_way way)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	while (rte_ring_sc_dequeue(lanes[0].ring[way], (void **)&m) == 0) {
		lab.w->counters.reason[1]++; /* any: the sum must hold */
		rte_pktmbuf_free(m);
		n++;
	}
	return n;
}

static unsigned taken(void)
{
	return taken_by(KERNEL_URGENT) + taken_by(KERNEL_BULK);
}

/* What was injected went up as this class, and nowhere else. */
static void expect_up(enum kernel_class c)
{
	uint64_t punted = share_of_a()->punted[c];

	assert_int_equal(punted, 1);
	share_of_a()->punted[c] = 0;
	assert_int_equal(taken_by(kernel_way_of(c)), 1);
	expect_silence();
}

#define HOST4 "10.0.0.2"
#define HOST6 "2001:db8:a::2"
#define US4 "10.0.0.1"
#define US6 "2001:db8:a::1"

static void to_our_addresses(void **state)
{
	static const char *const ours[] = {US4, "10.0.1.1", US6, "2001:db8:b::1"};

	open_twin();
	for (unsigned i = 0; i < RTE_DIM(ours); i++) {
		begin_ip(0, 2, i < 2 ? HOST4 : HOST6, ours[i]);
		build_tcp(&lab.b, 5000, 179);
		build_payload(&lab.b, 100);
		inject(0);
		expect_up(KERNEL_ROUTING);
		begin_ip(0, 2, i < 2 ? HOST4 : HOST6, ours[i]);
		build_udp(&lab.b, 5000, 53);
		build_payload(&lab.b, 100);
		inject(0);
		expect_up(KERNEL_OTHER);
		begin_ip(0, 2, i < 2 ? HOST4 : HOST6, ours[i]);
		build_icmp(&lab.b, i < 2 ? 0 : 129, 0, 7);
		inject(0);
		expect_up(KERNEL_ICMP);
		begin_ip(0, 2, i < 2 ? HOST4 : HOST6, ours[i]);
		build_icmp(&lab.b, i < 2 ? 8 : 128, 0, 7); /* ours to answer */
		inject(0);
		assert_int_equal(taken(), 0);
		expect_frame(0);
	}
}

static void to_everybody(void **state)
{
	static const struct {
		const char *src, *dst;
	} rows[] = {
		{HOST4, "224.0.0.9"},
		{HOST4, "255.255.255.255"},
		{HOST4, "10.0.0.255"},
		{"fe80::2", "ff02::5"},
		{"fe80::2", "ff02::1"},
		{HOST6, "ff02::1:2"},
	};

	open_twin();
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_ip(0, 2, rows[i].src, rows[i].dst);
		build_udp(&lab.b, 5000, 5001);
		build_payload(&lab.b, 40);
		inject(0);
		expect_up(KERNEL_OTHER);
	}
	begin_ip(0, 2, HOST4, "239.1.1.1");
	build_udp(&lab.b, 5000, 5001);
	inject(0);
	expect_drop("ip-multicast");
	begin_ip(0, 2, "fe80::2", "ff05::2");
	build_udp(&lab.b, 5000, 5001);
	inject(0);
	expect_drop("ip-multicast");
	assert_int_equal(taken(), 0);
}

/* Groups that a program joined on the twin of a. */
static void to_groups_a_program_joined(void **state)
{
	static const struct {
		const char *src, *dst;
		bool joined;
	} rows[] = {
		{HOST4, "239.1.2.3", true},
		{HOST4, "239.1.2.4", false},
		{HOST6, "ff05::1234", true},
		{"fe80::2", "ff0e::1234", false},
	};
	static struct kernel_groups joined = {.n4 = 2, .n6 = 1, .g4 = {0xe0000181, 0xef010203}},
				    *list[IFACE_MAX];
	struct ipaddr a;

	open_twin();
	ipaddr_parse("ff05::1234", &a);
	memcpy(joined.g6[0], a.bytes, 16);
	joined.g4[0] = 0xefffffff;
	list[generation_iface(lab.w->gen, "a")->id] = &joined;
	lab.w->gen->kernel.groups = list;
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		begin_ip(0, 2, rows[i].src, rows[i].dst);
		build_udp(&lab.b, 5000, 5001);
		inject(0);
		if (rows[i].joined)
			expect_up(KERNEL_OTHER);
		else
			expect_drop("ip-multicast");
	}
	begin_ip(1, 3, "10.0.1.3", "239.1.2.3"); /* another interface */
	build_udp(&lab.b, 5000, 5001);
	inject(1);
	expect_drop("ip-multicast");
	lab.w->gen->kernel.groups = NULL;
}

static void without_a_twin_it_is_as_before(void **state)
{
	open_twin();
	begin_ip(1, 3, "10.0.1.3", "10.0.1.1");
	build_udp(&lab.b, 5000, 53);
	inject(1);
	expect_icmp(1, "10.0.1.1", "10.0.1.3", 3, 3, 0);
	assert_int_equal(lab_drops("local-no-port"), 1);
	begin_ip(1, 3, "10.0.1.3", "224.0.0.5");
	build_udp(&lab.b, 5000, 53);
	inject(1);
	expect_drop("local-multicast");
	assert_int_equal(taken(), 0);
}

static void over_the_rate(void **state)
{
	open_twin();
	lab.w->gen->kernel.rate[KERNEL_OTHER] = 1;
	for (unsigned i = 0; i < 40; i++) {
		begin_ip(0, 2, HOST4, US4);
		build_udp(&lab.b, 5000, 53);
		inject(0);
	}
	assert_int_equal(taken(), 32);
	assert_int_equal(lab_drops("kernel-policed"), 8);
	assert_int_equal(share_of_a()->policed[KERNEL_OTHER], 8);
	lab.w->gen->kernel.rate[KERNEL_OTHER] = 100000;
	lab_advance(SECONDS(1));
	for (unsigned i = 0; i < 70; i++) { /* the ring holds 63 */
		begin_ip(0, 2, HOST4, US4);
		build_udp(&lab.b, 5000, 53);
		inject(0);
	}
	assert_int_equal(lab_drops("kernel-ring-full"), 7);
	assert_int_equal(taken(), 63);
	expect_silence();
}

/* The ring is full of what everybody may send; what keeps the link alive still finds its way. */
static void a_flood_leaves_the_urgent_way_free(void **state)
{
	open_twin();
	lab.w->gen->kernel.rate[KERNEL_OTHER] = 100000;
	lab_advance(SECONDS(1));
	for (unsigned i = 0; i < 100; i++) {
		begin_ip(0, 2, HOST4, US4);
		if (i == 80)
			build_ttl(&lab.b, 255);
		build_udp(&lab.b, 5000, i == 80 ? 3784 : 53);
		inject(0);
	}
	assert_int_equal(share_of_a()->punted[KERNEL_LIVENESS], 1);
	assert_int_equal(lab_drops("kernel-ring-full"), 99 - 63);
	assert_int_equal(taken_by(KERNEL_URGENT), 1);
	assert_int_equal(taken_by(KERNEL_BULK), 63);
	expect_silence();
}

/* The answer of a DHCP server to an address nobody has yet; only while the interface has none. */
static void answers_to_an_interface_without_address(void **state)
{
	struct generation *g;

	open_twin();
	g = lab.w->gen;
	for (unsigned with = 0; with < 2; with++) {
		struct iface *a = g->iface[generation_iface(g, "a")->id];

		if (with == 0)
			a->address_count = 0;
		else
			a->address[a->address_count++] =
				(struct prefix){.addr = ipaddr_v4(0x0a000001), .len = 24};
		generation_index(g);
		begin_ip(0, 2, "10.0.0.254", "10.0.0.77");
		build_udp(&lab.b, 67, 68);
		build_payload(&lab.b, 300);
		inject(0);
		assert_int_equal(taken(), with == 0);
	}
	assert_int_equal(share_of_a()->punted[KERNEL_DHCP], 1);
	lab_advance(SECONDS(10)); /* what waits for 10.0.0.77 is given up */
	lab_discard();
}

/* --- the kernel asks for neighbours --- */

/* A solicitation of the kernel on the twin of interface a. */
static enum neigh_proxy ask(const char *src, const char *target, uint8_t out[NEIGH_PROXY_FRAME], size_t *len)
{
	struct ipaddr s, t;
	uint16_t a = generation_iface(lab.w->gen, "a")->id;

	ipaddr_parse(src, &s);
	ipaddr_parse(target, &t);
	build_begin(&lab.b);
	build_ether(&lab.b, host_mac(0), lab_mac(0));
	if (t.family == FAMILY_V4) {
		build_arp(&lab.b, 1, lab_mac(0), ipaddr_to_v4(&s), host_mac(0), ipaddr_to_v4(&t));
	} else {
		build_ip(&lab.b, src, "ff02::1:ff00:2");
		build_nd(&lab.b, 135, 0, target, NULL);
	}
	build_end(&lab.b);
	assert_true(neigh_is_solicitation(lab.b.data, lab.b.len));
	return neigh_proxy(lab.w, a, lab.b.data, lab.b.len, out, len);
}

static void known_neighbours_are_answered(void **state)
{
	static const struct {
		const char *src, *target;
		unsigned mac; /* where the answer says it */
	} rows[] = {{US4, HOST4, 22}, {US6, HOST6, 80}};
	uint8_t out[NEIGH_PROXY_FRAME];
	size_t len;

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		assert_int_equal(ask(rows[i].src, rows[i].target, out, &len), NEIGH_PROXY_ANSWER);
		assert_memory_equal(out, lab_mac(0), 6);
		assert_memory_equal(out + 6, host_mac(2), 6);
		assert_memory_equal(out + rows[i].mac, host_mac(2), 6);
		assert_int_equal(len, i == 0 ? 42 : 86);
	}
	expect_silence();
}

static void unknown_neighbours_are_looked_for(void **state)
{
	static const char *const targets[][2] = {{US4, "10.0.0.9"}, {US6, "2001:db8:a::9"}};
	uint8_t out[NEIGH_PROXY_FRAME];
	size_t len;

	lab_config(LAB_TWO_NETS(""));
	for (unsigned i = 0; i < RTE_DIM(targets); i++) {
		assert_int_equal(ask(targets[i][0], targets[i][1], out, &len), NEIGH_PROXY_WAIT);
		assert_int_equal(ask(targets[i][0], targets[i][1], out, &len), NEIGH_PROXY_WAIT);
		lab_step();
		expect_frame(0); /* asked once */
		expect_silence();
	}
	lab_advance(SECONDS(10));
	lab_discard();
}

static void what_is_on_no_subnet_goes_out_as_it_is(void **state)
{
	uint8_t out[NEIGH_PROXY_FRAME];
	size_t len;

	lab_config(LAB_TWO_NETS(""));
	assert_int_equal(ask(US4, "192.0.2.1", out, &len), NEIGH_PROXY_FORWARD);
	assert_int_equal(ask(US6, "2001:db8:77::1", out, &len), NEIGH_PROXY_FORWARD);
	assert_int_equal(ask("192.0.2.1", US4, out, &len), NEIGH_PROXY_FORWARD);
}

static void probes_and_announcements_are_no_questions(void **state)
{
	static const uint32_t us = 0x0a000001, other = 0x0a000009;
	static const struct {
		uint16_t op;
		uint32_t spa, tpa;
	} rows[] = {{1, 0, other}, {1, us, us}, {2, us, other}};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		build_begin(&lab.b);
		build_ether(&lab.b, host_mac(0), lab_mac(0));
		build_arp(&lab.b, rows[i].op, lab_mac(0), rows[i].spa, host_mac(0), rows[i].tpa);
		build_end(&lab.b);
		assert_false(neigh_is_solicitation(lab.b.data, lab.b.len));
	}
	build_begin(&lab.b);
	build_ether(&lab.b, host_mac(0), lab_mac(0));
	build_ip(&lab.b, "::", "ff02::1:ff00:2");
	build_nd(&lab.b, 135, 0, HOST6, NULL);
	build_end(&lab.b);
	assert_false(neigh_is_solicitation(lab.b.data, lab.b.len));
	for (size_t len = 0; len < 42; len++)
		assert_false(neigh_is_solicitation(lab.b.data, len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_of_packets),
		cmocka_unit_test(groups_of_the_link_layer),
		cmocka_unit_test(police_passes_the_rate_and_a_burst),
		lab_test(to_our_addresses),
		lab_test(to_everybody),
		lab_test(to_groups_a_program_joined),
		lab_test(without_a_twin_it_is_as_before),
		lab_test(over_the_rate),
		lab_test(a_flood_leaves_the_urgent_way_free),
		lab_test(answers_to_an_interface_without_address),
		lab_test(known_neighbours_are_answered),
		lab_test(unknown_neighbours_are_looked_for),
		lab_test(what_is_on_no_subnet_goes_out_as_it_is),
		lab_test(probes_and_announcements_are_no_questions),
	};
	int rc = cmocka_run_group_tests(tests, lab_group_setup, NULL);

	for (unsigned way = 0; way < KERNEL_WAYS; way++)
		rte_ring_free(lanes[0].ring[way]);
	free(lanes[0].share);
	return rc;
}
