/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The kernel's feed: its thread empties the socket of notifications and makes dumps by a second socket. No
 * table is touched here.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <libmnl/libmnl.h>

#include "feature/netlink/priv.h"

#define REPEATS 8     /* of a dump the kernel calls inconsistent, before a longer rest */
#define RETRY_MS 1000 /* after a dump that failed */

/* --- sockets --- */

static int subscribe(int fd, bool routes)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEXTHOP,
		RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE};
	unsigned n = routes ? 6 : 3;

	for (unsigned i = 0; i < n; i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]) != 0 &&
			groups[i] != RTNLGRP_NEXTHOP)
			return -errno;
	return 0;
}

/* Without CAP_NET_ADMIN the kernel's limit applies. */
static void set_buffer(int fd, uint64_t bytes)
{
	int half = (int)(bytes / 2 < INT32_MAX ? bytes / 2 : INT32_MAX); /* the kernel doubles it */

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof half);
}

static int open_socket(const struct kernel_feed *k, struct err *e)
{
	int fd = kernel_namespace_socket(k->path, NETLINK_ROUTE, e), on = 1;
	struct sockaddr_nl a = {.nl_family = AF_NETLINK};

	if (fd < 0)
		return fd;
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		err_set(e, errno, "netlink: the kernel's socket cannot be used: %s", strerror(errno));
		close(fd);
		return -e->code;
	}
	/* Old kernels do not know it; they send more than was asked for, which the decoder ignores. */
	setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
	return fd;
}

int kernel_feed_open(struct kernel_feed *k, const struct netlink_settings *s, struct err *e)
{
	k->notify = k->dump = -1;
	k->routes = s->routes;
	k->buffer = s->buffer;
	k->notify = open_socket(k, e);
	k->dump = k->notify >= 0 ? open_socket(k, e) : -1;
	if (k->dump < 0) {
		kernel_feed_close(k);
		return -e->code;
	}
	set_buffer(k->notify, k->buffer);
	if (subscribe(k->notify, k->routes) == 0)
		return 0;
	err_set(e, errno, "netlink: the kernel's notifications cannot be had: %s", strerror(errno));
	kernel_feed_close(k);
	return -e->code;
}

void kernel_feed_close(struct kernel_feed *k)
{
	if (k->notify >= 0)
		close(k->notify);
	if (k->dump >= 0)
		close(k->dump);
	k->notify = k->dump = -1;
}

/* --- dumps --- */

union request {
	struct {
		struct nlmsghdr h;
		union {
			struct ifinfomsg link;
			struct ifaddrmsg address;
			struct rtmsg route;
			struct nhmsg object;
		};
	};
};

static int ask(struct kernel_feed *k, uint16_t type, uint8_t family)
{
	union request q = {.h = {.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};
	struct sockaddr_nl to = {.nl_family = AF_NETLINK};
	size_t body = type == RTM_GETLINK    ? sizeof q.link
		      : type == RTM_GETADDR  ? sizeof q.address
		      : type == RTM_GETROUTE ? sizeof q.route
					     : sizeof q.object;

	q.h.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
	q.h.nlmsg_seq = ++k->sequence;
	q.link.ifi_family = family; /* the first byte of all of them */
	if (sendto(k->dump, &q, q.h.nlmsg_len, 0, (struct sockaddr *)&to, sizeof to) < 0)
		return -errno;
	return 0;
}

/* What one datagram of a dump says: 0 more follow, 1 that was all, or a negative errno. Messages of other
 * requests (of a dump that was given up) are made nothing. An inconsistent dump is read to its end: there
 * cannot be a second one before. */
static int look_through(struct kernel_feed *k, uint8_t *data, size_t len, bool *inconsistent)
{
	const struct nlmsghdr *first;

	for (size_t at = 0; (first = nl_first(data + at, len - at)) != NULL; at += nl_step(first, len - at)) {
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)(data + at);

		if (h->nlmsg_seq != k->sequence) {
			h->nlmsg_type = NLMSG_NOOP;
			continue;
		}
		if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			*inconsistent = true;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) {
			int code;

			memcpy(&code, NLMSG_DATA(h), sizeof code);
			return code != 0 ? code : 1;
		}
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
	}
	return 0;
}

/* One datagram to the end of the block. Bytes, 0 at the end of the feed, or a negative errno. */
static ssize_t receive(struct feed *f, int fd, struct block *b, int flags)
{
	for (;;) {
		ssize_t n = recv(fd, b->data + b->len, b->room - b->len, flags | MSG_TRUNC);

		if (n > (ssize_t)(b->room - b->len))
			return -EMSGSIZE;
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || (flags & MSG_DONTWAIT) == 0)
			return -errno;
		return -EAGAIN;
	}
}

/* Waits for the next datagram; false when the feed ends. */
static bool await(struct feed *f, int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, 50) <= 0)
		if (feed_stopping(f))
			return false;
	return !feed_stopping(f);
}

