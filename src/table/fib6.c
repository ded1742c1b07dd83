/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Structure: a direct table on the first 24 bits (lazily resident), then nodes of 8 bits. A node is one cache
 * line: a 256-bit map of where a new value begins ("run starts"), counts of them, and up to 6 values; with
 * more runs the values live in an array elsewhere in the arena. A value is a next hop with the length of the
 * prefix that owns it, or a child node. Nodes carry the covering prefix's value wherever nothing longer is
 * known (leaf pushing), so a lookup never goes back.
 *
 * Updates copy the nodes on the path to the prefix and publish the whole path with one store into the direct
 * table; values below a covering prefix change in place, each by one 32-bit store.
 */
#include "table/fib6.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "table/fib4.h"
#include "table/fib6_lookup.h"
#include "table/radix.h"

#define DIR_ENTRIES (1u << 24)
#define FANOUT 256
#define ARENA_UNITS (1u << 26) /* 4 GiB of address space */
#define CLASSES 5              /* arrays of 1, 2, 4, 8, 16 units */
#define PATH_MAX_NODES 14      /* nodes on one path */
#define PATH_MAX_UNITS (PATH_MAX_NODES * 17u)

struct free_list {
	uint32_t *unit; /* as many as the arena has: address space, resident as far as it is used */
	uint32_t count;
};

struct fib6 {
	struct fib6_view view; /* first: lookups see nothing else */
	uint32_t used_units, free_units;
	struct free_list free[CLASSES];
	void (*defer)(void *, void (*)(void *), void *);
	void (*wait)(void *);
	void *defer_ctx;
	struct radix *rib;
	struct retired *spare; /* when there is no memory for another one */
};

/* Units an update replaced, freed together after a grace period. */
struct retired {
	struct fib6 *fib;
	unsigned count;
	uint32_t unit[2 * PATH_MAX_NODES];
	uint8_t class[2 * PATH_MAX_NODES];
};

struct change {
	const uint8_t *key;
	uint8_t len;    /* of the prefix added or deleted */
	bool exact;     /* deletion: only what this very length owns */
	uint32_t value; /* what takes its place */
	struct retired *retired;
};

/* --- values --- */

static uint32_t make_value(uint16_t nh, unsigned len)
{
	return (uint32_t)len << 16 | nh;
}

static unsigned owner(uint32_t value)
{
	return value >> 16;
}

static uint32_t replaced(const struct change *c, uint32_t value)
{
	unsigned o = owner(value);

	return (c->exact ? o == c->len : o <= c->len) ? c->value : value;
}

/* --- arena --- */

static unsigned class_of(unsigned values)
{
	unsigned class = 0;

	while ((16u << class) < values)
		class ++;
	return class;
}

/* Callers made sure of PATH_MAX_UNITS before they started. */
static uint32_t take(struct fib6 *f, unsigned class)
{
	struct free_list *l = &f->free[class];
	uint32_t unit;

	if (l->count != 0) {
		f->free_units -= 1u << class;
		return l->unit[--l->count];
	}
	unit = f->used_units;
	f->used_units += 1u << class;
	return unit;
}

static void give(struct fib6 *f, uint32_t unit, unsigned class)
{
	f->free[class].unit[f->free[class].count++] = unit;
	f->free_units += 1u << class;
}

static void retire(struct retired *r, uint32_t unit, unsigned class)
{
	r->unit[r->count] = unit;
	r->class[r->count++] = (uint8_t) class;
}

static void free_retired(void *arg)
{
	struct retired *r = arg;

	for (unsigned i = 0; i < r->count; i++)
		give(r->fib, r->unit[i], r->class[i]);
	if (r != r->fib->spare)
		free(r);
}

/* --- nodes --- */

static unsigned runs(const struct fib6_node *n)
{
	return n->before[3] + (unsigned)__builtin_popcountll(n->map[3]);
}

static uint32_t *values_of(const struct fib6 *f, const struct fib6_node *n)
{
	return (uint32_t *)(void *)f->view.arena + n->values + 1;
}

static void expand(const struct fib6 *f, uint32_t value, uint32_t out[FANOUT])
{
	const struct fib6_node *n = fib6_node_at(&f->view, value);
	const uint32_t *next;

	if ((value & FIB6_CHILD) == 0) {
		for (unsigned i = 0; i < FANOUT; i++)
			out[i] = value;
		return;
	}
	next = values_of(f, n);
	for (unsigned i = 0; i < FANOUT; i++)
		out[i] = (n->map[i / 64] >> (i % 64) & 1) != 0 ? *next++ : out[i - 1];
}

