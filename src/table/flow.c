/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The owner's side of the flow table: hash, index, records. Its memory and the view of other threads are in
 * flow_memory.c.
 */
#include "table/flow.h"

#include <string.h>

#include <rte_prefetch.h>

#include "table/flow_priv.h"

/* --- hash: keyed multiply and fold, not linear: chosen keys do not meet in a bucket --- */

static inline uint64_t load64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t p = (__uint128_t)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint32_t finish(uint64_t x)
{
	uint32_t h = (uint32_t)(x ^ x >> 32);

	return h != 0 ? h : 1; /* 0 marks a free slot */
}

static inline uint32_t hash4(const struct flow_table *t, const struct flow_key4 *k)
{
	const uint8_t *p = (const uint8_t *)k;

	return finish(fold(load64(p) ^ t->secret[0], (load64(p + 8) & KEY4_TAIL) ^ t->secret[1]));
}

static inline uint32_t hash6(const struct flow_table *t, const struct flow_key6 *k)
{
	const uint8_t *p = (const uint8_t *)k;
	uint64_t a = fold(load64(p) ^ t->secret[0], load64(p + 8) ^ t->secret[1]);
	uint64_t b = fold(load64(p + 16) ^ t->secret[2], load64(p + 24) ^ t->secret[3]);

	return finish(fold(a ^ b ^ t->secret[4], load64(p + 32) ^ a ^ t->secret[5]));
}

/* --- keys in records --- */

static inline bool same4(const struct flow_key4 *a, const struct flow_key4 *b)
{
	return load64(a) == load64(b) && ((load64(&a->sport) ^ load64(&b->sport)) & KEY4_TAIL) == 0;
}

static inline bool is_key4(const struct flow_table *t, uint32_t ref, const struct flow_key4 *k)
{
	return same4(&t->flow[ref & FLOW_NUMBER].key[ref >> 31], k);
}

static inline bool is_key6(const struct flow_table *t, uint32_t ref, const struct flow_key6 *k)
{
	return memcmp(&keys_of(t, ref)->part[ref >> 31].key, k, sizeof *k) == 0;
}

/* --- index --- */

static inline struct flow_index_bucket *bucket_of(const struct flow_table *t, uint32_t hash)
{
	uint32_t b = hash & (2 * t->level - 1);

	return &t->bucket[b < t->level + t->split ? b : b & (t->level - 1)];
}

/* Slots with this hash, one bit each. */
static inline unsigned matches(const struct flow_index_bucket *b, uint32_t hash)
{
	const __m128i h = _mm_set1_epi32((int)hash), *p = (const void *)b->hash;
	unsigned low = (unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_load_si128(p), h)));
	unsigned high =
		(unsigned)_mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(_mm_load_si128(p + 1), h)));

	return (low | high << 4) & SLOT_MASK;
}

static inline struct flow_index_bucket *behind(const struct flow_table *t, const struct flow_index_bucket *b)
{
	return b->next != 0 ? &t->overflow[b->next] : NULL;
}

/* `key` as `v6` says. */
static inline uint32_t find(const struct flow_table *t, uint32_t hash, const void *key, bool v6)
{
	for (const struct flow_index_bucket *b = bucket_of(t, hash); b != NULL; b = behind(t, b))
		for (unsigned m = matches(b, hash); m != 0; m &= m - 1) {
			uint32_t ref = b->ref[__builtin_ctz(m)];

			if (((ref & ENTRY_V6) != 0) == v6 &&
				(v6 ? is_key6(t, ref, key) : is_key4(t, ref, key)))
				return ref;
		}
	return FLOW_NONE;
}

/* Index entries name the record with the keys; users want the flow. */
static inline uint32_t to_flow(const struct flow_table *t, uint32_t entry)
{
	return (entry & ENTRY_V6) == 0 ? entry
				       : (entry & (FLOW_REPLY | ENTRY_V6)) | keys_of(t, entry)->part[0].word;
}

