/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature's part in commits: zones of interfaces, the set of rules, and which sessions are judged again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/tree.h"
#include "feature/firewall/rules.h"
#include "pipeline/bill.h"

struct firewall_state {
	struct ruleset *rules, *next;  /* NULL: no zones */
	struct node *text, *next_text; /* of `firewall:`, to see whether it changed */
};

/* --- prepare --- */

static bool has_zones(const struct node *cfg)
{
	NODE_EACH (i, node_get(cfg, "interfaces"))
		if (node_get(i, "zone") != NULL)
			return true;
	return false;
}

static void mark_zones(const struct node *cfg, const struct ruleset *s, struct generation *next)
{
	const struct node *list = node_get(cfg, "interfaces");

	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL)
			next->iface[i]->zone = ruleset_zone(
				s, node_text(node_get(list, next->iface[i]->name), "zone", NULL));
}

/* An interface without a zone may lead to one with: in its VRF every packet is looked at. */
static void mark_sessions(struct generation *next)
{
	bool zoned[VRF_MAX] = {false};

	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL && next->iface[i]->zone != ZONE_NONE)
			zoned[next->iface[i]->vrf] = true;
	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL && zoned[next->iface[i]->vrf])
			session_keep(next, next->iface[i]);
}

/* Ids of zones may differ from one set to the next: names count. */
static bool same_zone(
	const struct ruleset *a, const struct iface *x, const struct ruleset *b, const struct iface *y)
{
	return strcmp(a->zone[x != NULL ? x->zone : 0], b->zone[y != NULL ? y->zone : 0]) == 0;
}

static bool changed(const struct weir *w, const struct node *cfg, const struct generation *next)
{
	const struct firewall_state *s = w->firewall;

	if (s->rules == NULL || s->next == NULL)
		return s->rules != s->next;
	if (!node_same(s->text, node_get(cfg, "firewall")))
		return true;
	for (unsigned i = 1; i < IFACE_MAX; i++)
		if (!same_zone(s->rules, w->gen->iface[i], s->next, next->iface[i]))
			return true;
	return false;
}

static int prepare_rules(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct firewall_state *s = w->firewall;
	const struct node *text = node_get(cfg, "firewall");

	s->next = ruleset_new(cfg, w->worker_count, e);
	if (s->next == NULL)
		return -e->code;
	s->next_text = text != NULL ? node_copy(text) : NULL;
	if (text != NULL && s->next_text == NULL)
		return err_set(e, ENOMEM, "not enough memory for the firewall");
	mark_zones(cfg, s->next, next);
	mark_sessions(next);
	return 0;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct firewall_state *s = w->firewall;

	s->next = NULL;
	s->next_text = NULL;
	if (has_zones(cfg) && prepare_rules(w, cfg, next, e) != 0)
		return -e->code;
	next->session.judge = s->next != NULL ? rules_judge : NULL;
	next->session.rules = s->next;
	if (changed(w, cfg, next))
		session_policy_changed(next);
	return 0;
}

static void abort_config(struct weir *w)
{
	struct firewall_state *s = w->firewall;

	ruleset_free(s->next);
	node_free(s->next_text);
	s->next = NULL;
	s->next_text = NULL;
}

/* --- commit --- */

static void ready(struct weir *w, const struct generation *next)
{
	struct firewall_state *s = w->firewall;

	if (s->rules != NULL && s->next != NULL)
		ruleset_carry(s->next, s->rules);
}

static void free_rules(void *s)
{
	ruleset_free(s);
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct firewall_state *s = w->firewall;

	if (s->rules != NULL)
		weir_defer(w, free_rules, s->rules);
	node_free(s->text);
	s->rules = s->next;
	s->text = s->next_text;
	s->next = NULL;
	s->next_text = NULL;
}

/* --- what others ask --- */

static void tell_rule(const struct ruleset *s, const struct rule *r, unsigned number, void *ctx,
	void (*rule)(void *ctx, const struct firewall_rule_info *r))
{
	struct firewall_rule_info i = {.name = number != 0 ? r->name : NULL,
		.number = number,
		.action = (enum firewall_action)r->action,
		.track = r->track,
		.hits = ruleset_hits(s, r->slot)};

	snprintf(i.match, sizeof i.match, "%s", r->match);
	rule(ctx, &i);
}

void firewall_walk(const struct weir *w, void (*begin)(void *ctx, const struct firewall_policy_info *p),
	void (*rule)(void *ctx, const struct firewall_rule_info *r), void (*end)(void *ctx), void *ctx)
{
	const struct ruleset *s = w->firewall->rules;

	for (unsigned i = 0; s != NULL && i < s->policies; i++) {
		const struct policy *p = &s->policy[i];

		begin(ctx, &(struct firewall_policy_info){p->from, p->to, p->rules});
		for (unsigned k = 0; k <= p->rules; k++)
			tell_rule(s, &p->rule[k], k < p->rules ? k + 1 : 0, ctx, rule);
		end(ctx);
	}
}

const char *firewall_zone_name(const struct weir *w, const struct iface *ifc)
{
	const struct ruleset *s = w->firewall->rules;

	return s != NULL && ifc->zone != ZONE_NONE && ifc->zone < s->zones ? s->zone[ifc->zone] : NULL;
}

static void rule_text(const struct policy *p, const struct rule *r, unsigned k, char *buf, size_t size)
{
	if (k == p->rules)
		snprintf(buf, size, "%s to %s, default", p->from, p->to);
	else if (r->name[0] != '\0')
		snprintf(buf, size, "%s to %s, rule %s", p->from, p->to, r->name);
	else
		snprintf(buf, size, "%s to %s, rule %u", p->from, p->to, k + 1);
}

const char *firewall_rule_text(const struct weir *w, uint32_t rule, char *buf, size_t size)
{
	const struct ruleset *s = w->firewall->rules;

	buf[0] = '\0';
	for (unsigned i = 0; s != NULL && rule != 0 && i < s->policies; i++)
		for (unsigned k = 0; k <= s->policy[i].rules; k++)
			if (s->policy[i].rule[k].slot + 1 == rule)
				rule_text(&s->policy[i], &s->policy[i].rule[k], k, buf, size);
	return buf;
}

/* --- life --- */

static int init(struct weir *w, struct err *e)
{
	w->firewall = calloc(1, sizeof *w->firewall);
	return w->firewall != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for the firewall");
}

static void fini(struct weir *w)
{
	if (w->firewall == NULL)
		return;
	ruleset_free(w->firewall->rules);
	node_free(w->firewall->text);
	free(w->firewall);
	w->firewall = NULL;
}

static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	uint64_t rules = 0, policies = 0;

	NODE_EACH (p, node_get(cfg, "firewall")) {
		const struct node *list = node_get(p, "rules");

		rules += 1 + (list != NULL ? list->count : 0);
		policies++;
	}
	if (has_zones(cfg)) /* two sets: the one that runs and the one that is made */
		bill_add(b, "firewall", rules,
			2 * (sizeof(struct ruleset) + policies * sizeof(struct policy) +
				    rules * (sizeof(struct rule) + 8 * (w->worker_count + 1))));
}

static struct feature feature_firewall = {
	.name = "firewall",
	.order = 50, /* before sessions, which it asks for */
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.ready = ready,
	.commit = commit,
	.abort = abort_config,
	.bill = bill,
};
FEATURE_REGISTER(feature_firewall)
