/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Updates: every entry has a control-side shadow with the length of the prefix that owns it, so adding a
 * prefix overwrites exactly the entries whose owner is not longer, and deleting one hands its entries back to
 * the covering prefix, which the radix tree finds. No table is walked, cost is the size of the range.
 */
#include "table/fib4.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_byteorder.h>

#include "base/race.h"
#include "table/radix.h"

#define DIR_ENTRIES (1u << 24)
#define GROUP_ENTRIES 256u

/* Vector lookups read up to 2 bytes behind the last entry. */
#define PAD 64

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes + PAD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE); /* random lookups all over it: as few TLB entries as may be */
	return p;
}

static void release(void *p, size_t bytes)
{
	if (p != NULL)
		munmap(p, bytes + PAD);
}

struct fib4 *fib4_new(uint32_t groups, void (*defer)(void *, void (*)(void *), void *), void *ctx)
{
	struct fib4 *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->group_room = groups < FIB_NH_MAX ? groups : FIB_NH_MAX;
	f->group_free = f->group_room;
	f->defer = defer;
	f->defer_ctx = ctx;
	f->dir = reserve(DIR_ENTRIES * sizeof *f->dir);
	f->dir_len = reserve(DIR_ENTRIES);
	f->group = reserve((size_t)f->group_room * GROUP_ENTRIES * sizeof *f->group);
	f->group_len = reserve((size_t)f->group_room * GROUP_ENTRIES);
	f->free_group = calloc(f->group_room + 1, sizeof *f->free_group);
	f->rib = radix_new(32);
	if (f->dir == NULL || f->dir_len == NULL || f->group == NULL || f->group_len == NULL ||
		f->free_group == NULL || f->rib == NULL) {
		fib4_free(f);
		return NULL;
	}
	for (uint32_t i = 0; i < f->group_room; i++)
		f->free_group[i] = f->group_room - 1 - i;
	return f;
}

void fib4_free(struct fib4 *f)
{
	if (f == NULL)
		return;
	release(f->dir, DIR_ENTRIES * sizeof *f->dir);
	release(f->dir_len, DIR_ENTRIES);
	release(f->group, (size_t)f->group_room * GROUP_ENTRIES * sizeof *f->group);
	release(f->group_len, (size_t)f->group_room * GROUP_ENTRIES);
	free(f->free_group);
	radix_free(f->rib, NULL);
	free(f);
}

uint32_t fib4_count(const struct fib4 *f)
{
	return radix_count(f->rib);
}

uint32_t fib4_groups_used(const struct fib4 *f)
{
	return f->group_room - f->group_free;
}

/* Readers look entries up with plain loads: single aligned words. */
SHARED_ON_PURPOSE static void publish(uint16_t *entry, uint16_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/* What becomes of entries: those owned by a prefix of at most `from` bits now belong to `len` with `nh`. */
struct change {
	uint8_t from, len;
	bool exact; /* only entries owned by exactly `from` (deletion) */
	uint16_t nh;
};

static bool applies(const struct change *c, uint8_t owner)
{
	return c->exact ? owner == c->from : owner <= c->from;
}

static void change_group(
	struct fib4 *f, uint32_t group, unsigned first, unsigned count, const struct change *c)
{
	for (unsigned i = first; i < first + count; i++) {
		size_t at = (size_t)group * GROUP_ENTRIES + i;

		if (!applies(c, f->group_len[at]))
			continue;
		f->group_len[at] = c->len;
		publish(&f->group[at], c->nh);
	}
}

static void change_dir(struct fib4 *f, uint32_t first, uint32_t count, const struct change *c)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint16_t v = f->dir[i];

		if ((v & FIB4_EXT) != 0) {
			change_group(f, v & ~FIB4_EXT, 0, GROUP_ENTRIES, c);
		} else if (applies(c, f->dir_len[i])) {
			f->dir_len[i] = c->len;
			publish(&f->dir[i], c->nh);
		}
	}
}