static inline void lookup(
	const struct flow_table *t, const void *keys, size_t size, unsigned n, uint32_t *ref, bool v6)
{
	const struct flow_index_bucket *bucket[FLOW_BURST];
	uint32_t hash[FLOW_BURST];

	for (unsigned i = 0; i < n; i++) {
		const void *k = (const uint8_t *)keys + i * size;

		hash[i] = v6 ? hash6(t, k) : hash4(t, k);
		bucket[i] = bucket_of(t, hash[i]);
		rte_prefetch0(bucket[i]);
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned m = matches(bucket[i], hash[i]);

		ref[i] = m != 0 ? bucket[i]->ref[__builtin_ctz(m)] : FLOW_NONE;
		rte_prefetch0((const uint8_t *)&t->flow[ref[i] & FLOW_NUMBER] + (v6 ? ref[i] >> 31 << 6 : 0));
	}
	for (unsigned i = 0; i < n; i++) {
		const void *k = (const uint8_t *)keys + i * size;

		if (ref[i] == FLOW_NONE && bucket[i]->next == 0)
			continue;
		if (((ref[i] & ENTRY_V6) != 0) != v6 || ref[i] == FLOW_NONE ||
			!(v6 ? is_key6(t, ref[i], k) : is_key4(t, ref[i], k)))
			ref[i] = find(t, hash[i], k, v6);
		if (v6) {
			ref[i] = ref[i] != FLOW_NONE ? to_flow(t, ref[i]) : FLOW_NONE;
			rte_prefetch0(&t->flow[ref[i] & FLOW_NUMBER]);
		}
	}
}

void flow_lookup4(const struct flow_table *t, const struct flow_key4 *key, unsigned n, uint32_t *ref)
{
	lookup(t, key, sizeof *key, n, ref, false);
}

void flow_lookup6(const struct flow_table *t, const struct flow_key6 *key, unsigned n, uint32_t *ref)
{
	lookup(t, key, sizeof *key, n, ref, true);
}

static inline uint32_t over_room(const struct flow_table *t)
{
	return t->over_max - 1 - t->over_busy;
}

/* A free overflow bucket behind `last`; NULL when there is none. */
static struct flow_index_bucket *extend(struct flow_table *t, struct flow_index_bucket *last)
{
	uint32_t at = t->over_free;

	if (over_room(t) == 0)
		return NULL;
	if (at != 0)
		t->over_free = t->overflow[at].next;
	else
		at = ++t->over_used;
	t->over_busy++;
	memset(&t->overflow[at], 0, sizeof t->overflow[at]);
	last->next = at;
	return &t->overflow[at];
}

static bool put(struct flow_table *t, struct flow_index_bucket *b, uint32_t hash, uint32_t ref)
{
	for (;;) {
		unsigned free = matches(b, 0);
		struct flow_index_bucket *next = behind(t, b);

		if (free == 0 && next == NULL)
			next = extend(t, b);
		if (free != 0) {
			unsigned i = (unsigned)__builtin_ctz(free);

			b->hash[i] = hash;
			b->ref[i] = ref;
			return true;
		}
		if (next == NULL)
			return false;
		b = next;
	}
}

/* Holes in the first bucket of a chain are filled from those behind. */
static void fill_holes(struct flow_table *t, struct flow_index_bucket *first)
{
	unsigned free = matches(first, 0);

	for (struct flow_index_bucket *b = behind(t, first); b != NULL && free != 0; b = behind(t, b))
		for (unsigned used = ~matches(b, 0) & SLOT_MASK; used != 0 && free != 0;
			used &= used - 1, free &= free - 1) {
			unsigned from = (unsigned)__builtin_ctz(used), to = (unsigned)__builtin_ctz(free);

			first->hash[to] = b->hash[from];
			first->ref[to] = b->ref[from];
			b->hash[from] = 0;
			b->ref[from] = 0;
		}
}

/* Empty overflow buckets of a chain are free again. */
static void tidy(struct flow_table *t, struct flow_index_bucket *b)
{
	fill_holes(t, b);
	while (b->next != 0) {
		uint32_t at = b->next;
		struct flow_index_bucket *next = &t->overflow[at];

		if (matches(next, 0) != SLOT_MASK) {
			b = next;
			continue;
		}
		b->next = next->next;
		next->next = t->over_free;
		t->over_free = at;
		t->over_busy--;
	}
}

