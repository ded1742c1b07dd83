/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tree of verbs: grammar, help and dispatch are made from this one table.
 */
#include <stdio.h>
#include <string.h>

#include "cli/verbs.h"

#define PATHS "[vrf V] [distance N] {via ADDRESS [dev IFACE] | dev IFACE} [weight N] [nexthop ...]..."
#define ROUTE "PREFIX " PATHS " | {blackhole|unreachable|prohibit} PREFIX [vrf V] [distance N]"

static const struct verb config_verbs[] = {
	{"check", "FILE", "Checks a config file without a daemon.", NULL, verb_config_check, NULL},
	{"apply", "FILE", "Applies a config file to the running daemon, all or nothing.", NULL,
		verb_config_apply, NULL},
	{"reference", "", "Prints the reference of all config keys as markdown.", NULL, verb_config_reference,
		NULL},
	{"schema", "", "Prints the JSON Schema of the config file, for editors.", NULL, verb_config_schema,
		NULL},
	{0},
};

static const struct verb show_verbs[] = {
	{"interfaces", "[--watch [SECONDS]]", "Interfaces, their addresses and counters.", NULL, verb_show,
		&view_interfaces},
	{"ports", "[--xstats] [--watch [SECONDS]]", "Ports: link, queues, driver counters.", NULL, verb_show,
		&view_ports},
	{"routes", "[vrf NAME] [-4|-6] [--watch [SECONDS]]", "Routes, active and not.", NULL, verb_show,
		&view_routes},
	{"neighbors", "[--watch [SECONDS]]", "ARP and neighbour discovery entries.", NULL, verb_show,
		&view_neighbors},
	{"stages", "[--watch [SECONDS]]", "Packets and cycles by stage.", NULL, verb_show, &view_stages},
	{"drops", "[--all] [--watch [SECONDS]]", "How packets ended, by reason.", NULL, verb_show,
		&view_drops},
	{"workers", "[--watch [SECONDS]]", "Worker threads: load and queues.", NULL, verb_show,
		&view_workers},
	{"memory", "[--watch [SECONDS]]", "Where the memory went.", NULL, verb_show, &view_memory},
	{"pipeline", "[--dot]", "The order of the stages; --dot writes graphviz.", NULL, verb_show,
		&view_pipeline},
	{"vrfs", "[--watch [SECONDS]]", "VRFs and the totals of their tables.", NULL, verb_show, &view_vrfs},
	{"version", "", "Version and uptime of the daemon.", NULL, verb_show, &view_version},
	{0},
};

static const struct verb route_verbs[] = {
	{"add", ROUTE, "Adds a static route.", NULL, verb_route_change, "POST"},
	{"replace", ROUTE, "Adds a static route or replaces the one there is.", NULL, verb_route_change,
		"PUT"},
	{"delete", "PREFIX [vrf V]", "Deletes a static route.", NULL, verb_route_change, "DELETE"},
	{"get", "ADDRESS [vrf V]", "The route packets to an address take.", NULL, verb_route_get, NULL},
	{"show", "[vrf NAME] [-4|-6]", "The same as 'show routes'.", NULL, verb_show, &view_routes},
	{0},
};

static const struct verb neighbor_verbs[] = {
	{"add", "ADDRESS lladdr MAC dev IFACE", "Adds a permanent neighbour.", NULL, verb_neighbor_change,
		"POST"},
	{"replace", "ADDRESS lladdr MAC dev IFACE",
		"Adds a permanent neighbour or replaces the one there is.", NULL, verb_neighbor_change,
		"PUT"},
	{"delete", "ADDRESS dev IFACE", "Deletes a neighbour.", NULL, verb_neighbor_change, "DELETE"},
	{"flush", "[dev IFACE]", "Forgets every learnt neighbour.", NULL, verb_neighbor_flush, NULL},
	{"show", "", "The same as 'show neighbors'.", NULL, verb_show, &view_neighbors},
	{0},
};

static const struct verb address_verbs[] = {
	{"add", "ADDRESS/LENGTH dev IFACE", "Adds an address to an interface.", NULL, verb_address_change,
		"POST"},
	{"replace", "ADDRESS/LENGTH dev IFACE", "Adds an address unless it is there already.", NULL,
		verb_address_change, "PUT"},
	{"delete", "ADDRESS/LENGTH dev IFACE", "Removes an address from an interface.", NULL,
		verb_address_change, "DELETE"},
	{"show", "", "The same as 'show interfaces'.", NULL, verb_show, &view_interfaces},
	{0},
};

static const struct verb clear_verbs[] = {
	{"counters", "", "Sets every counter to zero.", NULL, verb_clear_counters, NULL},
	{0},
};

const struct verb verb_root[] = {
	{"run", "[-c FILE] [--state DIR] [--socket PATH] [-v] [-- EAL ARGS]", "Runs the router in the foreground.", NULL,
		verb_run, NULL},
	{"replay", "...", "Runs pcap files through a config, offline; see 'weir replay --help'.", NULL,
		verb_replay, NULL},
	{"config", "check|apply FILE", "Checks or applies a config file.", config_verbs, NULL, NULL},
	{"show", "WHAT", "Shows the state of the running daemon.", show_verbs, NULL, NULL},
	{"route", "add|replace|delete|get|show ...", "Changes and looks up routes.", route_verbs, NULL, NULL},
	{"neighbor", "add|replace|delete|flush|show ...", "Changes neighbours (ARP, ND).", neighbor_verbs,
		NULL, NULL},
	{"address", "add|replace|delete|show ...", "Changes addresses of interfaces.", address_verbs, NULL,
		NULL},
	{"clear", "counters", "Sets counters to zero.", clear_verbs, NULL, NULL},
	{"help", "[VERB]...", "Shows this, or what one verb takes.", NULL, verb_help, NULL},
	{0},
};

static const char global_help[] =
	"Options, before or after the verb:\n"
	"  -s, --socket PATH  the daemon's socket (or WEIR_SOCKET; default /run/weir/weir.sock)\n"
	"  -j, --json         print the document the daemon sent\n"
	"  -4, -6             one address family\n"
	"  -h, --help         help for the verb\n"
	"  -V, --version      version of this program\n"
	"\n"
	"Words may be shortened as long as they are unique: 'weir sh int'.\n"
	"Exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable, 4 timeout.\n";

void help_table(const struct verb *table, const char *path)
{
	printf("usage: %s VERB ...\n\n", path);
	for (const struct verb *v = table; v->word != NULL; v++)
		printf("  %-12s %s\n", v->word, v->help);
	printf("\n%s", global_help);
}

void help_verb(const struct verb *v, const char *path)
{
	printf("usage: %s %s\n\n%s\n\n%s", path, v->args != NULL ? v->args : "", v->help, global_help);
}
