/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports: from the config to devices that are there and describe themselves.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ether.h>

#include "base/log.h"
#include "control/tree.h"
#include "runtime/priv.h"

/* --- config --- */

static void read_port(struct port *p, const struct node *n)
{
	*p = (struct port){.used = true,
		.id = UINT16_MAX,
		.mtu = (uint16_t)node_u64(n, "mtu", 1500),
		.rx_desc = (uint16_t)node_u64(n, "rx-descriptors", 1024),
		.tx_desc = (uint16_t)node_u64(n, "tx-descriptors", 1024),
		.wanted_rx_queues = (uint32_t)node_u64(n, "rx-queues", 0),
		.promiscuous = node_bool(n, "promiscuous", false)};
	snprintf(p->name, sizeof p->name, "%s", n->key);
	snprintf(p->device, sizeof p->device, "%s", node_text(n, "device", ""));
	if (node_get(n, "mac") != NULL) {
		p->has_mac = true;
		memcpy(p->mac, node_get(n, "mac")->value.mac, 6);
	}
}

int ports_read(struct runtime *r, const struct node *cfg, struct err *e)
{
	unsigned count = 0;

	NODE_EACH (n, node_get(cfg, "ports")) {
		struct port *p = &r->port[count];
		unsigned queues;

		if (count++ == PORT_MAX)
			return err_set(e, ENOSPC, "more than %d ports are configured", PORT_MAX);
		read_port(p, n);
		p->slot = (uint16_t)(count - 1);
		queues = p->wanted_rx_queues != 0 ? p->wanted_rx_queues : r->set.workers;
		if (device_translate(p, queues, e) != 0)
			return -e->code;
	}
	return 0;
}

/* --- probing --- */

static void ethdev_name(struct port *p)
{
	snprintf(p->ethdev, sizeof p->ethdev, "%.*s", (int)strcspn(p->devargs, ","), p->devargs);
	if (p->pci && strchr(p->ethdev, ':') == strrchr(p->ethdev, ':')) /* 3b:00.0 without its domain */
		snprintf(p->ethdev, sizeof p->ethdev, "0000:%.*s", (int)strcspn(p->devargs, ","), p->devargs);
}

static int find_or_probe(struct port *p, struct err *e)
{
	ethdev_name(p);
	if (rte_eth_dev_get_port_by_name(p->ethdev, &p->id) == 0)
		return 0;
	if (rte_dev_probe(p->devargs) == 0 && rte_eth_dev_get_port_by_name(p->ethdev, &p->id) == 0)
		return 0;
	return err_set(e, ENODEV, "port '%s': DPDK could not open '%s' (%s)%s", p->name, p->devargs,
		rte_strerror(rte_errno),
		p->pci ? "; is the device bound to vfio-pci? See dpdk-devbind.py -s"
		       : "; its own lines above say why");
}

/* Largest MTU the device takes; 0 and UINT16_MAX in dev_info mean it does not say. TAP (DPDK 22.11) says so
 * only by its largest frame; drivers on kernel interfaces report the standard frame whatever the interface's
 * MTU is. */
static uint32_t device_mtu(const struct port *p, const struct rte_eth_dev_info *info)
{
	const uint32_t overhead = RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN;
	uint32_t limit = UINT32_MAX;

	if (info->max_mtu >= RTE_ETHER_MIN_MTU && info->max_mtu != UINT16_MAX)
		limit = info->max_mtu;
	if (p->netdev[0] == '\0' && info->max_rx_pktlen >= RTE_ETHER_MIN_LEN)
		limit = RTE_MIN(limit, info->max_rx_pktlen - overhead);
	return limit;
}

static int check_mtu(const struct port *p, const struct rte_eth_dev_info *info, struct err *e)
{
	uint32_t limit = device_mtu(p, info);

	if (p->mtu > limit)
		return err_set(
			e, EINVAL, "port '%s': mtu %u is above the %u of its device", p->name, p->mtu, limit);
	return 0;
}

/* Of a kernel interface; 0 when it cannot be read. */
static int netdev_mtu(const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), mtu = 0;

	if (fd < 0)
		return 0;
	snprintf(req.ifr_name, sizeof req.ifr_name, "%.15s", name);
	if (ioctl(fd, SIOCGIFMTU, &req) == 0)
		mtu = req.ifr_mtu;
	close(fd);
	return mtu;
}

static int check_netdev_mtu(const struct port *p, struct err *e)
{
	int mtu = p->netdev[0] != '\0' ? netdev_mtu(p->netdev) : 0;

	if (mtu != 0 && p->mtu > mtu)
		return err_set(e, EINVAL,
			"port '%s': mtu %u is above the %d of interface %s; try 'ip link set %s mtu %u'",
			p->name, p->mtu, mtu, p->netdev, p->netdev, p->mtu);
	return 0;
}

static uint16_t at_most(uint32_t want, uint32_t limit)
{
	return (uint16_t)(limit != 0 && want > limit ? limit : want);
}

static int describe(struct runtime *r, struct port *p, struct err *e)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return err_set(e, -rc, "port '%s': its device does not describe itself (%s)", p->name,
			strerror(-rc));
	if (check_mtu(p, &info, e) != 0 || check_netdev_mtu(p, e) != 0)
		return -EINVAL;
	if (p->wanted_rx_queues > info.max_rx_queues)
		return err_set(e, EINVAL, "port '%s': %u receive queues were asked for, its device has %u",
			p->name, p->wanted_rx_queues, info.max_rx_queues);
	snprintf(p->driver, sizeof p->driver, "%s", info.driver_name != NULL ? info.driver_name : "?");
	p->rx_queues = p->wanted_rx_queues != 0 ? (uint16_t)p->wanted_rx_queues
						: at_most(r->set.workers, info.max_rx_queues);
	p->tx_queues = at_most(r->set.workers, info.max_tx_queues);
	/* The peer's receive queues are our transmit queues: with one number, both sides agree. */
	if (strcmp(p->driver, "net_memif") == 0)
		p->tx_queues = p->rx_queues;
	p->rx_desc = at_most(p->rx_desc, info.rx_desc_lim.nb_max);
	p->tx_desc = at_most(p->tx_desc, info.tx_desc_lim.nb_max);
	p->scatter = (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	p->socket = rte_eth_dev_socket_id(p->id);
	return 0;
}

int ports_probe(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		struct port *p = &r->port[i];

		if (!p->used)
			continue;
		if (find_or_probe(p, e) != 0 || describe(r, p, e) != 0)
			return -e->code;
	}
	return 0;
}