/* Splits a /24 entry into a group that says the same; false when no group is left. */
SHARED_ON_PURPOSE static bool split(struct fib4 *f, uint32_t slot)
{
	uint32_t g;
	size_t base;

	if ((f->dir[slot] & FIB4_EXT) != 0)
		return true;
	if (f->group_free == 0)
		return false;
	g = f->free_group[--f->group_free];
	base = (size_t)g * GROUP_ENTRIES;
	for (unsigned i = 0; i < GROUP_ENTRIES; i++) {
		f->group[base + i] = f->dir[slot];
		f->group_len[base + i] = f->dir_len[slot];
	}
	publish(&f->dir[slot], (uint16_t)(FIB4_EXT | g));
	return true;
}

struct returned {
	struct fib4 *fib;
	uint32_t group;
};

static void give_back(void *arg)
{
	struct returned *r = arg;

	r->fib->free_group[r->fib->group_free++] = r->group;
	free(r);
}

/* Folds a group back into its /24 entry once no prefix longer than /24 owns any of it. */
static void join(struct fib4 *f, uint32_t slot)
{
	uint32_t g = f->dir[slot] & ~FIB4_EXT;
	size_t base = (size_t)g * GROUP_ENTRIES;
	struct returned *r, now = {.fib = f, .group = g};

	if ((f->dir[slot] & FIB4_EXT) == 0)
		return;
	for (unsigned i = 0; i < GROUP_ENTRIES; i++)
		if (f->group_len[base + i] > 24)
			return;
	r = malloc(sizeof *r);
	if (r == NULL && f->wait == NULL)
		return; /* the group stays split, which is correct, only larger */
	if (r != NULL)
		*r = now;
	f->dir_len[slot] = f->group_len[base];
	publish(&f->dir[slot], f->group[base]);
	if (r == NULL) {
		f->wait(f->defer_ctx);
		f->free_group[f->group_free++] = g;
	} else if (f->defer != NULL) {
		f->defer(f->defer_ctx, give_back, r);
	} else {
		give_back(r);
	}
}

static uint32_t masked(uint32_t ip, uint8_t len)
{
	return len == 0 ? 0 : ip & (uint32_t)(0xffffffffu << (32 - len));
}

static void change_range(struct fib4 *f, uint32_t ip, uint8_t len, const struct change *c)
{
	if (len <= 24)
		change_dir(f, ip >> 8, 1u << (24 - len), c);
	else
		change_group(f, f->dir[ip >> 8] & ~FIB4_EXT, ip & 0xff, 1u << (32 - len), c);
}

int fib4_add(struct fib4 *f, uint32_t ip, uint8_t len, uint16_t nh)
{
	struct change c = {.from = len, .len = len, .nh = nh};
	rte_be32_t key;
	void **value;

	if (len > 32 || nh == 0 || nh > FIB_NH_MAX)
		return -EINVAL;
	ip = masked(ip, len);
	key = rte_cpu_to_be_32(ip);
	if (len > 24 && !split(f, ip >> 8))
		return -ENOSPC;
	value = radix_insert(f->rib, (const uint8_t *)&key, len);
	if (value == NULL) {
		join(f, ip >> 8);
		return -ENOMEM;
	}
	*value = (void *)(uintptr_t)nh;
	change_range(f, ip, len, &c);
	return 0;
}

int fib4_del(struct fib4 *f, uint32_t ip, uint8_t len)
{
	struct change c = {.from = len, .exact = true};
	unsigned parent_len = 0;
	rte_be32_t key;

	if (len > 32)
		return -EINVAL;
	ip = masked(ip, len);
	key = rte_cpu_to_be_32(ip);
	if (radix_remove(f->rib, (const uint8_t *)&key, len) == NULL)
		return -ENOENT;
	c.nh = (uint16_t)(uintptr_t)radix_parent(f->rib, (const uint8_t *)&key, len, &parent_len);
	c.len = (uint8_t)parent_len;
	change_range(f, ip, len, &c);
	if (len > 24)
		join(f, ip >> 8);
	return 0;
}

uint64_t fib4_memory(const struct fib4 *f)
{
	return DIR_ENTRIES * (sizeof *f->dir + 1ull) +
	       (uint64_t)f->group_room * GROUP_ENTRIES * (sizeof *f->group + 1) + radix_memory(f->rib);
}
