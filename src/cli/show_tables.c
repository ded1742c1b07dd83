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

static void interface_rows(struct grid *g, const json_t *i)
{
	const json_t *list = json_object_get(i, "addresses");
	char vlan[32], mtu[24], rx[TEXT_NUMBER], tx[TEXT_NUMBER], drops[TEXT_NUMBER], address[96];

	vlan_text(json_object_get(i, "vlan"), vlan, sizeof vlan);
	snprintf(mtu, sizeof mtu, "%llu", (unsigned long long)json_num(i, "mtu"));
	address_text(json_array_get(list, 0), address, sizeof address);
	grid_row(g, ROW(json_str(i, "name"),
			    !json_yes(i, "enabled") ? "disabled"
			    : json_yes(i, "up")     ? "up"
						    : "down",
			    json_str(i, "port"), vlan, json_str(i, "vrf"), json_str(i, "mac"), mtu,
			    number(i, "rx_packets", rx), number(i, "tx_packets", tx),
			    number(i, "drops", drops), address));
	for (size_t k = 1; k < json_array_size(list); k++) {
		address_text(json_array_get(list, k), address, sizeof address);
		grid_row(g, ROW(" ", " ", " ", " ", " ", " ", " ", " ", " ", " ", address));
	}
}

void render_interfaces(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "interfaces");
	struct grid g;

	grid_init(&g,
		HEADS("Name", "State", "Port", "VLAN", "VRF", "MAC", ">MTU", ">RX packets", ">TX packets",
			">Drops", "Addresses"),
		11);
	for (size_t i = 0; i < json_array_size(list); i++)
		interface_rows(&g, json_array_get(list, i));
	grid_flush(&g, stdout);
	grid_free(&g);
}

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
	grid_flush(&g, stdout);
	grid_free(&g);
}

void render_ports(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "ports");
	struct grid g;

	grid_init(&g,
		HEADS("Name", "Link", ">Speed", "Driver", "Device", "MAC", ">MTU", ">Queues", ">RX packets",
			">RX missed", ">RX errors", ">RX nombuf", ">TX packets", ">TX errors"),
		14);
	for (size_t i = 0; i < json_array_size(list); i++)
		port_row(&g, json_array_get(list, i));
	grid_flush(&g, stdout);
	grid_free(&g);
	for (size_t i = 0; o->xstats && i < json_array_size(list); i++)
		print_xstats(json_array_get(list, i));
}

void render_neighbors(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "neighbors");
	char queued[TEXT_NUMBER], age[TEXT_NUMBER], flags[32];
	struct grid g;

	grid_init(&g, HEADS("Address", "Interface", "MAC", "State", ">Age", ">Queued", "Flags"), 7);
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
	grid_flush(&g, stdout);
	grid_free(&g);
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
	grid_flush(&g, stdout);
	grid_free(&g);
	printf("\n%s IPv4 and %s IPv6 routes, %s next hops, %s\n", number(t, "ipv4_routes", v4),
		number(t, "ipv6_routes", v6), number(t, "nexthops", nh),
		text_bytes(json_num(t, "memory_bytes"), memory));
}
