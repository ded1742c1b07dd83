/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the flow table: the index bucket and the record that holds IPv6 keys.
 */
#ifndef WEIR_TABLE_FLOW_PRIV_H
#define WEIR_TABLE_FLOW_PRIV_H

#include <emmintrin.h>

#include "table/flow.h"

#define SLOTS 7
#define SLOT_MASK ((1u << SLOTS) - 1)
#define LOAD 4 /* entries per bucket before the index grows */
#define LEVEL_MIN 64
#define ENTRY_V6 FLOW_V6                       /* of an index entry: it names a record with keys */
#define KEY4_TAIL UINT64_C(0x0000ffffffffffff) /* ports, protocol and VRF; not `kind` */

/* What a record holds; in the same place of both kinds. */
enum { KIND_V4 = FLOW_KIND_FREE + 1, KIND_V6, KIND_KEYS, KIND_ONCE /* key[1]: the same as key[0] */ };

struct flow_index_bucket {
	uint32_t hash[SLOTS]; /* 0: free */
	uint32_t next;        /* overflow bucket, 0: none */
	uint32_t ref[SLOTS];
	uint32_t zero;
} __attribute__((aligned(64)));
static_assert(sizeof(struct flow_index_bucket) == 64, "one cache line");

/* One key per cache line. `word` of the first is the flow's number; of the second it is where a flow has its
 * serial, which belongs to the record and stays. */
struct keys6 {
	struct {
		uint32_t word, zero[2];
		uint16_t pad, kind;
		struct flow_key6 key;
		uint8_t rest[8];
	} part[2];
};
static_assert(sizeof(struct keys6) == sizeof(struct flow), "a record of its own");
static_assert(offsetof(struct keys6, part[1].word) == offsetof(struct flow, serial), "left alone");
static_assert(offsetof(struct keys6, part[0].kind) == offsetof(struct flow, key[0].kind), "same place");

union record {
	struct flow flow;
	struct keys6 keys;
};

static inline const struct keys6 *keys_of(const struct flow_table *t, uint32_t ref)
{
	return &((const union record *)t->flow)[ref & FLOW_NUMBER].keys;
}

#endif
