/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decoder of rtnetlink messages (rtnetlink(7), linux/rtnetlink.h, linux/nexthop.h).
 */
#include "feature/netlink/message.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include <libmnl/libmnl.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1u << 16)
#endif

/* Attributes of a nest, in any order; stops and says false at one that does not fit. */
struct attrs {
	const struct nlattr *at;
	size_t left;
	bool bad;
};

static const struct nlattr *next_attr(struct attrs *a)
{
	const struct nlattr *now = a->at;
	size_t step;

	if (a->left < sizeof *now) {
		a->bad |= a->left != 0 && a->left >= NLA_ALIGNTO;
		return NULL;
	}
	if (now->nla_len < sizeof *now || now->nla_len > a->left) {
		a->bad = true;
		return NULL;
	}
	step = (size_t)NLA_ALIGN(now->nla_len);
	step = step < a->left ? step : a->left;
	a->at = (const struct nlattr *)(const void *)((const uint8_t *)now + step);
	a->left -= step;
	return now;
}

static struct attrs attrs_of(const void *start, size_t len)
{
	return (struct attrs){.at = start, .left = len};
}

/* Attributes behind a header of `size` bytes; bad when not even that is there. */
static struct attrs attrs_behind(const struct nlmsghdr *h, size_t size)
{
	size_t skip = MNL_NLMSG_HDRLEN + MNL_ALIGN(size);

	if (h->nlmsg_len < MNL_NLMSG_HDRLEN + size)
		return (struct attrs){.bad = true};
	return skip >= h->nlmsg_len ? (struct attrs){.left = 0}
				    : attrs_of((const uint8_t *)h + skip, h->nlmsg_len - skip);
}

static bool get_u32(const struct nlattr *a, uint32_t *out)
{
	if (mnl_attr_get_payload_len(a) < sizeof *out)
		return false;
	memcpy(out, mnl_attr_get_payload(a), sizeof *out);
	return true;
}

static bool get_address(const void *bytes, size_t len, uint8_t family, struct ipaddr *out)
{
	size_t want = family == AF_INET ? 4 : 16;

	if (len < want || (family != AF_INET && family != AF_INET6))
		return false;
	*out = (struct ipaddr){.family = family == AF_INET ? FAMILY_V4 : FAMILY_V6};
	memcpy(out->bytes, bytes, want);
	return true;
}

static bool attr_address(const struct nlattr *a, uint8_t family, struct ipaddr *out)
{
	return get_address(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), family, out);
}

/* RTA_VIA: the family of the gateway before it (RFC 8950). */
static bool attr_via(const struct nlattr *a, struct ipaddr *out)
{
	const uint8_t *p = mnl_attr_get_payload(a);
	uint16_t len = mnl_attr_get_payload_len(a), family;

	if (len < sizeof family)
		return false;
	memcpy(&family, p, sizeof family);
	return family <= UINT8_MAX && get_address(p + 2, len - 2u, (uint8_t)family, out);
}

/* --- links and addresses --- */

static int decode_link(const struct nlmsghdr *h, struct nl_message *out)
{
	struct attrs a = attrs_behind(h, sizeof(struct ifinfomsg));
	const struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
	const unsigned want = IFF_UP | IFF_LOWER_UP;
	const struct nlattr *x;

	if (a.bad)
		return -EBADMSG;
	if (m->ifi_family != AF_UNSPEC || m->ifi_index <= 0) /* a bridge's view of its ports */
		return 0;
	out->kind = NL_LINK;
	out->link = (struct nl_link){.index = (uint32_t)m->ifi_index,
		.admin = (m->ifi_flags & IFF_UP) != 0,
		.up = (m->ifi_flags & want) == want};
	while ((x = next_attr(&a)) != NULL) {
		if (mnl_attr_get_type(x) != IFLA_IFNAME)
			continue;
		if (mnl_attr_get_payload_len(x) > NL_NAME)
			return -EBADMSG;
		memcpy(out->link.name, mnl_attr_get_payload(x), mnl_attr_get_payload_len(x));
		out->link.name[NL_NAME - 1] = '\0';
	}
	return a.bad ? -EBADMSG : 0;
}

