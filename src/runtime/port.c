/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports: from the config to devices that are there and describe themselves, and what a changed config means
 * for each of them.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ether.h>

#include "base/log.h"
#include "control/tree.h"
#include "runtime/priv.h"

/* --- config --- */

static void read_wish(struct port_wish *w, const struct node *n)
{
	*w = (struct port_wish){.mtu = (uint16_t)node_u64(n, "mtu", 1500),
		.rx_desc = (uint16_t)node_u64(n, "rx-descriptors", 1024),
		.tx_desc = (uint16_t)node_u64(n, "tx-descriptors", 1024),
		.rx_queues = (uint32_t)node_u64(n, "rx-queues", 0),
		.promiscuous = node_bool(n, "promiscuous", false)};
	snprintf(w->name, sizeof w->name, "%s", n->key);
	snprintf(w->device, sizeof w->device, "%s", node_text(n, "device", ""));
	if (node_get(n, "mac") != NULL) {
		w->has_mac = true;
		memcpy(w->mac, node_get(n, "mac")->value.mac, 6);
	}
}

static struct port *port_named(const struct layout *l, const char *name)
{
	if (l != NULL)
		PORT_EACH(p, l)
	if (strcmp(p->wish.name, name) == 0)
		return p;
	return NULL;
}

static void ethdev_name(struct port *p)
{
	snprintf(p->ethdev, sizeof p->ethdev, "%.*s", (int)strcspn(p->devargs, ","), p->devargs);
	if (p->pci && strchr(p->ethdev, ':') == strrchr(p->ethdev, ':')) /* 3b:00.0 without its domain */
		snprintf(p->ethdev, sizeof p->ethdev, "0000:%.*s", (int)strcspn(p->devargs, ","), p->devargs);
}

/* An automatic number of queues stays what it was when the port was started. */
static int translate(struct port *p, const struct port *old, const struct settings *set, struct err *e)
{
	unsigned automatic =
		old != NULL && old->wish.rx_queues == 0 && old->started ? old->rx_queues : set->workers;
	int rc = device_translate(p, p->wish.rx_queues != 0 ? p->wish.rx_queues : automatic, e);

	ethdev_name(p);
	return rc;
}

/* Both are ways to the same hardware or kernel interface: there can be one at a time. */
static bool same_device(const struct port *a, const struct port *b)
{
	if (a->netdev[0] != '\0' && strcmp(a->netdev, b->netdev) == 0)
		return true;
	return a->pci && b->pci && strcmp(a->ethdev, b->ethdev) == 0;
}

/* The kernel's interface has its own MTU, and the buffers are large enough: nothing about the device depends
 * on ours. */
static bool mtu_is_free(const struct port *old, const struct port *p)
{
	return old->netdev[0] != '\0' && strcmp(old->devargs, p->devargs) == 0 && old->pool != NULL &&
	       p->min_room <= old->pool->room &&
	       p->wish.mtu + RTE_ETHER_HDR_LEN + 8 + RTE_ETHER_CRC_LEN <= old->pool->room;
}

static enum port_change classify(const struct port *old, const struct port *p)
{
	const struct port_wish *a = &old->wish, *b = &p->wish;

	if (!old->started)
		return PORT_ADD;
	if (strcmp(a->device, b->device) != 0)
		return same_device(old, p) ? PORT_RESTART : PORT_ADD;
	if (a->rx_queues != b->rx_queues || a->rx_desc != b->rx_desc || a->tx_desc != b->tx_desc)
		return PORT_RESTART;
	if (a->mtu != b->mtu)
		return mtu_is_free(old, p) ? PORT_TOUCH : PORT_RESTART;
	if (a->promiscuous != b->promiscuous || a->has_mac != b->has_mac ||
		(a->has_mac && memcmp(a->mac, b->mac, 6) != 0))
		return PORT_TOUCH;
	return PORT_KEEP;
}

