/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ageing and lists of the flow table.
 */
#include <rte_prefetch.h>

#include "table/flow_priv.h"

unsigned flow_sweep(struct flow_table *t, uint32_t now, uint32_t records,
	bool (*judge)(void *ctx, struct flow *f), void *ctx, bool *round)
{
	unsigned gone = 0;

	for (uint32_t i = 0; i < records; i++) {
		struct flow *f;

		if (t->sweep >= t->limit) {
			t->sweep = 1;
			*round = true;
			break;
		}
		f = &t->flow[t->sweep++];
		rte_prefetch0(f + 8);
		if ((f->key[0].kind == KIND_V4 || f->key[0].kind == KIND_V6) &&
			(flow_expired(f, now) || (judge != NULL && judge(ctx, f)))) {
			flow_remove(t, f);
			gone++;
		}
	}
	return gone;
}

/* --- lists --- */

void flow_list_add(struct flow_table *t, struct flow *f, unsigned list)
{
	uint32_t n = flow_number(t, f), last;

	flow_list_remove(t, f);
	last = t->list[list].last;
	FLOW_SET(f->list, (uint8_t)list);
	FLOW_SET(f->prev, last);
	FLOW_SET(f->next, 0);
	if (last != 0)
		FLOW_SET(t->flow[last].next, n);
	else
		t->list[list].first = n;
	t->list[list].last = n;
	t->list[list].count++;
}

void flow_list_remove(struct flow_table *t, struct flow *f)
{
	unsigned list = f->list;

	if (list == 0)
		return;
	if (f->prev != 0)
		FLOW_SET(t->flow[f->prev].next, f->next);
	else
		t->list[list].first = f->next;
	if (f->next != 0)
		FLOW_SET(t->flow[f->next].prev, f->prev);
	else
		t->list[list].last = f->prev;
	t->list[list].count--;
	FLOW_SET(f->list, 0);
}