static int decode_address(const struct nlmsghdr *h, struct nl_message *out)
{
	struct attrs a = attrs_behind(h, sizeof(struct ifaddrmsg));
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
	struct ipaddr local = {.family = FAMILY_NONE}, address = local;
	const struct nlattr *x;

	if (a.bad)
		return -EBADMSG;
	if (m->ifa_family != AF_INET && m->ifa_family != AF_INET6)
		return 0;
	while ((x = next_attr(&a)) != NULL) {
		bool fits = true;

		if (mnl_attr_get_type(x) == IFA_LOCAL)
			fits = attr_address(x, m->ifa_family, &local);
		else if (mnl_attr_get_type(x) == IFA_ADDRESS)
			fits = attr_address(x, m->ifa_family, &address);
		if (!fits)
			return -EBADMSG;
	}
	if (local.family == FAMILY_NONE)
		local = address;
	if (a.bad || local.family == FAMILY_NONE || m->ifa_prefixlen > family_bits(local.family))
		return -EBADMSG;
	out->kind = NL_ADDRESS;
	out->address =
		(struct nl_address){.link = m->ifa_index, .prefix = {.addr = local, .len = m->ifa_prefixlen}};
	return 0;
}

/* --- routes --- */

/* One attribute of a next hop, of the route itself or inside RTA_MULTIPATH. */
static bool path_attr(struct nl_path *p, const struct nlattr *x, uint8_t family)
{
	switch (mnl_attr_get_type(x)) {
	case RTA_GATEWAY:
		return attr_address(x, family, &p->gateway);
	case RTA_VIA:
		return attr_via(x, &p->gateway);
	case RTA_OIF:
		return get_u32(x, &p->link);
	case RTA_ENCAP:
		p->encap = true;
		return true;
	default:
		return true;
	}
}

static bool decode_hop(struct nl_route *r, const struct rtnexthop *n, uint8_t family)
{
	struct attrs a = attrs_of((const uint8_t *)n + sizeof *n, n->rtnh_len - sizeof *n);
	struct nl_path p = {.gateway.family = FAMILY_NONE,
		.link = n->rtnh_ifindex > 0 ? (uint32_t)n->rtnh_ifindex : 0,
		.weight = (uint16_t)(n->rtnh_hops + 1)};
	const struct nlattr *x;

	while ((x = next_attr(&a)) != NULL)
		if (!path_attr(&p, x, family))
			return false;
	if (r->path_count < NL_PATHS)
		r->path[r->path_count++] = p;
	else
		r->truncated = true;
	return !a.bad;
}

static bool decode_multipath(struct nl_route *r, const struct nlattr *x, uint8_t family)
{
	const uint8_t *p = mnl_attr_get_payload(x);
	size_t left = mnl_attr_get_payload_len(x), step;

	r->path_count = 0;
	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *n = (const struct rtnexthop *)(const void *)p;

		if (n->rtnh_len < sizeof *n || n->rtnh_len > left || !decode_hop(r, n, family))
			return false;
		step = (size_t)RTNH_ALIGN(n->rtnh_len);
		step = step < left ? step : left;
		p += step;
		left -= step;
	}
	return left == 0;
}

/* Reads all attributes but those of its own next hop, which go to *own. */
static bool route_attr(struct nl_route *r, struct nl_path *own, const struct nlattr *x, uint8_t family)
{
	switch (mnl_attr_get_type(x)) {
	case RTA_DST:
		return attr_address(x, family, &r->prefix.addr);
	case RTA_TABLE:
		return get_u32(x, &r->table);
	case RTA_PRIORITY:
		return get_u32(x, &r->metric);
	case RTA_NH_ID:
		return get_u32(x, &r->object);
	case RTA_MULTIPATH:
		return decode_multipath(r, x, family);
	default:
		return path_attr(own, x, family);
	}
}