/* What the new port takes over from the one it takes the place of. */
static int succeed(struct port *p, const struct port *old, enum port_change kind, const struct settings *set,
	struct err *e)
{
	static unsigned serial = 1;
	struct port fresh = *p;

	if (kind == PORT_ADD) { /* both devices exist for a while */
		snprintf(p->unique, sizeof p->unique, "%s-%u", p->wish.name, ++serial);
		return translate(p, NULL, set, e);
	}
	if (kind == PORT_TOUCH) {
		*p = *old;
		p->wish = fresh.wish;
		p->min_room = fresh.min_room;
	} else if (strcmp(p->devargs, old->devargs) == 0) {
		p->id = old->id;
	}
	snprintf(p->driver, sizeof p->driver, "%s", old->driver);
	p->scatter = old->scatter;
	p->socket = old->socket;
	memcpy(p->device_mac, old->device_mac, 6);
	memcpy(p->mac, p->wish.has_mac ? p->wish.mac : old->device_mac, 6);
	return 0;
}

/* The running port with this name in its slot, else a slot that is free now and in `out`. */
static int find_slot(const struct layout *out, const struct layout *now, const struct port *old)
{
	if (old != NULL)
		return old->slot;
	for (int i = 0; i < PORT_MAX; i++)
		if (out->port[i] == NULL && (now == NULL || now->port[i] == NULL))
			return i;
	return -ENOSPC;
}

static int read_port(
	struct layout *out, const struct layout *now, const struct node *n, uint8_t *kind, struct err *e)
{
	struct port *old = port_named(now, n->key), *p = calloc(1, sizeof *p);
	enum port_change what = PORT_ADD;
	int slot = find_slot(out, now, old);

	if (p == NULL || slot < 0) {
		free(p);
		return p == NULL ? err_set(e, ENOMEM, "not enough memory for port '%s'", n->key)
				 : err_set(e, ENOSPC,
					   "port '%s' is one too many; %d are possible, counting those that "
					   "go with the same change",
					   n->key, PORT_MAX);
	}
	read_wish(&p->wish, n);
	p->slot = (uint16_t)slot;
	p->id = UINT16_MAX;
	snprintf(p->unique, sizeof p->unique, "%s", old != NULL ? old->unique : p->wish.name);
	out->port[slot] = p;
	if (translate(p, old, &out->set, e) != 0)
		return -e->code;
	if (old != NULL) {
		what = classify(old, p);
		if (what == PORT_KEEP) {
			free(p);
			out->port[slot] = old;
		} else if (succeed(p, old, what, &out->set, e) != 0) {
			return -e->code;
		}
	}
	if (kind != NULL)
		kind[slot] = (uint8_t)what;
	return 0;
}

/* A device belongs to one port, also while ports come and go. */
static int check_devices(const struct layout *out, const struct layout *now, struct err *e)
{
	PORT_EACH(p, out)
	{
		PORT_EACH(q, out)
		if (q->slot < p->slot && same_device(p, q))
			return err_set(e, EBUSY, "ports '%s' and '%s' have the same device '%s'",
				q->wish.name, p->wish.name, p->wish.device);
		if (now == NULL || now->port[p->slot] == p)
			continue;
		PORT_EACH(q, now)
		if (q->slot != p->slot && same_device(p, q))
			return err_set(e, EBUSY,
				"port '%s': its device '%s' is in use by port '%s'; remove that first, "
				"then add this in a change of its own",
				p->wish.name, p->wish.device, q->wish.name);
	}
	return 0;
}

int layout_read(struct layout *out, const struct layout *now, const struct node *cfg, uint8_t kind[PORT_MAX],
	struct err *e)
{
	*out = (struct layout){.set.workers = 0};
	if (settings_read(cfg, &out->set, e) != 0)
		return -e->code;
	NODE_EACH (n, node_get(cfg, "ports")) {
		if (read_port(out, now, n, kind, e) == 0)
			continue;
		layout_free(out, now);
		return -e->code;
	}
	if (check_devices(out, now, e) == 0)
		return 0;
	layout_free(out, now);
	return -e->code;
}

