/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports: from the config to started DPDK devices, and following their links.
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
#include "feature/iface/iface.h"
#include "runtime/priv.h"

#define RSS_KEY_MAX 64

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

/* Largest MTU the device takes; 0 and UINT16_MAX in dev_info mean it does not say. */
static int check_mtu(const struct port *p, const struct rte_eth_dev_info *info, struct err *e)
{
	if (info->max_mtu >= RTE_ETHER_MIN_MTU && info->max_mtu != UINT16_MAX && p->mtu > info->max_mtu)
		return err_set(e, EINVAL, "port '%s': mtu %u is above the %u of its device", p->name, p->mtu,
			info->max_mtu);
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
		if (p->id >= PORT_MAX)
			return err_set(e, ENOSPC, "port '%s' got DPDK's id %u; %d ports are possible",
				p->name, p->id, PORT_MAX);
	}
	return 0;
}

/* --- configuring --- */

/* The same hash for both directions of a flow on any queue count: a key of repeated 16-bit words makes the
 * Toeplitz hash symmetric (Woo and Park, "Scalable TCP session monitoring with symmetric receive-side
 * scaling", 2012). */
static void want_rss(struct port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf,
	uint8_t key[RSS_KEY_MAX])
{
	uint64_t hf = info->flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);

	p->rss = p->rx_queues > 1 && hf != 0;
	if (!p->rss)
		return;
	for (unsigned i = 0; i < RSS_KEY_MAX; i++)
		key[i] = i % 2 == 0 ? 0x6d : 0x5a;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = hf;
	if (info->hash_key_size != 0 && info->hash_key_size <= RSS_KEY_MAX) {
		conf->rx_adv_conf.rss_conf.rss_key = key;
		conf->rx_adv_conf.rss_conf.rss_key_len = info->hash_key_size;
	}
}

static void want_offloads(const struct runtime *r, const struct port *p, const struct rte_eth_dev_info *info,
	struct rte_eth_conf *conf)
{
	if (p->mtu + RTE_ETHER_HDR_LEN + 8 > r->data_room)
		conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
	conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS & info->tx_offload_capa;
}

static int refused(const struct port *p, const char *what, int rc, struct err *e)
{
	return err_set(e, -rc, "port '%s': its device refused %s (%s)", p->name, what, strerror(-rc));
}

static int setup_queues(struct runtime *r, struct port *p, struct err *e)
{
	int socket = p->socket >= 0 ? p->socket : 0, rc;

	for (uint16_t q = 0; q < p->rx_queues; q++) {
		struct rte_mempool *pool = r->pool[socket] != NULL ? r->pool[socket] : r->pool[0];

		rc = rte_eth_rx_queue_setup(p->id, q, p->rx_desc, (unsigned)socket, NULL, pool);
		if (rc != 0)
			return refused(p, "a receive queue", rc, e);
	}
	for (uint16_t q = 0; q < p->tx_queues; q++) {
		rc = rte_eth_tx_queue_setup(p->id, q, p->tx_desc, (unsigned)socket, NULL);
		if (rc != 0)
			return refused(p, "a transmit queue", rc, e);
	}
	return 0;
}

/* Drivers on kernel interfaces report the standard frame size whatever the interface's MTU is. */
static uint32_t configured_mtu(const struct port *p, const struct rte_eth_dev_info *info)
{
	uint32_t frame = p->mtu + (uint32_t)(RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN);

	return p->netdev[0] != '\0' && frame > info->max_rx_pktlen ? 0 : p->mtu;
}

static void set_mtu(const struct port *p)
{
	int rc = p->netdev[0] != '\0' ? 0 : rte_eth_dev_set_mtu(p->id, p->mtu);

	if (rc != 0 && rc != -ENOTSUP && p->mtu != RTE_ETHER_MTU)
		log_warning("port '%s': its device keeps its MTU (%s)", p->name, strerror(-rc));
}

static int take_mac(struct port *p, struct err *e)
{
	struct rte_ether_addr a;
	int rc;

	if (p->has_mac) {
		memcpy(a.addr_bytes, p->mac, 6);
		rc = rte_eth_dev_default_mac_addr_set(p->id, &a);
		if (rc == -ENOTSUP) { /* no filter to program (memif, pcap): everything comes in anyway */
			p->promiscuous = rte_eth_promiscuous_enable(p->id) == 0 || p->promiscuous;
			return 0;
		}
		if (rc != 0)
			return refused(p, "the MAC address", rc, e);
	}
	rc = rte_eth_macaddr_get(p->id, &a);
	if (rc != 0)
		return refused(p, "to say its MAC address", rc, e);
	memcpy(p->mac, a.addr_bytes, 6);
	return 0;
}

static void set_reception(const struct port *p)
{
	if (p->promiscuous && rte_eth_promiscuous_enable(p->id) != 0)
		log_warning("port '%s': its device cannot be promiscuous", p->name);
	/* IPv6 lives on multicast (RFC 4861): without a filter table every group must come in. */
	if (rte_eth_allmulticast_enable(p->id) != 0)
		log_debug("port '%s': its device has no all-multicast mode", p->name);
}

static int start_port(struct runtime *r, struct port *p, struct err *e)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_dev_info info;
	uint8_t key[RSS_KEY_MAX];
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return refused(p, "to describe itself", rc, e);
	conf.rxmode.mtu = configured_mtu(p, &info);
	want_rss(p, &info, &conf, key);
	want_offloads(r, p, &info, &conf);
	rc = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, &conf);
	if (rc != 0)
		return refused(p, "its configuration", rc, e);
	set_mtu(p);
	if (setup_queues(r, p, e) != 0 || take_mac(p, e) != 0)
		return -EIO;
	rc = rte_eth_dev_start(p->id);
	if (rc != 0)
		return refused(p, "to start", rc, e);
	p->started = true;
	set_reception(p);
	return iface_port_register(r->weir, p->name, p->id, p->mac, p->mtu, e);
}

int ports_start(struct runtime *r, struct err *e)
{
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (r->port[i].used && start_port(r, &r->port[i], e) != 0)
			return -1;
	return 0;
}

void ports_stop(struct runtime *r)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		struct port *p = &r->port[i];

		if (!p->used || p->id == UINT16_MAX)
			continue;
		if (p->started && rte_eth_dev_stop(p->id) != 0)
			log_warning("port '%s' did not stop", p->name);
		rte_eth_dev_close(p->id);
		p->started = false;
	}
}

/* --- link --- */

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
	for (unsigned i = 0; i < PORT_MAX; i++) {
		struct port *p = &r->port[i];
		bool up;

		if (!p->used || !p->started)
			continue;
		up = link_is_up(p);
		if (up != r->weir->link_up[p->id])
			log_notice("port '%s': link %s", p->name, up ? "up" : "down");
		weir_link_set(r->weir, p->id, up);
	}
}