static int decode_route(const struct nlmsghdr *h, struct nl_message *out)
{
	struct attrs a = attrs_behind(h, sizeof(struct rtmsg));
	const struct rtmsg *m = mnl_nlmsg_get_payload(h);
	struct nl_path own = {.gateway.family = FAMILY_NONE, .weight = 1};
	struct nl_route *r = &out->route;
	const struct nlattr *x;

	if (a.bad)
		return -EBADMSG;
	if (m->rtm_family != AF_INET && m->rtm_family != AF_INET6)
		return 0;
	r->prefix = (struct prefix){
		.addr.family = m->rtm_family == AF_INET ? FAMILY_V4 : FAMILY_V6, .len = m->rtm_dst_len};
	r->table = m->rtm_table;
	r->metric = r->object = 0;
	r->protocol = m->rtm_protocol;
	r->type = m->rtm_type;
	r->tos = m->rtm_tos;
	r->source_len = m->rtm_src_len;
	r->cloned = (m->rtm_flags & RTM_F_CLONED) != 0;
	r->truncated = false;
	r->path_count = 0;
	while ((x = next_attr(&a)) != NULL)
		if (!route_attr(r, &own, x, m->rtm_family))
			return -EBADMSG;
	if (a.bad || m->rtm_dst_len > family_bits(r->prefix.addr.family))
		return -EBADMSG;
	if (r->path_count == 0 && (own.gateway.family != FAMILY_NONE || own.link != 0))
		r->path[r->path_count++] = own;
	out->kind = NL_ROUTE;
	return 0;
}

/* --- next-hop objects --- */

static bool decode_members(struct nl_object *o, const struct nlattr *x)
{
	const uint8_t *p = mnl_attr_get_payload(x);
	size_t len = mnl_attr_get_payload_len(x);
	struct nexthop_grp g;

	o->group = true;
	for (size_t at = 0; at + sizeof g <= len; at += sizeof g) {
		memcpy(&g, p + at, sizeof g);
		if (o->member_count == NL_PATHS) {
			o->truncated = true;
			break;
		}
		/* The byte behind the weight is its upper half since Linux 6.12. */
		o->member[o->member_count++] =
			(struct nl_member){.id = g.id, .weight = (uint32_t)(g.resvd1 << 8 | g.weight) + 1};
	}
	return len % sizeof g == 0;
}

static bool object_attr(struct nl_object *o, const struct nlattr *x, uint8_t family)
{
	uint16_t type;

	switch (mnl_attr_get_type(x)) {
	case NHA_ID:
		return get_u32(x, &o->id);
	case NHA_GROUP:
		return decode_members(o, x);
	case NHA_GROUP_TYPE:
		if (mnl_attr_get_payload_len(x) < sizeof type)
			return false;
		memcpy(&type, mnl_attr_get_payload(x), sizeof type);
		o->resilient = type == NEXTHOP_GRP_TYPE_RES;
		return true;
	case NHA_BLACKHOLE:
		return o->blackhole = true;
	case NHA_OIF:
		return get_u32(x, &o->path.link);
	case NHA_GATEWAY:
		return attr_address(x, family, &o->path.gateway);
	case NHA_ENCAP:
		return o->path.encap = true;
	case NHA_FDB:
		return o->fdb = true;
	default:
		return true;
	}
}

static int decode_object(const struct nlmsghdr *h, struct nl_message *out)
{
	struct attrs a = attrs_behind(h, sizeof(struct nhmsg));
	const struct nhmsg *m = mnl_nlmsg_get_payload(h);
	struct nl_object *o = &out->object;
	const struct nlattr *x;

	if (a.bad)
		return -EBADMSG;
	*o = (struct nl_object){.path = {.gateway.family = FAMILY_NONE, .weight = 1}};
	while ((x = next_attr(&a)) != NULL)
		if (!object_attr(o, x, m->nh_family))
			return -EBADMSG;
	if (a.bad || o->id == 0)
		return -EBADMSG;
	out->kind = NL_OBJECT;
	return 0;
}

/* --- all --- */

int nl_decode(const struct nlmsghdr *h, struct nl_message *out)
{
	out->kind = NL_OTHER;
	out->flags = h->nlmsg_flags;
	out->gone = h->nlmsg_type == RTM_DELLINK || h->nlmsg_type == RTM_DELADDR ||
		    h->nlmsg_type == RTM_DELROUTE || h->nlmsg_type == RTM_DELNEXTHOP;
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return decode_link(h, out);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return decode_address(h, out);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return decode_route(h, out);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return decode_object(h, out);
	default:
		return 0;
	}
}

const struct nlmsghdr *nl_first(const void *bytes, size_t len)
{
	const struct nlmsghdr *h = bytes;

	if (len < sizeof *h || h->nlmsg_len < sizeof *h || h->nlmsg_len > len)
		return NULL;
	return h;
}
