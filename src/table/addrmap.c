/* SPDX-License-Identifier: BSD-3-Clause */
#include "table/addrmap.h"

#include <stdlib.h>
#include <string.h>

#define TOP4 65536u
#define LINE 64u
#define DIR_LINES (256u * 4 / LINE)

struct build {
	struct addrmap *m;
	const struct addrmap_span *s;
	unsigned bits;
	bool failed;
};

/* Index of the first of `n` new lines; the array may move. */
static uint32_t new_lines(struct build *b, uint32_t n)
{
	struct addrmap *m = b->m;
	uint32_t at = m->lines;

	if (m->lines + n > m->room) {
		uint32_t room = (m->room > n + 64 ? m->room * 2 : m->lines + n + 64);
		uint8_t *line = room <= ADDRMAP_AT ? aligned_alloc(LINE, (size_t)room * LINE) : NULL;

		if (line == NULL) {
			b->failed = true;
			return 0;
		}
		if (m->lines != 0)
			memcpy(line, m->line, (size_t)m->lines * LINE);
		free(m->line);
		m->line = line;
		m->room = room;
	}
	m->lines += n;
	memset(m->line + (size_t)at * LINE, 0, (size_t)n * LINE);
	return at;
}

static uint32_t make_entry(struct build *b, unsigned p, u128 base, uint32_t from, uint32_t to);

/* First span of [from, to) that begins behind `v`. */
static uint32_t behind(const struct build *b, u128 v, uint32_t from, uint32_t to)
{
	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (b->s[mid].first <= v)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

/* The entry of the addresses from `low` on, 2^shift of them, whose first `p` bytes are the same. */
static uint32_t make_child(struct build *b, unsigned p, u128 low, unsigned shift, uint32_t from, uint32_t to)
{
	uint32_t first = behind(b, low, from, to);

	return make_entry(b, p, low, first, behind(b, low + (((u128)1 << shift) - 1), first, to));
}

static uint32_t make_full(struct build *b, uint32_t from, uint32_t to)
{
	uint32_t at = new_lines(b, 1);
	struct addrmap_full *n;

	if (b->failed)
		return 0;
	n = (void *)(b->m->line + (size_t)at * LINE);
	n->value[0] = b->s[from - 1].value;
	for (uint32_t i = 0; i < ADDRMAP_FULL_MAX; i++) {
		bool used = from + i < to;

		n->bound[i] = used ? b->s[from + i].first : ~(u128)0;
		n->value[i + 1] = used ? b->s[from + i].value : n->value[i];
	}
	return ADDRMAP_NODE | ADDRMAP_FULL | at;
}

/* Pieces (`shift` bits from the end, as `mask` says) of the address where something else begins: 0 and more
 * than ADDRMAP_LIST_MAX are no answer. */
static unsigned find_bounds(
	const struct build *b, uint32_t from, uint32_t to, unsigned shift, uint32_t mask, uint32_t *bound)
{
	const u128 rest = ((u128)1 << shift) - 1;
	unsigned n = 0;

	for (uint32_t i = from; i < to; i++) {
		const uint32_t piece = (uint32_t)(b->s[i].first >> shift) & mask;

		/* One that begins within a piece needs a node of its own for that piece. */
		for (unsigned side = 0; side < 2; side++) {
			uint32_t at = piece + side;

			if ((side == 1 && (b->s[i].first & rest) == 0) || at == 0 || at > mask ||
				(n != 0 && bound[n - 1] >= at))
				continue;
			if (n == ADDRMAP_LIST_MAX)
				return n + 1;
			bound[n++] = at;
		}
	}
	return n;
}

static uint32_t make_list(struct build *b, unsigned p, u128 base, uint32_t from, uint32_t to,
	const uint32_t *bound, unsigned bounds)
{
	const unsigned width = (p & 1) != 0 ? 8 : 16, shift = b->bits - 8 * p - width;
	const uint32_t at = new_lines(b, 1);
	struct addrmap_list n = {0};

	for (unsigned i = 0; i <= bounds && !b->failed; i++)
		n.entry[i] = make_child(b, p + width / 8, base + ((u128)(i != 0 ? bound[i - 1] : 0) << shift),
			shift, from, to);
	for (unsigned i = 0; i < ADDRMAP_LIST_MAX; i++) {
		n.bound[i] = i < bounds ? (uint16_t)bound[i] : UINT16_MAX;
		if (i >= bounds)
			n.entry[i + 1] = n.entry[bounds];
	}
	if (!b->failed)
		memcpy(b->m->line + (size_t)at * LINE, &n, sizeof n);
	return ADDRMAP_NODE | ADDRMAP_LIST | at;
}

static uint32_t make_dir(struct build *b, unsigned p, u128 base, uint32_t from, uint32_t to)
{
	const unsigned shift = b->bits - 8 * p - 8;
	const uint32_t at = new_lines(b, DIR_LINES);

	for (uint32_t i = 0; i < 256 && !b->failed; i++) {
		uint32_t e = make_child(b, p + 1, base + ((u128)i << shift), shift, from, to);

		if (!b->failed)
			((uint32_t *)(void *)(b->m->line + (size_t)at * LINE))[i] = e;
	}
	return ADDRMAP_NODE | ADDRMAP_DIR | at;
}

/* The entry of the addresses whose first `p` bytes are those of `base`: spans [from, to) begin among them but
 * behind the first one, which the span before them holds. */
static uint32_t make_entry(struct build *b, unsigned p, u128 base, uint32_t from, uint32_t to)
{
	const unsigned width = (p & 1) != 0 ? 8 : 16;
	uint32_t bound[ADDRMAP_LIST_MAX];
	unsigned bounds;

	if (b->failed)
		return 0;
	if (from == to)
		return b->s[from - 1].value;
	if (b->bits == 128 && to - from <= ADDRMAP_FULL_MAX)
		return make_full(b, from, to);
	bounds = find_bounds(b, from, to, b->bits - 8 * p - width, (1u << width) - 1, bound);
	if (bounds <= ADDRMAP_LIST_MAX)
		return make_list(b, p, base, from, to, bound, bounds);
	return make_dir(b, p, base, from, to);
}

static void fill_top4(struct build *b, uint32_t count)
{
	uint32_t from = 1;

	for (uint32_t i = 0; i < TOP4 && !b->failed; i++) {
		const u128 low = (u128)i << 16;
		uint32_t to;

		while (from < count && b->s[from].first <= low)
			from++;
		to = behind(b, low + 0xffff, from, count);
		b->m->top[i] = make_entry(b, 2, low, from, to);
		from = to;
	}
}

struct addrmap *addrmap_build(unsigned bits, const struct addrmap_span *span, uint32_t count)
{
	struct addrmap *m = calloc(1, sizeof *m);
	struct build b = {.m = m, .s = span, .bits = bits};

	if (m == NULL)
		return NULL;
	m->top = calloc(bits == 32 ? TOP4 : 1, sizeof *m->top);
	new_lines(&b, 1);
	if (m->top == NULL || b.failed)
		b.failed = true;
	else if (bits == 32)
		fill_top4(&b, count);
	else
		m->top[0] = make_entry(&b, 0, 0, 1, count);
	if (!b.failed)
		return m;
	addrmap_free(m);
	return NULL;
}

void addrmap_free(struct addrmap *m)
{
	if (m == NULL)
		return;
	free(m->top);
	free(m->line);
	free(m);
}

uint64_t addrmap_memory(const struct addrmap *m)
{
	return sizeof *m + (uint64_t)m->room * LINE + TOP4 * sizeof *m->top;
}
