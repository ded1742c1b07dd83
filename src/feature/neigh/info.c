/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the API shows of the neighbour table.
 */
#include <stdlib.h>
#include <string.h>

#include "feature/neigh/neigh_priv.h"

struct listing {
	const struct neigh **item;
	uint32_t count;
};

static int compare(uint16_t ia, const struct ipaddr *a, uint16_t ib, const struct ipaddr *b)
{
	if (ia != ib)
		return ia < ib ? -1 : 1;
	return a->family != b->family ? a->family - b->family : memcmp(a->bytes, b->bytes, 16);
}

static int compare_entries(const void *x, const void *y)
{
	const struct neigh *a = *(const struct neigh *const *)x, *b = *(const struct neigh *const *)y;

	return compare(a->iface, &a->address, b->iface, &b->address);
}

static bool report(
	const struct weir *w, const struct neigh *n, bool (*fn)(void *, const struct neigh_info *), void *ctx)
{
	struct neigh_info info = {.iface = n->iface,
		.nh = n->nh,
		.address = n->address,
		.nud = n->state,
		.router = n->router,
		.known = n->known,
		.permanent = n->state == NEIGH_PERMANENT,
		.from_config = n->from_config,
		.gateway_for = n->refs,
		.queued = n->queued,
		.age = n->confirmed != 0 && w->now > n->confirmed ? w->now - n->confirmed : 0};

	memcpy(info.mac, n->mac, 6);
	return fn(ctx, &info);
}

void neigh_walk(const struct weir *w, uint16_t after_iface, const struct ipaddr *after,
	bool (*fn)(void *ctx, const struct neigh_info *info), void *ctx)
{
	struct listing l = {.item = malloc((w->neigh->entries + 1) * sizeof(void *))};

	if (l.item == NULL)
		return;
	for (unsigned i = 0; i < NEIGH_HASH; i++)
		for (const struct neigh *n = w->neigh->hash[i]; n != NULL; n = n->next)
			if (after_iface == IFACE_NONE ||
				compare(n->iface, &n->address, after_iface, after) > 0)
				l.item[l.count++] = n;
	qsort(l.item, l.count, sizeof(void *), compare_entries);
	for (uint32_t i = 0; i < l.count; i++)
		if (!report(w, l.item[i], fn, ctx))
			break;
	free(l.item);
}

void neigh_totals(const struct weir *w, struct neigh_totals *out)
{
	const struct neigh_state *s = w->neigh;

	*out = (struct neigh_totals){.entries = s->entries,
		.limit = s->config.limit,
		.solicits_sent = s->solicits_sent,
		.failures = s->failures,
		.table_full = s->table_full,
		.queue_full = s->queue_full,
		.conflicts = s->conflicts};
	for (unsigned i = 0; i < NEIGH_HASH; i++)
		for (const struct neigh *n = s->hash[i]; n != NULL; n = n->next)
			out->held_packets += n->queued;
}

bool neigh_nexthop_is(const struct weir *w, uint16_t nh, uint16_t iface, struct ipaddr *out, uint8_t mac[6],
	bool *mac_known)
{
	const struct neigh *n = nh < NH_MAX ? w->neigh->by_nh[nh] : NULL;

	if (n == NULL || n->iface != iface)
		return false;
	*out = n->address;
	memcpy(mac, n->mac, 6);
	*mac_known = n->known;
	return true;
}

bool neigh_nexthop_failed(const struct weir *w, uint16_t nh)
{
	return w->neigh->by_nh[nh] != NULL && w->neigh->by_nh[nh]->state == NEIGH_FAILED;
}

bool neigh_nexthop_alive(const struct weir *w, uint16_t nh)
{
	return w->neigh->by_nh[nh] != NULL && !w->neigh->by_nh[nh]->orphan;
}

uint32_t neigh_staged(const struct weir *w)
{
	return w->neigh->staged_count;
}
