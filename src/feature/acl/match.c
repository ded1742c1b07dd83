/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a rule says of packets, from words to a rule of the classifier.
 */
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "control/tree.h"
#include "control/value.h"
#include "feature/acl/acl_priv.h"

struct reading {
	const struct node *match, *root;
	const struct weir *w;
	struct acl_rule *r;
	const struct node *at;
	struct err *e;
};

struct word {
	const char *name;
	unsigned value;
};

static const struct word protocols[] = {{"icmp", 1}, {"igmp", 2}, {"ipip", 4}, {"tcp", 6}, {"udp", 17},
	{"dccp", 33}, {"ipv6", 41}, {"gre", 47}, {"esp", 50}, {"ah", 51}, {"icmpv6", 58}, {"ospf", 89},
	{"pim", 103}, {"vrrp", 112}, {"l2tp", 115}, {"sctp", 132}, {"udplite", 136}, {NULL, 0}};
static const struct word flags[] = {{"fin", 1}, {"syn", 2}, {"rst", 4}, {"psh", 8}, {"ack", 16}, {"urg", 32},
	{"ece", 64}, {"cwr", 128}, {NULL, 0}};

static const struct word *find_word(const struct word *list, const char *text, size_t len)
{
	for (; list->name != NULL; list++)
		if (strlen(list->name) == len && memcmp(list->name, text, len) == 0)
			return list;
	return NULL;
}

static const struct node *field(struct reading *x, const char *key)
{
	const struct node *n = node_get(x->match, key);

	if (n != NULL)
		x->at = n;
	return n;
}

/* --- sets --- */

/* The set that $NAME names. 0 with *set NULL when it is only looked whether there is one. */
static int find_set(struct reading *x, const char *name, bool ports, const struct set **set)
{
	const struct node *n = node_get(node_get(x->root, "sets"), name);
	bool has_ports = node_get(n, "ports") != NULL;

	*set = NULL;
	if (x->w != NULL) {
		*set = sets_find(x->w, name);
		has_ports = *set != NULL && (*set)->is_ports;
	}
	if (x->w != NULL ? *set == NULL : n == NULL)
		return err_set(x->e, ENOENT, "names the set '%.40s', which is not in 'sets'", name);
	if (has_ports != ports)
		return err_set(x->e, EINVAL, "the set '%.40s' has %s, not %s", name,
			has_ports ? "ports" : "addresses", ports ? "ports" : "addresses");
	if (*set != NULL)
		set_ref(*set);
	return 0;
}

static int wrong(struct reading *x, int rc, const char *text, const char *why)
{
	if (rc == -ENOMEM)
		return err_set(x->e, ENOMEM, "not enough memory for a rule");
	return err_set(x->e, EINVAL, "'%.60s' %s", text, why);
}

/* --- addresses --- */

static uint8_t families_of(const struct addr_set *s)
{
	return (uint8_t)((s->v4.count != 0 ? CLASS_V4 : 0) | (s->v6.count != 0 ? CLASS_V6 : 0));
}

static int narrow(struct reading *x, uint8_t families)
{
	x->r->match.families &= families;
	if (x->r->match.families == 0)
		return err_set(x->e, EINVAL, "'%.60s' is of another family than the rest of the rule",
			x->at->text != NULL ? x->at->text : "");
	return 0;
}

static int read_address(struct reading *x, const char *key, struct addr_set *own, const struct set **set,
	const struct addr_set **match)
{
	const struct node *n = field(x, key);
	const char *why = NULL;
	int rc;

	if (n == NULL)
		return 0;
	if (n->text[0] == '$') {
		rc = find_set(x, n->text + 1, false, set);
		*match = *set != NULL ? &(*set)->addresses : NULL;
		return rc;
	}
	rc = set_parse_address(n->text, own, &why);
	if (rc != 0)
		return wrong(x, rc, n->text, why);
	*match = own;
	return narrow(x, families_of(own));
}