void layout_free(struct layout *l, const struct layout *but)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		if (but == NULL || l->port[i] != but->port[i])
			free(l->port[i]);
		l->port[i] = NULL;
	}
}

/* --- probing --- */

/* EAL looks at the PCI bus once: a daemon that was started without PCI ports leaves it alone for good. */
static int check_bus(const struct port *p, struct err *e)
{
	if (!p->pci || rte_eal_has_pci())
		return 0;
	return err_set(e, ENODEV,
		"port '%s': weir was started without PCI devices and cannot take '%s' now; restart weir with "
		"the "
		"new file",
		p->wish.name, p->wish.device);
}

static void note_id(struct port *p)
{
	for (uint16_t q = 0; q < WORKER_MAX; q++)
		p->shared[q].id = p->id;
}

int port_probe(struct port *p, struct err *e)
{
	if (check_bus(p, e) != 0)
		return -e->code;
	if (rte_eth_dev_get_port_by_name(p->ethdev, &p->id) == 0 ||
		(rte_dev_probe(p->devargs) == 0 && rte_eth_dev_get_port_by_name(p->ethdev, &p->id) == 0)) {
		note_id(p);
		return 0;
	}
	p->id = UINT16_MAX;
	return err_set(e, ENODEV, "port '%s': DPDK could not open '%s' (%s)%s", p->wish.name, p->devargs,
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

	if (p->wish.mtu > limit)
		return err_set(e, EINVAL, "port '%s': mtu %u is above the %u of its device", p->wish.name,
			p->wish.mtu, limit);
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

	if (mtu != 0 && p->wish.mtu > mtu)
		return err_set(e, EINVAL,
			"port '%s': mtu %u is above the %d of interface %s; try 'ip link set %s mtu %u'",
			p->wish.name, p->wish.mtu, mtu, p->netdev, p->netdev, p->wish.mtu);
	return 0;
}

static uint16_t at_most(uint32_t want, uint32_t limit)
{
	return (uint16_t)(limit != 0 && want > limit ? limit : want);
}

int port_check_mtu(const struct port *p, struct err *e)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return err_set(e, -rc, "port '%s': its device does not describe itself (%s)", p->wish.name,
			strerror(-rc));
	return check_mtu(p, &info, e) != 0 || check_netdev_mtu(p, e) != 0 ? -e->code : 0;
}

int port_describe(const struct layout *l, struct port *p, struct err *e)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(p->id, &info);

	if (rc != 0)
		return err_set(e, -rc, "port '%s': its device does not describe itself (%s)", p->wish.name,
			strerror(-rc));
	if (port_check_mtu(p, e) != 0)
		return -e->code;
	if (p->wish.rx_queues > info.max_rx_queues)
		return err_set(e, EINVAL, "port '%s': %u receive queues were asked for, its device has %u",
			p->wish.name, p->wish.rx_queues, info.max_rx_queues);
	snprintf(p->driver, sizeof p->driver, "%s", info.driver_name != NULL ? info.driver_name : "?");
	p->rx_queues = p->wish.rx_queues != 0 ? (uint16_t)p->wish.rx_queues
					      : at_most(l->set.workers, info.max_rx_queues);
	p->tx_queues = at_most(l->set.workers, info.max_tx_queues);
	/* The peer's receive queues are our transmit queues: with one number, both sides agree. */
	if (strcmp(p->driver, "net_memif") == 0)
		p->tx_queues = p->rx_queues;
	p->rx_desc = at_most(p->wish.rx_desc, info.rx_desc_lim.nb_max);
	p->tx_desc = at_most(p->wish.tx_desc, info.tx_desc_lim.nb_max);
	p->scatter = (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	p->socket = rte_eth_dev_socket_id(p->id);
	return 0;
}
