/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of the kernel built by hand, and what becomes of routes, objects and links in a router. No thread
 * and no kernel is involved.
 */
#include "feature/netlink/netlink_test.h"

static struct source *src;

static void give(void)
{
	apply_message(lab.w, src, head());
	route_feed_done(lab.w);
}

static int open_router(void **state)
{
	int rc = lab_open(state);
	struct netlink_settings *s = &lab.w->netlink->now;

	lab_config(LAB_TWO_NETS(""));
	src = calloc(1, sizeof *src);
	src->source = ROUTE_KERNEL;
	netlink_distances_default(s->distance);
	s->table[s->tables++] = (struct netlink_table){.table = TABLE_MAIN};
	link_message(RTM_NEWLINK, 11, "a", true);
	give();
	link_message(RTM_NEWLINK, 12, "b", true);
	give();
	return rc;
}

static int close_router(void **state)
{
	struct route_pass p = {.sweep = true, .source = ROUTE_KERNEL, .mark = 99};

	route_pass(lab.w, &p, UINT32_MAX);
	assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0], 0);
	assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[1], 0);
	objects_free(&src->objects);
	links_free(src);
	free(src);
	return lab_close(state);
}

static void add(const char *prefix, const char *gateway, uint32_t link, uint32_t metric, uint16_t flags)
{
	route(RTM_NEWROUTE, flags, prefix, RTN_UNICAST);
	attr_u32(RTA_PRIORITY, metric);
	attr_u32(RTA_OIF, link);
	attr_ip(RTA_GATEWAY, gateway);
	give();
}

static void del(const char *prefix, const char *gateway, uint32_t link, uint32_t metric)
{
	route(RTM_DELROUTE, 0, prefix, RTN_UNICAST);
	attr_u32(RTA_PRIORITY, metric);
	attr_u32(RTA_OIF, link);
	attr_ip(RTA_GATEWAY, gateway);
	give();
}

/* The next hops packets to an address take, "" for none: "10.0.1.3" or "10.0.1.3,10.0.1.4". */
static const char *way(const char *to)
{
	static char text[512];
	struct route_info info;
	struct ipaddr a;

	text[0] = '\0';
	assert_int_equal(ipaddr_parse(to, &a), 0);
	if (!route_get(lab.w, 0, &a, &info))
		return text;
	if (info.spec.type != ROUTE_UNICAST)
		return route_type_names[info.spec.type];
	for (unsigned i = 0; i < info.spec.via_count; i++) {
		char one[ADDR_STRLEN];

		if (!info.via_usable[i])
			continue;
		strcat(text, text[0] != '\0' ? "," : "");
		strcat(text, ipaddr_format(&info.spec.via[i].address, one));
	}
	return text;
}

static void test_metric_and_order(void **state)
{
	add("203.0.113.0/24", "10.0.1.3", 12, 20, NLM_F_CREATE);
	assert_string_equal(way("203.0.113.1"), "10.0.1.3");
	add("203.0.113.0/24", "10.0.1.4", 12, 10, NLM_F_CREATE);
	assert_string_equal(way("203.0.113.1"), "10.0.1.4");
	add("203.0.113.0/24", "10.0.1.5", 12, 10, NLM_F_CREATE | NLM_F_APPEND);
	assert_string_equal(way("203.0.113.1"), "10.0.1.4");
	add("203.0.113.0/24", "10.0.1.6", 12, 10, NLM_F_CREATE); /* prepended */
	assert_string_equal(way("203.0.113.1"), "10.0.1.6");
	add("203.0.113.0/24", "10.0.1.7", 12, 10, NLM_F_CREATE | NLM_F_REPLACE);
	assert_string_equal(way("203.0.113.1"), "10.0.1.7");
	del("203.0.113.0/24", "10.0.1.7", 12, 10);
	assert_string_equal(way("203.0.113.1"), "10.0.1.4");
	del("203.0.113.0/24", "10.0.1.4", 12, 10);
	del("203.0.113.0/24", "10.0.1.5", 12, 10);
	assert_string_equal(way("203.0.113.1"), "10.0.1.3");
	del("203.0.113.0/24", "10.0.1.3", 12, 20);
	assert_string_equal(way("203.0.113.1"), "");
}

