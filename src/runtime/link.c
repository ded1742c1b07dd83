/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Following the ports' links. The kernel tells of its interfaces at once (netlink); that message may be up to
 * a second late, since the kernel sends no more than one a second for most devices, so every port is looked
 * at often as well: as often as takes no more than a hundredth of this thread's time.
 */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "base/log.h"
#include "runtime/priv.h"

#define LOOK_SHARE 100                        /* a look every so many times what it takes, */
#define LOOK_MAX_NS (UINT64_C(250) * 1000000) /* but at least so often */

/* What the device says; -1 when it does not. The kernel's flag IFF_RUNNING follows it up to a second later.
 */
static int carrier(int fd, const char *name)
{
	struct ethtool_value v = {.cmd = ETHTOOL_GLINK};
	struct ifreq req = {.ifr_data = (void *)&v};

	snprintf(req.ifr_name, sizeof req.ifr_name, "%.15s", name);
	return ioctl(fd, SIOCETHTOOL, &req) == 0 ? v.data != 0 : -1;
}

/* Drivers on top of a kernel interface do not follow its carrier; the kernel knows. */
static bool netdev_running(struct runtime *r, const char *name)
{
	struct ifreq req = {0};
	int on;

	if (r->link_ioctl < 0)
		r->link_ioctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(req.ifr_name, sizeof req.ifr_name, "%.15s", name);
	if (ioctl(r->link_ioctl, SIOCGIFFLAGS, &req) != 0 || (req.ifr_flags & IFF_UP) == 0)
		return false;
	on = carrier(r->link_ioctl, name);
	return on >= 0 ? on : (req.ifr_flags & IFF_RUNNING) != 0;
}

static bool link_is_up(struct runtime *r, const struct port *p)
{
	struct rte_eth_link link = {0};

	if (p->netdev[0] != '\0')
		return netdev_running(r, p->netdev);
	return rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

/* The shortest look of late counts: what took longer was mostly somebody else's turn on this CPU. */
static void plan_next(struct port *p, uint64_t began)
{
	uint64_t took = runtime_clock() - began, known = p->look_ns + p->look_ns / 8 + 1000, rest;

	p->look_ns = p->look_ns == 0 || took < known ? took : known;
	rest = p->look_ns * LOOK_SHARE;
	p->look_at = began + (rest < LOOK_MAX_NS ? rest : LOOK_MAX_NS);
}

static void look(struct runtime *r, struct port *p)
{
	uint64_t began = runtime_clock();
	bool up = p->started && link_is_up(r, p);

	plan_next(p, began);
	if (up != r->weir->link_up[p->slot])
		log_notice("port '%s': link %s", p->wish.name, up ? "up" : "down");
	weir_link_set(r->weir, p->slot, up);
}

void ports_poll_link(struct runtime *r)
{
	PORT_EACH(p, &r->now)
	look(r, p);
}

void ports_poll_due(struct runtime *r)
{
	uint64_t now = runtime_clock();

	PORT_EACH(p, &r->now)
	if (now >= p->look_at)
		look(r, p);
}

/* --- what the kernel tells --- */

/* Which link it is about does not matter: a look costs as much as finding out. Messages that got lost
 * (ENOBUFS) are a reason to look, too. */
static void told(evutil_socket_t fd, short what, void *arg)
{
	struct runtime *r = arg;
	char buf[8192];

	for (unsigned i = 0; i < 64; i++)
		if (recv(fd, buf, sizeof buf, MSG_DONTWAIT) < 0 && errno != ENOBUFS && errno != EINTR)
			break;
	PORT_EACH(p, &r->now)
	if (p->netdev[0] != '\0')
		look(r, p);
}

void link_watch(struct runtime *r)
{
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

	r->link_news = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (r->link_news >= 0 && bind(r->link_news, (struct sockaddr *)&a, sizeof a) == 0)
		r->link_event = event_new(r->base, r->link_news, EV_READ | EV_PERSIST, told, r);
	if (r->link_event == NULL || event_add(r->link_event, NULL) != 0)
		log_info("the kernel's news about links cannot be had (%s); they are looked at all the same",
			strerror(errno));
}

void link_unwatch(struct runtime *r)
{
	if (r->link_event != NULL)
		event_free(r->link_event);
	r->link_event = NULL;
	if (r->link_news >= 0)
		close(r->link_news);
	if (r->link_ioctl >= 0)
		close(r->link_ioctl);
	r->link_news = r->link_ioctl = -1;
}