/* Receives one dump and queues it. 0 or a negative errno; -ECANCELED when the feed ends. */
static int dump(struct kernel_feed *k, struct feed *f, uint16_t type, uint8_t family)
{
	struct block *b = NULL;
	int rc = ask(k, type, family);
	bool inconsistent = false;

	while (rc == 0) {
		ssize_t n;

		if (b == NULL && (b = feed_block(BLOCK_DUMP, BLOCK_BYTES)) == NULL)
			return -ENOMEM;
		if (!await(f, k->dump)) {
			rc = -ECANCELED;
			break;
		}
		n = receive(f, k->dump, b, MSG_DONTWAIT);
		if (n == -EAGAIN)
			continue;
		if (n < 0) {
			rc = (int)n;
			break;
		}
		rc = look_through(k, b->data + b->len, (size_t)n, &inconsistent);
		b->len += NLMSG_ALIGN((size_t)n);
		if (b->room - b->len < DATAGRAM_MAX && rc == 0) {
			if (!feed_push(f, b))
				return -ECANCELED;
			b = NULL;
		}
	}
	if (b != NULL && !feed_push(f, b))
		return -ECANCELED;
	return rc != 1 ? rc : inconsistent ? -EAGAIN : 0;
}

static int dump_all(struct kernel_feed *k, struct feed *f)
{
	static const struct {
		uint16_t type;
		uint8_t family;
	} what[] = {{RTM_GETLINK, AF_UNSPEC}, {RTM_GETADDR, AF_UNSPEC}, {RTM_GETNEXTHOP, AF_UNSPEC},
		{RTM_GETROUTE, AF_INET}, {RTM_GETROUTE, AF_INET6}};
	unsigned n = k->routes ? 5 : 2;
	int rc = 0;

	for (unsigned i = 0; i < n && rc == 0; i++) {
		rc = dump(k, f, what[i].type, what[i].family);
		/* A kernel without next-hop objects, or without IPv6. */
		if (rc == -EOPNOTSUPP || rc == -EAFNOSUPPORT ||
			(rc == -EINVAL && what[i].type == RTM_GETNEXTHOP))
			rc = 0;
	}
	return rc;
}

/* --- notifications --- */

/* What was queued before a dump began is in the dump. */
static void discard(struct kernel_feed *k)
{
	uint8_t byte;
	ssize_t n;

	do
		n = recv(k->notify, &byte, sizeof byte, MSG_DONTWAIT | MSG_TRUNC);
	while (n >= 0 || errno == EINTR || errno == ENOBUFS);
}

/* Everything that waits, in blocks. 0, -ENOBUFS: some were lost, -ECANCELED: the feed ends. */
static int drain(struct kernel_feed *k, struct feed *f)
{
	ssize_t n = 0;

	do {
		struct block *b = feed_block(BLOCK_MESSAGES, BLOCK_BYTES);

		if (b == NULL)
			return -ENOBUFS;
		while (b->room - b->len >= DATAGRAM_MAX && (n = receive(f, k->notify, b, MSG_DONTWAIT)) > 0)
			b->len += NLMSG_ALIGN((size_t)n);
		if (b->len == 0)
			free(b);
		else if (!feed_push(f, b))
			return -ECANCELED;
	} while (n > 0);
	return n == -EAGAIN || n == 0 ? 0 : -ENOBUFS;
}

/* True when the tables are the kernel's (as far as notifications go on); false when the feed ends or it did
 * not succeed. */
static bool sync_once(struct kernel_feed *k, struct feed *f)
{
	int rc;

	for (unsigned i = 0; i < REPEATS; i++) {
		discard(k);
		if (!feed_tell(f, BLOCK_BEGIN))
			return false;
		rc = dump_all(k, f);
		if (rc == 0)
			return feed_tell(f, BLOCK_END);
		if (rc != -EAGAIN)
			break;
		__atomic_fetch_add(&f->stats.repeats, 1, __ATOMIC_RELAXED);
	}
	feed_tell(f, BLOCK_FAILED);
	return false;
}

/* The same for a comparison, between notifications, none of which may be passed over: what changed before and
 * during the dump comes before the verdict. 0, or what drain() says. */
static int look_once(struct kernel_feed *k, struct feed *f)
{
	int lost = 0, rc = -EAGAIN;

	for (unsigned i = 0; i < REPEATS && rc == -EAGAIN && lost == 0; i++) {
		lost = drain(k, f);
		feed_tell(f, BLOCK_LOOK);
		if (lost != 0)
			break;
		rc = dump_all(k, f);
		if (rc == 0)
			lost = drain(k, f);
		else if (rc == -EAGAIN)
			__atomic_fetch_add(&f->stats.repeats, 1, __ATOMIC_RELAXED);
	}
	feed_tell(f, rc == 0 && lost == 0 ? BLOCK_END : BLOCK_FAILED);
	return lost;
}

void kernel_feed_run(struct feed *f)
{
	struct kernel_feed *k = f->arg;
	bool synced = false, look = false;

	for (;;) {
		unsigned w;
		int rc;

		if (!synced)
			synced = sync_once(k, f);
		feed_wait(f, synced ? k->notify : -1, synced ? -1 : RETRY_MS);
		w = feed_wanted(f, FEED_ANY);
		if ((w & FEED_STOP) != 0)
			return;
		if ((w & FEED_SYNC) != 0)
			synced = false;
		look |= (w & FEED_LOOK) != 0;
		if (!synced)
			continue;
		rc = look ? look_once(k, f) : drain(k, f);
		look = false;
		if (rc == -ECANCELED)
			return;
		if (rc != 0) {
			__atomic_fetch_add(&f->stats.overruns, 1, __ATOMIC_RELAXED);
			synced = false;
		}
	}
}
