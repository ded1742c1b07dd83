/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `kernel:`, and names that the kernel would not take for a link.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "control/diag.h"
#include "control/schema.h"

#define RATE_MAX 10000000

static const struct schema police_fields[] = {
	{.key = "liveness",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "4000",
		.help = "BFD and VRRP of this link (TTL 255)."},
	{.key = "routing",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "10000",
		.help = "OSPF, BGP, RIP, PIM, LDP, IS-IS, IGMP, MLD, BFD over several hops."},
	{.key = "arp-nd",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "1000",
		.help = "Copies of ARP and neighbour discovery; router discovery."},
	{.key = "icmp",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "1000",
		.help = "ICMP to us besides echo requests."},
	{.key = "dhcp", .type = SCHEMA_INT, .max = RATE_MAX, .fallback = "500", .help = "DHCP and DHCPv6."},
	{.key = "l2",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "500",
		.help = "LLDP, LACP, STP, 802.1X, and ethertypes weir does not know."},
	{.key = "other",
		.type = SCHEMA_INT,
		.max = RATE_MAX,
		.fallback = "20000",
		.help = "Everything else to us."},
	{0},
};

static const struct schema kernel_fields[] = {
	{.key = "twins",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Each interface has a TAP with its name, MAC address, MTU, addresses and carrier."},
	{.key = "prefix",
		.type = SCHEMA_NAME,
		.max = 8,
		.help = "Begins the names of all twins; without it they are named as their interfaces."},
	{.key = "forwarding",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "The kernel may forward between twins itself; weir does not see those packets."},
	{.key = "accept-ra",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "The kernel takes addresses and routes of twins from router advertisements."},
	{.key = "wait",
		.type = SCHEMA_DURATION,
		.min = 0,
		.max = 600ull * 1000000000,
		.fallback = "5s",
		.help = "How long a new twin waits at most for the kernel's routes to be weir's ('netlink') "
			"before "
			"it has "
			"carrier."},
	{.key = "persist",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Twins stay without carrier when weir ends, with their addresses and routes, and are "
			"taken "
			"over "
			"by the next start; otherwise the kernel removes them."},
	{.key = "police",
		.type = SCHEMA_MAP,
		.fields = police_fields,
		.help = "Packets per second that go up to the kernel, by class, for each interface and "
			"worker; 0: "
			"none."},
	{0},
};

static const struct schema fields[] = {
	{.key = "kernel",
		.type = SCHEMA_MAP,
		.fields = kernel_fields,
		.help = "Twins of the interfaces in the Linux kernel; without this key there are none."},
	{0},
};

static bool wants_twin(const struct node *kernel, const struct node *iface)
{
	return node_bool(kernel, "twins", true) && node_bool(iface, "kernel", true);
}

static void check_name(const struct node *iface, const char *prefix, struct diag *d)
{
	size_t len = strlen(prefix) + strlen(iface->key);

	if (len >= IFNAMSIZ)
		diag_key(d, iface, "rename it, shorten kernel.prefix, or give it 'kernel: false'",
			"the kernel's link for interface '%s' would be '%s%s', which is longer than %d "
			"characters",
			iface->key, prefix, iface->key, IFNAMSIZ - 1);
}

/* A VRF's links are in a namespace, or belong to a VRF device: not both. */
static void check_vrfs(const struct node *vrfs, struct diag *d)
{
	NODE_EACH (v, vrfs)
		if (node_get(v, "namespace") != NULL && node_get(v, "table") != NULL)
			diag_key(d, v, NULL,
				"VRF '%s' has both 'namespace' and 'table'; its twins can only be in one of "
				"them",
				v->key);
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *kernel = node_get(root, "kernel");
	const char *prefix = node_text(kernel, "prefix", "");

	check_vrfs(node_get(root, "vrfs"), d);
	if (kernel == NULL)
		return;
	NODE_EACH (n, node_get(root, "interfaces"))
		if (wants_twin(kernel, n))
			check_name(n, prefix, d);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
