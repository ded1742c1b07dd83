/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/config_diff.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/identity.h"
#include "control/keyset.h"
#include "control/tree_print.h"

#define PATH_TEXT_MAX 512
#define VALUE_TEXT_MAX 240 /* of an object; what is longer ends in ... */

const char *const diff_op_words[DIFF_OPS] = {"added", "changed", "removed"};

struct walk {
	struct config_diff *p;
	char path[PATH_TEXT_MAX];
};

/* A place on the way down: what it means for a change to happen there. */
struct place {
	const struct schema *s; /* NULL: not known */
	enum schema_effect effect;
};

static void diff(struct walk *w, struct place at, const struct node *a, const struct node *b);

static struct place below(struct place at, const struct schema *s)
{
	struct place p = {.s = s, .effect = at.effect};

	if (s != NULL && s->effect > p.effect)
		p.effect = s->effect;
	return p;
}

/* --- recording --- */

static char *shortened(const struct node *n)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return NULL;
	tree_print_flow(n, f);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	if (len > VALUE_TEXT_MAX) {
		len = VALUE_TEXT_MAX - 3;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--; /* not in the middle of a character */
		strcpy(text + len, "...");
	}
	return text;
}

static struct diff_change *new_change(struct config_diff *p)
{
	if (p->count == p->room) {
		unsigned room = p->room * 2 + 16;
		struct diff_change *more = realloc(p->item, room * sizeof *more);

		if (more == NULL)
			return NULL;
		p->item = more;
		p->room = room;
	}
	return &p->item[p->count];
}

/* Takes the texts over. */
static void record(struct walk *w, enum diff_op op, enum schema_effect effect, char *before, char *after)
{
	struct config_diff *p = w->p;
	struct diff_change *c = p->count < DIFF_LISTED ? new_change(p) : NULL;
	char *path = c != NULL ? strdup(w->path) : NULL;
	bool short_of_text = (op != DIFF_ADD && before == NULL) || (op != DIFF_REMOVE && after == NULL);

	p->total[op]++;
	p->effects[effect]++;
	if (p->count < DIFF_LISTED && path != NULL && !short_of_text) {
		*c = (struct diff_change){
			.op = op, .effect = effect, .path = path, .before = before, .after = after};
		p->count++;
		return;
	}
	p->failed |= p->count < DIFF_LISTED;
	free(path);
	free(before);
	free(after);
}

static void record_nodes(struct walk *w, enum diff_op op, enum schema_effect effect, const struct node *a,
	const struct node *b)
{
	bool kept = w->p->count < DIFF_LISTED;

	record(w, op, effect, kept && a != NULL ? shortened(a) : NULL,
		kept && b != NULL ? shortened(b) : NULL);
}

/* --- the way down --- */

static size_t enter(struct walk *w, const char *word)
{
	size_t len = strlen(w->path);

	snprintf(w->path + len, sizeof w->path - len, "%s%s", len != 0 ? " " : "", word);
	return len;
}

static void leave(struct walk *w, size_t len)
{
	w->path[len] = '\0';
}

/* --- single values --- */

/* What an absent value counts as; NULL if it counts as nothing. */
static const char *meaning(const struct schema *s, const struct node *n, char buf[static CANONICAL_MAX])
{
	struct node standard = {.kind = NODE_SCALAR};

	if (n != NULL)
		return canonical(s, n, buf);
	if (s == NULL || s->fallback == NULL)
		return NULL;
	standard.text = (char *)(uintptr_t)s->fallback;
	return canonical(s, &standard, buf);
}

static char *copy_or_null(const char *text, bool standard)
{
	char *out = NULL;

	if (text == NULL)
		return NULL;
	return standard && asprintf(&out, "%s (default)", text) < 0 ? NULL : standard ? out : strdup(text);
}

static void diff_scalar(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	char x[CANONICAL_MAX], y[CANONICAL_MAX];
	const char *before = meaning(at.s, a, x), *after = meaning(at.s, b, y);

	if (before == NULL && after == NULL)
		return;
	if (before != NULL && after != NULL && strcmp(before, after) == 0)
		return;
	record(w,
		before == NULL  ? DIFF_ADD
		: after == NULL ? DIFF_REMOVE
				: DIFF_CHANGE,
		at.effect, copy_or_null(before, a == NULL), copy_or_null(after, b == NULL));
}

/* --- maps --- */

static void diff_key(
	struct walk *w, struct place at, const char *key, const struct node *a, const struct node *b)
{
	size_t mark = enter(w, key);

	diff(w, at, a, b);
	leave(w, mark);
}

/* Fixed keys: every field the schema has, so that defaults count. */
static void diff_map(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	for (const struct schema *f = at.s->fields; f != NULL && f->key != NULL; f++)
		diff_key(w, below(at, f), f->key, node_get(a, f->key), node_get(b, f->key));
}

static const struct node *find(const struct keyset *k, const struct node *map, const char *key)
{
	return map != NULL ? keyset_find(k, map, key) : NULL;
}

