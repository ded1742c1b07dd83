/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What twins need of rtnetlink: one message, one answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "feature/kernel/kernel_priv.h"

#define MESSAGE 4096

/* Of linux/ip.h, which cannot be included beside netinet/ip.h. */
enum { DEVCONF_FORWARDING = 1, DEVCONF_SEND_REDIRECTS = 6, DEVCONF_RP_FILTER = 8 };

struct request {
	_Alignas(struct nlmsghdr) char buf[MESSAGE];
	struct nlmsghdr *nh;
};

static void *begin(struct request *r, uint16_t type, uint16_t flags, size_t extra)
{
	static uint32_t serial;

	memset(r->buf, 0, sizeof r->buf);
	r->nh = mnl_nlmsg_put_header(r->buf);
	r->nh->nlmsg_type = type;
	r->nh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	r->nh->nlmsg_seq = ++serial;
	return mnl_nlmsg_put_extra_header(r->nh, extra);
}

/* The answer to our message; others on the socket (there are none) are passed over. */
static int answer(int nl, uint32_t serial, int (*each)(const struct nlmsghdr *nh, void *ctx), void *ctx)
{
	_Alignas(struct nlmsghdr) char buf[16384];

	for (;;) {
		ssize_t got = recv(nl, buf, sizeof buf, 0);
		int len = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (const struct nlmsghdr *nh = (const void *)buf; mnl_nlmsg_ok(nh, len);
			nh = mnl_nlmsg_next(nh, &len)) {
			const struct nlmsgerr *err = mnl_nlmsg_get_payload(nh);

			if (nh->nlmsg_seq != serial)
				continue;
			if (nh->nlmsg_type == NLMSG_ERROR)
				return err->error;
			if (each != NULL)
				each(nh, ctx);
		}
	}
}

static int ask(int nl, struct request *r, int (*each)(const struct nlmsghdr *nh, void *ctx), void *ctx)
{
	if (send(nl, r->nh, r->nh->nlmsg_len, 0) < 0)
		return -errno;
	return answer(nl, r->nh->nlmsg_seq, each, ctx);
}

/* --- links --- */

int nl_link_change(int nl, int ifindex, const struct link_change *c)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, 0, sizeof *m);

	m->ifi_index = ifindex;
	if (c->up >= 0) {
		m->ifi_change |= IFF_UP;
		m->ifi_flags |= c->up ? IFF_UP : 0;
	}
	if (c->arp >= 0) {
		m->ifi_change |= IFF_NOARP;
		m->ifi_flags |= c->arp ? 0 : IFF_NOARP;
	}
	if (c->mtu != 0)
		mnl_attr_put_u32(r.nh, IFLA_MTU, c->mtu);
	if (c->mac != NULL)
		mnl_attr_put(r.nh, IFLA_ADDRESS, 6, c->mac);
	if (c->master >= 0)
		mnl_attr_put_u32(r.nh, IFLA_MASTER, (uint32_t)c->master);
	return ask(nl, &r, NULL, NULL);
}

static int look_at(const struct nlmsghdr *nh, void *ctx)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nh);
	struct link_now *now = ctx;
	const struct nlattr *a;

	now->flags = m->ifi_flags;
	mnl_attr_for_each(a, nh, sizeof *m) if (mnl_attr_get_type(a) == IFLA_IFALIAS)
		snprintf(now->alias, sizeof now->alias, "%.*s", (int)mnl_attr_get_payload_len(a),
			(const char *)mnl_attr_get_payload(a));
	return 0;
}

int nl_link_look(int nl, int ifindex, struct link_now *now)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_GETLINK, 0, sizeof *m);

	*now = (struct link_now){.flags = 0};
	m->ifi_index = ifindex;
	return ask(nl, &r, look_at, now);
}

int nl_link_alias(int nl, int ifindex, const char *alias)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, 0, sizeof *m);

	m->ifi_index = ifindex;
	mnl_attr_put(r.nh, IFLA_IFALIAS, strlen(alias), alias);
	return ask(nl, &r, NULL, NULL);
}

void nl_link_settle(int nl, int ifindex)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_GETLINK, 0, sizeof *m);

	m->ifi_index = ifindex;
	ask(nl, &r, NULL, NULL);
}

static int set_family(int nl, int ifindex, uint16_t family, void (*fill)(struct nlmsghdr *nh, bool), bool arg)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_SETLINK, 0, sizeof *m);
	struct nlattr *spec, *inner;

	m->ifi_index = ifindex;
	spec = mnl_attr_nest_start(r.nh, IFLA_AF_SPEC);
	inner = mnl_attr_nest_start(r.nh, family);
	fill(r.nh, arg);
	mnl_attr_nest_end(r.nh, inner);
	mnl_attr_nest_end(r.nh, spec);
	return ask(nl, &r, NULL, NULL);
}

