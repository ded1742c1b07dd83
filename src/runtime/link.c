/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Following the ports' links.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/priv.h"

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
static bool netdev_running(const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on;
	bool up = false;

	if (fd < 0)
		return false;
	snprintf(req.ifr_name, sizeof req.ifr_name, "%.15s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0 && (req.ifr_flags & IFF_UP) != 0) {
		on = carrier(fd, name);
		up = on >= 0 ? on : (req.ifr_flags & IFF_RUNNING) != 0;
	}
	close(fd);
	return up;
}

static bool link_is_up(const struct port *p)
{
	struct rte_eth_link link = {0};

	if (p->netdev[0] != '\0')
		return netdev_running(p->netdev);
	return rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

void ports_poll_link(struct runtime *r)
{
	PORT_EACH(p, &r->now)
	{
		bool up = p->started && link_is_up(p);

		if (up != r->weir->link_up[p->slot])
			log_notice("port '%s': link %s", p->wish.name, up ? "up" : "down");
		weir_link_set(r->weir, p->slot, up);
	}
}
