/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What readers see: sums over the workers, minus what was cleared.
 */
#include <errno.h>
#include <string.h>

#include "base/race.h"
#include "feature/acl/acl_priv.h"
#include "pipeline/weir.h"

uint32_t acl_lists(const struct weir *w)
{
	return w->acl->now != NULL ? w->acl->now->lists : 0;
}

int acl_find(const struct weir *w, const char *name)
{
	for (uint32_t i = 0; i < acl_lists(w); i++)
		if (strcmp(w->acl->now->list[i]->name, name) == 0)
			return (int)i;
	return -ENOENT;
}

void acl_list_info(const struct weir *w, uint32_t list, struct acl_list_info *out)
{
	const struct acl_list *l = w->acl->now->list[list];

	*out = (struct acl_list_info){.name = l->name,
		.rules = l->rules,
		.memory = classifier_memory(l->decide) + (l->go_on != NULL ? classifier_memory(l->go_on) : 0),
		.tuned = classifier_tuned(l->decide),
		.tuning = l->tuning};
}

/* Workers go on counting: single aligned words that only grow. */
SHARED_ON_PURPOSE static struct acl_count sum(const struct weir *w, uint32_t slot)
{
	struct acl_count c = {0};

	for (unsigned i = 0; i < w->worker_count; i++) {
		const struct acl_count *one = &w->acl->lane[i].count[slot];

		c.packets += one->packets;
		c.bytes += one->bytes;
		c.last = RTE_MAX(c.last, one->last);
	}
	return c;
}

void acl_rule_info(const struct weir *w, uint32_t list, uint32_t rule, bool total, struct acl_rule_info *out)
{
	const struct acl_list *l = w->acl->now->list[list];
	const struct acl_rule *r = rule < l->rules ? &l->rule[rule] : NULL;
	const uint32_t slot = r != NULL ? r->slot : l->fallback_slot;
	const struct acl_count c = sum(w, slot), *base = acl_slot_baseline(w->acl->slots, slot);

	*out = (struct acl_rule_info){.id = r != NULL ? r->id : 0,
		.name = r != NULL ? r->name : "",
		.comment = r != NULL && r->comment != NULL ? r->comment : "",
		.action = r != NULL ? r->action : l->fallback,
		.to = r != NULL && r->action == ACL_GOTO ? r->to_name : NULL,
		.packets = c.packets - (total ? 0 : base->packets),
		.bytes = c.bytes - (total ? 0 : base->bytes),
		.last = c.last};
}

void acl_uses(
	const struct weir *w, uint32_t list, void (*fn)(void *ctx, const char *iface, bool out), void *ctx)
{
	const struct generation *g = weir_generation(w);

	for (unsigned i = 1; i < g->iface_limit; i++)
		for (unsigned out = 0; out < 2; out++)
			if (g->iface[i] != NULL && w->acl->now->of[out][i] == list + 1)
				fn(ctx, g->iface[i]->name, out != 0);
}

void acl_clear(struct weir *w, uint32_t list)
{
	const struct acl_list *l = w->acl->now->list[list];

	for (uint32_t i = 0; i <= l->rules; i++) {
		const uint32_t slot = i < l->rules ? l->rule[i].slot : l->fallback_slot;

		*acl_slot_baseline(w->acl->slots, slot) = sum(w, slot);
	}
}

SHARED_ON_PURPOSE uint64_t acl_log_suppressed(const struct weir *w)
{
	uint64_t n = 0;

	for (unsigned i = 0; w->acl->lane != NULL && i < w->worker_count; i++)
		n += w->acl->lane[i].suppressed;
	return n;
}
