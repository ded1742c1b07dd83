/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `neighbors:` and `neighbor:`.
 */
#include "control/diag.h"
#include "control/schema.h"
#include "feature/neigh/neigh_priv.h"

#define SECOND UINT64_C(1000000000)

static const struct schema entry_fields[] = {
	{.key = "interface",
		.type = SCHEMA_NAME,
		.required = true,
		.refers = "interfaces",
		.help = "Its link."},
	{.key = "address",
		.type = SCHEMA_ADDRESS,
		.required = true,
		.help = "Address in a subnet of the interface."},
	{.key = "mac", .type = SCHEMA_MAC, .required = true, .help = "Its MAC address."},
	{0},
};
static const struct schema entry_item = {
	.type = SCHEMA_MAP, .fields = entry_fields, .help = "A permanent neighbour."};

static const struct schema limit_fields[] = {
	{.key = "limit",
		.type = SCHEMA_INT,
		.min = 16,
		.max = 30000,
		.fallback = "8192",
		.help = "Neighbours at a time; at most half of them unresolved."},
	{.key = "queue-packets",
		.type = SCHEMA_INT,
		.min = 1,
		.max = NEIGH_QUEUE_MAX,
		.fallback = "8",
		.help = "Packets that wait for one unresolved neighbour."},
	{.key = "probes",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 10,
		.fallback = "3",
		.help = "Solicitations before giving up."},
	{.key = "retransmit-time",
		.type = SCHEMA_DURATION,
		.min = SECOND / 10,
		.max = 60 * SECOND,
		.fallback = "1s",
		.help = "Between solicitations."},
	{.key = "reachable-time",
		.type = SCHEMA_DURATION,
		.min = SECOND,
		.max = 3600 * SECOND,
		.fallback = "30s",
		.help = "How long an answer counts as proof."},
	{.key = "stale-time",
		.type = SCHEMA_DURATION,
		.min = SECOND,
		.max = 86400 * SECOND,
		.fallback = "60s",
		.help = "How long an unused neighbour is remembered after that."},
	{0},
};

static const char *const entry_identity[] = {"interface", "address", NULL};
static const struct schema fields[] = {
	{.key = "neighbors",
		.type = SCHEMA_LIST,
		.item = &entry_item,
		.identity = entry_identity,
		.help = "Permanent neighbours."},
	{.key = "neighbor",
		.type = SCHEMA_MAP,
		.fields = limit_fields,
		.help = "Limits and times of ARP and ND."},
	{0},
};

static bool on_link(const struct node *root, const struct node *n)
{
	const struct node *ifc = node_get(node_get(root, "interfaces"), node_text(n, "interface", ""));
	const struct ipaddr *a = &node_get(n, "address")->value.prefix.addr;

	if (node_bool(ifc, "loopback", false))
		return false;
	if (a->family == FAMILY_V6 && ipaddr_is_link_local(a))
		return true;
	NODE_EACH (p, node_get(ifc, "addresses"))
		if (p->value.prefix.addr.family == a->family && prefix_contains(&p->value.prefix, a) &&
			!ipaddr_equal(&p->value.prefix.addr, a))
			return true;
	return false;
}

static void check(const struct node *root, struct diag *d)
{
	NODE_EACH (n, node_get(root, "neighbors")) {
		const struct node *a = node_get(n, "address"), *mac = node_get(n, "mac");

		if (!on_link(root, n))
			diag_node(d, a, NULL, "%s is not in a subnet of interface '%s'", a->text,
				node_text(n, "interface", ""));
		if ((mac->value.mac[0] & 1) != 0)
			diag_node(d, mac, NULL, "%s is a multicast MAC address", mac->text);
	}
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
