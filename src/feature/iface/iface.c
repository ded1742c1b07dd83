/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interfaces from the config to a generation, and address changes at run time.
 */
#include "feature/iface/iface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"
#include "pipeline/bill.h"
#include "pipeline/weir.h"

#define LOOPBACK_MTU 1500 /* of its twin; no packet of weir is ever sent by it */

struct known_port {
	char name[IFACE_NAME];
	char netdev[IFACE_NAME]; /* kernel interface whose frames the kernel sees as well; "" = none */
	uint8_t mac[6];
	uint16_t max_mtu;
	bool used;
};

struct iface_state {
	struct known_port port[PORT_MAX], saved[PORT_MAX];
	char name[IFACE_MAX]
		 [IFACE_NAME]; /* ids keep their names, so an interface that returns has its counters */
	uint16_t ids;          /* highest id handed out + 1 */
};

static int iface_init(struct weir *w, struct err *e)
{
	w->ifaces = calloc(1, sizeof *w->ifaces);
	if (w->ifaces == NULL)
		return err_set(e, ENOMEM, "not enough memory for the interface table");
	w->ifaces->ids = 1;
	return 0;
}

static void iface_fini(struct weir *w)
{
	free(w->ifaces);
	w->ifaces = NULL;
}

/* --- ports --- */

int iface_port_register(struct weir *w, const char *name, uint16_t port, const uint8_t mac[6],
	uint16_t max_mtu, struct err *e)
{
	struct known_port *p;
	int known;

	if (port >= PORT_MAX || strlen(name) >= sizeof p->name)
		return err_set(e, EINVAL, "port '%s' has an id or a name that does not fit", name);
	known = iface_port_find(w, name);
	if (known >= 0 && known != port)
		return err_set(e, EEXIST, "there is already a port '%s'", name);
	p = &w->ifaces->port[port];
	*p = (struct known_port){.used = true, .max_mtu = max_mtu};
	snprintf(p->name, sizeof p->name, "%s", name);
	memcpy(p->mac, mac, 6);
	return 0;
}

void iface_port_unregister(struct weir *w, const char *name)
{
	int port = iface_port_find(w, name);

	if (port >= 0)
		w->ifaces->port[port].used = false;
}

void iface_ports_save(struct weir *w)
{
	memcpy(w->ifaces->saved, w->ifaces->port, sizeof w->ifaces->saved);
}

void iface_ports_restore(struct weir *w)
{
	memcpy(w->ifaces->port, w->ifaces->saved, sizeof w->ifaces->port);
}

