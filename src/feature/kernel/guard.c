/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A port on a kernel interface by AF_PACKET: the kernel's own stack gets each frame as well, would accept
 * what is for an address of the twin, and answer a second time. An nftables table whose only chains are at
 * the interfaces' ingress and drop everything keeps the frames from it, but not from packet sockets, which
 * come first. The table is owned by our socket: the kernel removes it when the process ends (Linux 5.12).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "feature/kernel/kernel_priv.h"

#define FIRST_PRIORITY (-500)
#define BATCH 16384
#define MESSAGES (PORT_MAX + 4)

struct batch {
	_Alignas(struct nlmsghdr) char buf[BATCH];
	size_t len;
	uint32_t serial;
	unsigned asked; /* messages that are answered */
};

static struct nlmsghdr *put(struct batch *b, uint16_t type, uint8_t family, uint16_t res, uint16_t flags)
{
	struct nlmsghdr *nh = mnl_nlmsg_put_header(b->buf + b->len);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nh, sizeof *g);

	nh->nlmsg_type = type;
	nh->nlmsg_flags = NLM_F_REQUEST | flags;
	nh->nlmsg_seq = ++b->serial;
	*g = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res)};
	b->asked += (flags & NLM_F_ACK) != 0;
	return nh;
}

static void end(struct batch *b, const struct nlmsghdr *nh)
{
	b->len += nh->nlmsg_len;
}

static struct nlmsghdr *put_nft(struct batch *b, uint16_t type, uint16_t flags)
{
	return put(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), NFPROTO_NETDEV, 0, NLM_F_ACK | flags);
}

static void put_table(struct batch *b, const char *table)
{
	struct nlmsghdr *nh = put_nft(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(nh, NFTA_TABLE_NAME, table);
	mnl_attr_put_u32(nh, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
	end(b, nh);
}

static void put_chain(struct batch *b, const char *table, const char *netdev)
{
	struct nlmsghdr *nh = put_nft(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(nh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nh, NFTA_CHAIN_NAME, netdev);
	hook = mnl_attr_nest_start(nh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nh, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	mnl_attr_put_u32(nh, NFTA_HOOK_PRIORITY, htonl((uint32_t)FIRST_PRIORITY));
	mnl_attr_put_strz(nh, NFTA_HOOK_DEV, netdev);
	mnl_attr_nest_end(nh, hook);
	mnl_attr_put_u32(nh, NFTA_CHAIN_POLICY, htonl(NF_DROP));
	mnl_attr_put_strz(nh, NFTA_CHAIN_TYPE, "filter");
	end(b, nh);
}

/* 0 or the first negative errno the kernel answers. */
static int run(int nl, const struct batch *b)
{
	_Alignas(struct nlmsghdr) char buf[8192];
	unsigned left = b->asked;
	int rc = 0;

	if (send(nl, b->buf, b->len, 0) < 0)
		return -errno;
	while (left > 0) {
		ssize_t got = recv(nl, buf, sizeof buf, 0);
		int len = (int)got;

		if (got < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		for (const struct nlmsghdr *nh = (const void *)buf; mnl_nlmsg_ok(nh, len);
			nh = mnl_nlmsg_next(nh, &len)) {
			const struct nlmsgerr *err = mnl_nlmsg_get_payload(nh);

			if (nh->nlmsg_type != NLMSG_ERROR)
				continue;
			if (err->error != 0)
				return err->error; /* the whole batch is undone */
			left -= left > 0;
		}
	}
	return rc;
}

static int build(struct guard *g)
{
	struct batch b = {.len = 0};
	char table[64];

	snprintf(table, sizeof table, "weir-%d", (int)getpid());
	end(&b, put(&b, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0));
	put_table(&b, table);
	for (unsigned i = 0; i < g->count; i++)
		put_chain(&b, table, g->names[i]);
	end(&b, put(&b, NFNL_MSG_BATCH_END, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, 0));
	return run(g->nl, &b);
}

static void stop(struct guard *g)
{
	if (g->nl >= 0)
		close(g->nl);
	g->nl = -1;
	g->count = 0;
}

/* It has addresses besides the link-local one that each IPv6 interface has. */
static bool has_addresses(const char *netdev)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) != 0)
		return false;
	for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next) {
		if (a->ifa_addr == NULL || strcmp(a->ifa_name, netdev) != 0)
			continue;
		found |= a->ifa_addr->sa_family == AF_INET;
		found |= a->ifa_addr->sa_family == AF_INET6 &&
			 !IN6_IS_ADDR_LINKLOCAL(
				 &((const struct sockaddr_in6 *)(void *)a->ifa_addr)->sin6_addr);
	}
	freeifaddrs(list);
	return found;
}

static void collect(const struct weir *w, struct guard *next)
{
	for (uint16_t p = 0; p < PORT_MAX; p++) {
		const char *netdev = iface_port_shared(w, p);

		if (netdev[0] == '\0')
			continue;
		if (has_addresses(netdev))
			log_warning("port '%s': the kernel's interface '%s' has addresses of its own, so the "
				    "kernel "
				    "answers there beside the twins; remove them",
				iface_port_name(w, p), netdev);
		else
			snprintf(next->names[next->count++], IFNAMSIZ, "%.15s", netdev);
	}
}

static bool same(const struct guard *a, const struct guard *b)
{
	return a->count == b->count && memcmp(a->names, b->names, sizeof a->names) == 0;
}

void guard_update(struct weir *w, struct guard *g, bool on)
{
	struct guard next = {.nl = -1};
	int rc;

	if (on)
		collect(w, &next);
	if (same(g, &next))
		return;
	stop(g);
	*g = next;
	if (g->count == 0)
		return;
	g->nl = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	rc = g->nl < 0 ? -errno : build(g);
	if (rc == 0)
		return;
	log_warning("frames of AF_PACKET ports could not be kept from the kernel's own stack (nftables: %s); "
		    "it may "
		    "answer beside the twins",
		strerror(-rc));
	if (g->nl >= 0)
		close(g->nl);
	g->nl = -1;
}
