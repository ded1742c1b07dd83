/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flow table: two keys, one for each direction, lead to one record of 128 bytes. Open addressing on buckets
 * of one cache line: seven 32-bit hashes and seven references, so that a lookup of a known flow touches the
 * bucket and the record's first line, and one of an unknown flow only the bucket. Up to 64 keys are looked up
 * together, memory is asked for first. The index grows bucket by bucket (linear hashing), never all at once.
 * IPv6 flows keep their keys in a second record. The hash is keyed, so that nobody outside can aim at a
 * bucket.
 *
 * The record belongs to the table's user but for what is named here: `hot` and `cold` are his. What lies in
 * the first line (keys, deadline, hot) costs nothing more than the lookup.
 *
 * Thread-safety: one owner (a worker) looks up and changes. The control thread makes, grows and frees tables,
 * and may read records at any time: flow_read() copies one and says whether it was whole. For that every
 * store to a record is a relaxed atomic one (FLOW_SET), and `serial` is odd while the record is in use and
 * changes before and after its keys do. The index is the owner's alone.
 */
#ifndef WEIR_TABLE_FLOW_H
#define WEIR_TABLE_FLOW_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOW_MAX (1u << 26) /* records of one table */
#define FLOW_BURST 64       /* keys in one lookup */
#define FLOW_HOT 28         /* the user's bytes in the first line */
#define FLOW_COLD 44        /* and in the second one */
#define FLOW_KIND_FREE 0
#define FLOW_LISTS 2 /* lists that records may be in, one at a time: 1..FLOW_LISTS */

/* A reference: the record's number, and which of its keys matched. 0: no flow. */
#define FLOW_NONE 0u
#define FLOW_REPLY (1u << 31) /* the second key */
#define FLOW_V6 (1u << 30)
#define FLOW_NUMBER (FLOW_V6 - 1)

/* Addresses and ports in network order. `kind` is the table's. */
struct flow_key4 {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint8_t proto, vrf;
	uint16_t kind; /* of key[0]: what the record holds, FLOW_KIND_FREE: nothing */
};
static_assert(sizeof(struct flow_key4) == 16, "one vector");

struct flow_key6 {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
	uint8_t proto, vrf;
	uint16_t zero;
};
static_assert(sizeof(struct flow_key6) == 40, "hashed as five words");

struct flow {
	struct flow_key4 key[2]; /* IPv6: of a direction that is IPv4 */
	uint32_t deadline;       /* ms on the user's clock */
	uint8_t hot[FLOW_HOT];
	uint32_t serial; /* odd: in use */
	uint32_t keys;   /* IPv6: record with the keys; else 0. Free: the next free one */
	uint32_t prev, next;
	uint8_t list, zero[3];
	uint8_t cold[FLOW_COLD];
} __attribute__((aligned(64)));
static_assert(sizeof(struct flow) == 128, "two cache lines");
static_assert(offsetof(struct flow, serial) == 64, "keys, deadline and hot in the first line");

#define FLOW_SET(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

struct flow_index_bucket;

struct flow_table {
	/* What a lookup reads. */
	struct flow *flow; /* [FLOW_MAX] reserved, [peak] usable */
	struct flow_index_bucket *bucket, *overflow;
	uint32_t level, split; /* buckets in use: level (a power of two) + split */
	uint64_t secret[6];
	/* The owner's. */
	uint32_t max;                   /* records that may be in use */
	uint32_t numbers;               /* records there are */
	uint32_t free;                  /* first of the free ones */
	uint32_t gone_first, gone_last; /* free from the next flow_settle() on */
	uint32_t over_free, over_used, over_busy, over_max;
	uint32_t bucket_max;
	uint32_t sweep; /* where ageing goes on */
	uint32_t entries;
	struct {
		uint32_t first, last, count;
	} list[FLOW_LISTS + 1];
	/* Told before a flow goes, by whatever reason. May be NULL. */
	void (*gone)(void *ctx, struct flow *f);
	void *ctx;
	/* Written by the owner, read by the control thread. */
	uint32_t used; /* records in use, IPv6 flows count twice */
	uint32_t flows;
	uint32_t limit; /* records below this have been in use */
	/* Written by the control thread, read by the owner. */
	uint32_t granted, peak; /* may be in use; there is memory for */
	uint32_t buckets_granted, over_granted;
};

/* A table for `max` (16..FLOW_MAX) records, all memory there at once; NULL when there is not enough. Control
 * thread. */
