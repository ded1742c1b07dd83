/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the routes of a config take at most. The tables are address space that becomes resident where routes
 * are, in pages of 2 MiB where the kernel can.
 */
#include <string.h>

#include "control/tree.h"
#include "feature/route/rib.h"
#include "pipeline/bill.h"
#include "table/radix.h"

/* A prefix's entry, its candidate, and nodes in the routes' tree and the table's. */
#define ROUTE_BYTES (32u + 32u + 2u * RADIX_NODES_PER_INSERT * RADIX_NODE_BYTES)
#define BLOCK_BYTES                                                                                          \
	(UINT64_C(3) << 20) /* of a sixteenth of the IPv4 addresses: next hops and their lengths */
#define GROUP_BYTES 768u
#define LEVEL6_BYTES 128u /* a node of the IPv6 table with some values */
#define PAGE6_BYTES 4096u /* of the table by the first 24 bits */
#define PAGES6_MAX 16384u /* it has no more */

struct table {
	const char *vrf;
	uint16_t blocks; /* sixteenths of the IPv4 addresses with routes */
	uint32_t pages6;
};

struct count {
	struct table table[VRF_MAX];
	unsigned tables, last;
	uint64_t routes[2], groups, levels;
};

static struct table *table_of(struct count *c, const char *vrf)
{
	if (c->last < c->tables && strcmp(c->table[c->last].vrf, vrf) == 0)
		return &c->table[c->last];
	for (c->last = 0; c->last < c->tables; c->last++)
		if (strcmp(c->table[c->last].vrf, vrf) == 0)
			return &c->table[c->last];
	if (c->tables == VRF_MAX)
		return &c->table[c->last = 0]; /* refused elsewhere */
	c->table[c->tables].vrf = vrf;
	return &c->table[c->tables++];
}

static void count_prefix(struct count *c, const char *vrf, const struct prefix *p)
{
	struct table *t = table_of(c, vrf);

	if (p->addr.family == FAMILY_V4) {
		unsigned first = p->addr.bytes[0] >> 4, n = p->len >= 4 ? 1 : 1u << (4 - p->len);

		c->routes[0]++;
		c->groups += p->len > 24;
		t->blocks |= (uint16_t)(((1u << n) - 1) << first);
	} else {
		c->routes[1]++;
		c->levels += p->len > 24 ? (p->len - 17u) / 8 : 0;
		t->pages6 += t->pages6 < PAGES6_MAX;
	}
}

void routes_bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	struct count c = {.tables = 1, .table[0].vrf = "default"};
	uint64_t v4 = 0, v6 = 0;

	NODE_EACH (r, node_get(cfg, "routes"))
		count_prefix(&c, node_text(r, "vrf", "default"), &node_get(r, "prefix")->value.prefix);
	NODE_EACH (i, node_get(cfg, "interfaces"))
		NODE_EACH (a, node_get(i, "addresses"))
			for (unsigned n = 0; n < CONNECTED_PER_ADDRESS; n++)
				count_prefix(&c, node_text(i, "vrf", "default"), &a->value.prefix);
	for (unsigned i = 0; i < c.tables; i++) {
		v4 += (uint64_t)__builtin_popcount(c.table[i].blocks) * BLOCK_BYTES;
		v6 += (uint64_t)c.table[i].pages6 * PAGE6_BYTES;
	}
	bill_add(b, "IPv4 routes", c.routes[0], c.routes[0] * ROUTE_BYTES + v4 + c.groups * GROUP_BYTES);
	bill_add(b, "IPv6 routes", c.routes[1], c.routes[1] * ROUTE_BYTES + v6 + c.levels * LEVEL6_BYTES);
}
