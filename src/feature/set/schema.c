/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `sets:`, and what is in the sets and their files.
 */
#include "control/diag.h"
#include "control/schema.h"
#include "feature/set/set_priv.h"

static const struct schema address_item = {.type = SCHEMA_STRING,
	.min = 1,
	.max = 99,
	.help = "Address, prefix or range, such as 192.0.2.1-192.0.2.9."};

static const struct schema port_forms[] = {
	{.type = SCHEMA_INT, .max = 65535, .help = "Port."},
	{.type = SCHEMA_STRING, .min = 3, .max = 11, .help = "Range, such as 1024-2047."},
	{0},
};
static const struct schema port_item = {
	.type = SCHEMA_ANY_OF, .alternatives = port_forms, .help = "Port, or range such as 1024-2047."};

static const struct schema set_fields[] = {
	{.key = "addresses",
		.type = SCHEMA_LIST,
		.item = &address_item,
		.max = SET_ENTRIES_MAX,
		.help = "IPv4 and IPv6 addresses, prefixes and ranges."},
	{.key = "file",
		.type = SCHEMA_STRING,
		.min = 1,
		.max = 1000,
		.help = "File with further addresses, one entry on a line; read by each check and apply."},
	{.key = "ports",
		.type = SCHEMA_LIST,
		.item = &port_item,
		.max = 65536,
		.help = "Ports and ranges of ports; such a set has no addresses."},
	{.key = "description", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{0},
};

static const struct schema fields[] = {
	{.key = "sets",
		.type = SCHEMA_NAMED,
		.fields = set_fields,
		.max = SET_NAME - 1,
		.help = "Named sets of addresses or ports, for rules: $NAME."},
	{0},
};

static void check(const struct node *root, struct diag *d)
{
	NODE_EACH (n, node_get(root, "sets")) {
		bool ports = node_get(n, "ports") != NULL;
		bool addresses = node_get(n, "addresses") != NULL || node_get(n, "file") != NULL;
		const struct node *at;
		struct err e = {0};
		struct set s;

		if (ports == addresses)
			diag_key(d, n, NULL, "set '%s' needs either 'ports' or 'addresses' and 'file'",
				n->key);
		else if (set_read(n, &s, &at, &e) != 0)
			diag_node(d, at, NULL, "%s", e.text);
		else
			set_clear(&s);
	}
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
