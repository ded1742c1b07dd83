/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Messages of the kernel, built by hand, for the tests of this folder.
 */
#ifndef WEIR_FEATURE_NETLINK_TEST_H
#define WEIR_FEATURE_NETLINK_TEST_H

#include "harness.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "feature/netlink/frame.h"
#include "feature/netlink/priv.h"
#include "feature/route/rib.h"

static struct {
	uint8_t bytes[8192] __attribute__((aligned(8)));
	size_t nest;
} m;

static inline struct nlmsghdr *head(void)
{
	return (struct nlmsghdr *)(void *)m.bytes;
}

static inline void put(const void *bytes, size_t len)
{
	if (len != 0)
		memcpy(m.bytes + head()->nlmsg_len, bytes, len);
	head()->nlmsg_len += (uint32_t)len;
}

static inline void begin(uint16_t type, uint16_t flags, const void *body, size_t len)
{
	memset(m.bytes, 0, sizeof m.bytes);
	*head() = (struct nlmsghdr){.nlmsg_len = sizeof *head(), .nlmsg_type = type, .nlmsg_flags = flags};
	put(body, len);
}

static inline void attr(uint16_t type, const void *data, size_t len)
{
	const struct nlattr a = {.nla_len = (uint16_t)(sizeof a + len), .nla_type = type};
	const uint8_t zero[4] = {0};

	put(&a, sizeof a);
	put(data, len);
	put(zero, (4 - len % 4) % 4);
}

static inline void attr_u32(uint16_t type, uint32_t v)
{
	attr(type, &v, sizeof v);
}

static inline void attr_ip(uint16_t type, const char *text)
{
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(text, &a), 0);
	attr(type, a.bytes, a.family == FAMILY_V4 ? 4 : 16);
}

static inline void route(uint16_t type, uint16_t flags, const char *prefix, uint8_t kind)
{
	struct prefix p;
	struct rtmsg r = {.rtm_table = TABLE_MAIN, .rtm_protocol = 186, .rtm_type = kind};

	assert_int_equal(prefix_parse(prefix, &p), 0);
	r.rtm_family = p.addr.family == FAMILY_V4 ? AF_INET : AF_INET6;
	r.rtm_dst_len = p.len;
	begin(type, flags, &r, sizeof r);
	if (p.len != 0)
		attr(RTA_DST, p.addr.bytes, p.addr.family == FAMILY_V4 ? 4 : 16);
}

static inline void hop(const char *gateway, uint32_t link, unsigned weight)
{
	struct rtnexthop n = {.rtnh_hops = (uint8_t)(weight - 1), .rtnh_ifindex = (int)link};
	struct ipaddr a;

	assert_int_equal(ipaddr_parse(gateway, &a), 0);
	n.rtnh_len = (uint16_t)(sizeof n + 4 + (a.family == FAMILY_V4 ? 4 : 16));
	put(&n, sizeof n);
	attr_ip(RTA_GATEWAY, gateway);
}

static inline void multipath_begin(void)
{
	m.nest = head()->nlmsg_len;
	attr(RTA_MULTIPATH, NULL, 0);
}

static inline void multipath_end(void)
{
	struct nlattr *a = (struct nlattr *)(void *)(m.bytes + m.nest);

	a->nla_len = (uint16_t)(head()->nlmsg_len - m.nest);
}

static inline void object(uint16_t type, uint32_t id, uint8_t family)
{
	const struct nhmsg n = {.nh_family = family};

	begin(type, NLM_F_REPLACE, &n, sizeof n);
	attr_u32(NHA_ID, id);
}

static inline void link_message(uint16_t type, int index, const char *name, bool up)
{
	const struct ifinfomsg i = {.ifi_index = index, .ifi_flags = up ? IFF_UP | 1u << 16 : 0};

	begin(type, 0, &i, sizeof i);
	attr(IFLA_IFNAME, name, strlen(name) + 1);
}

static inline void address_message(uint16_t type, uint32_t index, const char *address, uint8_t len)
{
	struct ifaddrmsg a = {.ifa_index = index, .ifa_prefixlen = len};

	a.ifa_family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	begin(type, 0, &a, sizeof a);
	attr_ip(IFA_ADDRESS, address);
	attr_ip(IFA_LOCAL, address);
}

#endif
