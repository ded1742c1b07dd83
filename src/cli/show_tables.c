/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Documents about the network as tables: interfaces, ports, neighbours, VRFs.
 */
#include <stdio.h>
#include <string.h>

#include "cli/grid.h"
#include "cli/verbs.h"

#define HEADS(...) ((const char *const[]){__VA_ARGS__})
#define ROW(...) ((const char *const[]){__VA_ARGS__})

static const char *number(const json_t *o, const char *key, char buf[static TEXT_NUMBER])
{
	return text_number(json_num(o, key), buf);
}

static void vlan_text(const json_t *tags, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < json_array_size(tags) && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%llu", i != 0 ? "." : "",
			(unsigned long long)json_num(json_array_get(tags, i), "id"));
}

static void address_text(const json_t *a, char *buf, size_t size)
{
	const char *state = json_str(a, "state");

	if (a == NULL)
		snprintf(buf, size, "-");
	else if (strcmp(state, "usable") == 0)
		snprintf(buf, size, "%s", json_str(a, "address"));
	else
		snprintf(buf, size, "%s (%s)", json_str(a, "address"), state);
}

/* The watched table has rates instead of what does not change. */
static const char *const iface_heads[] = {"Name", "State", "?Port", "?VLAN", "?VRF", "?MAC", "?>MTU",
	">RX packets", ">TX packets", ">Drops", "Addresses"};
static const char *const iface_watch[] = {"Name", "State", "?>RX packets", ">RX/s", "?>TX packets", ">TX/s",
	"?>Drops", ">Drops/s", ">RX Mbit/s", ">TX Mbit/s"};

static const char *state_of(const json_t *i)
{
	if (!json_yes(i, "enabled") || !json_yes(i, "up"))
		return json_yes(i, "enabled") ? "down" : "disabled";
	return json_yes(i, "ipv6_off") ? "up, IPv6 off" : "up";
}

static void interface_rows(struct grid *g, const json_t *i)
{
	const json_t *list = json_object_get(i, "addresses");
	char vlan[32], mtu[24], rx[TEXT_NUMBER], tx[TEXT_NUMBER], drops[TEXT_NUMBER], address[96];

	vlan_text(json_object_get(i, "vlan"), vlan, sizeof vlan);
	snprintf(mtu, sizeof mtu, "%llu", (unsigned long long)json_num(i, "mtu"));
	address_text(json_array_get(list, 0), address, sizeof address);
	grid_row(g, ROW(json_str(i, "name"), state_of(i), json_str(i, "port"), vlan, json_str(i, "vrf"),
			    json_str(i, "mac"), mtu, number(i, "rx_packets", rx), number(i, "tx_packets", tx),
			    number(i, "drops", drops), address));
	grid_color(g, 1, json_yes(i, "up") ? COLOR_GOOD : COLOR_BAD);
	for (size_t k = 1; k < json_array_size(list); k++) {
		address_text(json_array_get(list, k), address, sizeof address);
		grid_row(g, ROW(" ", " ", " ", " ", " ", " ", " ", " ", " ", " ", address));
	}
}

static const char *mbit(const struct rates *r, const json_t *b, const json_t *now, const char *bytes,
	char buf[static TEXT_NUMBER])
{
	double growth;

	if (r->seconds <= 0 || !rates_growth(b, now, bytes, &growth))
		return NULL;
	snprintf(buf, TEXT_NUMBER, "%.1f", growth * 8 / r->seconds / 1e6);
	return buf;
}

static void interface_rates(struct grid *g, const json_t *i, const struct rates *r)
{
	const json_t *b = rates_row(r, "interfaces", "id", i);
	char n[8][TEXT_NUMBER];

	grid_row(g, ROW(json_str(i, "name"), state_of(i), number(i, "rx_packets", n[0]),
			    rates_text(r, b, i, "rx_packets", n[1]), number(i, "tx_packets", n[2]),
			    rates_text(r, b, i, "tx_packets", n[3]), number(i, "drops", n[4]),
			    rates_text(r, b, i, "drops", n[5]), mbit(r, b, i, "rx_bytes", n[6]),
			    mbit(r, b, i, "tx_bytes", n[7])));
	grid_color(g, 1, json_yes(i, "up") ? COLOR_GOOD : COLOR_BAD);
}

void render_interfaces(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "interfaces");
	struct grid g;

	if (o->watch > 0)
		grid_init(&g, iface_watch, sizeof iface_watch / sizeof iface_watch[0]);
	else
		grid_init(&g, iface_heads, sizeof iface_heads / sizeof iface_heads[0]);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (o->watch > 0)
			interface_rates(&g, json_array_get(list, i), &o->rates);
		else
			interface_rows(&g, json_array_get(list, i));
	grid_end(&g, stdout);
}

static const char *const port_heads[] = {"Name", "Link", ">Speed", "?Driver", "?Device", "?MAC", "?>MTU",
	"?>Queues", ">RX packets", "?>RX missed", "?>RX errors", "?>RX nombuf", ">TX packets", "?>TX errors"};
static const char *const port_watch[] = {"Name", "Link", "?>RX packets", ">RX/s", ">RX Mbit/s",
	">RX missed/s", "?>TX packets", ">TX/s", ">TX Mbit/s", ">TX errors/s"};