static int read_addresses(struct reading *x)
{
	struct acl_rule *r = x->r;
	const struct node *family = field(x, "family");
	int rc = 0;

	if (family != NULL)
		rc = narrow(x, family->value.u64 == 0 ? CLASS_V4 : CLASS_V6);
	if (rc == 0)
		rc = read_address(x, "source", &r->own_src, &r->src, &r->match.src);
	if (rc == 0)
		rc = read_address(x, "destination", &r->own_dst, &r->dst, &r->match.dst);
	return rc;
}

/* --- protocols and what is in their headers --- */

static void take_bit(uint64_t word[4], unsigned v)
{
	word[v / 64] |= UINT64_C(1) << v % 64;
}

static bool is_only(const uint64_t word[4], unsigned v)
{
	uint64_t want[4] = {0};

	take_bit(want, v);
	return memcmp(want, word, sizeof want) == 0;
}

static int take_protocol(uint64_t word[4], const char *text, size_t len)
{
	const struct word *known = find_word(protocols, text, len);
	char number[4] = "";
	uint64_t v;

	if (known == NULL && len < sizeof number)
		memcpy(number, text, len);
	if (known != NULL)
		v = known->value;
	else if (value_u64(number, &v) != 0 || v > 255)
		return -EINVAL;
	take_bit(word, (unsigned)v);
	return 0;
}

/* "tcp,udp,99" */
static int read_protocol(struct reading *x)
{
	const struct node *n = field(x, "protocol");
	uint64_t *word = x->r->match.proto;

	if (n == NULL)
		return 0;
	memset(word, 0, sizeof x->r->match.proto);
	for (const char *text = n->text;; text++) {
		size_t len = strcspn(text, ",");

		if (take_protocol(word, text, len) != 0)
			return err_set(x->e, EINVAL,
				"'%.60s' is no protocol; write a name such as tcp, or 0 to 255", n->text);
		text += len;
		if (*text == '\0')
			break;
	}
	if (is_only(word, IPPROTO_ICMP))
		return narrow(x, CLASS_V4);
	return is_only(word, IPPROTO_ICMPV6) ? narrow(x, CLASS_V6) : 0;
}

/* Every protocol of the rule has ports. */
static bool have_ports(const uint64_t word[4])
{
	static const uint8_t with[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_UDPLITE};
	uint64_t rest[4];

	memcpy(rest, word, sizeof rest);
	for (unsigned i = 0; i < sizeof with; i++)
		rest[with[i] / 64] &= ~(UINT64_C(1) << with[i] % 64);
	return (rest[0] | rest[1] | rest[2] | rest[3]) == 0;
}

static int read_port(struct reading *x, const char *key, struct ranges *own, const struct set **set,
	const struct ranges **match)
{
	const struct node *n = field(x, key);
	const char *why = NULL;
	int rc;

	if (n == NULL)
		return 0;
	if (!have_ports(x->r->match.proto))
		return err_set(x->e, EINVAL,
			"'%s' needs a protocol that has ports: tcp, udp, sctp, dccp or udplite", key);
	if (n->text[0] == '$') {
		rc = find_set(x, n->text + 1, true, set);
		*match = *set != NULL ? &(*set)->ports : NULL;
		return rc;
	}
	rc = set_parse_port(n->text, own, &why);
	if (rc != 0)
		return wrong(x, rc, n->text, why);
	*match = own;
	return 0;
}

static int read_ports(struct reading *x)
{
	struct acl_rule *r = x->r;
	int rc = read_port(x, "source-port", &r->own_sport, &r->sport, &r->match.sport);

	return rc != 0 ? rc : read_port(x, "destination-port", &r->own_dport, &r->dport, &r->match.dport);
}