static void take(struct flow_table *t, uint32_t hash, uint32_t ref)
{
	struct flow_index_bucket *first = bucket_of(t, hash);

	for (struct flow_index_bucket *b = first; b != NULL; b = behind(t, b))
		for (unsigned m = matches(b, hash); m != 0; m &= m - 1) {
			unsigned i = (unsigned)__builtin_ctz(m);

			if (b->ref[i] != ref)
				continue;
			b->hash[i] = 0;
			b->ref[i] = 0;
			t->entries--;
			if (first->next != 0)
				tidy(t, first);
			return;
		}
}

/* One more bucket: what belongs there leaves the one that held it so far. */
static void split(struct flow_table *t)
{
	uint32_t bit = t->level;
	struct flow_index_bucket *from = &t->bucket[t->split], *to = &t->bucket[t->split + bit];

	for (struct flow_index_bucket *b = from; b != NULL; b = behind(t, b))
		for (unsigned i = 0; i < SLOTS; i++) {
			if (b->hash[i] == 0 || (b->hash[i] & bit) == 0 || !put(t, to, b->hash[i], b->ref[i]))
				continue;
			b->hash[i] = 0;
			b->ref[i] = 0;
		}
	tidy(t, from);
	if (++t->split == t->level) {
		t->level *= 2;
		t->split = 0;
	}
}

/* Overflow buckets behind the first. */
static uint32_t chain_length(const struct flow_table *t, const struct flow_index_bucket *b)
{
	uint32_t n = 0;

	while ((b = behind(t, b)) != NULL)
		n++;
	return n;
}

/* Keeps buckets about half full, a little work with each insert. */
static void grow(struct flow_table *t)
{
	for (unsigned i = 0; i < 2; i++) {
		uint32_t buckets = t->level + t->split;

		if (t->entries <= buckets * LOAD || buckets >= t->bucket_max)
			return;
		/* Every entry that moves must find room. */
		if (chain_length(t, &t->bucket[t->split]) > over_room(t))
			return;
		split(t);
	}
}

static bool index_room(const struct flow_table *t)
{
	return over_room(t) >= 2;
}

static bool index_add(struct flow_table *t, const uint32_t hash[2], uint32_t ref)
{
	bool twice = hash[1] != 0;

	if (!put(t, bucket_of(t, hash[0]), hash[0], ref))
		return false;
	t->entries++;
	if (twice && !put(t, bucket_of(t, hash[1]), hash[1], ref | FLOW_REPLY)) {
		take(t, hash[0], ref);
		return false;
	}
	t->entries += twice;
	grow(t);
	return true;
}

/* --- records --- */

static uint32_t record_new(struct flow_table *t)
{
	uint32_t n = t->free;

	if (n != 0) {
		t->free = t->flow[n].keys;
	} else if (t->limit < t->numbers) {
		t->free = 0;
		n = t->limit;
		FLOW_SET(t->limit, n + 1);
	}
	if (n != 0)
		FLOW_SET(t->used, t->used + 1);
	return n;
}

static void record_free(struct flow_table *t, uint32_t n)
{
	struct flow *f = &t->flow[n];

	FLOW_SET(f->key[0].kind, FLOW_KIND_FREE);
	FLOW_SET(f->keys, t->gone_first);
	if (t->gone_first == 0)
		t->gone_last = n;
	t->gone_first = n;
	FLOW_SET(t->used, t->used - 1);
}

static void copy_words(void *to, const void *from, size_t size)
{
	uint32_t *d = to;

	for (size_t i = 0; i < size / 4; i++) {
		uint32_t v;

		memcpy(&v, (const uint8_t *)from + 4 * i, 4);
		__atomic_store_n(&d[i], v, __ATOMIC_RELAXED);
	}
}

/* Everything in place before the serial says so. */
static void fill(struct flow *f, uint32_t deadline, const void *hot, const void *cold)
{
	FLOW_SET(f->deadline, deadline);
	copy_words(f->hot, hot, FLOW_HOT);
	copy_words(f->cold, cold, FLOW_COLD);
	FLOW_SET(f->prev, 0);
	FLOW_SET(f->next, 0);
	FLOW_SET(f->list, 0);
	__atomic_store_n(&f->serial, f->serial + 1, __ATOMIC_RELEASE);
}

