/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `acls:`, and what a table cannot say about rules: conditions that contradict each other, sets
 * that are not there, lists that lead in a circle.
 */
#include <stdlib.h>
#include <string.h>

#include "control/diag.h"
#include "control/keyset.h"
#include "control/schema.h"
#include "feature/acl/acl_priv.h"

static const char *const actions[] = {
	"accept", "drop", "reject", "goto", "continue", "permit", "deny", "count", NULL};
static const char *const defaults[] = {"accept", "drop", "reject", "permit", "deny", NULL};
static const char *const families[] = {"ipv4", "ipv6", NULL};
static const char *const fragments[] = {"no", "first", "later", "any", NULL};

static const struct schema port_forms[] = {
	{.type = SCHEMA_INT, .max = 65535, .help = "Port."},
	{.type = SCHEMA_STRING, .min = 2, .max = 64, .help = "Range such as 1024-2047, or $NAME of a set."},
	{0},
};
static const struct schema protocol_forms[] = {
	{.type = SCHEMA_INT, .max = 255, .help = "Protocol number."},
	{.type = SCHEMA_STRING, .min = 2, .max = 100, .help = "Name, or several with commas: tcp,udp."},
	{0},
};
static const struct schema dscp_forms[] = {
	{.type = SCHEMA_INT, .max = 63, .help = "Value."},
	{.type = SCHEMA_STRING, .min = 2, .max = 4, .help = "ef, af11 ... af43, cs0 ... cs7."},
	{0},
};
static const struct schema number_forms[] = {
	{.type = SCHEMA_INT, .max = 65535, .help = "Number."},
	{.type = SCHEMA_STRING, .min = 3, .max = 11, .help = "Range, such as 64-128."},
	{0},
};

static const struct schema match_fields[] = {
	{.key = "family", .type = SCHEMA_ENUM, .words = families, .help = "Only this family."},
	{.key = "source",
		.type = SCHEMA_STRING,
		.min = 2,
		.max = 99,
		.help = "Source: address, prefix, range, or $NAME of a set."},
	{.key = "destination", .type = SCHEMA_STRING, .min = 2, .max = 99, .help = "Destination, as source."},
	{.key = "protocol",
		.type = SCHEMA_ANY_OF,
		.alternatives = protocol_forms,
		.help = "tcp, udp, icmp, icmpv6, sctp, dccp, udplite, gre, esp, ah, ipip, ipv6, ospf, vrrp, "
			"pim, "
			"igmp, l2tp, or a number; several with commas."},
	{.key = "source-port",
		.type = SCHEMA_ANY_OF,
		.alternatives = port_forms,
		.help = "Source port, range or $NAME of a set; needs a protocol with ports."},
	{.key = "destination-port",
		.type = SCHEMA_ANY_OF,
		.alternatives = port_forms,
		.help = "Destination port, as source-port."},
	{.key = "tcp-flags",
		.type = SCHEMA_STRING,
		.min = 3,
		.max = 64,
		.help = "Flags that are set, or with ! not set: \"syn,!ack\" of fin, syn, rst, psh, ack, "
			"urg, ece, "
			"cwr. Or \"established\": ack or rst."},
	{.key = "icmp-type",
		.type = SCHEMA_INT,
		.max = 255,
		.help = "ICMP type; needs protocol icmp or icmpv6."},
	{.key = "icmp-code", .type = SCHEMA_INT, .max = 255, .help = "ICMP code; needs icmp-type."},
	{.key = "dscp",
		.type = SCHEMA_ANY_OF,
		.alternatives = dscp_forms,
		.help = "Differentiated services code point."},
	{.key = "fragment",
		.type = SCHEMA_ENUM,
		.words = fragments,
		.help = "no: whole packets; first and later fragments; any fragment."},
	{.key = "options",
		.type = SCHEMA_BOOL,
		.help = "With or without IPv4 options or IPv6 extension headers."},
	{.key = "vlan",
		.type = SCHEMA_ANY_OF,
		.alternatives = number_forms,
		.help = "Outer VLAN of the interface the packet came in by, 0: none; or a range."},
	{.key = "length",
		.type = SCHEMA_ANY_OF,
		.alternatives = number_forms,
		.help = "Bytes of the IP packet, or a range such as 0-128."},
	{0},
};

