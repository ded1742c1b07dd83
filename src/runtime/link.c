/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Following the ports' links.
 */
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "runtime/priv.h"

/* Drivers on top of a kernel interface do not follow its carrier; the kernel knows. */
static bool netdev_running(const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = false;

	if (fd < 0)
		return false;
	snprintf(req.ifr_name, sizeof req.ifr_name, "%.15s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &req) == 0)
		up = (req.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
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
