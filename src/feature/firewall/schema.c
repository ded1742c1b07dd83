/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `firewall:`, and what a table cannot say: zones that no interface has, policies given twice,
 * conditions that contradict each other.
 */
#include <string.h>

#include "base/err.h"
#include "control/diag.h"
#include "control/schema.h"
#include "feature/firewall/rules.h"

static const char *const families[] = {"ipv4", "ipv6", NULL};
static const char *const policy_identity[] = {"from", "to", NULL};

static const struct schema number_or_text[] = {
	{.type = SCHEMA_INT, .max = 65535, .help = "Number."},
	{.type = SCHEMA_STRING, .min = 2, .max = 100, .help = "Name or range, or several with commas."},
	{0},
};

static const struct schema match_fields[] = {
	{.key = "family", .type = SCHEMA_ENUM, .words = families, .help = "Only this family."},
	{.key = "source", .type = SCHEMA_STRING, .min = 2, .max = 49, .help = "Source: address or prefix."},
	{.key = "destination",
		.type = SCHEMA_STRING,
		.min = 2,
		.max = 49,
		.help = "Destination: address or prefix."},
	{.key = "protocol",
		.type = SCHEMA_ANY_OF,
		.alternatives = number_or_text,
		.help = "tcp, udp, icmp, icmpv6, sctp, udplite, gre, esp, ah ... or a number; several with "
			"commas."},
	{.key = "source-port",
		.type = SCHEMA_ANY_OF,
		.alternatives = number_or_text,
		.help = "Source port or range such as 8000-8099; several with commas."},
	{.key = "destination-port",
		.type = SCHEMA_ANY_OF,
		.alternatives = number_or_text,
		.help = "Destination port, as source-port."},
	{.key = "icmp-type",
		.type = SCHEMA_INT,
		.max = 255,
		.help = "ICMP type; needs protocol icmp or icmpv6."},
	{0},
};

static const struct schema rule_fields[] = {
	{.key = "name",
		.type = SCHEMA_NAME,
		.max = FIREWALL_NAME - 1,
		.help = "Name; its counters stay with it."},
	{.key = "comment", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{.key = "match",
		.type = SCHEMA_MAP,
		.fields = match_fields,
		.help = "Conditions on the first packet, all of which must hold; none: every session."},
	{.key = "action",
		.type = SCHEMA_ENUM,
		.required = true,
		.words = firewall_action_names,
		.help = "accept, drop, or reject (a TCP reset, else ICMP administratively prohibited)."},
	{.key = "track",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Make a session of what is accepted; without, each packet is asked about, also of "
			"the way back."},
	{0},
};
static const struct schema rule_item = {.type = SCHEMA_MAP, .fields = rule_fields, .help = "A rule."};

static const struct schema policy_fields[] = {
	{.key = "from", .type = SCHEMA_NAME, .required = true, .help = "Zone of the side that begins."},
	{.key = "to",
		.type = SCHEMA_NAME,
		.required = true,
		.help = "Zone the first packet goes to; self: the router itself."},
	{.key = "default",
		.type = SCHEMA_ENUM,
		.words = firewall_action_names,
		.fallback = "drop",
		.help = "What becomes of sessions that no rule decides."},
	{.key = "rules",
		.type = SCHEMA_LIST,
		.item = &rule_item,
		.ordered = true,
		.max = RULES_MAX,
		.help = "Rules; the first that matches decides."},
	{0},
};
static const struct schema policy_item = {.type = SCHEMA_MAP, .fields = policy_fields, .help = "A policy."};

static const struct schema fields[] = {
	{.key = "firewall",
		.type = SCHEMA_LIST,
		.item = &policy_item,
		.identity = policy_identity,
		.max = 4096,
		.help = "Policies between zones. Between two zones without a policy nothing passes."},
	{0},
};

static bool is_zone(const struct node *root, const char *name)
{
	NODE_EACH (i, node_get(root, "interfaces"))
		if (strcmp(node_text(i, "zone", ""), name) == 0)
			return true;
	return false;
}

static void check_zones(const struct node *root, const struct node *p, struct diag *d)
{
	const struct node *from = node_get(p, "from"), *to = node_get(p, "to");

	if (from == NULL || to == NULL)
		return;
	if (!is_zone(root, from->text))
		diag_node(d, from, NULL, "no interface is in zone '%s'", from->text);
	if (strcmp(to->text, FIREWALL_SELF) != 0 && !is_zone(root, to->text))
		diag_node(d, to, NULL, "no interface is in zone '%s'", to->text);
	for (const struct node *o = p->parent->child; o != p; o = o->next)
		if (strcmp(node_text(o, "from", ""), from->text) == 0 &&
			strcmp(node_text(o, "to", ""), to->text) == 0)
			diag_node(d, from, NULL, "there is already a policy from '%s' to '%s'", from->text,
				to->text);
}

static void check_rules(const struct node *list, struct diag *d)
{
	NODE_EACH (n, list) {
		const struct node *at = n, *name = node_get(n, "name");
		struct rule r = {0};
		struct err e = {0};

		if (rule_read_match(node_get(n, "match"), &r, &at, &e) != 0)
			diag_node(d, at != NULL ? at : n, NULL, "%s", e.text);
		for (const struct node *o = list->child; name != NULL && o != n; o = o->next)
			if (strcmp(node_text(o, "name", ""), name->text) == 0)
				diag_node(d, name, NULL, "another rule of this policy is called '%s'",
					name->text);
	}
}

static void check(const struct node *root, struct diag *d)
{
	NODE_EACH (i, node_get(root, "interfaces")) {
		const struct node *z = node_get(i, "zone");

		if (z != NULL && strcmp(z->text, FIREWALL_SELF) == 0)
			diag_node(d, z, NULL,
				"zone '" FIREWALL_SELF "' is the router itself; no interface can be in it");
	}
	NODE_EACH (p, node_get(root, "firewall")) {
		check_zones(root, p, d);
		check_rules(node_get(p, "rules"), d);
	}
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