static const struct schema rule_fields[] = {
	{.key = "id",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 4294967295,
		.help = "Number of the rule, above the one before it; by default the next multiple of 10."},
	{.key = "name", .type = SCHEMA_NAME, .max = ACL_NAME - 1, .help = "Name; its counters stay with it."},
	{.key = "comment", .type = SCHEMA_STRING, .max = ACL_COMMENT - 1, .help = "For people."},
	{.key = "match",
		.type = SCHEMA_MAP,
		.fields = match_fields,
		.help = "Conditions, all of which must hold; none: every packet."},
	{.key = "action",
		.type = SCHEMA_ENUM,
		.required = true,
		.words = actions,
		.help = "accept (permit), drop (deny), reject, goto, or continue (count): with the next "
			"rule."},
	{.key = "goto", .type = SCHEMA_NAME, .refers = "acls", .help = "List that decides, for action goto."},
	{.key = "mark",
		.type = SCHEMA_INT,
		.max = 4294967295,
		.help = "Mark that the packet carries from here on, for later features."},
	{.key = "log",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Packets are logged, at most 100 a second and worker."},
	{.key = "log-sample",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 1000000,
		.fallback = "1",
		.help = "Only one packet in so many is logged."},
	{0},
};
static const struct schema rule_item = {.type = SCHEMA_MAP, .fields = rule_fields, .help = "A rule."};

static const struct schema acl_fields[] = {
	{.key = "rules",
		.type = SCHEMA_LIST,
		.item = &rule_item,
		.ordered = true,
		.max = CLASSIFIER_RULES_MAX,
		.help = "Rules; the first that matches decides."},
	{.key = "default",
		.type = SCHEMA_ENUM,
		.words = defaults,
		.fallback = "drop",
		.help = "What becomes of packets that no rule decides. Lets neighbour discovery and MLD pass "
			"in any case."},
	{.key = "description", .type = SCHEMA_STRING, .max = 255, .help = "For people."},
	{0},
};

static const struct schema fields[] = {
	{.key = "acls",
		.type = SCHEMA_NAMED,
		.fields = acl_fields,
		.max = ACL_NAME - 1,
		.help = "Lists of rules by name; interfaces use them as acl-in and acl-out."},
	{0},
};

/* --- checks --- */

static void check_action(const struct node *n, struct diag *d)
{
	const struct node *to = node_get(n, "goto");
	bool jump = strcmp(node_text(n, "action", ""), "goto") == 0;

	if (jump && to == NULL)
		diag_node(d, node_get(n, "action"), NULL, "action 'goto' needs the key 'goto' with a list");
	else if (!jump && to != NULL)
		diag_key(d, to, NULL, "'goto' needs 'action: goto'");
	if (node_get(n, "log-sample") != NULL && !node_bool(n, "log", false))
		diag_key(d, node_get(n, "log-sample"), NULL, "'log-sample' needs 'log: true'");
}

static void check_rule(const struct node *root, const struct node *n, struct diag *d)
{
	const struct node *at = n;
	struct acl_rule r = {0};
	struct err e = {0};

	check_action(n, d);
	if (acl_match_read(node_get(n, "match"), root, NULL, &r, &at, &e) != 0)
		diag_node(d, at, NULL, "%s", e.text);
	acl_rule_clear(&r);
}

/* Ids rise; names are given once. */
static void check_names(const struct node *rules, struct diag *d)
{
	struct keyset names = {0};
	struct node *map = node_new(NODE_MAP, NULL);
	uint64_t before = 0;

	NODE_EACH (n, rules) {
		const struct node *id = node_get(n, "id"), *name = node_get(n, "name");

		if (id != NULL && id->value.u64 <= before)
			diag_node(d, id, NULL, "id %s is not above that of the rule before, which is %llu",
				id->text, (unsigned long long)before);
		before = id != NULL ? id->value.u64 : acl_next_id((uint32_t)before);
		if (name == NULL || map == NULL)
			continue;
		keyset_update(&names, map);
		if (keyset_find(&names, map, name->text) != NULL)
			diag_node(d, name, NULL, "another rule of this list is called '%s'", name->text);
		node_append(map, node_new(NODE_SCALAR, ""), name->text);
	}
	keyset_free(&names);
	node_free(map);
}

/* Lists on the longest way of gotos from each list. */
struct ways {
	const struct node *acls;
	struct way {
		const struct node *list;
		unsigned lists; /* 0: not known yet */
		bool open;      /* on the way that is being walked */
	} * way;
};

static struct way *find_way(struct ways *x, const struct node *list)
{
	uint32_t i = 0;

	while (i < x->acls->count && x->way[i].list != list)
		i++;
	return i < x->acls->count ? &x->way[i] : NULL;
}

static unsigned walk_way(struct ways *x, struct way *w)
{
	if (w == NULL || w->lists != 0)
		return w != NULL ? w->lists : 0;
	if (w->open)
		return ACL_GOTO_DEPTH + 1; /* a circle */
	w->open = true;
	NODE_EACH (n, node_get(w->list, "rules")) {
		const char *to = node_text(n, "goto", NULL);
		unsigned behind = to != NULL ? walk_way(x, find_way(x, node_get(x->acls, to))) : 0;

		if (behind > w->lists)
			w->lists = behind;
	}
	w->open = false;
	w->lists = w->lists > ACL_GOTO_DEPTH ? w->lists : w->lists + 1;
	return w->lists;
}

static void check_ways(const struct node *acls, struct diag *d)
{
	struct ways x = {.acls = acls, .way = calloc(acls->count + 1, sizeof *x.way)};
	uint32_t i = 0;

	if (x.way == NULL)
		return;
	NODE_EACH (list, acls)
		x.way[i++].list = list;
	for (i = 0; i < acls->count; i++)
		if (walk_way(&x, &x.way[i]) > ACL_GOTO_DEPTH)
			diag_key(d, x.way[i].list, NULL,
				"list '%s' leads in a circle, or through more than %d lists",
				x.way[i].list->key, ACL_GOTO_DEPTH);
	free(x.way);
}

static void check(const struct node *root, struct diag *d)
{
	const struct node *acls = node_get(root, "acls");
	uint64_t rules = 0;

	NODE_EACH (list, acls) {
		const struct node *all = node_get(list, "rules");

		rules += 1 + (all != NULL ? all->count : 0);
		check_names(all, d);
		NODE_EACH (n, all)
			check_rule(root, n, d);
	}
	if (acls != NULL && acls->count > ACL_LISTS_MAX)
		diag_key(d, acls, NULL, "%u lists are configured; at most %d are possible", acls->count,
			ACL_LISTS_MAX);
	else if (acls != NULL)
		check_ways(acls, d);
	if (rules > ACL_SLOTS / 2)
		diag_key(d, acls, NULL, "all lists together have %llu rules; at most %d are possible",
			(unsigned long long)rules, ACL_SLOTS / 2);
}

static struct schema_part part = {.fields = fields, .check = check};
SCHEMA_REGISTER(part)
