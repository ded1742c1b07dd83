/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Devices of ports: configured with what they report, started, stopped.
 */
#include <errno.h>
#include <string.h>

#include <rte_ether.h>

#include "base/log.h"
#include "feature/iface/iface.h"
#include "runtime/priv.h"

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

/* Drivers on kernel interfaces report the standard frame size: 0 leaves the driver its default. */
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

/* Devices without them say so when one is asked for. */
static bool has_interrupts(const struct port *p)
{
	return rte_eth_dev_rx_intr_enable(p->id, 0) == 0 && rte_eth_dev_rx_intr_disable(p->id, 0) == 0;
}

/* Some devices refuse to start with receive interrupts where the bus cannot deliver them: then without. */
static int configure(struct runtime *r, struct port *p, struct rte_eth_conf *conf, struct err *e)
{
	int rc = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, conf);

	if (rc != 0)
		return refused(p, "its configuration", rc, e);
	set_mtu(p);
	if (setup_queues(r, p, e) != 0 || take_mac(p, e) != 0)
		return -EIO;
	rc = rte_eth_dev_start(p->id);
	if (rc == 0 || conf->intr_conf.rxq == 0)
		return rc == 0 ? 0 : refused(p, "to start", rc, e);
	conf->intr_conf.rxq = 0;
	return configure(r, p, conf, e);
}

static bool wants_interrupts(const struct runtime *r)
{
	for (unsigned i = 0; i < r->set.workers; i++)
		if (r->set.polling[i] != POLLING_BUSY)
			return true;
	return false;
}

static int start_port(struct runtime *r, struct port *p, struct err *e)
{
	struct rte_eth_conf conf = {.intr_conf.rxq = wants_interrupts(r)};
	struct rte_eth_dev_info info;
	uint8_t key[RSS_KEY_MAX];
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return refused(p, "to describe itself", rc, e);
	conf.rxmode.mtu = configured_mtu(p, &info);
	rss_want(p, &info, &conf, key);
	want_offloads(r, p, &info, &conf);
	if (configure(r, p, &conf, e) != 0)
		return -e->code;
	p->started = true;
	p->interrupts = conf.intr_conf.rxq != 0 && has_interrupts(p);
	set_reception(p);
	rss_write_table(r, p);
	if (shared_tx_create(p, e) != 0)
		return -e->code;
	return iface_port_register(r->weir, p->name, p->slot, p->mac, p->mtu, e);
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
		shared_tx_free(p);
		p->started = false;
	}
}