/* Marks where new values begin and lists them; returns how many. */
static unsigned find_runs(struct fib6_node *n, const uint32_t in[FANOUT], uint32_t value[FANOUT])
{
	unsigned count = 0;

	memset(n->map, 0, sizeof n->map);
	for (unsigned i = 0; i < FANOUT; i++) {
		if (i % 64 == 0)
			n->before[i / 64] = (uint8_t)count;
		if (i != 0 && in[i] == in[i - 1])
			continue;
		n->map[i / 64] |= UINT64_C(1) << (i % 64);
		value[count++] = in[i];
	}
	return count;
}

static uint32_t build(struct fib6 *f, const uint32_t in[FANOUT])
{
	uint32_t value[FANOUT], unit = take(f, 0);
	struct fib6_node *n = fib6_node_at(&f->view, unit);
	unsigned count = find_runs(n, in, value);

	if (count <= FIB6_INLINE_VALUES)
		n->values = (uint32_t)(n->value - (uint32_t *)(void *)f->view.arena) - 1;
	else
		n->values = take(f, class_of(count)) * (uint32_t)FIB6_UNIT_VALUES - 1;
	memcpy(values_of(f, n), value, count * sizeof *value);
	return FIB6_CHILD | unit;
}

static void retire_node(struct fib6 *f, uint32_t value, struct retired *r)
{
	const struct fib6_node *n = fib6_node_at(&f->view, value);

	if ((value & FIB6_CHILD) == 0)
		return;
	if (runs(n) > FIB6_INLINE_VALUES)
		retire(r, (n->values + 1) / (uint32_t)FIB6_UNIT_VALUES, class_of(runs(n)));
	retire(r, value & ~FIB6_CHILD, 0);
}

/* Applies the change to everything below a slot, in place. */
static uint32_t change_all(struct fib6 *f, uint32_t value, const struct change *c)
{
	struct fib6_node *n = fib6_node_at(&f->view, value);
	uint32_t *values;
	unsigned count;

	if ((value & FIB6_CHILD) == 0)
		return replaced(c, value);
	values = values_of(f, n);
	count = runs(n);
	for (unsigned i = 0; i < count; i++)
		__atomic_store_n(&values[i], change_all(f, values[i], c), __ATOMIC_RELEASE);
	return value;
}

/* All alike, no child, and owned by no prefix longer than the node's start: the node says nothing. */
static bool is_empty(const uint32_t v[FANOUT], unsigned bits)
{
	if ((v[0] & FIB6_CHILD) != 0 || owner(v[0]) > bits)
		return false;
	for (unsigned i = 1; i < FANOUT; i++)
		if (v[i] != v[0])
			return false;
	return true;
}

/* New value of a slot that stands for the first `bits` bits of the key. */
static uint32_t update(struct fib6 *f, uint32_t value, unsigned bits, const struct change *c)
{
	uint32_t v[FANOUT];
	unsigned at, count;

	if (c->len <= bits)
		return change_all(f, value, c);
	expand(f, value, v);
	at = c->key[bits / 8];
	if (c->len >= bits + 8) {
		v[at] = update(f, v[at], bits + 8, c);
	} else {
		count = 1u << (bits + 8 - c->len);
		at &= ~(count - 1);
		for (unsigned i = at; i < at + count; i++)
			v[i] = change_all(f, v[i], c);
	}
	retire_node(f, value, c->retired);
	return is_empty(v, bits) ? v[0] : build(f, v);
}

static void apply(struct fib6 *f, const struct change *c)
{
	uint32_t first = fib6_dir_index(c->key), count = 1;

	if (c->len < 24) {
		count = 1u << (24 - c->len);
		first &= ~(count - 1);
	}
	for (uint32_t i = first; i < first + count; i++) {
		uint32_t v = update(f, f->view.dir[i], 24, c);

		if (v != f->view.dir[i])
			__atomic_store_n(&f->view.dir[i], v, __ATOMIC_RELEASE);
	}
}

/* --- public --- */

