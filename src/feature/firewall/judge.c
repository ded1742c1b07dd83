/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The decision about a session that begins: which zones, which policy, which rule. Runs on workers.
 */
#include <netinet/in.h>
#include <string.h>

#include "feature/firewall/rules.h"
#include "feature/session/tcp.h"

REASON_DEFINE(reason_firewall, REASON_DROP, "firewall-denied",
	"No policy between the two zones accepts the session, or a rule refuses it.")

/* `bytes` in network order. */
static bool in_prefix(const struct prefix *p, uint8_t family, const uint8_t *bytes)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	if (p->addr.family != family || memcmp(p->addr.bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

static bool in_ranges(const struct port_range *r, unsigned n, uint16_t port)
{
	for (unsigned i = 0; i < n; i++)
		if (port >= r[i].from && port <= r[i].to)
			return true;
	return n == 0;
}

static bool has_protocol(const struct rule *r, uint8_t proto)
{
	for (unsigned i = 0; i < r->protocols; i++)
		if (r->protocol[i] == proto)
			return true;
	return r->protocols == 0;
}

bool rule_matches(const struct rule *r, const struct session_question *q)
{
	if (!has_protocol(r, q->proto) || (r->family != FAMILY_NONE && r->family != q->family))
		return false;
	if (r->source.addr.family != FAMILY_NONE && !in_prefix(&r->source, q->family, q->src))
		return false;
	if (r->destination.addr.family != FAMILY_NONE && !in_prefix(&r->destination, q->family, q->dst))
		return false;
	if (r->icmp_type >= 0 && (!q->icmp || q->sport != r->icmp_type))
		return false;
	return in_ranges(r->sport, r->sports, q->sport) && in_ranges(r->dport, r->dports, q->dport);
}

/* What the router needs to work at all, and answers to what it asked: it keeps no sessions of its own. */
static bool self_needs(const struct session_question *q)
{
	if (q->proto == IPPROTO_TCP)
		return (q->tcp_flags & (TCP_ACK | TCP_RST)) != 0;
	if (q->family == FAMILY_V4 && q->proto == IPPROTO_ICMP)
		return q->sport == 0 || q->sport == 3 || q->sport == 11 || q->sport == 12;
	if (q->family == FAMILY_V6 && q->proto == IPPROTO_ICMPV6)
		return q->sport < 128 || q->sport == 129 || (q->sport >= 130 && q->sport <= 137);
	return false;
}

static void decide(struct ruleset *s, const struct rule *r, struct session_question *q)
{
	uint64_t *hits = &s->hits[q->worker][r->slot];

	__atomic_store_n(hits, *hits + 1, __ATOMIC_RELAXED);
	q->rule = r->slot + 1;
	q->track = r->track;
	q->reason = &reason_firewall;
	q->verdict = r->action == FIREWALL_ACCEPT ? SESSION_ACCEPT
		     : r->action == FIREWALL_DROP ? SESSION_DROP
						  : SESSION_REJECT;
}

/* A packet that cannot begin a session passes by rules that keep none. */
static bool concerns(const struct rule *r, const struct session_question *q)
{
	return q->kind != SESSION_UNTRACKED || q->to_self || r->action != FIREWALL_ACCEPT || !r->track;
}

static void ask_policy(struct ruleset *s, const struct policy *p, struct session_question *q)
{
	unsigned i = 0;

	while (i < p->rules && !(concerns(&p->rule[i], q) && rule_matches(&p->rule[i], q)))
		i++;
	decide(s, &p->rule[i], q);
}

static uint16_t zone_of(const struct generation *g, uint16_t iface)
{
	const struct iface *ifc = iface < IFACE_MAX ? g->iface[iface] : NULL;

	return ifc != NULL ? ifc->zone : ZONE_NONE;
}

void rules_judge(const struct generation *g, const struct burst *b, unsigned slot, struct session_question *q)
{
	struct ruleset *s = (struct ruleset *)(uintptr_t)g->session.rules;
	uint16_t from = zone_of(g, q->iif), to = q->to_self ? ZONE_SELF : zone_of(g, q->oif);
	const struct policy *p = s->between[from * s->zones + to];

	if (q->to_self && (p == NULL || self_needs(q)))
		return; /* welcome */
	if (p != NULL) {
		ask_policy(s, p, q);
		return;
	}
	if (from == to) {
		q->track = from != ZONE_NONE; /* what has no zone is none of our business */
		return;
	}
	q->verdict = SESSION_DROP;
	q->reason = &reason_firewall;
}