static void port_row(struct grid *g, const json_t *p)
{
	char queues[48], mtu[24], speed[TEXT_NUMBER], n[6][TEXT_NUMBER];

	snprintf(queues, sizeof queues, "%llu/%llu", (unsigned long long)json_num(p, "rx_queues"),
		(unsigned long long)json_num(p, "tx_queues"));
	snprintf(mtu, sizeof mtu, "%llu", (unsigned long long)json_num(p, "mtu"));
	grid_row(
		g, ROW(json_str(p, "name"), json_str(p, "link"), text_speed(json_num(p, "speed_mbit"), speed),
			   json_str(p, "driver"), json_str(p, "device"), json_str(p, "mac"), mtu, queues,
			   number(p, "rx_packets", n[0]), number(p, "rx_missed", n[1]),
			   number(p, "rx_errors", n[2]), number(p, "rx_nombuf", n[3]),
			   number(p, "tx_packets", n[4]), number(p, "tx_errors", n[5])));
}

static void port_rates(struct grid *g, const json_t *p, const struct rates *r)
{
	const json_t *b = rates_row(r, "ports", "id", p);
	char n[8][TEXT_NUMBER];

	grid_row(g, ROW(json_str(p, "name"), json_str(p, "link"), number(p, "rx_packets", n[0]),
			    rates_text(r, b, p, "rx_packets", n[1]), mbit(r, b, p, "rx_bytes", n[2]),
			    rates_text(r, b, p, "rx_missed", n[3]), number(p, "tx_packets", n[4]),
			    rates_text(r, b, p, "tx_packets", n[5]), mbit(r, b, p, "tx_bytes", n[6]),
			    rates_text(r, b, p, "tx_errors", n[7])));
}

static void print_xstats(const json_t *port)
{
	const char *name;
	json_t *value;
	struct grid g;
	char n[TEXT_NUMBER], title[80];

	snprintf(title, sizeof title, "Statistic of %.32s", json_str(port, "name"));
	grid_init(&g, HEADS(title, ">Value"), 2);
	json_object_foreach(json_object_get(port, "xstats"), name, value)
	{
		json_int_t v = json_integer_value(value);

		if (v != 0)
			grid_row(&g, ROW(name, text_number((uint64_t)v, n)));
	}
	putchar('\n');
	grid_end(&g, stdout);
}

void render_ports(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "ports");
	struct grid g;

	if (o->watch > 0)
		grid_init(&g, port_watch, sizeof port_watch / sizeof port_watch[0]);
	else
		grid_init(&g, port_heads, sizeof port_heads / sizeof port_heads[0]);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *p = json_array_get(list, i);

		if (o->watch > 0)
			port_rates(&g, p, &o->rates);
		else
			port_row(&g, p);
		grid_color(&g, 1, strcmp(json_str(p, "link"), "up") == 0 ? COLOR_GOOD : COLOR_BAD);
	}
	grid_end(&g, stdout);
	for (size_t i = 0; o->xstats && i < json_array_size(list); i++)
		print_xstats(json_array_get(list, i));
}

void render_neighbors(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "neighbors");
	char queued[TEXT_NUMBER], age[TEXT_NUMBER], flags[32];
	struct grid g;

	grid_init(&g, HEADS("Address", "Interface", "MAC", "State", "?>Age", "?>Queued", "Flags"), 7);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *n = json_array_get(list, i);
		bool permanent = strcmp(json_str(n, "state"), "permanent") == 0;

		snprintf(flags, sizeof flags, "%s%s%s", json_yes(n, "router") ? "router" : "",
			json_yes(n, "router") && json_yes(n, "gateway") ? "," : "",
			json_yes(n, "gateway") ? "gateway" : "");
		grid_row(&g, ROW(json_str(n, "address"), json_str(n, "interface"), json_str(n, "mac"),
				     json_str(n, "state"),
				     permanent ? NULL : text_duration(json_num(n, "age_ns"), age),
				     number(n, "queued", queued), flags));
	}
	grid_end(&g, stdout);
}

void render_vrfs(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "vrfs"), *t = json_object_get(doc, "totals");
	char names[512], v4[TEXT_NUMBER], v6[TEXT_NUMBER], nh[TEXT_NUMBER], memory[TEXT_NUMBER];
	struct grid g;

	grid_init(&g, HEADS("Name", "Interfaces"), 2);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i), *ifaces = json_object_get(v, "interfaces");
		size_t len = 0;

		names[0] = '\0';
		for (size_t k = 0; k < json_array_size(ifaces) && len < sizeof names; k++)
			len += (size_t)snprintf(names + len, sizeof names - len, "%s%s", k != 0 ? " " : "",
				json_string_value(json_array_get(ifaces, k)));
		grid_row(&g, ROW(json_str(v, "name"), names));
	}
	grid_end(&g, stdout);
	printf("\n%s IPv4 and %s IPv6 routes, %s next hops, %s\n", number(t, "ipv4_routes", v4),
		number(t, "ipv6_routes", v6), number(t, "nexthops", nh),
		text_bytes(json_num(t, "memory_bytes"), memory));
}
