/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Nodes stand for prefixes; a node's children extend it, so a walk compares only the bits a node adds. Nodes
 * without a value exist only where two subtrees part; they have two children.
 */
#include "table/radix.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserve.h"

struct node {
	struct node *child[2];
	void *value;
	uint8_t len;
	uint8_t key[]; /* 4 or 16 bytes, zero beyond len */
};
static_assert(sizeof(struct node) + 16 <= RADIX_NODE_BYTES, "what the header promises");

struct radix {
	struct node *root;
	uint32_t count, nodes;
	unsigned bits, bytes;
};

struct radix *radix_new(unsigned bits)
{
	struct radix *r = calloc(1, sizeof *r);

	if (r != NULL) {
		r->bits = bits;
		r->bytes = bits / 8;
	}
	return r;
}

static void free_nodes(struct node *n, void (*value_free)(void *))
{
	if (n == NULL)
		return;
	free_nodes(n->child[0], value_free);
	free_nodes(n->child[1], value_free);
	if (n->value != NULL && value_free != NULL)
		value_free(n->value);
	free(n);
}

void radix_free(struct radix *r, void (*value_free)(void *value))
{
	if (r == NULL)
		return;
	free_nodes(r->root, value_free);
	free(r);
}

uint32_t radix_count(const struct radix *r)
{
	return r->count;
}

uint64_t radix_memory(const struct radix *r)
{
	/* malloc rounds up to 16 and adds a word. */
	return (uint64_t)r->nodes * ((sizeof(struct node) + r->bytes + 8 + 15) / 16 * 16);
}

static unsigned bit_at(const uint8_t *key, unsigned at)
{
	return key[at / 8] >> (7 - at % 8) & 1;
}

/* Number of leading bits two keys share, at most `limit`. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned limit)
{
	unsigned n = 0;

	while (n < limit) {
		uint8_t diff = a[n / 8] ^ b[n / 8];

		if (diff != 0) {
			n += (unsigned)__builtin_clz(diff) - 24;
			break;
		}
		n += 8;
	}
	return n < limit ? n : limit;
}

static struct node *new_node(struct radix *r, const uint8_t *key, unsigned len)
{
	struct node *n = reserve_calloc(1, sizeof *n + r->bytes);

	if (n == NULL)
		return NULL;
	n->len = (uint8_t)len;
	memcpy(n->key, key, (len + 7) / 8);
	if (len % 8 != 0)
		n->key[len / 8] &= (uint8_t)(0xff00 >> (len % 8));
	r->nodes++;
	return n;
}

/* Puts a new node for key/len at *at, where it shares `same` bits with the node that is there. */
static struct node *split(struct radix *r, struct node **at, const uint8_t *key, unsigned len, unsigned same)
{
	struct node *old = *at, *leaf = new_node(r, key, len), *fork;

	if (leaf == NULL || same == len) {
		if (leaf != NULL) {
			leaf->child[bit_at(old->key, len)] = old;
			*at = leaf;
		}
		return leaf;
	}
	fork = new_node(r, key, same);
	if (fork == NULL) {
		free(leaf);
		r->nodes--;
		return NULL;
	}
	fork->child[bit_at(old->key, same)] = old;
	fork->child[bit_at(key, same)] = leaf;
	*at = fork;
	return leaf;
}

void **radix_insert(struct radix *r, const uint8_t *key, unsigned len)
{
	struct node **at = &r->root, *n;

	for (;;) {
		unsigned same;

		n = *at;
		if (n == NULL) {
			n = *at = new_node(r, key, len);
			break;
		}
		same = common_bits(n->key, key, n->len < len ? n->len : len);
		if (same < n->len) {
			n = split(r, at, key, len, same);
			break;
		}
		if (n->len == len)
			break;
		at = &n->child[bit_at(key, n->len)];
	}
	if (n == NULL)
		return NULL;
	r->count += n->value == NULL;
	return &n->value;
}

