/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of the kernel built by hand: what the decoder makes of every attribute, and of lengths that lie.
 */
#include "feature/netlink/netlink_test.h"

static struct nl_message got;

static void decode(int want)
{
	assert_int_equal(nl_decode(head(), &got), want);
}

static void test_route_attributes(void **state)
{
	route(RTM_NEWROUTE, NLM_F_REPLACE, "203.0.113.0/24", RTN_UNICAST);
	attr_u32(RTA_TABLE, 1000);
	attr_u32(RTA_PRIORITY, 20);
	attr_u32(RTA_OIF, 7);
	attr_ip(RTA_GATEWAY, "10.0.0.9");
	decode(0);
	assert_int_equal(got.kind, NL_ROUTE);
	assert_false(got.gone);
	assert_int_equal(got.flags, NLM_F_REPLACE);
	assert_int_equal(got.route.table, 1000);
	assert_int_equal(got.route.metric, 20);
	assert_int_equal(got.route.protocol, 186);
	assert_int_equal(got.route.prefix.len, 24);
	assert_int_equal(got.route.path_count, 1);
	assert_int_equal(got.route.path[0].link, 7);
	assert_int_equal(got.route.path[0].gateway.family, FAMILY_V4);
	assert_int_equal(got.route.path[0].weight, 1);
}

static void test_via_of_the_other_family(void **state)
{
	uint8_t via[18] = {AF_INET6, 0, 0xfe, 0x80, [17] = 9};

	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	attr(RTA_VIA, via, sizeof via);
	decode(0);
	assert_int_equal(got.route.path[0].gateway.family, FAMILY_V6);
	assert_int_equal(got.route.path[0].gateway.bytes[15], 9);
	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	attr(RTA_VIA, via, 10);
	decode(-EBADMSG);
	via[1] = 1; /* family 266 */
	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	attr(RTA_VIA, via, sizeof via);
	decode(-EBADMSG);
}

static void test_multipath(void **state)
{
	route(RTM_NEWROUTE, 0, "2001:db8::/32", RTN_UNICAST);
	multipath_begin();
	hop("fe80::1", 3, 1);
	hop("fe80::2", 4, 256);
	multipath_end();
	decode(0);
	assert_int_equal(got.route.path_count, 2);
	assert_int_equal(got.route.path[1].weight, 256);
	assert_int_equal(got.route.path[1].link, 4);
}

static void test_more_next_hops_than_we_take(void **state)
{
	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	multipath_begin();
	for (unsigned i = 0; i < NL_PATHS + 1; i++)
		hop("10.0.0.9", 3, 1);
	multipath_end();
	decode(0);
	assert_true(got.route.truncated);
	assert_int_equal(got.route.path_count, NL_PATHS);
}

static void test_objects(void **state)
{
	const struct nexthop_grp members[] = {{.id = 1, .weight = 4}, {.id = 2, .weight = 0, .resvd1 = 1}};
	const uint16_t resilient = NEXTHOP_GRP_TYPE_RES;

	object(RTM_NEWNEXTHOP, 7, AF_INET);
	attr_u32(NHA_OIF, 3);
	attr_ip(NHA_GATEWAY, "10.0.0.9");
	decode(0);
	assert_int_equal(got.kind, NL_OBJECT);
	assert_int_equal(got.object.id, 7);
	assert_int_equal(got.object.path.link, 3);
	object(RTM_NEWNEXTHOP, 8, AF_UNSPEC);
	attr(NHA_GROUP, members, sizeof members);
	attr(NHA_GROUP_TYPE, &resilient, sizeof resilient);
	decode(0);
	assert_true(got.object.group && got.object.resilient);
	assert_int_equal(got.object.member[0].weight, 5);
	assert_int_equal(got.object.member[1].weight, 257); /* 16 bits since Linux 6.12 */
	object(RTM_NEWNEXTHOP, 8, AF_UNSPEC);
	attr(NHA_GROUP, members, sizeof members - 1);
	decode(-EBADMSG);
	object(RTM_DELNEXTHOP, 9, AF_UNSPEC);
	attr(NHA_BLACKHOLE, NULL, 0);
	decode(0);
	assert_true(got.gone && got.object.blackhole);
}