/* Type and code are the first two bytes, where others have the source port. */
static int read_icmp(struct reading *x)
{
	const struct node *code = field(x, "icmp-code"), *type = field(x, "icmp-type");
	const uint64_t *word = x->r->match.proto;
	uint32_t first, last;

	if (code != NULL && type == NULL)
		return err_set(x->e, EINVAL, "'icmp-code' needs 'icmp-type'");
	if (type == NULL)
		return 0;
	if (!is_only(word, IPPROTO_ICMP) && !is_only(word, IPPROTO_ICMPV6))
		return err_set(x->e, EINVAL, "'icmp-type' needs 'protocol: icmp' or 'protocol: icmpv6'");
	first = (uint32_t)type->value.u64 << 8 | (code != NULL ? (uint32_t)code->value.u64 : 0);
	last = code != NULL ? first : first | 0xff;
	if (ranges_add(&x->r->own_sport, first, last) != 0)
		return wrong(x, -ENOMEM, "", "");
	x->r->match.sport = &x->r->own_sport;
	return 0;
}

/* "syn,!ack": the mask of flags that are looked at, and what they must be. */
static int parse_flags(const char *text, uint8_t *mask, uint8_t *want)
{
	*mask = *want = 0;
	for (;; text++) {
		const bool not = *text == '!';
		const char *name = text + not ;
		const size_t len = strcspn(name, ",");
		const struct word *known = find_word(flags, name, len);

		if (known == NULL || (*mask & known->value) != 0)
			return -EINVAL;
		*mask |= (uint8_t)known->value;
		*want |= (uint8_t)(not ? 0 : known->value);
		text = name + len;
		if (*text == '\0')
			return 0;
	}
}

static int read_flags(struct reading *x)
{
	const struct node *n = field(x, "tcp-flags");
	const bool established = n != NULL && strcmp(n->text, "established") == 0;
	struct class_rule *m = &x->r->match;
	uint8_t mask, want;

	if (n == NULL)
		return 0;
	if (!is_only(m->proto, IPPROTO_TCP))
		return err_set(x->e, EINVAL, "'tcp-flags' needs 'protocol: tcp'");
	if (!established && parse_flags(n->text, &mask, &want) != 0)
		return err_set(x->e, EINVAL,
			"'%.60s' are no TCP flags; write such as \"syn,!ack\", each once", n->text);
	m->any_flags = false;
	memset(m->flags, 0, sizeof m->flags);
	for (unsigned v = 0; v < 256; v++)
		if (established ? (v & (4 | 16)) != 0 : (v & mask) == want)
			take_bit(m->flags, v);
	return 0;
}

/* --- the rest of the IP header --- */

/* RFC 2474, 2597, 3246. */
static int parse_dscp(const char *text, uint64_t *v)
{
	if (value_u64(text, v) == 0)
		return *v < 64 ? 0 : -EINVAL;
	if (strcmp(text, "ef") == 0)
		*v = 46;
	else if (strncmp(text, "cs", 2) == 0 && text[2] >= '0' && text[2] <= '7' && text[3] == '\0')
		*v = (uint64_t)(text[2] - '0') * 8;
	else if (strncmp(text, "af", 2) == 0 && text[2] >= '1' && text[2] <= '4' && text[3] >= '1' &&
		 text[3] <= '3' && text[4] == '\0')
		*v = (uint64_t)(text[2] - '0') * 8 + (uint64_t)(text[3] - '0') * 2;
	else
		return -EINVAL;
	return 0;
}

static int read_dscp(struct reading *x)
{
	const struct node *n = field(x, "dscp");
	uint64_t v;

	if (n == NULL)
		return 0;
	if (parse_dscp(n->text, &v) != 0)
		return err_set(
			x->e, EINVAL, "'%.20s' is no DSCP: 0 to 63, ef, af11 to af43, cs0 to cs7", n->text);
	x->r->match.dscp = UINT64_C(1) << v;
	return 0;
}

static int read_span(struct reading *x, const char *key, uint16_t most, uint16_t *first, uint16_t *last)
{
	const struct node *n = field(x, key);
	struct ranges r = {0};
	const char *why = NULL;
	int rc;

	if (n == NULL)
		return 0;
	rc = set_parse_port(n->text, &r, &why);
	if (rc == -ENOMEM)
		return wrong(x, rc, n->text, why);
	if (rc != 0 || r.at[0].last > most) {
		ranges_free(&r);
		return err_set(x->e, EINVAL, "'%.20s' is no number from 0 to %u and no range of them",
			n->text, most);
	}
	*first = (uint16_t)r.at[0].first;
	*last = (uint16_t)r.at[0].last;
	ranges_free(&r);
	return 0;
}

