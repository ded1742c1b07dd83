/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `match:` of a rule, from words to what is compared.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "control/tree.h"
#include "control/value.h"
#include "feature/firewall/rules.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {{"icmp", IPPROTO_ICMP}, {"igmp", IPPROTO_IGMP}, {"ipip", IPPROTO_IPIP}, {"tcp", IPPROTO_TCP},
	{"udp", IPPROTO_UDP}, {"dccp", IPPROTO_DCCP}, {"ipv6", IPPROTO_IPV6}, {"gre", IPPROTO_GRE},
	{"esp", IPPROTO_ESP}, {"ah", IPPROTO_AH}, {"icmpv6", IPPROTO_ICMPV6}, {"ospf", 89},
	{"pim", IPPROTO_PIM}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", IPPROTO_SCTP},
	{"udplite", IPPROTO_UDPLITE}};

/* The next of several words with commas between; false at the end. */
static bool next_word(const char **p, char *word, size_t size)
{
	size_t n = strcspn(*p, ",");

	if (**p == '\0')
		return false;
	snprintf(word, size, "%.*s", (int)n, *p);
	*p += n + ((*p)[n] == ',');
	return true;
}

static int protocol_number(const char *word, uint8_t *out)
{
	uint64_t v;

	for (unsigned i = 0; i < sizeof protocols / sizeof *protocols; i++)
		if (strcmp(protocols[i].name, word) == 0) {
			*out = protocols[i].number;
			return 0;
		}
	if (value_u64(word, &v) != 0 || v > 255)
		return -EINVAL;
	*out = (uint8_t)v;
	return 0;
}

static int read_protocols(const char *text, struct rule *r, struct err *e)
{
	char word[32];

	while (next_word(&text, word, sizeof word)) {
		if (r->protocols == PROTOCOLS_MAX)
			return err_set(
				e, EINVAL, "names more than %d protocols; write two rules", PROTOCOLS_MAX);
		if (protocol_number(word, &r->protocol[r->protocols++]) != 0)
			return err_set(e, EINVAL,
				"'%s' is not a protocol: tcp, udp, icmp, icmpv6, sctp, gre, esp ... or 0 to "
				"255",
				word);
	}
	return 0;
}

static int read_range(const char *word, struct port_range *out)
{
	const char *dash = strchr(word, '-');
	char from[16];
	uint64_t a, b;

	snprintf(from, sizeof from, "%.*s", dash != NULL ? (int)(dash - word) : 15, word);
	if (value_u64(from, &a) != 0 || value_u64(dash != NULL ? dash + 1 : word, &b) != 0 || a > b ||
		b > 65535)
		return -EINVAL;
	*out = (struct port_range){(uint16_t)a, (uint16_t)b};
	return 0;
}

static int read_ports(const char *text, struct port_range *r, uint8_t *count, struct err *e)
{
	char word[32];

	while (next_word(&text, word, sizeof word)) {
		if (*count == RANGES_MAX)
			return err_set(e, EINVAL, "names more than %d ports and ranges; write two rules",
				RANGES_MAX);
		if (read_range(word, &r[(*count)++]) != 0)
			return err_set(
				e, EINVAL, "'%s' is neither a port nor a range such as 8000-8099", word);
	}
	return 0;
}

/* Addresses are prefixes of their own. */
static int read_prefix(const char *text, struct prefix *p, struct err *e)
{
	struct prefix masked = {.len = 0};
	struct ipaddr a;

	if (prefix_parse(text, p) == 0)
		masked = prefix_masked(p);
	if (masked.addr.family != FAMILY_NONE && ipaddr_equal(&masked.addr, &p->addr))
		return 0;
	if (ipaddr_parse(text, &a) != 0)
		return err_set(
			e, EINVAL, "'%.60s' is neither an address nor a prefix such as 10.0.0.0/8", text);
	*p = (struct prefix){.addr = a, .len = (uint8_t)family_bits(a.family)};
	return 0;
}

static bool only_protocols(const struct rule *r, bool (*ok)(uint8_t))
{
	for (unsigned i = 0; i < r->protocols; i++)
		if (!ok(r->protocol[i]))
			return false;
	return r->protocols != 0;
}

static bool has_ports(uint8_t p)
{
	return p == IPPROTO_TCP || p == IPPROTO_UDP || p == IPPROTO_SCTP || p == IPPROTO_UDPLITE;
}

static bool is_icmp(uint8_t p)
{
	return p == IPPROTO_ICMP || p == IPPROTO_ICMPV6;
}

static int check_families(struct rule *r, struct err *e)
{
	uint8_t s = r->source.addr.family, d = r->destination.addr.family;

	if (s != FAMILY_NONE && d != FAMILY_NONE && s != d)
		return err_set(
			e, EINVAL, "source and destination are of different families: nothing matches");
	s = s != FAMILY_NONE ? s : d;
	if (r->family != FAMILY_NONE && s != FAMILY_NONE && s != r->family)
		return err_set(e, EINVAL, "family and addresses do not fit: nothing matches");
	return 0;
}

static int read_key(const struct node *n, struct rule *r, struct err *e)
{
	if (strcmp(n->key, "protocol") == 0)
		return read_protocols(n->text, r, e);
	if (strcmp(n->key, "source") == 0)
		return read_prefix(n->text, &r->source, e);
	if (strcmp(n->key, "destination") == 0)
		return read_prefix(n->text, &r->destination, e);
	if (strcmp(n->key, "source-port") == 0)
		return read_ports(n->text, r->sport, &r->sports, e);
	if (strcmp(n->key, "destination-port") == 0)
		return read_ports(n->text, r->dport, &r->dports, e);
	if (strcmp(n->key, "family") == 0)
		r->family = strcmp(n->text, "ipv4") == 0 ? FAMILY_V4 : FAMILY_V6;
	else if (strcmp(n->key, "icmp-type") == 0)
		r->icmp_type = (int16_t)n->value.u64;
	return 0;
}

static int check_protocols(const struct rule *r, struct err *e)
{
	if ((r->sports != 0 || r->dports != 0) && !only_protocols(r, has_ports))
		return err_set(e, EINVAL, "ports need a protocol that has some: tcp, udp, sctp or udplite");
	if (r->icmp_type >= 0 && !only_protocols(r, is_icmp))
		return err_set(e, EINVAL, "icmp-type needs protocol icmp or icmpv6");
	return 0;
}

int rule_read_match(const struct node *match, struct rule *r, const struct node **at, struct err *e)
{
	size_t len = 0;

	r->icmp_type = -1;
	NODE_EACH (n, match) {
		*at = n;
		if (read_key(n, r, e) != 0)
			return -EINVAL;
		len += (size_t)snprintf(r->match + len, sizeof r->match - len, "%s%s %s",
			len != 0 ? ", " : "", n->key, n->text);
		if (len >= sizeof r->match)
			len = sizeof r->match - 1;
	}
	*at = match;
	return check_families(r, e) != 0 || check_protocols(r, e) != 0 ? -EINVAL : 0;
}
