/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall's rules and how often they decided.
 */
#include "api/api_priv.h"
#include "feature/firewall/firewall.h"

static void put_policy(void *ctx, const struct firewall_policy_info *p)
{
	struct jw *j = ctx;

	jw_open(j, NULL, '{');
	jw_text(j, "from", p->from);
	jw_text(j, "to", p->to);
	jw_open(j, "rules", '[');
}

static void put_rule(void *ctx, const struct firewall_rule_info *r)
{
	struct jw *j = ctx;

	jw_open(j, NULL, '{');
	jw_u64(j, "number", r->number);
	jw_text(j, "name", r->name != NULL ? r->name : "default");
	jw_text(j, "match", r->match);
	jw_text(j, "action", firewall_action_names[r->action]);
	jw_bool(j, "track", r->track);
	jw_u64(j, "hits", r->hits);
	jw_close(j, '}');
}

static void end_policy(void *ctx)
{
	jw_close(ctx, ']');
	jw_close(ctx, '}');
}

static void show_firewall(struct request *r)
{
	const struct generation *g = weir_generation(r->w);

	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "policies", '[');
	firewall_walk(r->w, put_policy, put_rule, end_policy, &r->out);
	jw_close(&r->out, ']');
	jw_open(&r->out, "interfaces", '[');
	for (unsigned i = 1; i < g->iface_limit; i++) {
		if (g->iface[i] == NULL)
			continue;
		jw_open(&r->out, NULL, '{');
		jw_text(&r->out, "interface", g->iface[i]->name);
		jw_text(&r->out, "zone", firewall_zone_name(r->w, g->iface[i]));
		jw_close(&r->out, '}');
	}
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

static const struct doc rule_docs[] = {
	{"number", DOC_U64, "Its place in the policy; 0: the default."},
	{"name", DOC_TEXT, "Its name; empty for none, default for the policy's default."},
	{"match", DOC_TEXT, "Its conditions; empty: any."},
	{"action", DOC_TEXT, "accept, drop or reject.", .words = firewall_action_names},
	{"track", DOC_BOOL, "What it accepts becomes a session."},
	{"hits", DOC_U64, "How often it decided: once a session, and again when the policy changed."},
	{0},
};
static const struct doc policy_docs[] = {
	{"from", DOC_TEXT, "Zone of the side that begins."},
	{"to", DOC_TEXT, "Zone the first packet goes to."},
	{"rules", DOC_LIST, "Rules in order, then the default.", rule_docs},
	{0},
};
static const struct doc zone_docs[] = {
	{"interface", DOC_TEXT, "The interface."},
	{"zone", DOC_TEXT, "Its zone.", .flags = DOC_NULL},
	{0},
};
static const struct doc firewall_docs[] = {
	{"policies", DOC_LIST, "Policies in the order of the configuration.", policy_docs},
	{"interfaces", DOC_LIST, "All interfaces.", zone_docs},
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/firewall", "Policies, rules and how often they decided.", show_firewall,
		.reply = firewall_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
