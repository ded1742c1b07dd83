/* SPDX-License-Identifier: BSD-3-Clause */
#include "table/ranges.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ranges_add(struct ranges *r, u128 first, u128 last)
{
	if (r->count == r->room) {
		uint32_t room = r->room != 0 ? r->room * 2 : 1;
		struct range *at = realloc(r->at, room * sizeof *at);

		if (at == NULL)
			return -ENOMEM;
		r->at = at;
		r->room = room;
	}
	r->at[r->count++] = (struct range){first, last};
	return 0;
}

static int by_first(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void ranges_merge(struct ranges *r)
{
	uint32_t n = 0;

	if (r->count < 2)
		return;
	qsort(r->at, r->count, sizeof *r->at, by_first);
	for (uint32_t i = 1; i < r->count; i++) {
		struct range *last = &r->at[n], *next = &r->at[i];

		/* "first - 1" cannot wrap: a range that begins at 0 overlaps the one before it. */
		if (next->first <= last->last || next->first - 1 == last->last) {
			if (next->last > last->last)
				last->last = next->last;
		} else {
			r->at[++n] = *next;
		}
	}
	r->count = n + 1;
}

void ranges_free(struct ranges *r)
{
	free(r->at);
	*r = (struct ranges){0};
}

bool ranges_have(const struct ranges *r, u128 v)
{
	uint32_t low = 0, high = r->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (r->at[mid].last < v)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->count && r->at[low].first <= v;
}

bool ranges_equal(const struct ranges *a, const struct ranges *b)
{
	return a->count == b->count && (a->count == 0 || memcmp(a->at, b->at, a->count * sizeof *a->at) == 0);
}

u128 addr_number(const struct ipaddr *a)
{
	u128 v = 0;

	for (unsigned i = 0; i < family_bits(a->family) / 8; i++)
		v = v << 8 | a->bytes[i];
	return v;
}

int addr_set_add(struct addr_set *s, const struct ipaddr *from, const struct ipaddr *to)
{
	u128 first = addr_number(from), last = addr_number(to);

	if (from->family != to->family || last < first)
		return -EINVAL;
	return ranges_add(from->family == FAMILY_V4 ? &s->v4 : &s->v6, first, last);
}

int addr_set_add_prefix(struct addr_set *s, const struct prefix *p)
{
	struct prefix net = prefix_masked(p);
	unsigned host = family_bits(p->addr.family) - p->len;
	u128 first = addr_number(&net.addr), size = host == 128 ? 0 : (u128)1 << host;

	return ranges_add(p->addr.family == FAMILY_V4 ? &s->v4 : &s->v6, first, first + (size - 1));
}

void addr_set_merge(struct addr_set *s)
{
	ranges_merge(&s->v4);
	ranges_merge(&s->v6);
}

void addr_set_free(struct addr_set *s)
{
	ranges_free(&s->v4);
	ranges_free(&s->v6);
}

bool addr_set_equal(const struct addr_set *a, const struct addr_set *b)
{
	return ranges_equal(&a->v4, &b->v4) && ranges_equal(&a->v6, &b->v6);
}