static bool covers(const struct node *n, const uint8_t *key, unsigned len)
{
	return n->len <= len && common_bits(n->key, key, n->len) == n->len;
}

void *radix_get(const struct radix *r, const uint8_t *key, unsigned len)
{
	const struct node *n = r->root;

	while (n != NULL && covers(n, key, len)) {
		if (n->len == len)
			return n->value;
		n = n->child[bit_at(key, n->len)];
	}
	return NULL;
}

/* Takes a valueless node with fewer than two children out of the tree. */
static void collapse(struct radix *r, struct node **at)
{
	struct node *n = *at;

	if (n == NULL || n->value != NULL || (n->child[0] != NULL && n->child[1] != NULL))
		return;
	*at = n->child[0] != NULL ? n->child[0] : n->child[1];
	free(n);
	r->nodes--;
}

void *radix_remove(struct radix *r, const uint8_t *key, unsigned len)
{
	struct node **at = &r->root, **parent = NULL;
	void *value;

	while (*at != NULL && covers(*at, key, len) && (*at)->len < len) {
		parent = at;
		at = &(*at)->child[bit_at(key, (*at)->len)];
	}
	if (*at == NULL || (*at)->len != len || !covers(*at, key, len) || (*at)->value == NULL)
		return NULL;
	value = (*at)->value;
	(*at)->value = NULL;
	r->count--;
	collapse(r, at);
	if (parent != NULL)
		collapse(r, parent);
	return value;
}

static void *longest(const struct radix *r, const uint8_t *key, unsigned limit, unsigned *out_len)
{
	const struct node *n = r->root, *best = NULL;

	while (n != NULL && covers(n, key, limit)) {
		if (n->value != NULL)
			best = n;
		if (n->len == limit)
			break;
		n = n->child[bit_at(key, n->len)];
	}
	if (best == NULL)
		return NULL;
	if (out_len != NULL)
		*out_len = best->len;
	return best->value;
}

void *radix_match(const struct radix *r, const uint8_t *key, unsigned *out_len)
{
	return longest(r, key, r->bits, out_len);
}

void *radix_parent(const struct radix *r, const uint8_t *key, unsigned len, unsigned *out_len)
{
	return len == 0 ? NULL : longest(r, key, len - 1, out_len);
}

struct walk {
	const uint8_t *after;
	unsigned after_len, bytes;
	bool (*fn)(void *ctx, const uint8_t *key, unsigned len, void *value);
	void *ctx;
};

/* Whether (key,len) comes after the start of the walk in (address, length) order. */
static bool is_after(const struct walk *w, const struct node *n)
{
	int order = w->after == NULL ? 1 : memcmp(n->key, w->after, w->bytes);

	return order > 0 || (order == 0 && n->len > w->after_len);
}

/* Whether every prefix below n precedes the start: its last address does. */
static bool all_before(const struct walk *w, const struct node *n)
{
	return w->after != NULL && common_bits(n->key, w->after, n->len) < n->len &&
	       memcmp(n->key, w->after, w->bytes) < 0;
}

static bool walk_node(const struct walk *w, const struct node *n)
{
	if (n == NULL || all_before(w, n))
		return true;
	if (n->value != NULL && is_after(w, n) && !w->fn(w->ctx, n->key, n->len, n->value))
		return false;
	return walk_node(w, n->child[0]) && walk_node(w, n->child[1]);
}

void radix_walk(const struct radix *r, const uint8_t *after_key, unsigned after_len,
	bool (*fn)(void *ctx, const uint8_t *key, unsigned len, void *value), void *ctx)
{
	struct walk w = {.after_len = after_len, .bytes = r->bytes, .fn = fn, .ctx = ctx};
	uint8_t after[16]; /* fn may remember where it is in the very key the walk was begun with */

	if (after_key != NULL) {
		memcpy(after, after_key, r->bytes);
		w.after = after;
	}
	walk_node(&w, r->root);
}
