/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `ports:` and `interfaces:`, and what a table cannot say about them: tags that collide, parents
 * that do not lead to a port, subnets that overlap.
 */
#include <stdlib.h>
#include <string.h>

#include "control/diag.h"
#include "control/schema.h"
#include "pipeline/generation.h"

#define PARENT_DEPTH 4

static const char *const tag_types[] = {"802.1q", "802.1ad", NULL};

static const struct schema port_fields[] = {
	{.key = "device",
		.type = SCHEMA_STRING,
		.required = true,
		.min = 1,
		.max = 512,
		.effect = EFFECT_PORT,
		.help = "PCI address, DPDK device arguments (net_...,key=value), or af_xdp:IF, af_packet:IF, "
			"tap:NAME, "
			"pcap:IN,OUT, memif:SOCKET, null."},
	{.key = "mtu",
		.type = SCHEMA_INT,
		.min = 68,
		.max = 9600,
		.fallback = "1500",
		.effect = EFFECT_PORT,
		.help = "Largest IP packet in bytes."},
	{.key = "mac", .type = SCHEMA_MAC, .help = "MAC address instead of the device's own."},
	{.key = "rx-queues",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 64,
		.effect = EFFECT_PORT,
		.help = "Receive queues; by default one per worker at the time the port is started, as far "
			"as the "
			"device has them."},
	{.key = "rx-descriptors",
		.type = SCHEMA_INT,
		.min = 64,
		.max = 8192,
		.fallback = "1024",
		.effect = EFFECT_PORT,
		.help = "Packets a receive queue holds."},
	{.key = "tx-descriptors",
		.type = SCHEMA_INT,
		.min = 64,
		.max = 8192,
		.fallback = "1024",
		.effect = EFFECT_PORT,
		.help = "Packets a transmit queue holds."},
	{.key = "promiscuous",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Take frames for any MAC address off the wire; those not for an interface are still "
			"dropped."},
	{.key = "description", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{0},
};

static const struct schema address_item = {
	.type = SCHEMA_IFADDR, .help = "Address with prefix length, such as 192.0.2.1/24."};

static const struct schema iface_fields[] = {
	{.key = "port",
		.type = SCHEMA_NAME,
		.refers = "ports",
		.help = "Port whose untagged frames it takes."},
	{.key = "parent", .type = SCHEMA_NAME, .refers = "interfaces", .help = "Interface it is a VLAN of."},
	{.key = "loopback",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "It has no link, instead of port or parent: its addresses are ours whichever "
			"interface of the "
			"VRF packets for them come in by, and routing daemons find them on its twin."},
	{.key = "vlan", .type = SCHEMA_INT, .min = 1, .max = 4094, .help = "VLAN id; needs parent."},
	{.key = "inner-vlan",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 4094,
		.help = "Second VLAN id (QinQ); needs vlan."},
	{.key = "tpid",
		.type = SCHEMA_ENUM,
		.words = tag_types,
		.fallback = "802.1q",
		.help = "Tag type of vlan: 802.1q (0x8100) or 802.1ad (0x88a8)."},
	{.key = "addresses",
		.type = SCHEMA_LIST,
		.item = &address_item,
		.ordered = true,
		.max = IFACE_ADDRESSES - 1,
		.help = "Its addresses; the first of a family is the preferred source."},
	{.key = "vrf",
		.type = SCHEMA_NAME,
		.max = VRF_NAME - 1,
		.fallback = "default",
		.help = "VRF it routes in."},
	{.key = "mtu",
		.type = SCHEMA_INT,
		.min = 68,
		.max = 9600,
		.help = "Largest IP packet in bytes; at most the port's. IPv6 needs 1280."},
	{.key = "enabled",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Administratively up; a disabled interface takes its sub-interfaces along."},
	{.key = "forwarding",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Forward packets that come in here; otherwise only those to us are taken."},
	{.key = "redirects",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Tell senders on it of better first hops on it (ICMP redirects), as routers do by "
			"default."},
	{.key = "flow-affinity",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "All packets of a flow that come in here, both directions, pass the same worker."},
	{.key = "acl-in",
		.type = SCHEMA_NAME,
		.refers = "acls",
		.help = "List of rules for packets that come in here."},
	{.key = "acl-out",
		.type = SCHEMA_NAME,
		.refers = "acls",
		.help = "List of rules for packets that are forwarded out of here."},
	{.key = "sessions",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Packets that come in here belong to sessions, also without a zone."},
	{.key = "zone",
		.type = SCHEMA_NAME,
		.help = "The firewall's zone the interface is in. Between zones only what a policy accepts "
			"passes."},
	{.key = "kernel",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "It has a twin in the kernel, when 'kernel' is configured at all."},
	{.key = "description", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{0},
};

static const struct schema vrf_fields[] = {
	{.key = "namespace",
		.type = SCHEMA_STRING,
		.min = 1,
		.max = 255,
		.help = "Path of the network namespace that has the twins of its interfaces, such as "
			"/run/netns/red."},
	{.key = "table",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 4294967295,
		.help = "Routing table of the kernel's VRF device with the VRF's name that has the twins of "
			"its "
			"interfaces; made when it is not there."},
	{.key = "description", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{0},
};

static const struct schema fields[] = {
	{.key = "ports",
		.type = SCHEMA_NAMED,
		.fields = port_fields,
		.max = IFACE_NAME - 1,
		.help = "Ports by name."},
	{.key = "interfaces",
		.type = SCHEMA_NAMED,
		.fields = iface_fields,
		.max = IFACE_NAME - 1,
		.help = "Interfaces by name."},
	{.key = "vrfs",
		.type = SCHEMA_NAMED,
		.fields = vrf_fields,
		.max = VRF_NAME - 1,
		.help = "VRFs besides 'default'; interfaces and routes name them."},
	{0},
};

/* --- checks --- */

/* An interface with its port and tags resolved. */
struct place {
	const struct node *node;
	const char *port;
	unsigned ntags;
	uint32_t tag[2]; /* TPID << 16 | VLAN */
};

static bool is_loopback(const struct node *n)
{
	return node_bool(n, "loopback", false);
}

static const char *parent_name(const struct node *n)
{
	return node_text(n, "parent", NULL);
}

static void add_tag(struct place *p, uint32_t type, uint64_t vlan)
{
	if (p->ntags < 2)
		p->tag[p->ntags] = type << 16 | (uint32_t)vlan;
	p->ntags++;
}

/* Walks up to the port; false (with a diagnostic) when the way does not end at one. */
static bool locate(
	const struct node *ifaces, const struct node *n, struct place *p, unsigned depth, struct diag *d)
{
	const struct node *up = parent_name(n) != NULL ? node_get(ifaces, parent_name(n)) : NULL;
	bool service = node_u64(n, "tpid", 0) == 1;

	if (depth > PARENT_DEPTH) {
		diag_key(d, p->node, NULL, "the parents of interface '%s' do not lead to a port",
			p->node->key);
		return false;
	}
	if (up == NULL && depth != 0 && is_loopback(n))
		diag_node(d, node_get(p->node, "parent"), NULL,
			"interface '%s' cannot be a VLAN of '%s', which is a loopback and has no frames",
			p->node->key, n->key);
	if (up == NULL) {
		p->port = node_text(n, "port", NULL);
		return p->port != NULL;
	}
	if (!locate(ifaces, up, p, depth + 1, d))
		return false;
	add_tag(p, service ? 0x88a8 : 0x8100, node_u64(n, "vlan", 0));
	if (node_get(n, "inner-vlan") != NULL)
		add_tag(p, 0x8100, node_u64(n, "inner-vlan", 0));
	return true;
}

static bool is_link_local(const struct ipaddr *a)
{
	return a->family == FAMILY_V6 && ipaddr_is_link_local(a);
}

/* Keys that speak of frames, addresses that speak of a link. */
static bool check_loopback(const struct node *n, struct diag *d)
{
	static const char *const keys[] = {
		"port", "parent", "vlan", "inner-vlan", "tpid", "mtu", "flow-affinity"};

	for (unsigned i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (node_get(n, keys[i]) != NULL) {
			diag_node(d, node_get(n, keys[i]), "take one of them away",
				"interface '%s' is a loopback, which has no link: '%s' has no meaning for it",
				n->key, keys[i]);
			return false;
		}
	NODE_EACH (a, node_get(n, "addresses"))
		if (is_link_local(&a->value.prefix.addr)) {
			diag_node(d, a, NULL,
				"interface '%s' is a loopback and has no link for the address %s", n->key,
				a->text);
			return false;
		}
	return true;
}

static bool check_shape(const struct node *n, struct diag *d)
{
	bool port = node_get(n, "port") != NULL, parent = node_get(n, "parent") != NULL;

	if (is_loopback(n))
		return check_loopback(n, d);
	if (port == parent)
		diag_key(d, n, NULL,
			"interface '%s' needs either 'port', or 'parent' with 'vlan', or 'loopback: true'",
			n->key);
	else if (parent && node_get(n, "vlan") == NULL)
		diag_key(d, n, NULL, "interface '%s' has a parent and so needs 'vlan'", n->key);
	else if (port && node_get(n, "vlan") != NULL)
		diag_node(d, node_get(n, "vlan"),
			"name the untagged interface of the port as 'parent' instead of 'port'",
			"'vlan' needs 'parent'");
	else if (port && (node_get(n, "inner-vlan") != NULL || node_get(n, "tpid") != NULL))
		diag_key(d, n, NULL, "'inner-vlan' and 'tpid' of interface '%s' need 'parent' and 'vlan'",
			n->key);
	else
		return true;
	return false;
}

static int compare_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c = strcmp(x->port, y->port);

	if (c != 0 || x->ntags != y->ntags)
		return c != 0 ? c : (int)x->ntags - (int)y->ntags;
	return memcmp(x->tag, y->tag, sizeof x->tag);
}

static void check_places(const struct node *ifaces, struct diag *d)
{
	struct place *list = calloc(ifaces->count + 1, sizeof *list);
	unsigned n = 0;

	if (list == NULL)
		return;
	NODE_EACH (i, ifaces) {
		list[n] = (struct place){.node = i};
		if (!check_shape(i, d) || !locate(ifaces, i, &list[n], 0, d))
			continue;
		if (list[n].ntags > 2)
			diag_key(d, i, NULL, "interface '%s' would have %u VLAN tags; at most 2 are possible",
				i->key, list[n].ntags);
		n++;
	}
	qsort(list, n, sizeof *list, compare_place);
	for (unsigned k = 1; k < n; k++)
		if (compare_place(&list[k - 1], &list[k]) == 0)
			diag_key(d, list[k].node, NULL,
				"interfaces '%s' and '%s' take the same frames of port '%s'",
				list[k - 1].node->key, list[k].node->key, list[k].port);
	free(list);
}

/* An address with what decides whether another one may overlap it. */
struct subnet {
	const struct node *iface, *address;
	const char *vrf;
	struct prefix net;
};

static int compare_subnet(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;
	int c = strcmp(x->vrf, y->vrf);

	if (c == 0)
		c = x->net.addr.family - y->net.addr.family;
	if (c == 0)
		c = memcmp(x->net.addr.bytes, y->net.addr.bytes, 16);
	return c != 0 ? c : x->net.len - y->net.len;
}

static void report_overlap(const struct subnet *a, const struct subnet *b, struct diag *d)
{
	const struct subnet *later = a->address->line > b->address->line ? a : b, *first = later == a ? b : a;

	if (a->iface != b->iface)
		diag_node(d, later->address, NULL, "%s overlaps %s of interface '%s' in VRF '%s'",
			later->address->text, first->address->text, first->iface->key, a->vrf);
}

static unsigned collect_subnets(const struct node *ifaces, struct subnet *list)
{
	unsigned n = 0;

	NODE_EACH (i, ifaces)
		NODE_EACH (a, node_get(i, "addresses")) {
			if (is_link_local(&a->value.prefix.addr))
				continue;
			list[n++] = (struct subnet){.iface = i,
				.address = a,
				.vrf = node_text(i, "vrf", "default"),
				.net = prefix_masked(&a->value.prefix)};
		}
	return n;
}

static int compare_address(const void *a, const void *b)
{
	const struct subnet *x = a, *y = b;
	const struct ipaddr *p = &x->address->value.prefix.addr, *q = &y->address->value.prefix.addr;
	int c = strcmp(x->vrf, y->vrf);

	if (c == 0)
		c = p->family - q->family;
	if (c == 0)
		c = memcmp(p->bytes, q->bytes, 16);
	/* In the order of the file, so that the later one is the mistake. */
	if (c == 0)
		c = x->address->line < y->address->line ? -1 : x->address->line > y->address->line;
	return c != 0 ? c : x->address->column < y->address->column ? -1 : 1;
}

static void check_same_addresses(struct subnet *list, unsigned n, struct diag *d)
{
	if (n != 0)
		qsort(list, n, sizeof *list, compare_address);
	for (unsigned k = 1; k < n; k++)
		if (strcmp(list[k - 1].vrf, list[k].vrf) == 0 &&
			ipaddr_equal(
				&list[k - 1].address->value.prefix.addr, &list[k].address->value.prefix.addr))
			diag_node(d, list[k].address, NULL, "address %s is already on interface '%s'",
				list[k].address->text, list[k - 1].iface->key);
}

/* Sorted by network, a subnet's overlaps follow it directly; the widest one so far covers the longest. */
static void check_subnets(const struct node *ifaces, struct diag *d)
{
	struct subnet *list = calloc((size_t)ifaces->count * IFACE_ADDRESSES + 1, sizeof *list);
	unsigned n = list != NULL ? collect_subnets(ifaces, list) : 0, wide = 0, before = d->total;

	check_same_addresses(list, n, d);
	if (d->total != before)
		n = 0; /* which is enough to say about them */
	if (n != 0)
		qsort(list, n, sizeof *list, compare_subnet);
	for (unsigned k = 1; k < n; k++) {
		if (strcmp(list[wide].vrf, list[k].vrf) == 0 &&
			list[wide].net.addr.family == list[k].net.addr.family &&
			prefix_contains(&list[wide].net, &list[k].net.addr))
			report_overlap(&list[wide], &list[k], d);
		else
			wide = k;
	}
	free(list);
}

static void check_vrfs(const struct node *root, const struct node *list, struct diag *d)
{
	const struct node *vrfs = node_get(root, "vrfs");

	NODE_EACH (n, list) {
		const struct node *v = node_get(n, "vrf");

		if (v != NULL && strcmp(v->text, "default") != 0 && node_get(vrfs, v->text) == NULL)
			diag_node(d, v, NULL, "names VRF '%s', which is not in 'vrfs'", v->text);
	}
}

/* RFC 8200 5. The port's MTU counts when the interface says none. */
static void check_mtu6(const struct node *root, const struct node *n, struct diag *d)
{
	const struct node *mtu = node_get(n, "mtu"), *ports = node_get(root, "ports");
	struct place p = {.node = n};
	uint64_t bytes;

	if (!locate(node_get(root, "interfaces"), n, &p, 0, d))
		return;
	bytes = mtu != NULL ? node_u64(n, "mtu", 0) : node_u64(node_get(ports, p.port), "mtu", 1500);
	if (bytes >= IP6_MTU_MIN)
		return;
	NODE_EACH (a, node_get(n, "addresses")) {
		if (a->value.prefix.addr.family != FAMILY_V6)
			continue;
		diag_node(d, mtu != NULL ? mtu : a,
			"set an mtu of 1280 or more, or take the IPv6 addresses away",
			"interface '%s' has the IPv6 address %s, but an mtu of %u; IPv6 needs at least %d",
			n->key, a->text, (unsigned)bytes, IP6_MTU_MIN);
		return;
	}
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *ifaces = node_get(root, "interfaces"), *vrfs = node_get(root, "vrfs");

	if (vrfs != NULL && vrfs->count >= VRF_MAX)
		diag_key(d, vrfs, NULL, "%u VRFs are configured; at most %d are possible besides 'default'",
			vrfs->count, VRF_MAX - 1);
	check_vrfs(root, ifaces, d);
	check_vrfs(root, node_get(root, "routes"), d);
	if (ifaces == NULL)
		return;
	if (ifaces->count >= IFACE_MAX)
		diag_key(d, ifaces, NULL, "%u interfaces are configured; at most %d are possible",
			ifaces->count, IFACE_MAX - 1);
	check_places(ifaces, d);
	if (d->total != 0)
		return;
	check_subnets(ifaces, d);
	NODE_EACH (n, ifaces)
		check_mtu6(root, n, d);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
