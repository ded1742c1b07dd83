/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/types.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "control/value.h"
#include "packet/addr.h"

static bool address(const char *word, struct err *e)
{
	struct ipaddr a;

	if (ipaddr_parse(word, &a) != 0)
		err_set(e, EINVAL, "'%.64s' is not an IPv4 or IPv6 address", word);
	return e->code == 0;
}

static bool prefix(const char *word, struct err *e)
{
	struct prefix p;

	if (strcmp(word, "default") != 0 && prefix_parse(word, &p) != 0)
		err_set(e, EINVAL, "'%.64s' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32", word);
	return e->code == 0;
}

static bool ifaddr(const char *word, struct err *e)
{
	struct prefix p;

	if (prefix_parse(word, &p) != 0 || strchr(word, '/') == NULL)
		err_set(e, EINVAL, "'%.64s' is not ADDRESS/LENGTH, such as 10.0.0.1/24", word);
	return e->code == 0;
}

static bool mac(const char *word, struct err *e)
{
	uint8_t bytes[6];

	if (value_mac(word, bytes) != 0)
		err_set(e, EINVAL, "'%.64s' is not of the form aa:bb:cc:dd:ee:ff", word);
	return e->code == 0;
}

static bool number(const char *word, uint64_t min, uint64_t max, struct err *e)
{
	uint64_t n;

	if (value_u64(word, &n) != 0 || n < min || n > max)
		err_set(e, EINVAL, "'%.64s' is not a number from %llu to %llu", word, (unsigned long long)min,
			(unsigned long long)max);
	return e->code == 0;
}

static bool distance(const char *word, struct err *e)
{
	return number(word, 1, 255, e);
}

static bool weight(const char *word, struct err *e)
{
	return number(word, 1, 256, e);
}

static bool port_number(const char *word, struct err *e)
{
	return number(word, 1, 65535, e);
}

static bool network(const char *word, struct err *e)
{
	struct ipaddr a;
	struct prefix p;

	if (ipaddr_parse(word, &a) != 0 && prefix_parse(word, &p) != 0)
		err_set(e, EINVAL, "'%.64s' is neither an address nor a prefix such as 10.0.0.0/8", word);
	return e->code == 0;
}

static bool confirm(const char *word, struct err *e)
{
	return number(word, 1, 86400, e);
}

static bool steps(const char *word, struct err *e)
{
	return number(word, 1, 1000, e);
}

static bool config(const char *word, struct err *e)
{
	return number(word, 1, UINT32_MAX, e);
}

static bool seconds(const char *word, struct err *e)
{
	char *end;
	double s = strtod(word, &end);

	if (*end != '\0' || end == word || !(s >= 0.1 && s <= 86400))
		err_set(e, EINVAL, "'%.64s' is not a number of seconds from 0.1 to 86400", word);
	return e->code == 0;
}

static bool input(const char *word, struct err *e)
{
	const char *equals = strchr(word, '=');

	if (equals == NULL || equals == word || equals[1] == '\0')
		err_set(e, EINVAL, "'%.64s' is not INTERFACE=CAPTURE, such as lan=lan.pcap", word);
	return e->code == 0;
}

static bool pair(const char *word, struct err *e)
{
	const char *equals = strchr(word, '=');

	if (equals == NULL || equals == word)
		err_set(e, EINVAL, "'%.64s' is not PORT=MAC, such as p0=02:00:00:00:00:01", word);
	else
		mac(equals + 1, e);
	return e->code == 0;
}

static const char *const events[] = {"acl", "address", "config", "conflict", "counters", "generation",
	"ipv6-off", "link", "neighbor", "neighbor-change", "route", "sessions-cleared", "sessions-full",
	"worker", NULL};
static const char *const protocols[] = {
	"tcp", "udp", "icmp", "icmpv6", "sctp", "udplite", "gre", "esp", "ah", NULL};
static const char *const states[] = {"syn-sent", "syn-both", "syn-received", "established", "fin-sent",
	"fin-received", "closing", "time-wait", "reset", "udp-new", "udp", "icmp-new", "icmp", "other-new",
	"other", NULL};
static const char *const defaults[] = {"default", NULL};

#define LIVE(p, l, f) .path = (p), .list = (l), .field = (f)