static void test_objects_change_their_routes(void **state)
{
	const struct nexthop_grp members[] = {{.id = 1}, {.id = 2}};

	for (uint32_t id = 1; id <= 2; id++) {
		object(RTM_NEWNEXTHOP, id, AF_INET);
		attr_u32(NHA_OIF, 12);
		attr_ip(NHA_GATEWAY, id == 1 ? "10.0.1.3" : "10.0.1.4");
		give();
	}
	object(RTM_NEWNEXTHOP, 3, AF_UNSPEC);
	attr(NHA_GROUP, members, sizeof members);
	give();
	route(RTM_NEWROUTE, NLM_F_CREATE, "203.0.113.0/24", RTN_UNICAST);
	attr_u32(RTA_NH_ID, 3);
	give();
	assert_string_equal(way("203.0.113.1"), "10.0.1.3,10.0.1.4");
	object(RTM_NEWNEXTHOP, 1, AF_INET);
	attr_u32(NHA_OIF, 11);
	attr_ip(NHA_GATEWAY, "10.0.0.2");
	give();
	assert_string_equal(way("203.0.113.1"), "10.0.0.2,10.0.1.4");
	object(RTM_DELNEXTHOP, 1, AF_INET);
	give();
	assert_string_equal(way("203.0.113.1"), "10.0.1.4");
	object(RTM_DELNEXTHOP, 2, AF_INET);
	give();
	assert_string_equal(way("203.0.113.1"), "");
	assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0], 0);
	route(RTM_NEWROUTE, NLM_F_CREATE, "203.0.113.0/24", RTN_UNICAST);
	attr_u32(RTA_NH_ID, 77);
	give();
	assert_int_equal(src->reason[WHY_OBJECT], 1);
}

static void test_ipv6_grows_and_shrinks(void **state)
{
	add("2001:db8:1::/48", "2001:db8:b::3", 12, 1024, NLM_F_CREATE);
	route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, "2001:db8:1::/48", RTN_UNICAST);
	attr_u32(RTA_PRIORITY, 1024);
	multipath_begin();
	hop("2001:db8:b::3", 12, 1);
	hop("2001:db8:b::4", 12, 1);
	multipath_end();
	give();
	assert_string_equal(way("2001:db8:1::1"), "2001:db8:b::3,2001:db8:b::4");
	del("2001:db8:1::/48", "2001:db8:b::3", 12, 1024);
	assert_string_equal(way("2001:db8:1::1"), "2001:db8:b::4");
	del("2001:db8:1::/48", "2001:db8:b::4", 12, 1024);
	assert_string_equal(way("2001:db8:1::1"), "");
}

static void test_a_link_that_goes_down(void **state)
{
	add("203.0.113.0/24", "10.0.1.3", 12, 10, NLM_F_CREATE);
	add("203.0.113.0/24", "10.0.0.2", 11, 20, NLM_F_CREATE);
	assert_string_equal(way("203.0.113.1"), "10.0.1.3");
	link_message(RTM_NEWLINK, 12, "b", false);
	give();
	assert_true(src->link_lost);
	links_tell(lab.w, src, false);
	assert_string_equal(way("203.0.113.1"), "10.0.0.2");
	link_message(RTM_NEWLINK, 12, "b", true);
	give();
	links_tell(lab.w, src, false); /* the sync is not through */
	assert_string_equal(way("203.0.113.1"), "10.0.0.2");
	links_tell(lab.w, src, true);
	assert_string_equal(way("203.0.113.1"), "10.0.1.3");
}