enum flow_result flow_insert4(struct flow_table *t, const struct flow_key4 key[2], uint32_t deadline,
	const void *hot, const void *cold, uint32_t *ref)
{
	uint32_t hash[2] = {hash4(t, &key[0]), hash4(t, &key[1])}, n;
	bool once = same4(&key[0], &key[1]);
	struct flow *f;

	*ref = find(t, hash[0], &key[0], false);
	if (*ref != FLOW_NONE)
		return FLOW_EXISTS;
	if (find(t, hash[1], &key[1], false) != FLOW_NONE)
		return FLOW_CLASH;
	if (t->used + 1 >= t->max || !index_room(t) || (n = record_new(t)) == 0)
		return FLOW_FULL;
	hash[1] = once ? 0 : hash[1];
	f = &t->flow[n];
	copy_words(f->key, key, sizeof f->key);
	FLOW_SET(f->key[0].kind, KIND_V4);
	FLOW_SET(f->key[1].kind, once ? KIND_ONCE : KIND_V4);
	FLOW_SET(f->keys, 0);
	if (!index_add(t, hash, n)) {
		record_free(t, n);
		return FLOW_FULL;
	}
	fill(f, deadline, hot, cold);
	FLOW_SET(t->flows, t->flows + 1);
	*ref = n;
	return FLOW_OK;
}

static void fill_keys(struct flow_table *t, uint32_t keys, uint32_t n, const struct flow_key6 key[2])
{
	struct keys6 *k = &((union record *)t->flow)[keys].keys;

	for (unsigned d = 0; d < 2; d++)
		copy_words(&k->part[d].key, &key[d], sizeof key[d]);
	FLOW_SET(k->part[0].word, n);
	FLOW_SET(k->part[0].kind, KIND_KEYS);
}

enum flow_result flow_insert6(struct flow_table *t, const struct flow_key6 key[2], uint32_t deadline,
	const void *hot, const void *cold, uint32_t *ref)
{
	uint32_t hash[2] = {hash6(t, &key[0]), hash6(t, &key[1])}, n, keys;
	bool once = memcmp(&key[0], &key[1], sizeof key[0]) == 0;
	struct flow *f;

	*ref = find(t, hash[0], &key[0], true);
	if (*ref != FLOW_NONE) {
		*ref = to_flow(t, *ref);
		return FLOW_EXISTS;
	}
	if (find(t, hash[1], &key[1], true) != FLOW_NONE)
		return FLOW_CLASH;
	if (t->used + 2 >= t->max || !index_room(t) || (n = record_new(t)) == 0)
		return FLOW_FULL;
	keys = record_new(t);
	f = &t->flow[n];
	FLOW_SET(f->key[0].kind, KIND_V6);
	FLOW_SET(f->key[1].kind, once ? KIND_ONCE : KIND_V6);
	FLOW_SET(f->keys, keys);
	hash[1] = once ? 0 : hash[1];
	if (keys != 0)
		fill_keys(t, keys, n, key);
	if (keys == 0 || !index_add(t, hash, keys | ENTRY_V6)) {
		if (keys != 0)
			record_free(t, keys);
		record_free(t, n);
		return FLOW_FULL;
	}
	fill(f, deadline, hot, cold);
	FLOW_SET(t->flows, t->flows + 1);
	*ref = n | FLOW_V6;
	return FLOW_OK;
}

void flow_settle(struct flow_table *t)
{
	if (t->gone_first == 0)
		return;
	FLOW_SET(t->flow[t->gone_last].keys, t->free);
	t->free = t->gone_first;
	t->gone_first = 0;
}

void flow_remove(struct flow_table *t, struct flow *f)
{
	uint32_t n = flow_number(t, f), keys = f->keys;
	bool once = f->key[1].kind == KIND_ONCE;

	if (t->gone != NULL)
		t->gone(t->ctx, f);
	flow_list_remove(t, f);
	if (keys == 0) {
		take(t, hash4(t, &f->key[0]), n);
		if (!once)
			take(t, hash4(t, &f->key[1]), n | FLOW_REPLY);
	} else {
		const struct keys6 *k = keys_of(t, keys);

		take(t, hash6(t, &k->part[0].key), keys | ENTRY_V6);
		if (!once)
			take(t, hash6(t, &k->part[1].key), keys | ENTRY_V6 | FLOW_REPLY);
	}
	/* Readers that see anything of the next flow here see this as well. */
	__atomic_store_n(&f->serial, f->serial + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (keys != 0)
		record_free(t, keys);
	record_free(t, n);
	FLOW_SET(t->flows, t->flows - 1);
}
