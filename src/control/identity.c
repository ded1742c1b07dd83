/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/schema_scalar.h"
#include "control/value.h"

/* --- values --- */

static const char *format_typed(const struct schema *s, const struct node *n, char buf[static CANONICAL_MAX])
{
	switch (s->type) {
	case SCHEMA_SIZE:
		return value_format_size(n->value.u64, buf);
	case SCHEMA_RATE:
		return value_format_rate(n->value.u64, buf);
	case SCHEMA_DURATION:
		return value_format_duration(n->value.u64, buf);
	case SCHEMA_ADDRESS:
		return ipaddr_format(&n->value.prefix.addr, buf);
	case SCHEMA_PREFIX:
	case SCHEMA_IFADDR:
		return prefix_format(&n->value.prefix, buf);
	case SCHEMA_MAC:
		snprintf(buf, CANONICAL_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", n->value.mac[0],
			n->value.mac[1], n->value.mac[2], n->value.mac[3], n->value.mac[4], n->value.mac[5]);
		return buf;
	default:
		return n->text;
	}
}

const char *canonical(const struct schema *s, const struct node *n, char buf[static CANONICAL_MAX])
{
	struct node typed;
	struct fault f;

	if (s == NULL || n->kind != NODE_SCALAR || s->type >= SCHEMA_MAP)
		return n->text != NULL ? n->text : "";
	if (n->typed)
		return format_typed(s, n, buf);
	typed = *n;
	return schema_scalar(s, "", &typed, &f) == 0 ? format_typed(s, &typed, buf) : n->text;
}

/* --- identities --- */

bool identity_known(const struct schema *list, const struct node *items)
{
	if (list == NULL || list->item == NULL)
		return false;
	return list->item->type < SCHEMA_MAP || (list->item->type == SCHEMA_MAP && list->identity != NULL);
}

/* Value of one key of an identity; the default where it is absent. */
static const char *part(
	const struct schema *list, const struct node *item, const char *key, char buf[static CANONICAL_MAX])
{
	const struct schema *f = schema_field(list, key);
	const struct node *n = item->kind == NODE_MAP ? node_get(item, key) : NULL;

	if (n != NULL)
		return canonical(f, n, buf);
	return f != NULL && f->fallback != NULL ? f->fallback : "";
}

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull;
	return (h ^ 0xff) * 0x100000001b3ull;
}

static uint64_t hash_item(const struct schema *list, const struct node *item)
{
	uint64_t h = 0xcbf29ce484222325ull;
	char buf[CANONICAL_MAX];

	if (list->identity == NULL)
		h = hash_text(h, canonical(list->item, item, buf));
	else
		for (const char *const *key = list->identity; *key != NULL; key++)
			h = hash_text(h, part(list, item, *key, buf));
	return h ^ h >> 29;
}

static bool same_item(const struct schema *list, const struct node *a, const struct node *b)
{
	char x[CANONICAL_MAX], y[CANONICAL_MAX];

	if (list->identity == NULL)
		return a->kind == NODE_SCALAR && b->kind == NODE_SCALAR &&
		       strcmp(canonical(list->item, a, x), canonical(list->item, b, y)) == 0;
	for (const char *const *key = list->identity; *key != NULL; key++) {
		const struct node *p = node_get(a, *key), *q = node_get(b, *key);

		if (p != NULL && q != NULL && p->text != NULL && q->text != NULL &&
			strcmp(p->text, q->text) == 0)
			continue; /* the usual case */
		if (strcmp(part(list, a, *key, x), part(list, b, *key, y)) != 0)
			return false;
	}
	return true;
}

void identity_text(const struct schema *list, const struct node *item, char *buf, size_t size)
{
	char one[CANONICAL_MAX];
	size_t len = 0;

	buf[0] = '\0';
	if (!identity_known(list, item)) {
		unsigned at = 1;

		for (const struct node *c = item->parent != NULL ? item->parent->child : NULL;
			c != NULL && c != item; c = c->next)
			at++;
		snprintf(buf, size, "number %u", at);
		return;
	}
	if (list->identity == NULL) {
		snprintf(buf, size, "%s", canonical(list->item, item, one));
		return;
	}
	for (const char *const *key = list->identity; *key != NULL && len < size; key++) {
		const struct schema *f = schema_field(list, *key);
		const char *text = part(list, item, *key, one);
		bool plain = f != NULL && f->required; /* the others are said only where they matter */

		if (plain)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len != 0 ? " " : "", text);
		else if (f == NULL || f->fallback == NULL || strcmp(f->fallback, text) != 0)
			len += (size_t)snprintf(
				buf + len, size - len, "%s%s %s", len != 0 ? " " : "", *key, text);
	}
}

/* --- index --- */

static struct node **place_of(const struct identity_index *x, const struct node *like)
{
	size_t at = hash_item(x->list, like) & x->mask;

	while (x->slot[at] != NULL && !same_item(x->list, x->slot[at], like))
		at = (at + 1) & x->mask;
	return &x->slot[at];
}

int identity_build(struct identity_index *x, const struct schema *list, const struct node *items)
{
	size_t size = 64;

	while (items != NULL && size < items->count * (size_t)2 + 1)
		size *= 2;
	*x = (struct identity_index){.list = list, .mask = size - 1, .slot = calloc(size, sizeof *x->slot)};
	if (x->slot == NULL)
		return -ENOMEM;
	for (struct node *c = items != NULL ? items->child : NULL; c != NULL; c = c->next) {
		struct node **at = place_of(x, c);

		if (*at == NULL) /* of several with one identity, the first counts */
			*at = c;
	}
	return 0;
}

struct node *identity_find(const struct identity_index *x, const struct node *like)
{
	return *place_of(x, like);
}

void identity_free(struct identity_index *x)
{
	free(x->slot);
	*x = (struct identity_index){0};
}
