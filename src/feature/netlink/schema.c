/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `netlink:` and what a validated config says.
 */
#include <errno.h>
#include <stdio.h>
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
		.max = 63,
		.help = "Tables of VRFs, in the VRF's namespace if it has one. Without an entry it is the "
			"VRF's 'table', "
			"main (254) of its 'namespace', and main for the VRF default."},
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

/* --- which table of which namespace a VRF is --- */

struct view {
	const char *vrf, *path;
	uint64_t table;
	const struct node *at; /* what says so */
};

static const struct node *entry_of(const struct node *tables, const char *vrf)
{
	NODE_EACH (t, tables)
		if (strcmp(node_text(t, "vrf", ""), vrf) == 0)
			return t;
	return NULL;
}

/* A VRF of `vrfs`; false: no table of the kernel is its. */
static bool view_of(const struct node *root, const struct node *vrf, struct view *v)
{
	const struct node *own = entry_of(node_get(node_get(root, "netlink"), "tables"), vrf->key);

	*v = (struct view){.vrf = vrf->key, .path = node_text(vrf, "namespace", ""), .at = vrf};
	v->table = node_u64(own != NULL ? own : vrf, "table", v->path[0] != '\0' ? TABLE_MAIN : 0);
	return v->table != 0;
}

/* An entry of netlink.tables. */
static struct view view_of_entry(const struct node *root, const struct node *t)
{
	const char *vrf = node_text(t, "vrf", "");

	return (struct view){.vrf = vrf,
		.path = node_text(node_get(node_get(root, "vrfs"), vrf), "namespace", ""),
		.table = node_u64(t, "table", 0),
		.at = node_get(t, "table")};
}

static bool same_table(const struct view *a, const struct view *b)
{
	return a->table == b->table && strcmp(a->path, b->path) == 0;
}

/* A VRF has one table: its routes are told apart by prefix and metric only. */
static void check_tables(const struct node *root, const struct node *tables, struct diag *d)
{
	NODE_EACH (a, tables)
		NODE_EACH (b, tables) {
			struct view va = view_of_entry(root, a), vb = view_of_entry(root, b);

			if (b == a)
				break;
			if (same_table(&va, &vb))
				diag_node(
					d, va.at, NULL, "table %s is there twice", node_text(a, "table", ""));
			if (strcmp(va.vrf, vb.vrf) == 0)
				diag_node(
					d, node_get(a, "vrf"), NULL, "VRF '%s' has a table already", va.vrf);
		}
}

static void tell_twice(const struct view *mine, const char *other, struct diag *d)
{
	diag_key(d, mine->at, "give one of them another table, in 'netlink.tables'",
		"VRF '%s' would have the kernel's table %llu%s%s, which is VRF '%s''s", mine->vrf,
		(unsigned long long)mine->table, mine->path[0] != '\0' ? " of namespace " : "", mine->path,
		other);
}

/* A VRF's table that another one has, by its own words or by netlink.tables. */
static void check_vrf(const struct node *root, const struct node *vrf, struct diag *d)
{
	struct view mine, other;

	if (!view_of(root, vrf, &mine))
		return;
	NODE_EACH (o, node_get(root, "vrfs")) {
		if (o == vrf)
			break;
		if (view_of(root, o, &other) && same_table(&mine, &other))
			tell_twice(&mine, other.vrf, d);
	}
	NODE_EACH (t, node_get(node_get(root, "netlink"), "tables")) {
		other = view_of_entry(root, t);
		if (node_get(node_get(root, "vrfs"), other.vrf) == NULL && same_table(&mine, &other))
			tell_twice(&mine, other.vrf, d);
	}
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *netlink = node_get(root, "netlink");

	if (netlink == NULL)
		return;
	check_tables(root, node_get(netlink, "tables"), d);
	NODE_EACH (v, node_get(root, "vrfs"))
		check_vrf(root, v, d);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)

/* --- reading --- */

/* Number of a namespace among the places, or -1. */
static int place_of(struct netlink_settings *s, const char *path, struct err *e)
{
	for (unsigned i = 0; i < s->places; i++)
		if (strcmp(s->place[i], path) == 0)
			return (int)i;
	if (s->places == PLACES_MAX)
		return err_set(e, ENOSPC,
			"netlink: namespace '%s' is one too many; routes of at most %d are read", path,
			PLACES_MAX);
	snprintf(s->place[s->places], KERNEL_PATH, "%s", path);
	return (int)s->places++;
}

static int add_view(struct weir *w, const struct view *v, struct netlink_settings *s, struct err *e)
{
	int vrf = vrf_intern(w, v->vrf), at;

	if (vrf < 0)
		return err_set(e, -vrf, "netlink: VRF '%s' cannot be created; at most %d VRFs are possible",
			v->vrf, VRF_MAX);
	at = place_of(s, v->path, e);
	if (at < 0)
		return at;
	if (s->tables == TABLES_MAX)
		return err_set(e, ENOSPC, "netlink: more than %d tables", TABLES_MAX);
	s->vrf_at[vrf] = (uint8_t)at;
	s->table[s->tables++] =
		(struct netlink_table){.table = (uint32_t)v->table, .vrf = (uint16_t)vrf, .at = (uint8_t)at};
	return 0;
}

/* First the entries of netlink.tables, then the VRFs that have none. */
static int read_tables(struct weir *w, const struct node *cfg, struct netlink_settings *s, struct err *e)
{
	const struct node *tables = node_get(node_get(cfg, "netlink"), "tables");
	struct view v;

	s->places = 1; /* weir's own */
	NODE_EACH (t, tables) {
		v = view_of_entry(cfg, t);
		if (add_view(w, &v, s, e) != 0)
			return -e->code;
	}
	NODE_EACH (n, node_get(cfg, "vrfs"))
		if (entry_of(tables, n->key) == NULL && view_of(cfg, n, &v) && add_view(w, &v, s, e) != 0)
			return -e->code;
	return 0;
}

static void add_main(struct netlink_settings *s)
{
	for (unsigned i = 0; i < s->tables; i++)
		if ((s->table[i].table == TABLE_MAIN && s->table[i].at == 0) || s->table[i].vrf == 0)
			return;
	if (s->tables < TABLES_MAX)
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
	if (read_tables(w, cfg, s, e) != 0)
		return -e->code;
	add_main(s);
	for (const struct schema *f = distance_fields; f->key != NULL; f++) {
		uint64_t v = node_u64(node_get(n, "distances"), f->key, 0);

		if (v != 0)
			netlink_distance_set(s->distance, f->key, (uint8_t)v);
	}
	read_fpm(node_get(n, "fpm"), s);
	return 0;
}