int iface_port_find(const struct weir *w, const char *name)
{
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (w->ifaces->port[i].used && strcmp(w->ifaces->port[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *iface_port_name(const struct weir *w, uint16_t port)
{
	return port < PORT_MAX && w->ifaces->port[port].used ? w->ifaces->port[port].name : NULL;
}

void iface_port_shares(struct weir *w, uint16_t port, const char *netdev)
{
	struct known_port *p = &w->ifaces->port[port];

	snprintf(p->netdev, sizeof p->netdev, "%s", netdev);
}

const char *iface_port_shared(const struct weir *w, uint16_t port)
{
	const struct known_port *p = &w->ifaces->port[port];

	return p->used ? p->netdev : "";
}

bool iface_is_up(const struct weir *w, const struct iface *ifc)
{
	return ifc->enabled && (iface_is_loopback(ifc) || w->link_up[ifc->port]);
}

/* --- config --- */

/* Id of an interface name, new if it was never seen; IFACE_NONE when all ids are taken. */
static uint16_t intern(struct iface_state *s, const char *name)
{
	for (uint16_t i = 1; i < s->ids; i++)
		if (strcmp(s->name[i], name) == 0)
			return i;
	if (s->ids >= IFACE_MAX)
		return IFACE_NONE;
	snprintf(s->name[s->ids], IFACE_NAME, "%s", name);
	return s->ids++;
}

static const struct node *parent_of(const struct node *ifaces, const struct node *n)
{
	const char *name = node_text(n, "parent", NULL);

	return name != NULL ? node_get(ifaces, name) : NULL;
}

/* A sub-interface is up when its parents are as well. */
static bool enabled(const struct node *ifaces, const struct node *n)
{
	for (unsigned depth = 0; n != NULL && depth < 4; depth++) {
		if (!node_bool(n, "enabled", true))
			return false;
		n = parent_of(ifaces, n);
	}
	return true;
}

static uint16_t tag_type(const struct node *n)
{
	return strcmp(node_text(n, "tpid", "802.1q"), "802.1ad") == 0 ? 0x88a8 : 0x8100;
}

/* Tags of a sub-interface: its own VLAN, with inner-vlan a second one; or below another sub-interface. */
static void read_tags(const struct node *ifaces, const struct node *n, struct iface *ifc)
{
	const struct node *up = parent_of(ifaces, n);

	if (up == NULL)
		return;
	if (node_get(up, "vlan") != NULL)
		read_tags(ifaces, up, ifc);
	if (ifc->ntags < 2) {
		ifc->tpid[ifc->ntags] = tag_type(n);
		ifc->vlan[ifc->ntags++] = (uint16_t)node_u64(n, "vlan", 0);
	}
	if (ifc->ntags < 2 && node_get(n, "inner-vlan") != NULL) {
		ifc->tpid[ifc->ntags] = 0x8100;
		ifc->vlan[ifc->ntags++] = (uint16_t)node_u64(n, "inner-vlan", 0);
	}
}

static const char *port_name_of(const struct node *ifaces, const struct node *n)
{
	for (unsigned depth = 0; n != NULL && depth < 4; depth++) {
		if (node_get(n, "port") != NULL)
			return node_text(n, "port", NULL);
		n = parent_of(ifaces, n);
	}
	return NULL;
}

struct prefix iface_link_local(const uint8_t mac[6])
{
	const uint8_t ip[16] = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(mac[0] ^ 2), mac[1], mac[2], 0xff,
		0xfe, mac[3], mac[4], mac[5]};

	return (struct prefix){.addr = ipaddr_v6(ip), .len = 64};
}

/* An interface that speaks IPv6 has a link-local address (RFC 4291 2.1): added when the operator gave none. A
 * loopback has no link. */
static void add_link_local(struct iface *ifc)
{
	bool v6 = false, have = iface_is_loopback(ifc);

	for (unsigned i = 0; i < ifc->address_count; i++) {
		v6 |= ifc->address[i].addr.family == FAMILY_V6;
		have |= ifc->address[i].addr.family == FAMILY_V6 &&
			ipaddr_is_link_local(&ifc->address[i].addr);
	}
	if (v6 && !have && ifc->address_count < IFACE_ADDRESSES)
		ifc->address[ifc->address_count++] = iface_link_local(ifc->mac);
}

static int read_vrf(struct weir *w, const struct node *n, struct iface *ifc, struct err *e)
{
	int vrf = vrf_intern(w, node_text(n, "vrf", "default"));

	if (vrf < 0)
		return err_set(e, -vrf,
			"interface '%s': VRF '%s' cannot be created; at most %d VRFs are possible", n->key,
			node_text(n, "vrf", "default"), VRF_MAX);
	ifc->vrf = (uint16_t)vrf;
	return 0;
}

static int read_place(
	struct weir *w, const struct node *ifaces, const struct node *n, struct iface *ifc, struct err *e)
{
	const char *port = port_name_of(ifaces, n);
	int id = port != NULL ? iface_port_find(w, port) : -ENOENT;

	if (node_bool(n, "loopback", false)) {
		ifc->port = NO_PORT;
		ifc->mtu = LOOPBACK_MTU;
		return 0;
	}
	if (id < 0)
		return err_set(e, ENOENT, "interface '%s' is on port '%s', which does not exist", n->key,
			port != NULL ? port : "?");
	ifc->port = (uint16_t)id;
	memcpy(ifc->mac, w->ifaces->port[id].mac, 6);
	ifc->ip6_off = neigh_ip6_off(w, ifc->id, ifc->mac);
	ifc->mtu = (uint16_t)node_u64(n, "mtu", w->ifaces->port[id].max_mtu);
	if (ifc->mtu > w->ifaces->port[id].max_mtu)
		return err_set(e, EINVAL,
			"interface '%s': mtu %u is above the %u of its port '%s'; set a larger mtu there",
			n->key, ifc->mtu, w->ifaces->port[id].max_mtu, port);
	return 0;
}

static int check_mtu6(const struct iface *ifc, const struct prefix *p, struct err *e)
{
	char text[PREFIX_STRLEN];

	if (p->addr.family != FAMILY_V6 || ifc->mtu >= IP6_MTU_MIN)
		return 0;
	return err_set(e, EINVAL,
		"interface '%s' cannot have the IPv6 address %s: its mtu is %u, and IPv6 needs at least %d",
		ifc->name, prefix_format(p, text), ifc->mtu, IP6_MTU_MIN);
}

static int read_iface(
	struct weir *w, const struct node *ifaces, const struct node *n, struct iface *ifc, struct err *e)
{
	if (read_vrf(w, n, ifc, e) != 0 || read_place(w, ifaces, n, ifc, e) != 0)
		return -1;
	snprintf(ifc->name, sizeof ifc->name, "%s", n->key);
	ifc->enabled = enabled(ifaces, n);
	ifc->forwarding = node_bool(n, "forwarding", true);
	ifc->redirects = node_bool(n, "redirects", true);
	if (node_bool(n, "flow-affinity", false))
		iface_keep_flows(ifc);
	read_tags(ifaces, n, ifc);
	NODE_EACH (a, node_get(n, "addresses")) {
		if (check_mtu6(ifc, &a->value.prefix, e) != 0)
			return -1;
		if (ifc->address_count < IFACE_ADDRESSES)
			ifc->address[ifc->address_count++] = a->value.prefix;
	}
	add_link_local(ifc);
	return 0;
}

static void forget_ifaces(struct generation *g)
{
	for (unsigned i = 0; i < g->iface_limit; i++) {
		free(g->iface[i]);
		g->iface[i] = NULL;
	}
	g->iface_limit = 1;
}

static int add_iface(
	struct weir *w, struct generation *g, const struct node *ifaces, const struct node *n, struct err *e)
{
	uint16_t id = intern(w->ifaces, n->key);
	struct iface *ifc;

	if (id == IFACE_NONE)
		return err_set(
			e, ENOSPC, "interface '%s' is one too many; %d are possible", n->key, IFACE_MAX - 1);
	ifc = calloc(1, sizeof *ifc);
	if (ifc == NULL)
		return err_set(e, ENOMEM, "not enough memory for interface '%s'", n->key);
	g->iface[id] = ifc;
	ifc->id = id;
	if (id >= g->iface_limit)
		g->iface_limit = (uint16_t)(id + 1);
	return read_iface(w, ifaces, n, ifc, e);
}

static void view_ports(const struct weir *w, struct generation *g)
{
	for (unsigned p = 0; p < PORT_MAX; p++) {
		g->port[p].present = w->ifaces->port[p].used;
		memcpy(g->port[p].mac, w->ifaces->port[p].mac, 6);
	}
}

static int iface_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	const struct node *ifaces = node_get(cfg, "interfaces");

	forget_ifaces(next);
	view_ports(w, next);
	NODE_EACH (n, ifaces)
		if (add_iface(w, next, ifaces, n, e) != 0)
			return -1;
	if (generation_index(next) != 0)
		return err_set(e, ENOMEM, "not enough memory for the interfaces");
	return 0;
}

/* --- what changed --- */

static bool keeps_address(const struct iface *ifc, const struct prefix *p)
{
	for (unsigned i = 0; ifc != NULL && i < ifc->address_count; i++)
		if (ipaddr_equal(&ifc->address[i].addr, &p->addr) && ifc->address[i].len == p->len)
			return true;
	return false;
}

/* What was an address without a link begins anew on one, and the other way round. */
static bool same_kind(const struct iface *a, const struct iface *b)
{
	return a == NULL || b == NULL || iface_is_loopback(a) == iface_is_loopback(b);
}

static void announce_changes(struct weir *w, const struct iface *old, const struct iface *now)
{
	bool same = same_kind(old, now);

	for (unsigned i = 0; old != NULL && i < old->address_count; i++)
		if (!same || !keeps_address(now, &old->address[i])) {
			neigh_address_removed(w, old->id, &old->address[i]);
			weir_address_changed(w, old->id, &old->address[i], false);
		}
	for (unsigned i = 0; now != NULL && i < now->address_count; i++)
		if (!same || !keeps_address(old, &now->address[i])) {
			neigh_address_added(w, now->id, &now->address[i]);
			weir_address_changed(w, now->id, &now->address[i], true);
		}
}

static void iface_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	uint16_t limit = old->iface_limit > next->iface_limit ? old->iface_limit : next->iface_limit;

	for (uint16_t i = 1; i < limit; i++)
		announce_changes(w, old->iface[i], next->iface[i]);
}

static int edit_addresses(struct weir *w, const char *name, struct err *e,
	int (*edit)(struct iface *ifc, const struct prefix *p, struct err *e), const struct prefix *p)
{
	const struct iface *now = generation_iface(w->gen, name);
	struct generation *next;
	struct iface before;
	int rc;

	if (now == NULL)
		return err_set(e, ENOENT, "there is no interface '%s'", name);
	before = *now;
	next = generation_clone(w->gen);
	if (next == NULL)
		return err_set(e, ENOMEM, "not enough memory to change the addresses of '%s'", name);
	rc = edit(next->iface[before.id], p, e);
	if (rc == 0 && generation_index(next) != 0)
		rc = err_set(e, ENOMEM, "not enough memory to change the addresses of '%s'", name);
	if (rc != 0) {
		generation_free(next);
		return rc;
	}
	neigh_mark_unready(w, next->iface[before.id]);
	weir_publish(w, next);
	announce_changes(w, &before, next->iface[before.id]);
	route_refresh(w);
	return 0;
}

static int insert_address(struct iface *ifc, const struct prefix *p, struct err *e)
{
	char text[PREFIX_STRLEN];

	if (iface_has_address(ifc, &p->addr))
		return err_set(e, EEXIST, "interface '%s' already has the address %s", ifc->name,
			prefix_format(p, text));
	if (ifc->address_count >= IFACE_ADDRESSES - 1)
		return err_set(e, ENOSPC, "interface '%s' already has %u addresses, the most it can have",
			ifc->name, ifc->address_count);
	if (check_mtu6(ifc, p, e) != 0)
		return -EINVAL;
	if (iface_is_loopback(ifc) && p->addr.family == FAMILY_V6 && ipaddr_is_link_local(&p->addr))
		return err_set(e, EINVAL, "interface '%s' is a loopback and has no link for the address %s",
			ifc->name, prefix_format(p, text));
	ifc->address[ifc->address_count++] = *p;
	add_link_local(ifc);
	return 0;
}

static int remove_address(struct iface *ifc, const struct prefix *p, struct err *e)
{
	char text[PREFIX_STRLEN];

	for (unsigned i = 0; i < ifc->address_count; i++) {
		if (!ipaddr_equal(&ifc->address[i].addr, &p->addr) || ifc->address[i].len != p->len)
			continue;
		memmove(&ifc->address[i], &ifc->address[i + 1],
			(ifc->address_count - i - 1) * sizeof ifc->address[0]);
		ifc->address_count--;
		return 0;
	}
	return err_set(
		e, ENOENT, "interface '%s' does not have the address %s", ifc->name, prefix_format(p, text));
}

/* Another interface of the same VRF whose subnet overlaps, or NULL: its hosts would be found on two links. */
static const struct iface *overlapping(const struct weir *w, const char *name, const struct prefix *p)
{
	const struct iface *self = generation_iface(w->gen, name);

	if (self == NULL || ipaddr_is_link_local(&p->addr))
		return NULL;
	for (unsigned i = 1; i < w->gen->iface_limit; i++) {
		const struct iface *ifc = w->gen->iface[i];

		if (ifc == NULL || ifc == self || ifc->vrf != self->vrf)
			continue;
		for (unsigned k = 0; k < ifc->address_count; k++)
			if (prefix_contains(p, &ifc->address[k].addr) ||
				prefix_contains(&ifc->address[k], &p->addr))
				return ifc;
	}
	return NULL;
}

int iface_address_add(struct weir *w, const char *iface, const struct prefix *p, struct err *e)
{
	const struct iface *other = overlapping(w, iface, p);
	char text[PREFIX_STRLEN];

	if (!ipaddr_is_host(&p->addr))
		return err_set(e, EINVAL, "%s cannot be the address of an interface", prefix_format(p, text));
	if (other != NULL)
		return err_set(e, EEXIST, "%s overlaps a subnet of interface '%s' in the same VRF",
			prefix_format(p, text), other->name);
	return edit_addresses(w, iface, e, insert_address, p);
}

int iface_address_del(struct weir *w, const char *iface, const struct prefix *p, struct err *e)
{
	return edit_addresses(w, iface, e, remove_address, p);
}

/* Two generations: the one that runs and the one that is made. */
static void iface_bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	const struct node *ifaces = node_get(cfg, "interfaces"), *ports = node_get(cfg, "ports");
	uint64_t n = ifaces != NULL ? ifaces->count : 0, p = ports != NULL ? ports->count : 0;
	const uint64_t vlans = 4096 * sizeof(uint16_t);

	bill_add(b, "interfaces", n, 2 * (sizeof(struct generation) + n * sizeof(struct iface) + p * vlans));
}

static struct feature feature_iface = {
	.name = "iface",
	.order = 10,
	.init = iface_init,
	.fini = iface_fini,
	.prepare = iface_prepare,
	.commit = iface_commit,
	.bill = iface_bill,
};
FEATURE_REGISTER(feature_iface)