static const struct arg_type types[] = {
	{"ACL", "name of a list of rules", LIVE("/v1/acls", "acls", "name")},
	{"ADDRESS", "an IPv4 or IPv6 address", address, .example = "10.0.0.1"},
	{"CAPTURE", "an interface and its capture, as in lan=lan.pcap", input, .file_behind_equals = true,
		.example = "lan=lan.pcap"},
	{"CONFIG", "number of a config in the history", config, LIVE("/v1/config/history", "entries", "id"),
		.example = "7"},
	{"CONFIRM", "seconds to confirm within, 1 to 86400; otherwise it is taken back", confirm,
		.example = "60"},
	{"DIR", "a directory", .file = true},
	{"DISTANCE", "administrative distance, 1 to 255; the lowest wins", distance, .example = "7"},
	{"EAL-ARG", "an argument for DPDK's EAL", .any = true},
	{"EVENT", "a type of events; all when none is given", .words = events},
	{"FILE", "path of a file", .file = true},
	{"IFACE", "name of an interface", LIVE("/v1/interfaces", "interfaces", "name")},
	{"IFADDR", "an address with its length, as in 10.0.0.1/24", ifaddr, .example = "10.0.0.1/24"},
	{"MAC", "a MAC address, as in 02:00:00:00:00:01", mac, .example = "02:00:00:00:00:01"},
	{"NEIGHBOR", "the address of a neighbour", address, LIVE("/v1/neighbors", "neighbors", "address"),
		.example = "fe80::1"},
	{"NETWORK", "an address or a network, as in 10.0.0.2 or 10.0.0.0/8", network,
		.example = "10.0.0.0/8"},
	{"PATH", "a path", .file = true},
	{"PORT", "name of a port", LIVE("/v1/ports", "ports", "name")},
	{"PORT-MAC", "a port and its MAC address, as in p0=02:00:00:00:00:01", pair,
		.example = "p0=02:00:00:00:00:01"},
	{"PORT-NUMBER", "a port of TCP or UDP, 1 to 65535", port_number, .example = "443"},
	{"PREFIX", "a network, as in 10.0.0.0/8 or 2001:db8::/32, or default", prefix, .words = defaults,
		.example = "10.0.0.0/8"},
	{"PROTOCOL", "a protocol, as in tcp, or its number", .words = protocols, .example = "tcp"},
	{"ROUTE", "the prefix of a static route, or default", prefix,
		LIVE("/v1/routes?limit=1000", "routes", "prefix"), .only_key = "source",
		.only_value = "static", .words = defaults, .example = "default"},
	{"SECONDS", "a number of seconds, as in 2 or 0.5", seconds, .example = "2"},
	{"SET", "name of a set", LIVE("/v1/sets", "sets", "name")},
	{"STATE", "a state of sessions", .words = states},
	{"STEPS", "how many confirmed configs back, 1 to 1000", steps, .example = "1"},
	{"TEXT", "a text, in quotes when it has spaces", .any = true},
	{"VERB", "a word of a command", .any = true},
	{"VRF", "name of a VRF", LIVE("/v1/vrfs", "vrfs", "name")},
	{"WEIGHT", "share of the flows, 1 to 256", weight, .example = "3"},
};

static const struct {
	const char *word, *help;
} keywords[] = {
	{"--", "what follows is for DPDK's EAL"},
	{"--all", "also the reasons that did not occur"},
	{"--applied", "without what was changed by hand"},
	{"--config", "the configuration file"},
	{"--confirm", "take it back unless it is confirmed in time"},
	{"--dot", "write graphviz"},
	{"--expect", "compare with this JSON document"},
	{"--id", "by its number in the history"},
	{"--in", "packets that come in by an interface"},
	{"--mac", "MAC address of a port"},
	{"--message", "why, for the history"},
	{"--on", "only if this configuration runs, as 'config plan' said"},
	{"--out", "where to write what leaves"},
	{"--quiet", "no summary"},
	{"--report", "write what became of each packet as JSON"},
	{"--running", "what runs, with what was changed by hand (the default)"},
	{"--startup", "what the startup files say"},
	{"--state", "where the configuration's history is kept"},
	{"--totals", "how many there are, by state, and how they began and ended"},
	{"--verbose", "log more"},
	{"--watch", "show again and again, with rates"},
	{"--xstats", "also the driver's statistics"},
	{"-c", "the configuration file"},
	{"-q", "no summary"},
	{"-v", "log more"},
	{"address", "either end"},
	{"arguments", "the types of arguments"},
	{"blackhole", "discard silently"},
	{"commands", "the client's verbs"},
	{"daemon", "the daemon's verb"},
	{"destination", "where the first packet goes"},
	{"destination-port", "port the first packet goes to"},
	{"dev", "interface"},
	{"distance", "administrative distance"},
	{"inet", "the next hop is an IPv4 address"},
	{"inet6", "the next hop is an IPv6 address"},
	{"keys", "the keys of the configuration"},
	{"lladdr", "link-layer address"},
	{"nexthop", "one of several next hops"},
	{"options", "the options of every command"},
	{"port", "port of either end"},
	{"prohibit", "refuse: administratively prohibited"},
	{"protocol", "protocol of the session"},
	{"source", "where the first packet came from"},
	{"source-port", "port the first packet came from"},
	{"state", "state of the session"},
	{"unicast", "to a next hop (the default)"},
	{"unreachable", "refuse: unreachable"},
	{"via", "address of the next hop"},
	{"vrf", "routing table"},
	{"weight", "share of this next hop"},
};

const struct arg_type *type_find(const char *name, size_t len)
{
	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strlen(types[i].name) == len && memcmp(types[i].name, name, len) == 0)
			return &types[i];
	return NULL;
}

const char *keyword_help(const char *word, size_t len)
{
	for (unsigned i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (strlen(keywords[i].word) == len && memcmp(keywords[i].word, word, len) == 0)
			return keywords[i].help;
	return NULL;
}
