/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A set of rules from a config.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "control/tree.h"
#include "feature/firewall/rules.h"

const char *const firewall_action_names[] = {"accept", "drop", "reject", NULL};

uint16_t ruleset_zone(const struct ruleset *s, const char *name)
{
	for (unsigned i = ZONE_SELF; name != NULL && i < s->zones; i++)
		if (strcmp(s->zone[i], name) == 0)
			return (uint16_t)i;
	return ZONE_NONE;
}

static int add_zone(struct ruleset *s, const char *name, struct err *e)
{
	if (ruleset_zone(s, name) != ZONE_NONE)
		return 0;
	if (s->zones == ZONES_MAX)
		return err_set(e, ENOSPC, "zone '%s' is one too many; %d are possible", name,
			ZONES_MAX - ZONE_FIRST);
	snprintf(s->zone[s->zones++], FIREWALL_NAME, "%s", name);
	return 0;
}

static int read_zones(struct ruleset *s, const struct node *cfg, struct err *e)
{
	s->zones = ZONE_FIRST;
	snprintf(s->zone[ZONE_SELF], FIREWALL_NAME, "%s", FIREWALL_SELF);
	NODE_EACH (i, node_get(cfg, "interfaces"))
		if (node_get(i, "zone") != NULL && add_zone(s, node_text(i, "zone", ""), e) != 0)
			return -e->code;
	s->between = calloc((size_t)s->zones * s->zones, sizeof *s->between);
	return s->between != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for the firewall's zones");
}

static int read_rule(struct ruleset *s, const struct node *n, struct rule *r, struct err *e)
{
	const struct node *at;

	snprintf(r->name, sizeof r->name, "%s", node_text(n, "name", ""));
	r->action = (uint8_t)node_u64(n, "action", FIREWALL_DROP);
	r->track = node_bool(n, "track", true);
	r->slot = s->slots++;
	return rule_read_match(node_get(n, "match"), r, &at, e);
}

static int read_policy(struct ruleset *s, const struct node *n, struct policy *p, struct err *e)
{
	const struct node *rules = node_get(n, "rules");
	unsigned count = rules != NULL ? rules->count : 0;

	snprintf(p->from, sizeof p->from, "%s", node_text(n, "from", ""));
	snprintf(p->to, sizeof p->to, "%s", node_text(n, "to", ""));
	p->from_id = ruleset_zone(s, p->from);
	p->to_id = ruleset_zone(s, p->to);
	p->rule = calloc(count + 1, sizeof *p->rule);
	if (p->rule == NULL)
		return err_set(e, ENOMEM, "not enough memory for the rules from %s to %s", p->from, p->to);
	NODE_EACH (r, rules)
		if (read_rule(s, r, &p->rule[p->rules++], e) != 0)
			return -e->code;
	p->rule[p->rules].action = (uint8_t)node_u64(n, "default", FIREWALL_DROP);
	p->rule[p->rules].track = true;
	p->rule[p->rules].icmp_type = -1;
	p->rule[p->rules].slot = s->slots++;
	s->between[p->from_id * s->zones + p->to_id] = p;
	return 0;
}

static int read_policies(struct ruleset *s, const struct node *cfg, struct err *e)
{
	const struct node *list = node_get(cfg, "firewall");

	s->policy = calloc((list != NULL ? list->count : 0) + 1, sizeof *s->policy);
	if (s->policy == NULL)
		return err_set(e, ENOMEM, "not enough memory for the firewall's policies");
	NODE_EACH (n, list)
		if (read_policy(s, n, &s->policy[s->policies++], e) != 0)
			return -e->code;
	return 0;
}

static int make_counters(struct ruleset *s, unsigned workers, struct err *e)
{
	s->base = calloc(s->slots + 1, sizeof *s->base);
	for (unsigned k = 0; k < workers && s->base != NULL; k++) {
		s->hits[k] = calloc(s->slots + 1, sizeof *s->hits[k]);
		if (s->hits[k] == NULL)
			return err_set(e, ENOMEM, "not enough memory for the counters of %u rules", s->slots);
	}
	return s->base != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for the firewall's counters");
}

struct ruleset *ruleset_new(const struct node *cfg, unsigned workers, struct err *e)
{
	struct ruleset *s = calloc(1, sizeof *s);

	if (s == NULL) {
		err_set(e, ENOMEM, "not enough memory for the firewall");
		return NULL;
	}
	if (read_zones(s, cfg, e) != 0 || read_policies(s, cfg, e) != 0 ||
		make_counters(s, workers, e) != 0) {
		ruleset_free(s);
		return NULL;
	}
	return s;
}

void ruleset_free(struct ruleset *s)
{
	if (s == NULL)
		return;
	for (unsigned i = 0; i < s->policies; i++)
		free(s->policy[i].rule);
	for (unsigned k = 0; k < WORKER_MAX; k++)
		free(s->hits[k]);
	free(s->policy);
	free(s->between);
	free(s->base);
	free(s);
}

uint64_t ruleset_hits(const struct ruleset *s, uint32_t slot)
{
	uint64_t n = s->base[slot];

	for (unsigned k = 0; k < WORKER_MAX; k++)
		if (s->hits[k] != NULL)
			n += __atomic_load_n(&s->hits[k][slot], __ATOMIC_RELAXED);
	return n;
}

/* The rule of the same name, or, for one without, the same rule; the default is the default. */
static const struct rule *same_rule(const struct policy *p, const struct rule *r, bool is_default)
{
	if (is_default)
		return &p->rule[p->rules];
	for (unsigned i = 0; i < p->rules; i++)
		if (r->name[0] != '\0' ? strcmp(p->rule[i].name, r->name) == 0
				       : p->rule[i].name[0] == '\0' && p->rule[i].action == r->action &&
						 strcmp(p->rule[i].match, r->match) == 0)
			return &p->rule[i];
	return NULL;
}

static const struct policy *same_policy(const struct ruleset *s, const struct policy *p)
{
	for (unsigned i = 0; i < s->policies; i++)
		if (strcmp(s->policy[i].from, p->from) == 0 && strcmp(s->policy[i].to, p->to) == 0)
			return &s->policy[i];
	return NULL;
}

void ruleset_carry(struct ruleset *to, const struct ruleset *from)
{
	for (unsigned i = 0; i < to->policies; i++) {
		const struct policy *old = same_policy(from, &to->policy[i]);

		for (unsigned k = 0; old != NULL && k <= to->policy[i].rules; k++) {
			const struct rule *r = &to->policy[i].rule[k];
			const struct rule *same = same_rule(old, r, k == to->policy[i].rules);

			if (same != NULL)
				to->base[r->slot] = ruleset_hits(from, same->slot);
		}
	}
}
