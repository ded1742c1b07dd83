/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One list: from the tree to rules, and from rules to what workers look at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/tree.h"
#include "feature/acl/acl_priv.h"

const char *const acl_action_names[] = {"accept", "drop", "reject", "goto", "continue", NULL};

uint32_t acl_next_id(uint32_t before)
{
	return before > UINT32_MAX - 10 ? UINT32_MAX : before - before % 10 + 10;
}

/* The words permit, deny and count as well. */
static uint8_t action_of(const struct node *n, const char *key, const char *fallback)
{
	const char *word = node_text(n, key, fallback);

	if (strcmp(word, "permit") == 0)
		return ACL_ACCEPT;
	if (strcmp(word, "deny") == 0)
		return ACL_DROP;
	for (uint8_t i = 0; acl_action_names[i] != NULL; i++)
		if (strcmp(word, acl_action_names[i]) == 0)
			return i;
	return ACL_CONTINUE;
}

static int read_rule(
	const struct weir *w, const struct node *n, uint32_t before, struct acl_rule *r, struct err *e)
{
	const char *comment = node_text(n, "comment", NULL);
	const struct node *at = n;

	if (acl_match_read(node_get(n, "match"), NULL, w, r, &at, e) != 0)
		return -1;
	r->id = (uint32_t)node_u64(n, "id", acl_next_id(before));
	r->action = action_of(n, "action", "drop");
	r->match.unknown_matches = r->action == ACL_DROP || r->action == ACL_REJECT;
	r->has_mark = node_get(n, "mark") != NULL;
	r->mark = (uint32_t)node_u64(n, "mark", 0);
	r->sample = node_bool(n, "log", false) ? (uint32_t)node_u64(n, "log-sample", 1) : 0;
	snprintf(r->name, sizeof r->name, "%s", node_text(n, "name", ""));
	snprintf(r->to_name, sizeof r->to_name, "%s", node_text(n, "goto", ""));
	if (comment != NULL) {
		r->comment = strdup(comment);
		if (r->comment == NULL)
			return err_set(e, ENOMEM, "not enough memory for a comment");
	}
	return 0;
}

struct acl_list *acl_list_read(const struct weir *w, const struct node *n, struct err *e)
{
	const struct node *rules = node_get(n, "rules");
	struct acl_list *l = calloc(1, sizeof *l);
	struct err why = {0};
	uint32_t id = 0;

	if (l != NULL) {
		l->refs = 1;
		l->fallback = action_of(n, "default", "drop");
		snprintf(l->name, sizeof l->name, "%s", n->key);
		l->rule = calloc(rules != NULL ? rules->count + 1 : 1, sizeof *l->rule);
	}
	if (l == NULL || l->rule == NULL) {
		err_set(e, ENOMEM, "not enough memory for the list '%s'", n->key);
		acl_list_unref(l);
		return NULL;
	}
	NODE_EACH (r, rules) {
		if (read_rule(w, r, id, &l->rule[l->rules++], &why) != 0) {
			err_set(e, why.code, "acl '%s', rule %u: %s", n->key, l->rules, why.text);
			acl_list_unref(l);
			return NULL;
		}
		id = l->rule[l->rules - 1].id;
	}
	return l;
}

bool acl_list_equal(const struct acl_list *a, const struct acl_list *b)
{
	if (a->rules != b->rules || a->fallback != b->fallback || strcmp(a->name, b->name) != 0)
		return false;
	for (uint32_t i = 0; i < a->rules; i++)
		if (!acl_rule_equal(&a->rule[i], &b->rule[i]))
			return false;
	return true;
}

/* --- what workers look at --- */

static struct acl_act act_of(const struct acl_rule *r)
{
	return (struct acl_act){.slot = r->slot,
		.mark = r->mark,
		.sample = r->sample,
		.id = r->id,
		.to = r->to,
		.action = r->action,
		.has_mark = r->has_mark};
}

/* Rules of one of the two kinds, in their order, with what follows from them. */
static uint32_t pick(const struct acl_list *l, bool go_on, struct class_rule *match, struct acl_act *act)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->rules; i++) {
		if ((l->rule[i].action == ACL_CONTINUE) != go_on)
			continue;
		match[n] = l->rule[i].match;
		act[n++] = act_of(&l->rule[i]);
	}
	return n;
}

/* How many of the rules that continue come before each that decides, and in all. */
static void mark_ends(struct acl_list *l)
{
	uint32_t go_on = 0, decide = 0;

	for (uint32_t i = 0; i < l->rules; i++) {
		if (l->rule[i].action == ACL_CONTINUE)
			go_on++;
		else
			l->go_end[decide++] = go_on;
	}
	l->go_end[decide] = go_on;
}

static int compile_go_on(struct acl_list *l, struct class_rule *match, struct err *e)
{
	uint32_t n = pick(l, true, match, l->go_act);

	if (n == 0)
		return 0;
	l->go_on = classifier_build(match, n, e);
	return l->go_on != NULL ? 0 : -ENOMEM;
}

int acl_list_compile(struct acl_list *l, struct err *e)
{
	struct class_rule *match = calloc(l->rules + 1, sizeof *match);
	uint32_t n;
	int rc = -ENOMEM;

	l->packed = calloc(l->rules + 1, sizeof *l->packed);
	l->act = calloc(l->rules + 1, sizeof *l->act);
	l->go_act = calloc(l->rules + 1, sizeof *l->go_act);
	l->go_end = calloc(l->rules + 1, sizeof *l->go_end);
	if (match != NULL && l->packed != NULL && l->act != NULL && l->go_act != NULL && l->go_end != NULL) {
		mark_ends(l);
		n = pick(l, false, l->packed, l->act);
		l->act[n] = (struct acl_act){.slot = l->fallback_slot, .action = l->fallback};
		l->decide = classifier_build(l->packed, n, e);
		rc = l->decide != NULL ? compile_go_on(l, match, e) : -ENOMEM;
	}
	free(match);
	if (rc != 0)
		err_set(e, ENOMEM, "not enough memory to compile the list '%s'", l->name);
	return rc;
}

void acl_list_unref(struct acl_list *l)
{
	if (l == NULL || --l->refs != 0)
		return;
	for (uint32_t i = 0; l->rule != NULL && i < l->rules; i++)
		acl_rule_clear(&l->rule[i]);
	classifier_free(l->decide);
	classifier_free(l->go_on);
	free(l->rule);
	free(l->packed);
	free(l->act);
	free(l->go_act);
	free(l->go_end);
	free(l);
}
