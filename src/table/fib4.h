/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IPv4 forwarding table: DIR-24-8 with 2-byte entries. 2^24 entries by the upper 24 bits, each a next-hop
 * index (0..32767, 0 = no route) or, with bit 15 set, the number of a group of 256 entries for the last
 * 8 bits. Memory: 32 MiB of address space, resident only where routes are (anonymous mapping), plus a
 * control-side shadow of prefix lengths of half that, plus 512 bytes per group.
 * Source: Gupta, Lin, McKeown, "Routing Lookups in Hardware at Memory Access Speeds", INFOCOM 1998.
 *
 * Thread-safety: one writer (control thread), any number of lock-free readers. Every entry is one aligned
 * 16-bit word; a group is filled before an entry points at it. A group that is given up is recycled by
 * `defer` after a grace period.
 */
#ifndef WEIR_TABLE_FIB4_H
#define WEIR_TABLE_FIB4_H

#include <stdint.h>

#define FIB4_EXT 0x8000
#define FIB_NH_MAX 32767

struct fib4 {
	uint16_t *dir;   /* [1 << 24] */
	uint16_t *group; /* [groups * 256] */
	/* control side below */
	uint8_t *dir_len, *group_len; /* prefix length that owns each entry */
	uint32_t *free_group;
	uint32_t group_room, group_free;
	void (*defer)(void *ctx, void (*fn)(void *), void *arg);
	void (*wait)(void *ctx); /* for a grace period, when there is no memory to defer; may be NULL */
	void *defer_ctx;
	struct radix *rib; /* prefix -> next hop, to find what a deleted prefix uncovers */
};

/* `groups`: how many /24s may hold prefixes longer than /24 (max 32767). `defer(ctx, fn, arg)` must call
 * fn(arg) after a grace period; NULL = at once (single-threaded use). NULL when memory is short. */
struct fib4 *fib4_new(uint32_t groups, void (*defer)(void *, void (*)(void *), void *), void *ctx);
void fib4_free(struct fib4 *f);

/* Adds or replaces ip/len (ip in host order, host bits ignored). 0, -EINVAL (len, nh) or -ENOSPC (no group
 * left, nothing changed) or -ENOMEM. */
int fib4_add(struct fib4 *f, uint32_t ip, uint8_t len, uint16_t nh);
/* 0 or -ENOENT. */
int fib4_del(struct fib4 *f, uint32_t ip, uint8_t len);
uint32_t fib4_count(const struct fib4 *f);
uint32_t fib4_groups_used(const struct fib4 *f);
/* Bytes of address space; pages without routes are not resident. */
uint64_t fib4_memory(const struct fib4 *f);

static inline uint16_t fib4_lookup(const struct fib4 *f, uint32_t ip)
{
	uint16_t v = f->dir[ip >> 8];

	if (__builtin_expect(v & FIB4_EXT, 0))
		v = f->group[((uint32_t)(v & ~FIB4_EXT) << 8) | (ip & 0xff)];
	return v;
}

#endif
