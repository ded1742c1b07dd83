/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/keyset.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct keyset_slot {
	uint64_t hash;
	const struct node *node; /* NULL: free */
};

/* FNV-1a from a random start, so that a config cannot be written to collide. */
static uint64_t hash_key(const char *key)
{
	static uint64_t seed;
	uint64_t h;

	if (seed == 0 && getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
		seed = (uintptr_t)&seed;
	h = seed | 1;
	for (; *key != '\0'; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3ull;
	return h ^ h >> 32;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct keyset_slot *probe(const struct keyset *k, const char *key, uint64_t hash)
{
	for (size_t i = hash & k->mask;; i = (i + 1) & k->mask) {
		struct keyset_slot *s = &k->slot[i];

		if (s->node == NULL || (s->hash == hash && strcmp(s->node->key, key) == 0))
			return s;
	}
}

static void put(struct keyset *k, const struct node *n)
{
	uint64_t hash = hash_key(n->key);
	struct keyset_slot *s = probe(k, n->key, hash);

	k->used++; /* duplicates count: `used` says how many children were seen */
	if (s->node == NULL)
		*s = (struct keyset_slot){.hash = hash, .node = n};
}

static void rebuild(struct keyset *k, const struct node *map)
{
	size_t size = 64;

	while (size < map->count * (size_t)4)
		size *= 2;
	keyset_free(k);
	k->slot = calloc(size, sizeof *k->slot);
	if (k->slot == NULL)
		return;
	k->mask = size - 1;
	NODE_EACH (c, map)
		put(k, c);
}

void keyset_update(struct keyset *k, const struct node *map)
{
	if (map->count <= KEYSET_SMALL || (k->slot != NULL && k->used == map->count))
		return;
	/* At least half of the slots stay free, which also ends every probe. */
	if (k->slot != NULL && k->used + 1 == map->count && map->count * (size_t)2 <= k->mask)
		put(k, map->last);
	else
		rebuild(k, map);
}

const struct node *keyset_find(const struct keyset *k, const struct node *map, const char *key)
{
	if (k->slot != NULL && k->used == map->count)
		return probe(k, key, hash_key(key))->node;
	NODE_EACH (c, map)
		if (strcmp(c->key, key) == 0)
			return c;
	return NULL;
}

void keyset_free(struct keyset *k)
{
	free(k->slot);
	*k = (struct keyset){0};
}