static void fill4(struct nlmsghdr *nh, bool forwarding)
{
	struct nlattr *conf = mnl_attr_nest_start(nh, IFLA_INET_CONF);

	mnl_attr_put_u32(nh, DEVCONF_FORWARDING, forwarding);
	mnl_attr_put_u32(nh, DEVCONF_RP_FILTER, 2);
	mnl_attr_put_u32(nh, DEVCONF_SEND_REDIRECTS, 0);
	mnl_attr_nest_end(nh, conf);
}

static void fill6(struct nlmsghdr *nh, bool arg)
{
	mnl_attr_put_u8(nh, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
}

int nl_link_settings(int nl, int ifindex, bool forwarding)
{
	int rc = set_family(nl, ifindex, AF_INET, fill4, forwarding);
	int rc6 = set_family(nl, ifindex, AF_INET6, fill6, false);

	/* A kernel without IPv6, or an MTU too small for it, makes no link-local address either. */
	return rc != 0 ? rc : rc6 == -EAFNOSUPPORT || rc6 == -EOPNOTSUPP ? 0 : rc6;
}

/* --- addresses --- */

static void put_address(struct request *r, int ifindex, uint16_t type, uint16_t flags, const struct prefix *p)
{
	struct ifaddrmsg *m = begin(r, type, flags, sizeof *m);
	bool v4 = p->addr.family == FAMILY_V4;
	uint32_t all = htonl(ipaddr_to_v4(&p->addr) | (p->len < 32 ? UINT32_MAX >> p->len : 0));

	m->ifa_family = v4 ? AF_INET : AF_INET6;
	m->ifa_prefixlen = p->len;
	m->ifa_index = (uint32_t)ifindex;
	m->ifa_scope = ipaddr_is_link_local(&p->addr) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	mnl_attr_put(r->nh, IFA_LOCAL, v4 ? 4 : 16, p->addr.bytes);
	mnl_attr_put(r->nh, IFA_ADDRESS, v4 ? 4 : 16, p->addr.bytes);
	if (type != RTM_NEWADDR)
		return;
	if (v4 && p->len < 31)
		mnl_attr_put(r->nh, IFA_BROADCAST, 4, &all);
	if (!v4)
		mnl_attr_put_u32(r->nh, IFA_FLAGS, IFA_F_NODAD);
}

int nl_address_add(int nl, int ifindex, const struct prefix *p)
{
	struct request r;

	put_address(&r, ifindex, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, p);
	return ask(nl, &r, NULL, NULL);
}

int nl_address_del(int nl, int ifindex, const struct prefix *p)
{
	struct request r;

	put_address(&r, ifindex, RTM_DELADDR, 0, p);
	return ask(nl, &r, NULL, NULL);
}

/* --- VRF devices --- */

struct found {
	int ifindex;
	bool is_vrf;
	uint32_t table;
};

static int look_link(const struct nlmsghdr *nh, void *ctx)
{
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(nh);
	struct found *f = ctx;
	const struct nlattr *a, *b, *c;

	f->ifindex = m->ifi_index;
	mnl_attr_for_each(a, nh, sizeof *m)
	{
		if (mnl_attr_get_type(a) != IFLA_LINKINFO)
			continue;
		mnl_attr_for_each_nested(b, a)
		{
			if (mnl_attr_get_type(b) == IFLA_INFO_KIND)
				f->is_vrf = strcmp(mnl_attr_get_str(b), "vrf") == 0;
			if (mnl_attr_get_type(b) == IFLA_INFO_DATA)
				mnl_attr_for_each_nested(c, b) if (mnl_attr_get_type(c) == IFLA_VRF_TABLE)
					f->table = mnl_attr_get_u32(c);
		}
	}
	return 0;
}

static int find_vrf(int nl, const char *name, struct found *f)
{
	struct request r;

	begin(&r, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(r.nh, IFLA_IFNAME, name);
	return ask(nl, &r, look_link, f);
}

static int make_vrf(int nl, const char *name, uint32_t table)
{
	struct request r;
	struct ifinfomsg *m = begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *m);
	struct nlattr *info, *data;

	m->ifi_flags = m->ifi_change = IFF_UP;
	mnl_attr_put_strz(r.nh, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(r.nh, IFLA_LINKINFO);
	mnl_attr_put_strz(r.nh, IFLA_INFO_KIND, "vrf");
	data = mnl_attr_nest_start(r.nh, IFLA_INFO_DATA);
	mnl_attr_put_u32(r.nh, IFLA_VRF_TABLE, table);
	mnl_attr_nest_end(r.nh, data);
	mnl_attr_nest_end(r.nh, info);
	return ask(nl, &r, NULL, NULL);
}

int nl_vrf_device(int nl, const char *name, uint32_t table)
{
	struct found f = {0};
	int rc = find_vrf(nl, name, &f);

	if (rc == -ENODEV) {
		rc = make_vrf(nl, name, table);
		if (rc == 0)
			rc = find_vrf(nl, name, &f);
	}
	if (rc != 0)
		return rc;
	return f.is_vrf && f.table == table ? f.ifindex : -EEXIST;
}