static bool map_lists(struct fib6 *f)
{
	for (unsigned c = 0; c < CLASSES; c++) {
		void *p = mmap(NULL, sizeof(uint32_t) * (ARENA_UNITS >> c), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		if (p == MAP_FAILED)
			return false;
		f->free[c].unit = p;
	}
	return true;
}

struct fib6 *fib6_new(void (*defer)(void *, void (*)(void *), void *), void *ctx)
{
	struct fib6 *f = calloc(1, sizeof *f);
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

	if (f == NULL)
		return NULL;
	f->defer = defer;
	f->defer_ctx = ctx;
	f->used_units = 1;
	f->view.dir = mmap(NULL, DIR_ENTRIES * sizeof *f->view.dir, PROT_READ | PROT_WRITE, flags, -1, 0);
	f->view.arena = mmap(NULL, (size_t)ARENA_UNITS * FIB6_UNIT, PROT_READ | PROT_WRITE, flags, -1, 0);
	f->rib = radix_new(128);
	f->spare = calloc(1, sizeof *f->spare);
	if (f->view.dir == MAP_FAILED)
		f->view.dir = NULL;
	if (f->view.arena == MAP_FAILED)
		f->view.arena = NULL;
	if (f->view.dir == NULL || f->view.arena == NULL || f->rib == NULL || f->spare == NULL ||
		!map_lists(f)) {
		fib6_free(f);
		return NULL;
	}
	return f;
}

void fib6_free(struct fib6 *f)
{
	if (f == NULL)
		return;
	if (f->view.dir != NULL)
		munmap(f->view.dir, DIR_ENTRIES * sizeof *f->view.dir);
	if (f->view.arena != NULL)
		munmap(f->view.arena, (size_t)ARENA_UNITS * FIB6_UNIT);
	for (unsigned c = 0; c < CLASSES; c++)
		if (f->free[c].unit != NULL)
			munmap(f->free[c].unit, sizeof(uint32_t) * (ARENA_UNITS >> c));
	free(f->spare);
	radix_free(f->rib, NULL);
	free(f);
}

void fib6_set_wait(struct fib6 *f, void (*wait)(void *ctx))
{
	f->wait = wait;
}

uint32_t fib6_count(const struct fib6 *f)
{
	return radix_count(f->rib);
}

uint64_t fib6_memory(const struct fib6 *f)
{
	return (uint64_t)(f->used_units - f->free_units) * FIB6_UNIT + radix_memory(f->rib);
}

static struct retired *begin(struct fib6 *f)
{
	struct retired *r;

	if (f->used_units + PATH_MAX_UNITS > ARENA_UNITS)
		return NULL;
	r = calloc(1, sizeof *r);
	if (r == NULL && (f->wait != NULL || f->defer == NULL))
		r = f->spare;
	if (r != NULL)
		*r = (struct retired){.fib = f};
	return r;
}

static void finish(struct fib6 *f, struct retired *r)
{
	const bool far = f->used_units > FIB6_NEAR / FIB6_UNIT;

	__atomic_store_n(&f->view.far, far, __ATOMIC_RELAXED);
	if (r == f->spare && f->wait != NULL && r->count != 0)
		f->wait(f->defer_ctx);
	if (r == f->spare)
		free_retired(r);
	else if (r->count == 0)
		free(r);
	else if (f->defer != NULL)
		f->defer(f->defer_ctx, free_retired, r);
	else
		free_retired(r);
}

int fib6_add(struct fib6 *f, const uint8_t ip[16], uint8_t len, uint16_t nh)
{
	struct change c = {.key = ip, .len = len, .value = make_value(nh, len)};
	void **value;

	if (len > 128 || nh == 0 || nh > FIB_NH_MAX)
		return -EINVAL;
	c.retired = begin(f);
	if (c.retired == NULL)
		return -ENOSPC;
	value = radix_insert(f->rib, ip, len);
	if (value == NULL) {
		finish(f, c.retired);
		return -ENOMEM;
	}
	*value = (void *)(uintptr_t)nh;
	apply(f, &c);
	finish(f, c.retired);
	return 0;
}

int fib6_del(struct fib6 *f, const uint8_t ip[16], uint8_t len)
{
	struct change c = {.key = ip, .len = len, .exact = true};
	unsigned parent_len = 0;
	uint16_t nh;

	if (len > 128)
		return -EINVAL;
	if (radix_get(f->rib, ip, len) == NULL)
		return -ENOENT;
	c.retired = begin(f);
	if (c.retired == NULL)
		return -ENOMEM;
	radix_remove(f->rib, ip, len);
	nh = (uint16_t)(uintptr_t)radix_parent(f->rib, ip, len, &parent_len);
	c.value = make_value(nh, parent_len);
	apply(f, &c);
	finish(f, c.retired);
	return 0;
}

void fib6_lookup_bulk(const struct fib6 *f, const uint8_t *const ip[], uint16_t nh[], unsigned n)
{
	fib6_lookup_burst(f, ip, nh, n);
}

uint16_t fib6_lookup(const struct fib6 *f, const uint8_t ip[16])
{
	const uint8_t *one[1] = {ip};
	uint16_t nh;

	fib6_lookup_bulk(f, one, &nh, 1);
	return nh;
}
