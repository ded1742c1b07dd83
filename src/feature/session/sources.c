/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions by source: IPv4 addresses and IPv6 /64s of a VRF. Chains in one array of entries, which keep their
 * numbers: a session knows its source's. A worker's own.
 */
#include <stdlib.h>
#include <string.h>

#include "feature/session/session_priv.h"

struct source {
	uint64_t key;
	uint32_t count; /* sessions */
	uint16_t vrf;
	uint8_t family, zero;
	uint32_t next; /* in its chain, or of the free ones */
	uint32_t pad;
};
static_assert(sizeof(struct source) == 24, "part of the bill");

struct session_sources {
	uint32_t mask, used, free, limit, max;
	uint32_t *head;        /* [mask + 1] first of a chain */
	struct source *source; /* [max + 1], 0 is nobody */
};

static uint32_t chains_for(uint32_t max)
{
	uint32_t n = 64;

	while (n < max)
		n *= 2;
	return n;
}

uint64_t sources_bytes(uint32_t max)
{
	return sizeof(struct session_sources) + chains_for(max) * sizeof(uint32_t) +
	       (max + UINT64_C(1)) * sizeof(struct source);
}

struct session_sources *sources_new(uint32_t max)
{
	struct session_sources *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->mask = chains_for(max) - 1;
	s->max = max;
	s->limit = 1;
	s->head = calloc(s->mask + 1, sizeof *s->head);
	s->source = calloc(max + UINT64_C(1), sizeof *s->source);
	if (s->head == NULL || s->source == NULL) {
		sources_free(s);
		return NULL;
	}
	return s;
}

void sources_free(struct session_sources *s)
{
	if (s == NULL)
		return;
	free(s->head);
	free(s->source);
	free(s);
}

uint32_t sources_count(const struct session_sources *s)
{
	return s != NULL ? __atomic_load_n(&s->used, __ATOMIC_RELAXED) : 0;
}

static uint64_t key_of(uint8_t family, const uint8_t *src)
{
	uint64_t v = 0;

	memcpy(&v, src, family == FAMILY_V4 ? 4 : 8);
	return v;
}

static uint32_t *chain(struct session_sources *s, uint64_t key, uint8_t family, uint16_t vrf)
{
	uint64_t x = (key ^ ((uint64_t)family << 56 | (uint64_t)vrf << 40)) * UINT64_C(0x9e3779b97f4a7c15);

	return &s->head[(x ^ x >> 32) & s->mask];
}

static uint32_t take_entry(struct session_sources *s)
{
	uint32_t n = s->free;

	if (n != 0)
		s->free = s->source[n].next;
	else if (s->limit <= s->max)
		n = s->limit++;
	if (n != 0)
		FLOW_SET(s->used, s->used + 1);
	return n;
}

uint32_t sources_take(
	struct session_sources *s, uint8_t family, uint16_t vrf, const uint8_t *src, uint32_t limit)
{
	uint64_t key = key_of(family, src);
	uint32_t *head = chain(s, key, family, vrf), n;

	for (n = *head; n != 0; n = s->source[n].next) {
		struct source *e = &s->source[n];

		if (e->key == key && e->family == family && e->vrf == vrf) {
			if (e->count >= limit)
				return 0;
			e->count++;
			return n;
		}
	}
	n = take_entry(s);
	if (n == 0)
		return SOURCES_FULL;
	s->source[n] = (struct source){key, 1, vrf, family, 0, *head, 0};
	*head = n;
	return n;
}

void sources_give(struct session_sources *s, uint32_t entry)
{
	struct source *e = &s->source[entry];
	uint32_t *at = chain(s, e->key, e->family, e->vrf);

	if (--e->count != 0)
		return;
	while (*at != entry)
		at = &s->source[*at].next;
	*at = e->next;
	e->next = s->free;
	s->free = entry;
	FLOW_SET(s->used, s->used - 1);
}