struct flow_table *flow_new(uint32_t max);
void flow_free(struct flow_table *t);
/* More or fewer records from now on: memory is added here, the owner notices with flow_adopt(). With fewer,
 * flows stay until they end, and memory until the table goes. 0 or -ENOMEM (nothing changed). Control thread.
 */
int flow_resize(struct flow_table *t, uint32_t max);
/* Memory for that many records, so that flow_resize() cannot fail. 0 or -ENOMEM. Control thread. */
int flow_reserve(struct flow_table *t, uint32_t max);
/* Bytes that a table of that size takes. */
uint64_t flow_bytes(uint32_t max);

/* The owner takes over what flow_resize() said. */
static inline void flow_adopt(struct flow_table *t)
{
	t->max = __atomic_load_n(&t->granted, __ATOMIC_ACQUIRE);
	t->numbers = __atomic_load_n(&t->peak, __ATOMIC_RELAXED);
	t->bucket_max = __atomic_load_n(&t->buckets_granted, __ATOMIC_RELAXED);
	t->over_max = __atomic_load_n(&t->over_granted, __ATOMIC_RELAXED);
}

/* ref[i] of n (0..64) keys; FLOW_NONE where there is no flow. Records that were found are on their way to the
 * cache. */
void flow_lookup4(const struct flow_table *t, const struct flow_key4 *key, unsigned n, uint32_t *ref);
void flow_lookup6(const struct flow_table *t, const struct flow_key6 *key, unsigned n, uint32_t *ref);

static inline struct flow *flow_get(const struct flow_table *t, uint32_t ref)
{
	return &t->flow[ref & FLOW_NUMBER];
}

static inline uint32_t flow_number(const struct flow_table *t, const struct flow *f)
{
	return (uint32_t)(f - t->flow);
}

/* The key of the other direction when nothing is translated. */
static inline struct flow_key4 flow_reverse4(const struct flow_key4 *k)
{
	return (struct flow_key4){k->dst, k->src, k->dport, k->sport, k->proto, k->vrf, 0};
}

struct flow_key6 flow_reverse6(const struct flow_key6 *k);

enum flow_result {
	FLOW_OK,
	FLOW_EXISTS, /* the first key leads to a flow already: *ref */
	FLOW_CLASH,  /* the second key does */
	FLOW_FULL,   /* no record or no room in the index */
};

/* Adds a flow whose packets have key[0] in the original and key[1] in the reply direction; both lead to it
 * from here on, or neither. `hot` and `cold` are copied. Keys that are equal are one. Owner. */
enum flow_result flow_insert4(struct flow_table *t, const struct flow_key4 key[2], uint32_t deadline,
	const void *hot, const void *cold, uint32_t *ref);
enum flow_result flow_insert6(struct flow_table *t, const struct flow_key6 key[2], uint32_t deadline,
	const void *hot, const void *cold, uint32_t *ref);
/* The record stays as it is, but for its kind, until flow_settle(): who holds a reference sees that the flow
 * went. Owner. */
void flow_remove(struct flow_table *t, struct flow *f);

/* Nobody holds references to flows that went any more: their records may be used again. Owner. */
void flow_settle(struct flow_table *t);

/* Appends to / takes out of a list. Owner. */
void flow_list_add(struct flow_table *t, struct flow *f, unsigned list);
void flow_list_remove(struct flow_table *t, struct flow *f);
/* The one that is in the list longest, NULL when it is empty. */
static inline struct flow *flow_list_first(const struct flow_table *t, unsigned list)
{
	return t->list[list].first != 0 ? &t->flow[t->list[list].first] : NULL;
}

static inline bool flow_expired(const struct flow *f, uint32_t now)
{
	return (int32_t)(now - f->deadline) >= 0;
}

/* Looks at the next `records` records and removes flows that are due at `now`, or that `judge` (may be NULL)
 * says must go. Returns how many went; *round is set when the end was reached. Owner. */
unsigned flow_sweep(struct flow_table *t, uint32_t now, uint32_t records,
	bool (*judge)(void *ctx, struct flow *f), void *ctx, bool *round);

/* A flow as another thread sees it. */
struct flow_copy {
	struct flow flow;
	bool v6;
	struct flow_key6 key6[2]; /* v6; a direction that is IPv4 has a zero protocol here */
};

/* Copies the flow in record `number` (1 .. flow_limit() - 1); false when there is none or it changed
 * meanwhile. Any thread, as long as the table lives. */
bool flow_read(const struct flow_table *t, uint32_t number, struct flow_copy *out);

static inline uint32_t flow_limit(const struct flow_table *t)
{
	return __atomic_load_n(&t->limit, __ATOMIC_ACQUIRE);
}

#endif
