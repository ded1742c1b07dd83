/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory of flow tables, and how other threads read them. Addresses are reserved for the largest table there
 * can be, so that it grows where it is; memory is added up to what the configuration says and touched at
 * once, so that a worker never waits for the kernel to find a page.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "table/flow_priv.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define PAGE 4096u
#define HUGE_PAGE (2u << 20)

/* --- how large --- */

static uint32_t buckets_for(uint32_t max)
{
	/* Two entries a flow, LOAD in a bucket; the smallest table starts with all of its buckets. */
	uint32_t n = (uint32_t)(((uint64_t)max * 2 + LOAD - 1) / LOAD);

	return n > 2 * LEVEL_MIN ? n : 2 * LEVEL_MIN;
}

/* Buckets that are not split yet hold up to twice as much as the others: one in ten overflows at worst. */
static uint32_t overflow_for(uint32_t max)
{
	return buckets_for(max) / 6 + 64;
}

static size_t round_up(uint64_t bytes)
{
	return (bytes + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

static size_t flows_bytes(uint32_t max)
{
	return round_up((uint64_t)max * sizeof(struct flow));
}

static size_t buckets_bytes(uint32_t n)
{
	return round_up((uint64_t)n * sizeof(struct flow_index_bucket));
}

uint64_t flow_bytes(uint32_t max)
{
	return sizeof(struct flow_table) + flows_bytes(max) + buckets_bytes(buckets_for(max)) +
	       buckets_bytes(overflow_for(max));
}

/* --- adding memory --- */

/* Linux before 5.14 finds the pages when they are written first. */
static int populate(uint8_t *p, size_t bytes)
{
	if (madvise(p, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	for (size_t i = 0; i < bytes; i += PAGE)
		__atomic_store_n(&p[i], 0, __ATOMIC_RELAXED);
	return 0;
}

/* Makes bytes from..to of a reservation usable; what is there stays. */
static int extend(void *start, size_t from, size_t to)
{
	uint8_t *p = (uint8_t *)start + from;

	if (to <= from)
		return 0;
	if (mprotect(p, to - from, PROT_READ | PROT_WRITE) != 0)
		return -ENOMEM;
	if (to - from >= HUGE_PAGE)
		madvise(p, to - from, MADV_HUGEPAGE); /* where the kernel has them: fewer TLB misses */
	return populate(p, to - from);
}

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

/* `from` records: what there is memory for so far. */
static int add_memory(struct flow_table *t, uint32_t from, uint32_t to)
{
	size_t buckets = from != 0 ? buckets_bytes(buckets_for(from)) : 0;
	size_t over = from != 0 ? buckets_bytes(overflow_for(from)) : 0;

	if (extend(t->flow, flows_bytes(from), flows_bytes(to)) != 0 ||
		extend(t->bucket, buckets, buckets_bytes(buckets_for(to))) != 0 ||
		extend(t->overflow, over, buckets_bytes(overflow_for(to))) != 0)
		return -ENOMEM;
	return 0;
}

int flow_reserve(struct flow_table *t, uint32_t max)
{
	uint32_t buckets = buckets_for(max), over = overflow_for(max);

	if (add_memory(t, t->peak, max) != 0)
		return -ENOMEM;
	if (max > t->peak) {
		__atomic_store_n(&t->peak, max, __ATOMIC_RELAXED);
		__atomic_store_n(&t->over_granted, over, __ATOMIC_RELAXED);
		__atomic_store_n(&t->buckets_granted, buckets, __ATOMIC_RELAXED);
	}
	return 0;
}

int flow_resize(struct flow_table *t, uint32_t max)
{
	if (flow_reserve(t, max) != 0)
		return -ENOMEM;
	__atomic_store_n(&t->granted, max, __ATOMIC_RELEASE);
	return 0;
}

/* Without a source of randomness the keys are at least different from run to run. */
static void make_secret(struct flow_table *t)
{
	if (getrandom(t->secret, sizeof t->secret, GRND_NONBLOCK) != sizeof t->secret)
		for (unsigned i = 0; i < 6; i++)
			t->secret[i] = ((uint64_t)(uintptr_t)t->flow + i) * UINT64_C(0x9e3779b97f4a7c15) ^
				       (uint64_t)(uintptr_t)t;
}

struct flow_table *flow_new(uint32_t max)
{
	struct flow_table *t = aligned_alloc(64, (sizeof *t + 63) / 64 * 64);

	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof *t);
	t->flow = reserve(flows_bytes(FLOW_MAX));
	t->bucket = reserve(buckets_bytes(buckets_for(FLOW_MAX)));
	t->overflow = reserve(buckets_bytes(overflow_for(FLOW_MAX)));
	if (t->flow == NULL || t->bucket == NULL || t->overflow == NULL || add_memory(t, 0, max) != 0) {
		flow_free(t);
		return NULL;
	}
	t->peak = t->granted = max;
	t->buckets_granted = buckets_for(max);
	t->over_granted = overflow_for(max);
	t->level = LEVEL_MIN;
	t->limit = t->sweep = 1; /* record 0 is nobody's */
	make_secret(t);
	flow_adopt(t);
	return t;
}

void flow_free(struct flow_table *t)
{
	if (t == NULL)
		return;
	if (t->flow != NULL)
		munmap(t->flow, flows_bytes(FLOW_MAX));
	if (t->bucket != NULL)
		munmap(t->bucket, buckets_bytes(buckets_for(FLOW_MAX)));
	if (t->overflow != NULL)
		munmap(t->overflow, buckets_bytes(overflow_for(FLOW_MAX)));
	free(t);
}

struct flow_key6 flow_reverse6(const struct flow_key6 *k)
{
	struct flow_key6 r = {.sport = k->dport, .dport = k->sport, .proto = k->proto, .vrf = k->vrf};

	memcpy(r.src, k->dst, sizeof r.src);
	memcpy(r.dst, k->src, sizeof r.dst);
	return r;
}

/* --- other threads --- */

static void read_words(void *to, const void *from, size_t size)
{
	const uint32_t *s = from;

	for (size_t i = 0; i < size / 4; i++) {
		uint32_t v = __atomic_load_n(&s[i], __ATOMIC_RELAXED);

		memcpy((uint8_t *)to + 4 * i, &v, 4);
	}
}

bool flow_read(const struct flow_table *t, uint32_t number, struct flow_copy *out)
{
	const struct flow *f = &t->flow[number];
	uint32_t serial = __atomic_load_n(&f->serial, __ATOMIC_ACQUIRE), keys;
	struct keys6 k;

	if ((serial & 1) == 0)
		return false;
	read_words(&out->flow, f, sizeof *f);
	keys = out->flow.keys;
	out->v6 = out->flow.key[0].kind == KIND_V6;
	if (out->v6 && keys != 0 && keys < FLOW_MAX && keys < flow_limit(t)) {
		read_words(&k, keys_of(t, keys), sizeof k);
		out->key6[0] = k.part[0].key;
		out->key6[1] = k.part[1].key;
	}
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&f->serial, __ATOMIC_RELAXED) == serial;
}