/* Names: an entry that is in one of them only is added or removed as a whole. */
static void diff_named(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	const struct schema entry = {.type = SCHEMA_MAP, .fields = at.s->fields};
	struct place inside = {.s = &entry, .effect = at.effect};
	struct keyset old = {0}, new = {0};

	if (a != NULL)
		keyset_update(&old, a);
	if (b != NULL)
		keyset_update(&new, b);
	NODE_EACH (c, a) {
		const struct node *other = find(&new, b, c->key);
		size_t mark = enter(w, c->key);

		if (other == NULL)
			record_nodes(w, DIFF_REMOVE, at.effect, c, NULL);
		else
			diff(w, inside, c, other);
		leave(w, mark);
	}
	NODE_EACH (c, b) {
		size_t mark = enter(w, c->key);

		if (find(&old, a, c->key) == NULL)
			record_nodes(w, DIFF_ADD, at.effect, NULL, c);
		leave(w, mark);
	}
	keyset_free(&old);
	keyset_free(&new);
}

/* --- lists --- */

static void diff_item(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	char name[PATH_TEXT_MAX];
	size_t mark;

	identity_text(at.s, a != NULL ? a : b, name, sizeof name);
	mark = enter(w, name);
	if (a == NULL || b == NULL)
		record_nodes(w, a == NULL ? DIFF_ADD : DIFF_REMOVE, at.effect, a, b);
	else
		diff(w, below(at, at.s->item), a, b);
	leave(w, mark);
}

/* Whether the items that are in both come in the same order. */
static bool same_order(const struct node *a, const struct identity_index *in_b, const struct node *b,
	const struct identity_index *in_a)
{
	const struct node *x = a->child, *y = b->child;

	for (;; x = x->next, y = y->next) {
		while (x != NULL && identity_find(in_b, x) == NULL)
			x = x->next;
		while (y != NULL && identity_find(in_a, y) == NULL)
			y = y->next;
		if (x == NULL || y == NULL)
			return x == NULL && y == NULL;
		if (identity_find(in_a, y) != x)
			return false;
	}
}

static void diff_known(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	struct identity_index old = {0}, new = {0};

	if (identity_build(&old, at.s, a) != 0 || identity_build(&new, at.s, b) != 0) {
		w->p->failed = true;
		w->p->total[DIFF_CHANGE]++;
	} else {
		NODE_EACH (c, a)
			diff_item(w, at, c, identity_find(&new, c));
		NODE_EACH (c, b)
			if (identity_find(&old, c) == NULL)
				diff_item(w, at, NULL, c);
		if (at.s->ordered && a != NULL && b != NULL && !same_order(a, &new, b, &old)) {
			size_t mark = enter(w, "order");

			record_nodes(w, DIFF_CHANGE, at.effect, a, b);
			leave(w, mark);
		}
	}
	identity_free(&old);
	identity_free(&new);
}

static void diff_list(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	const struct node *x = a != NULL ? a->child : NULL, *y = b != NULL ? b->child : NULL;

	if (identity_known(at.s, a != NULL ? a : b)) {
		diff_known(w, at, a, b);
		return;
	}
	for (; x != NULL || y != NULL; x = x != NULL ? x->next : NULL, y = y != NULL ? y->next : NULL)
		diff_item(w, at, x, y);
}

/* --- all --- */

static void diff(struct walk *w, struct place at, const struct node *a, const struct node *b)
{
	switch (at.s != NULL ? at.s->type : SCHEMA_STRING) {
	case SCHEMA_MAP:
		diff_map(w, at, a, b);
		break;
	case SCHEMA_NAMED:
		diff_named(w, at, a, b);
		break;
	case SCHEMA_LIST:
		diff_list(w, at, a, b);
		break;
	default:
		diff_scalar(w, at, a, b);
	}
}

int config_diff_make(struct config_diff *p, const struct node *now, const struct node *next)
{
	struct walk w = {.p = p};

	*p = (struct config_diff){0};
	for (const struct schema_part *part = schema_parts(); part != NULL; part = part->next)
		for (const struct schema *f = part->fields; f->key != NULL; f++)
			diff_key(&w, below((struct place){0}, f), f->key, node_get(now, f->key),
				node_get(next, f->key));
	return p->failed ? -ENOMEM : 0;
}

void config_diff_free(struct config_diff *p)
{
	for (unsigned i = 0; i < p->count; i++) {
		free(p->item[i].path);
		free(p->item[i].before);
		free(p->item[i].after);
	}
	free(p->item);
	*p = (struct config_diff){0};
}

void diff_sentence(const struct diff_change *c, char *buf, size_t size)
{
	const char *value = c->op == DIFF_ADD ? c->after : c->before;
	size_t path = strlen(c->path), len = value != NULL ? strlen(value) : 0;

	if (c->op == DIFF_CHANGE)
		snprintf(buf, size, "%s is changed: %s -> %s", c->path, c->before, c->after);
	else if (len <= path && strcmp(c->path + path - len, value) == 0) /* an item that is its own name */
		snprintf(buf, size, "%s is %s", c->path, diff_op_words[c->op]);
	else
		snprintf(buf, size, "%s is %s: %s", c->path, diff_op_words[c->op],
			c->op == DIFF_ADD ? c->after : c->before);
}

void diff_summary(const struct config_diff *p, char *buf, size_t size)
{
	snprintf(buf, size, "%u added, %u changed, %u removed", p->total[DIFF_ADD], p->total[DIFF_CHANGE],
		p->total[DIFF_REMOVE]);
}
