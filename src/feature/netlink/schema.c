/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `netlink:` and what a validated config says.
 */
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>

#include "control/diag.h"
#include "control/schema.h"
#include "feature/netlink/priv.h"

#define DISTANCE(name, value, text)                                                                          \
	{                                                                                                    \
		.key = (name), .type = SCHEMA_INT, .min = 1, .max = 255, .fallback = (value), .help = (text) \
	}

static const struct schema distance_fields[] = {
	DISTANCE("boot", "1", "ip route, without 'proto'."),
	DISTANCE("static", "1", "BIRD's and other daemons' static routes."),
	DISTANCE("zebra-static", "1", "FRR's static routes."),
	DISTANCE("keepalived", "5", "keepalived."),
	DISTANCE("pbr", "5", "FRR's pbrd."),
	DISTANCE("srte", "5", "FRR's segment routing policies."),
	DISTANCE("nhrp", "10", "NHRP."),
	DISTANCE("kernel", "10", "Routes of the kernel that have a gateway."),
	DISTANCE("bgp", "20", "FRR's BGP, external and internal."),
	DISTANCE("eigrp", "90", "EIGRP."),
	DISTANCE("zebra", "100", "FRR's others."),
	DISTANCE("bird", "100", "All of BIRD's."),
	DISTANCE("babel", "100", "Babel."),
	DISTANCE("ldp", "100", "LDP."),
	DISTANCE("ospf", "110", "OSPF."),
	DISTANCE("isis", "115", "IS-IS."),
	DISTANCE("openfabric", "115", "OpenFabric."),
	DISTANCE("openr", "115", "Open/R."),
	DISTANCE("rip", "120", "RIP."),
	DISTANCE("ripng", "120", "RIPng."),
	DISTANCE("sharp", "150", "FRR's sharpd."),
	DISTANCE("dhcp", "210", "DHCP clients."),
	DISTANCE("ra", "220", "Router advertisements."),
	DISTANCE("other", "150", "Protocols without a name."),
	{0},
};

static const struct schema table_fields[] = {
	{.key = "table",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 4294967295,
		.required = true,
		.help = "Number of the kernel's table."},
	{.key = "vrf",
		.type = SCHEMA_NAME,
		.max = 31,
		.required = true,
		.help = "The VRF that its routes are in."},
	{0},
};
static const struct schema table_item = {
	.type = SCHEMA_MAP, .fields = table_fields, .help = "A table and its VRF."};

static const struct schema fpm_fields[] = {
	{.key = "address", .type = SCHEMA_ADDRESS, .fallback = "127.0.0.1", .help = "Address to listen on."},
	{.key = "port", .type = SCHEMA_INT, .min = 1, .max = 65535, .fallback = "2620", .help = "TCP port."},
	{0},
};

static const char *const table_identity[] = {"table", NULL};
static const struct schema netlink_fields[] = {
	{.key = "routes",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Routes of the kernel's tables; otherwise only links are followed."},
	{.key = "addresses",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Addresses that somebody puts on a twin become the interface's at run time."},
	{.key = "tables",
		.type = SCHEMA_LIST,
		.item = &table_item,
		.identity = table_identity,
		.max = TABLES_MAX - 1,
		.help = "Tables besides main (254), which is the VRF default's unless it stands here."},
	{.key = "distances",
		.type = SCHEMA_MAP,
		.fields = distance_fields,
		.help = "Preference of routes by protocol, lower wins; 255: they are not taken."},
	{.key = "buffer",
		.type = SCHEMA_SIZE,
		.min = 4096,
		.max = 1ull << 30,
		.fallback = "128M",
		.help = "Of the socket of notifications; what it cannot hold costs a sync."},
	{.key = "hold",
		.type = SCHEMA_DURATION,
		.min = 0,
		.max = 86400ull * 1000000000,
		.fallback = "2m",
		.help = "How long routes of an FPM client stay after it left, or came back without them."},
	{.key = "fpm",
		.type = SCHEMA_MAP,
		.fields = fpm_fields,
		.help = "Listens for FRR's dplane_fpm_nl; without this key it does not."},
	{0},
};

static const struct schema fields[] = {
	{.key = "netlink",
		.type = SCHEMA_MAP,
		.fields = netlink_fields,
		.help = "Routes that routing daemons and others put into the kernel; without this key weir "
			"does not look at "
			"them."},
	{0},
};

/* A VRF has one table: its routes are told apart by prefix and metric only. */
static void check(const struct node *root, struct diag *d)
{
	const struct node *tables = node_get(node_get(root, "netlink"), "tables");

	NODE_EACH (a, tables)
		NODE_EACH (b, tables) {
			if (b == a)
				break;
			if (node_u64(a, "table", 0) == node_u64(b, "table", 0))
				diag_node(d, node_get(a, "table"), NULL, "table %s is there twice",
					node_text(a, "table", ""));
			if (strcmp(node_text(a, "vrf", ""), node_text(b, "vrf", "")) == 0)
				diag_node(d, node_get(a, "vrf"), NULL, "VRF '%s' has a table already",
					node_text(a, "vrf", ""));
		}
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)

/* --- reading --- */

static int read_table(struct weir *w, const struct node *n, struct netlink_settings *s, struct err *e)
{
	const char *name = node_text(n, "vrf", "default");
	int vrf = vrf_intern(w, name);

	if (vrf < 0)
		return err_set(e, -vrf, "netlink: VRF '%s' cannot be created; at most %d VRFs are possible",
			name, VRF_MAX);
	s->table[s->tables++] =
		(struct netlink_table){.table = (uint32_t)node_u64(n, "table", 0), .vrf = (uint16_t)vrf};
	return 0;
}

static void add_main(struct netlink_settings *s)
{
	for (unsigned i = 0; i < s->tables; i++)
		if (s->table[i].table == TABLE_MAIN || s->table[i].vrf == 0)
			return;
	s->table[s->tables++] = (struct netlink_table){.table = TABLE_MAIN};
}

static void read_fpm(const struct node *n, struct netlink_settings *s)
{
	const struct node *a = node_get(n, "address");

	s->fpm = n != NULL;
	s->at = (struct sockaddr_in6){
		.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)node_u64(n, "port", 2620))};
	if (a != NULL && a->value.prefix.addr.family == FAMILY_V6)
		memcpy(&s->at.sin6_addr, a->value.prefix.addr.bytes, 16);
	else
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &s->at.sin6_addr);
	if (a != NULL && a->value.prefix.addr.family == FAMILY_V4)
		memcpy(&s->at.sin6_addr.s6_addr[12], a->value.prefix.addr.bytes, 4);
}

int netlink_settings_read(struct weir *w, const struct node *cfg, struct netlink_settings *s, struct err *e)
{
	const struct node *n = node_get(cfg, "netlink");

	*s = (struct netlink_settings){.present = n != NULL};
	netlink_distances_default(s->distance);
	if (n == NULL)
		return 0;
	s->routes = node_bool(n, "routes", true);
	s->addresses = node_bool(n, "addresses", false);
	s->buffer = node_u64(n, "buffer", 128u << 20);
	s->hold = node_u64(n, "hold", UINT64_C(120000000000));
	NODE_EACH (t, node_get(n, "tables"))
		if (read_table(w, t, s, e) != 0)
			return -1;
	add_main(s);
	for (const struct schema *f = distance_fields; f->key != NULL; f++) {
		uint64_t v = node_u64(node_get(n, "distances"), f->key, 0);

		if (v != 0)
			netlink_distance_set(s->distance, f->key, (uint8_t)v);
	}
	read_fpm(node_get(n, "fpm"), s);
	return 0;
}