static void test_an_address_that_goes(void **state)
{
	static const struct {
		uint16_t type;
		const char *address;
		bool lost;
	} rows[] = {{RTM_NEWADDR, "10.0.1.7", false}, {RTM_DELADDR, "10.0.1.7", true},
		{RTM_NEWADDR, "2001:db8:b::7", false}, {RTM_DELADDR, "2001:db8:b::7", false}};

	for (unsigned i = 0; i < RTE_DIM(rows); i++) {
		src->link_lost = false;
		address_message(rows[i].type, 12, rows[i].address, 32);
		give();
		assert_int_equal(src->link_lost, rows[i].lost);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *prefix;
		uint8_t type, protocol, tos, source, table;
		uint32_t link;
		enum netlink_reason why;
	} rows[] = {
		{"203.0.113.0/24", RTN_UNICAST, 186, 0, 0, 100, 12, WHY_TABLE},
		{"203.0.113.0/24", RTN_LOCAL, 186, 0, 0, 255, 12, WHY_TABLE},
		{"203.0.113.0/24", RTN_UNICAST, RTPROT_KERNEL, 0, 0, 254, 12, WHY_CONNECTED},
		{"ff00::/8", RTN_MULTICAST, RTPROT_KERNEL, 0, 0, 254, 12, WHY_SCOPE},
		{"fe80::/64", RTN_UNICAST, RTPROT_KERNEL, 0, 0, 254, 12, WHY_SCOPE},
		{"203.0.113.0/24", RTN_THROW, 186, 0, 0, 254, 12, WHY_TYPE},
		{"203.0.113.0/24", RTN_UNICAST, 186, 8, 0, 254, 12, WHY_TOS},
		{"2001:db8::/32", RTN_UNICAST, 186, 0, 48, 254, 12, WHY_SOURCE},
		{"203.0.113.0/24", RTN_UNICAST, 186, 0, 0, 254, 99, WHY_INTERFACE},
	};

	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t before = src->reason[rows[i].why];
		struct rtmsg *r = (struct rtmsg *)(void *)(m.bytes + sizeof(struct nlmsghdr));

		route(RTM_NEWROUTE, NLM_F_CREATE, rows[i].prefix, rows[i].type);
		r->rtm_protocol = rows[i].protocol;
		r->rtm_tos = rows[i].tos;
		r->rtm_src_len = rows[i].source;
		r->rtm_table = rows[i].table;
		attr_u32(RTA_OIF, rows[i].link);
		give();
		assert_int_equal(src->reason[rows[i].why], before + 1);
		assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0], 0);
	}
}

/* Routes of a feed without the mark of its last sync go; others stay, and static ones anyway. */
static void test_mark_and_sweep(void **state)
{
	struct route_pass p;

	add("203.0.113.0/24", "10.0.1.3", 12, 10, NLM_F_CREATE);
	add("203.0.114.0/24", "10.0.1.3", 12, 10, NLM_F_CREATE);
	src->mark = 1;
	add("203.0.114.0/24", "10.0.1.3", 12, 10, NLM_F_CREATE);
	p = (struct route_pass){.sweep = true, .source = ROUTE_KERNEL, .mark = 1};
	while (!route_pass(lab.w, &p, 1))
		;
	assert_int_equal(p.removed, 1);
	assert_string_equal(way("203.0.113.1"), "");
	assert_string_equal(way("203.0.114.1"), "10.0.1.3");
}

static void test_packets_follow(void **state)
{
	add("203.0.113.0/24", "10.0.1.3", 12, 10, NLM_F_CREATE);
	begin_ip(0, 2, "10.0.0.2", "203.0.113.5");
	build_udp(&lab.b, 1, 1);
	inject(0);
	assert_int_equal(expect_frame(1)->data[5], 3);
	route(RTM_NEWROUTE, NLM_F_REPLACE, "203.0.113.0/24", RTN_BLACKHOLE);
	attr_u32(RTA_PRIORITY, 10);
	give();
	begin_ip(0, 2, "10.0.0.2", "203.0.113.5");
	build_udp(&lab.b, 1, 1);
	inject(0);
	expect_drop("route-blackhole");
}

/* Connected routes have no set of next hops; static ones come first at the same distance. */
static void test_beside_other_sources(void **state)
{
	add("10.0.1.0/24", "10.0.0.2", 11, 10, NLM_F_CREATE);
	add("10.0.1.0/24", "10.0.0.2", 11, 10, NLM_F_REPLACE);
	assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0], 1);
	del("10.0.1.0/24", "10.0.0.2", 11, 10);
	assert_int_equal(route_feed_counts(lab.w, ROUTE_KERNEL, 0)->routes[0], 0);
}

#define router_test(f) cmocka_unit_test_setup_teardown(f, open_router, close_router)

int main(void)
{
	const struct CMUnitTest tests[] = {
		router_test(test_metric_and_order),
		router_test(test_objects_change_their_routes),
		router_test(test_ipv6_grows_and_shrinks),
		router_test(test_a_link_that_goes_down),
		router_test(test_an_address_that_goes),
		router_test(test_refused),
		router_test(test_mark_and_sweep),
		router_test(test_packets_follow),
		router_test(test_beside_other_sources),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