static int read_rest(struct reading *x)
{
	static const uint8_t kinds[] = {CLASS_WHOLE, CLASS_FIRST, CLASS_LATER, CLASS_FIRST | CLASS_LATER};
	struct class_rule *m = &x->r->match;
	const struct node *fragment = field(x, "fragment"), *options = field(x, "options");
	int rc = read_dscp(x);

	if (fragment != NULL)
		m->fragments = kinds[fragment->value.u64];
	if (options != NULL)
		m->options = options->value.u64 != 0 ? CLASS_WITH : CLASS_WITHOUT;
	if (rc == 0)
		rc = read_span(x, "vlan", 4095, &m->vlan_first, &m->vlan_last);
	return rc != 0 ? rc : read_span(x, "length", UINT16_MAX, &m->length_first, &m->length_last);
}

int acl_match_read(const struct node *match, const struct node *root, const struct weir *w,
	struct acl_rule *r, const struct node **at, struct err *e)
{
	static int (*const parts[])(struct reading * x) = {
		read_addresses, read_protocol, read_ports, read_icmp, read_flags, read_rest};
	struct reading x = {.match = match, .root = root, .w = w, .r = r, .at = *at, .e = e};
	int rc = 0;

	r->match = class_rule_any;
	for (unsigned i = 0; rc == 0 && match != NULL && i < sizeof parts / sizeof parts[0]; i++)
		rc = parts[i](&x);
	*at = x.at;
	return rc;
}

/* --- rules --- */

void acl_rule_clear(struct acl_rule *r)
{
	addr_set_free(&r->own_src);
	addr_set_free(&r->own_dst);
	ranges_free(&r->own_sport);
	ranges_free(&r->own_dport);
	set_unref(r->src);
	set_unref(r->dst);
	set_unref(r->sport);
	set_unref(r->dport);
	free(r->comment);
	*r = (struct acl_rule){0};
}

static bool set_equal(const struct set *a, const struct set *b)
{
	return (a != NULL ? a->serial : 0) == (b != NULL ? b->serial : 0);
}

static bool match_equal(const struct class_rule *a, const struct class_rule *b)
{
	return memcmp(a->proto, b->proto, sizeof a->proto) == 0 &&
	       memcmp(a->flags, b->flags, sizeof a->flags) == 0 && a->dscp == b->dscp &&
	       a->vlan_first == b->vlan_first && a->vlan_last == b->vlan_last &&
	       a->length_first == b->length_first && a->length_last == b->length_last &&
	       a->families == b->families && a->fragments == b->fragments && a->options == b->options &&
	       a->any_flags == b->any_flags && a->unknown_matches == b->unknown_matches;
}

bool acl_rule_equal(const struct acl_rule *a, const struct acl_rule *b)
{
	return match_equal(&a->match, &b->match) && addr_set_equal(&a->own_src, &b->own_src) &&
	       addr_set_equal(&a->own_dst, &b->own_dst) && ranges_equal(&a->own_sport, &b->own_sport) &&
	       ranges_equal(&a->own_dport, &b->own_dport) && set_equal(a->src, b->src) &&
	       set_equal(a->dst, b->dst) && set_equal(a->sport, b->sport) && set_equal(a->dport, b->dport) &&
	       a->id == b->id && a->mark == b->mark && a->has_mark == b->has_mark && a->sample == b->sample &&
	       a->action == b->action && a->to == b->to && strcmp(a->to_name, b->to_name) == 0 &&
	       strcmp(a->name, b->name) == 0 &&
	       strcmp(a->comment != NULL ? a->comment : "", b->comment != NULL ? b->comment : "") == 0;
}
