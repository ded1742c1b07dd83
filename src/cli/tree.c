/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tree of verbs: parsing, help, completion and the manual pages are made from this one table. The second
 * column is the grammar of what follows the verb (syntax.h says how it is written), checked by a test; its
 * types and the help of its keywords are in types.c.
 */
#include "cli/verbs.h"

#define HOP                                                                                                  \
	"{[nexthop] via (inet | inet6) ADDRESS [dev IFACE] [weight WEIGHT] | "                               \
	"[nexthop] dev IFACE [weight WEIGHT]}..."
#define TABLE "[vrf VRF] [distance/metric/preference DISTANCE]"
#define ROUTE "(unicast) PREFIX " HOP " " TABLE " | {blackhole | unreachable | prohibit} PREFIX " TABLE
#define ROUTE_DELETE "(unicast | blackhole | unreachable | prohibit) ROUTE [vrf VRF]"
#define WATCH "[--watch [SECONDS]]"
#define SESSIONS                                                                                             \
	"[protocol PROTOCOL] [address NETWORK] [source NETWORK] [destination NETWORK] [port PORT-NUMBER] "   \
	"[source-port PORT-NUMBER] [destination-port PORT-NUMBER] [state STATE] [dev IFACE] [vrf VRF]"

static const struct verb config_verbs[] = {
	{"check", "FILE", "Checks a config without a daemon.", NULL, verb_config_check, NULL},
	{"plan", "FILE", "What an apply would change, the memory it takes, and what it would restart.", NULL,
		verb_config_plan, NULL, VERB_PAGED},
	{"apply", "FILE [--confirm CONFIRM] [--message TEXT] [--on CONFIG]",
		"Applies a config to the running daemon, all or nothing.", NULL, verb_config_apply, NULL},
	{"confirm", "", "Keeps a config that was applied with --confirm.", NULL, verb_config_confirm, NULL},
	{"rollback", "[STEPS | --id CONFIG] [--message TEXT] [--on CONFIG]",
		"Takes back what waits for confirmation, or goes back to an earlier config.", NULL,
		verb_config_rollback, NULL},
	{"history", "[CONFIG]", "Configs that were applied: who, when, why; or what one of them changed.",
		NULL, verb_config_history, NULL, VERB_PAGED},
	{"show", "[--running | --applied | --startup | --id CONFIG]",
		"The config that runs, or another one, as YAML.", NULL, verb_config_show, NULL, VERB_PAGED},
	{"diff", "", "What runs compared with the startup files; exit code 5 when they differ.", NULL,
		verb_config_diff, NULL, VERB_PAGED},
	{"save", "[--message TEXT]",
		"Writes what the startup files lack to conf.d/90-saved.yaml beside them.", NULL,
		verb_config_save, NULL},
	{"reference", "", "Prints the reference of all config keys as markdown.", NULL, verb_config_reference,
		NULL, VERB_PAGED},
	{"schema", "", "Prints the JSON Schema of the config file, for editors.", NULL, verb_config_schema,
		NULL, VERB_PAGED},
	{0},
};

static const struct verb show_verbs[] = {
	{"interfaces", "[IFACE] " WATCH, "Interfaces, their addresses and counters.", NULL, verb_show,
		&view_interfaces, VERB_PAGED},
	{"ports", "[PORT] [--xstats] " WATCH, "Ports: link, queues, driver counters.", NULL, verb_show,
		&view_ports, VERB_PAGED},
	{"routes", "[vrf VRF] " WATCH, "Routes, active and not.", NULL, verb_show, &view_routes, VERB_PAGED},
	{"sources", WATCH, "Routes of the kernel and of routing daemons: syncs, counts, refusals.", NULL,
		verb_show, &view_sources, VERB_PAGED},
	{"neighbors", "[dev IFACE] " WATCH, "ARP and neighbour discovery entries.", NULL, verb_show,
		&view_neighbors, VERB_PAGED},
	{"sessions", SESSIONS " [--totals]", "Sessions, all or those that match.", NULL, verb_sessions,
		"show", VERB_PAGED},
	{"firewall", WATCH, "Policies between zones, rules, and how often they decided.", NULL, verb_show,
		&view_firewall, VERB_PAGED},
	{"stages", WATCH, "Packets and cycles by stage.", NULL, verb_show, &view_stages, VERB_PAGED},
	{"drops", "[--all] " WATCH, "How packets ended, by reason.", NULL, verb_show, &view_drops,
		VERB_PAGED},
	{"acls", "[ACL] " WATCH, "Lists of rules: packets, bytes and last hit of each rule.", NULL, verb_show,
		&view_acls, VERB_PAGED},
	{"sets", "[SET] " WATCH, "Named sets of addresses and ports.", NULL, verb_show, &view_sets,
		VERB_PAGED},
	{"workers", WATCH, "Worker threads: load and queues.", NULL, verb_show, &view_workers, VERB_PAGED},
	{"memory", WATCH, "Where the memory went.", NULL, verb_show, &view_memory, VERB_PAGED},
	{"pipeline", "[--dot]", "The order of the stages; --dot writes graphviz.", NULL, verb_show,
		&view_pipeline, VERB_PAGED},
	{"kernel", "[IFACE] " WATCH, "Twins of interfaces in the kernel: packets up and down.", NULL,
		verb_show, &view_kernel, VERB_PAGED},
	{"vrfs", WATCH, "VRFs and the totals of their tables.", NULL, verb_show, &view_vrfs, VERB_PAGED},
	{"version", "", "Version and uptime of the daemon.", NULL, verb_show, &view_version},
	{0},
};