static void test_links_and_addresses(void **state)
{
	const struct ifaddrmsg a = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
	const struct ifaddrmsg odd = {.ifa_family = AF_INET, .ifa_prefixlen = 33, .ifa_index = 3};

	link_message(RTM_NEWLINK, 3, "lan", true);
	decode(0);
	assert_true(got.link.up);
	assert_string_equal(got.link.name, "lan");
	link_message(RTM_NEWLINK, 3, "a-name-that-is-too-long", true);
	decode(-EBADMSG);
	begin(RTM_NEWADDR, 0, &a, sizeof a);
	attr_ip(IFA_ADDRESS, "10.0.0.2"); /* the peer's */
	attr_ip(IFA_LOCAL, "10.0.0.1");
	decode(0);
	assert_int_equal(got.address.prefix.addr.bytes[3], 1);
	begin(RTM_NEWADDR, 0, &a, sizeof a);
	decode(-EBADMSG);
	begin(RTM_NEWADDR, 0, &odd, sizeof odd);
	attr_ip(IFA_LOCAL, "10.0.0.1");
	decode(-EBADMSG);
}

/* Every length a little wrong: an answer, never a read beyond the message (the sanitizer's build watches). */
static void test_lengths_that_lie(void **state)
{
	uint32_t whole;

	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	multipath_begin();
	hop("10.0.0.9", 3, 1);
	hop("10.0.1.9", 4, 1);
	multipath_end();
	whole = head()->nlmsg_len;
	for (uint32_t cut = sizeof(struct nlmsghdr); cut < whole; cut++) {
		struct nlmsghdr *copy = malloc(cut);

		memcpy(copy, m.bytes, cut);
		copy->nlmsg_len = cut;
		nl_decode(copy, &got);
		free(copy);
	}
	for (uint32_t at = sizeof(struct nlmsghdr) + sizeof(struct rtmsg); at < whole; at++)
		for (unsigned v = 0; v < 256; v += 5) {
			struct nlmsghdr *copy = malloc(whole);

			memcpy(copy, m.bytes, whole);
			((uint8_t *)copy)[at] = (uint8_t)v;
			nl_decode(copy, &got);
			free(copy);
		}
}

static void test_attribute_longer_than_the_message(void **state)
{
	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	attr_u32(RTA_OIF, 7);
	((struct nlattr *)(void *)(m.bytes + head()->nlmsg_len - 8))->nla_len = 9;
	decode(-EBADMSG);
	((struct nlattr *)(void *)(m.bytes + head()->nlmsg_len - 8))->nla_len = 3;
	decode(-EBADMSG);
	route(RTM_NEWROUTE, 0, "203.0.113.0/24", RTN_UNICAST);
	attr(RTA_OIF, "ab", 2);
	decode(-EBADMSG);
	begin(RTM_NEWROUTE, 0, "abc", 3);
	decode(-EBADMSG);
}

static void test_frames(void **state)
{
	const uint8_t good[8] = {1, 1, 0, 8}, other[4] = {2, 1, 0, 8}, tiny[4] = {1, 1, 0, 3};

	assert_int_equal(fpm_frame(good, 8), 8);
	assert_int_equal(fpm_frame(good, 7), 0);
	assert_int_equal(fpm_frame(good, 2), 0);
	assert_int_equal(fpm_frame(good, 0), 0);
	assert_int_equal(fpm_frame(other, 1), -EBADMSG);
	assert_int_equal(fpm_frame(tiny, 4), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_route_attributes),
		cmocka_unit_test(test_via_of_the_other_family),
		cmocka_unit_test(test_multipath),
		cmocka_unit_test(test_more_next_hops_than_we_take),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_links_and_addresses),
		cmocka_unit_test(test_lengths_that_lie),
		cmocka_unit_test(test_attribute_longer_than_the_message),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, lab_group_setup, NULL);
}
