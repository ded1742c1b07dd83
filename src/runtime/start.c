/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Devices of ports: configured with what they report, started, stopped.
 */
#include <errno.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ether.h>

#include "base/log.h"
#include "runtime/priv.h"

static void want_offloads(
	const struct port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf)
{
	if (p->wish.mtu + RTE_ETHER_HDR_LEN + 8 > p->pool->room)
		conf->rxmode.offloads |= RTE_ETH_RX_OFFLOAD_SCATTER & info->rx_offload_capa;
	conf->txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS & info->tx_offload_capa;
}

static int refused(const struct port *p, const char *what, int rc, struct err *e)
{
	return err_set(e, -rc, "port '%s': its device refused %s (%s)", p->wish.name, what, strerror(-rc));
}

static int setup_queues(struct port *p, struct err *e)
{
	int socket = p->socket >= 0 ? p->socket : 0, rc;

	for (uint16_t q = 0; q < p->rx_queues; q++) {
		rc = rte_eth_rx_queue_setup(p->id, q, p->rx_desc, (unsigned)socket, NULL, p->pool->mp);
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
	uint32_t frame = p->wish.mtu + (uint32_t)(RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN);

	return p->netdev[0] != '\0' && frame > info->max_rx_pktlen ? 0 : p->wish.mtu;
}

static void set_mtu(const struct port *p)
{
	int rc = p->netdev[0] != '\0' ? 0 : rte_eth_dev_set_mtu(p->id, p->wish.mtu);

	if (rc != 0 && rc != -ENOTSUP && p->wish.mtu != RTE_ETHER_MTU)
		log_warning("port '%s': its device keeps its MTU (%s)", p->wish.name, strerror(-rc));
}

static bool is_zero(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return memcmp(mac, zero, 6) == 0;
}

/* The address that is wished, else the one the device had when it was first seen. */
static int take_mac(struct port *p, struct err *e)
{
	struct rte_ether_addr now, want;
	int rc = rte_eth_macaddr_get(p->id, &now);

	if (rc != 0)
		return refused(p, "to say its MAC address", rc, e);
	if (is_zero(p->device_mac))
		memcpy(p->device_mac, now.addr_bytes, 6);
	memcpy(want.addr_bytes, p->wish.has_mac ? p->wish.mac : p->device_mac, 6);
	memcpy(p->mac, want.addr_bytes, 6);
	if (rte_is_same_ether_addr(&now, &want))
		return 0;
	rc = rte_eth_dev_default_mac_addr_set(p->id, &want);
	if (rc == -ENOTSUP) { /* no filter to program (memif, pcap): everything comes in anyway */
		p->promiscuous = rte_eth_promiscuous_enable(p->id) == 0 || p->promiscuous;
		return 0;
	}
	return rc == 0 ? 0 : refused(p, "the MAC address", rc, e);
}

int port_touch(struct port *p, struct err *e)
{
	bool was = p->promiscuous;

	p->promiscuous = p->wish.promiscuous;
	if (take_mac(p, e) != 0)
		return -e->code;
	if (was && !p->promiscuous && rte_eth_promiscuous_disable(p->id) != 0)
		log_warning("port '%s': its device stays promiscuous", p->wish.name);
	if (p->promiscuous && rte_eth_promiscuous_enable(p->id) != 0)
		log_warning("port '%s': its device cannot be promiscuous", p->wish.name);
	return 0;
}

static void set_reception(const struct port *p)
{
	if (p->promiscuous && rte_eth_promiscuous_enable(p->id) != 0)
		log_warning("port '%s': its device cannot be promiscuous", p->wish.name);
	/* IPv6 lives on multicast (RFC 4861): without a filter table every group must come in. */
	if (rte_eth_allmulticast_enable(p->id) != 0)
		log_debug("port '%s': its device has no all-multicast mode", p->wish.name);
}

/* Devices without them say so when one is asked for. */
static bool has_interrupts(const struct port *p)
{
	return rte_eth_dev_rx_intr_enable(p->id, 0) == 0 && rte_eth_dev_rx_intr_disable(p->id, 0) == 0;
}

/* Some devices refuse to start with receive interrupts where the bus cannot deliver them: then without. */
static int configure(struct port *p, struct rte_eth_conf *conf, struct err *e)
{
	int rc = rte_eth_dev_configure(p->id, p->rx_queues, p->tx_queues, conf);

	if (rc != 0)
		return refused(p, "its configuration", rc, e);
	set_mtu(p);
	if (setup_queues(p, e) != 0 || take_mac(p, e) != 0)
		return -EIO;
	rc = rte_eth_dev_start(p->id);
	if (rc == 0 || conf->intr_conf.rxq == 0)
		return rc == 0 ? 0 : refused(p, "to start", rc, e);
	conf->intr_conf.rxq = 0;
	return configure(p, conf, e);
}

static bool wants_interrupts(const struct settings *set)
{
	for (unsigned i = 0; i < set->workers; i++)
		if (set->polling[i] != POLLING_BUSY)
			return true;
	return false;
}

int port_start(const struct runtime *r, const struct layout *l, struct port *p, struct err *e)
{
	struct rte_eth_conf conf = {.intr_conf.rxq = wants_interrupts(&l->set)};
	struct rte_eth_dev_info info;
	uint8_t key[RSS_KEY_MAX];
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return refused(p, "to describe itself", rc, e);
	if (p->shared[0].ring == NULL && shared_tx_create(p, e) != 0)
		return -e->code;
	p->promiscuous = p->wish.promiscuous;
	conf.rxmode.mtu = configured_mtu(p, &info);
	rss_want(p, &info, &conf, key);
	want_offloads(p, &info, &conf);
	if (configure(p, &conf, e) != 0)
		return -e->code;
	p->started = true;
	p->interrupts = conf.intr_conf.rxq != 0 && has_interrupts(p);
	set_reception(p);
	rss_write_table(l, p);
	return 0;
}

void port_stop(struct port *p)
{
	if (p->started && rte_eth_dev_stop(p->id) != 0)
		log_warning("port '%s' did not stop", p->wish.name);
	p->started = false;
}

void port_close(struct runtime *r, struct port *p)
{
	struct rte_eth_dev_info info = {0};
	int rc;

	if (p->id != UINT16_MAX) {
		port_stop(p);
		r->kept += memory_kept_by(p);
		rc = rte_eth_dev_info_get(p->id, &info);
		rte_eth_dev_close(p->id);
		/* Off its bus as well: the name, and the hardware, can be used again. */
		if (rc == 0 && info.device != NULL && (rc = rte_dev_remove(info.device)) != 0)
			log_debug("port '%s': its device stays on its bus (%s)", p->wish.name, strerror(-rc));
	}
	p->id = UINT16_MAX;
}