static const struct verb route_verbs[] = {
	{"add", ROUTE, "Adds a static route.", NULL, verb_route_change, "POST"},
	{"replace", ROUTE, "Adds a static route or replaces the one there is.", NULL, verb_route_change,
		"PUT"},
	{"delete", ROUTE_DELETE, "Deletes a static route.", NULL, verb_route_change, "DELETE"},
	{"get", "ADDRESS [vrf VRF]", "The route packets to an address take.", NULL, verb_route_get, NULL},
	{"show", "[vrf VRF] " WATCH, "The same as 'show routes'.", NULL, verb_show, &view_routes, VERB_PAGED},
	{0},
};

static const struct verb neighbor_verbs[] = {
	{"add", "ADDRESS {lladdr MAC} {dev IFACE}", "Adds a permanent neighbour.", NULL, verb_neighbor_change,
		"POST"},
	{"replace", "ADDRESS {lladdr MAC} {dev IFACE}",
		"Adds a permanent neighbour or replaces the one there is.", NULL, verb_neighbor_change,
		"PUT"},
	{"delete", "NEIGHBOR dev IFACE", "Deletes a neighbour.", NULL, verb_neighbor_change, "DELETE"},
	{"flush", "[dev IFACE]", "Forgets every learnt neighbour.", NULL, verb_neighbor_flush, NULL},
	{"show", "[dev IFACE] " WATCH, "The same as 'show neighbors'.", NULL, verb_show, &view_neighbors,
		VERB_PAGED},
	{0},
};

static const struct verb address_verbs[] = {
	{"add", "IFADDR dev IFACE", "Adds an address to an interface.", NULL, verb_address_change, "POST"},
	{"replace", "IFADDR dev IFACE", "Adds an address unless it is there already.", NULL,
		verb_address_change, "PUT"},
	{"delete", "IFADDR dev IFACE", "Removes an address from an interface.", NULL, verb_address_change,
		"DELETE"},
	{"show", "[IFACE] " WATCH, "The same as 'show interfaces'.", NULL, verb_show, &view_interfaces,
		VERB_PAGED},
	{0},
};

static const struct verb api_verbs[] = {
	{"token", "", "Makes a token for the API on TCP, and the hash for the configuration.", NULL,
		verb_api_token, NULL},
	{0},
};

static const struct verb kernel_verbs[] = {
	{"diff", "", "Our routes compared with the kernel's tables; exit code 5 when they differ.", NULL,
		verb_kernel_diff, NULL, VERB_PAGED},
	{0},
};

static const struct verb clear_verbs[] = {
	{"counters", "", "Sets every counter to zero.", NULL, verb_clear_counters, NULL},
	{"sessions", SESSIONS, "Ends sessions, all or those that match.", NULL, verb_sessions, "clear"},
	{"acls", "[ACL]", "Sets the counters of rules to zero, of all lists or of one.", NULL,
		verb_clear_acls, NULL},
	{0},
};

const struct verb verb_root[] = {
	{"run", "[{-c | --config} FILE] [--state DIR] [-v | --verbose] [-- [EAL-ARG]...]",
		"Runs the router in the foreground.", NULL, verb_run, NULL, VERB_PROCESS},
	{"replay",
		"{{-c | --config} FILE} {--in CAPTURE}... {--out DIR} [--report FILE] [--expect FILE] "
		"[--mac PORT-MAC]... [-q | --quiet]",
		"Runs captures through a config, offline; see 'weir replay --help'.", NULL, verb_replay, NULL,
		VERB_PROCESS | VERB_OWN_WORDS},
	{"config", NULL, "Checks, plans, applies and takes back configs.", config_verbs, NULL, NULL},
	{"show", NULL, "Shows the state of the running daemon.", show_verbs, NULL, NULL},
	{"route", NULL, "Changes and looks up routes.", route_verbs, NULL, NULL},
	{"neighbor", NULL, "Changes neighbours (ARP, ND).", neighbor_verbs, NULL, NULL},
	{"address", NULL, "Changes addresses of interfaces.", address_verbs, NULL, NULL},
	{"kernel", NULL, "The kernel's tables and ours.", kernel_verbs, NULL, NULL},
	{"clear", NULL, "Sets counters to zero, ends sessions.", clear_verbs, NULL, NULL},
	{"api", NULL, "Access to the API.", api_verbs, NULL, NULL},
	{"monitor", "[EVENT]...", "Prints what happens, as it happens: links, neighbours, changes.", NULL,
		verb_monitor, NULL},
	{"top", "[SECONDS]", "Ports, interfaces, workers, drops and stages with rates, on the whole screen.",
		NULL, verb_top, NULL},
	{"shell", "", "An interactive command line; the same as 'weir' alone.", NULL, verb_shell, NULL,
		VERB_FULL},
	{"exit", "", "Leaves the shell.", NULL, verb_exit, NULL, VERB_SHELL},
	{"document", "commands | daemon | options | arguments | keys", "Prints parts of the manual pages.",
		NULL, verb_document, NULL, VERB_HIDDEN},
	{"help", "[VERB]...", "Shows this, or what one verb takes.", NULL, verb_help, NULL, VERB_PAGED},
	{0},
};
