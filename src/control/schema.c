/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/diag.h"
#include "control/keyset.h"
#include "control/schema_scalar.h"

#define REFERRED_MAX 16 /* top-level maps with a lookup table; further ones are searched */

static struct schema_part *parts;

/* A top-level map that names refer to. */
struct referred {
	const char *key;
	const struct node *map; /* NULL: absent, or no map and already an error */
	struct keyset names;
};

struct walk {
	const struct node *root;
	struct diag *d;
	struct referred referred[REFERRED_MAX];
	unsigned referred_count;
};

static void check_value(struct walk *w, const struct schema *s, const char *label, struct node *n);

void schema_register(struct schema_part *p)
{
	struct schema_part **at = &parts;

	while (*at != NULL && *at != p)
		at = &(*at)->next;
	if (*at == p)
		return;
	p->next = NULL;
	*at = p;
}

const struct schema_part *schema_parts(void)
{
	return parts;
}

/* Goes over the fields of a table, or over the top-level fields of all parts. */
struct fields {
	const struct schema *at;
	const struct schema_part *part; /* NULL for a table */
};

static struct fields fields_of(const struct schema *table)
{
	return (struct fields){.at = table};
}

static struct fields fields_of_root(void)
{
	return (struct fields){.at = parts != NULL ? parts->fields : NULL, .part = parts};
}

static const struct schema *field_next(struct fields *it)
{
	while (it->at == NULL || it->at->key == NULL) {
		if (it->part == NULL || it->part->next == NULL)
			return NULL;
		it->part = it->part->next;
		it->at = it->part->fields;
	}
	return it->at++;
}

static const struct schema *field_named(struct fields all, const char *key)
{
	const struct schema *f;

	while ((f = field_next(&all)) != NULL)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

const struct schema *schema_top(const char *key)
{
	return field_named(fields_of_root(), key);
}

const struct schema *schema_field(const struct schema *s, const char *key)
{
	const struct schema *f = s->type == SCHEMA_LIST && s->item != NULL ? s->item->fields : s->fields;

	for (; f != NULL && f->key != NULL; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

static void report(struct walk *w, const struct node *n, const struct fault *f)
{
	diag_node(w->d, n, f->hint[0] != '\0' ? f->hint : NULL, "%s", f->text);
}

/* A key that is no field: the nearest field, or else what there is. */
static void unknown_key(struct walk *w, struct fields all, const char *label, const struct node *n)
{
	char known[256] = "known here:";
	size_t used = strlen(known);
	struct diag_near near;
	const struct schema *f;

	diag_near_init(&near, n->key);
	while (!diag_full(w->d) && (f = field_next(&all)) != NULL) {
		diag_near_try(&near, f->key);
		if (used < sizeof known)
			used += (size_t)snprintf(known + used, sizeof known - used, " %s", f->key);
	}
	diag_key(w->d, n,
		near.best != NULL     ? near.best
		: used < sizeof known ? known
				      : NULL,
		"'%.60s' is not a key of %.60s", n->key, label);
}

static void check_fields(struct walk *w, struct fields all, const char *label, struct node *map)
{
	const struct schema *f;

	for (struct node *c = map->child; c != NULL; c = c->next) {
		f = field_named(all, c->key);
		if (f != NULL)
			check_value(w, f, c->key, c);
		else
			unknown_key(w, all, label, c);
	}
	while ((f = field_next(&all)) != NULL)
		if (f->required && node_get(map, f->key) == NULL)
			diag_key(w->d, map, NULL, "%.60s needs the key '%s'", label, f->key);
}

static enum node_kind kind_for(enum schema_type type)
{
	if (type == SCHEMA_MAP || type == SCHEMA_NAMED)
		return NODE_MAP;
	return type == SCHEMA_LIST ? NODE_LIST : NODE_SCALAR;
}

/* Says what stands where something else is needed. */
static void wrong_kind(struct walk *w, const struct schema *s, const char *label, const struct node *n)
{
	const char *none = s->type == SCHEMA_MAP || s->type == SCHEMA_NAMED ? "write {} if it has no keys"
			   : s->type == SCHEMA_LIST                         ? "write [] for an empty list"
			   : s->type == SCHEMA_STRING                       ? "write \"\" for an empty text"
									    : NULL;
	char want[224], hint[128] = "";

	schema_describe(s, want, sizeof want);
	if (node_is_nothing(n)) {
		snprintf(hint, sizeof hint, "write \"%s\" in quotes if this text is meant", n->text);
		diag_key(w->d, n, n->text[0] != '\0' && kind_for(s->type) == NODE_SCALAR ? hint : none,
			"'%.40s' needs %s, and nothing is written there", label, want);
		return;
	}
	if (s->type == SCHEMA_LIST && n->kind == NODE_SCALAR)
		snprintf(hint, sizeof hint, "write [%.60s] for a list of one", n->text);
	diag_node(w->d, n, hint[0] != '\0' ? hint : NULL, "'%.40s' needs %s, not %s", label, want,
		n->kind == NODE_MAP    ? "a map"
		: n->kind == NODE_LIST ? "a list"
				       : "a single value");
}

static void check_named(struct walk *w, const struct schema *s, struct node *map)
{
	const struct schema entry = {.key = s->key, .type = SCHEMA_MAP, .fields = s->fields};
	char want[128];

	for (struct node *c = map->child; c != NULL; c = c->next) {
		const struct schema name = {.type = SCHEMA_NAME, .max = s->max};

		if (!schema_name_ok(c->key, schema_name_max(s)))
			diag_key(w->d, c, NULL,
				"'%.60s' in '%.40s' must be %s that begins with a letter or digit", c->key,
				s->key != NULL ? s->key : "", schema_describe(&name, want, sizeof want));
		check_value(w, &entry, c->key, c);
	}
}

static void check_list(struct walk *w, const struct schema *s, const char *label, struct node *list)
{
	if (list->count < s->min)
		diag_node(w->d, list, NULL, "'%.40s' needs at least %" PRIu64 " in its list, not %u", label,
			s->min, list->count);
	else if (s->max != 0 && list->count > s->max)
		diag_node(w->d, list, NULL, "'%.40s' takes at most %" PRIu64 " in its list, not %u", label,
			s->max, list->count);
	for (struct node *c = list->child; c != NULL && s->item != NULL; c = c->next)
		check_value(w, s->item, label, c);
}

static void find_referred(struct walk *w, struct referred *r, const char *key)
{
	const struct node *map = node_get(w->root, key);

	*r = (struct referred){.key = key};
	if (map == NULL || map->kind != NODE_MAP)
		return;
	r->map = map;
	keyset_update(&r->names, map);
}

static const struct referred *referred_by(struct walk *w, const char *key)
{
	for (unsigned i = 0; i < w->referred_count; i++)
		if (strcmp(w->referred[i].key, key) == 0)
			return &w->referred[i];
	/* When the table is full its last place is used again: slower, still right. */
	if (w->referred_count == REFERRED_MAX)
		keyset_free(&w->referred[--w->referred_count].names);
	find_referred(w, &w->referred[w->referred_count], key);
	return &w->referred[w->referred_count++];
}

/* 0 if the name exists where it must. */
static int check_reference(
	struct walk *w, const struct schema *s, const char *label, const struct node *n, struct fault *f)
{
	const struct referred *r;
	struct diag_near near;

	if (s->refers == NULL)
		return 0;
	r = referred_by(w, s->refers);
	if (r->map != NULL && keyset_find(&r->names, r->map, n->text) != NULL)
		return 0;
	diag_near_init(&near, n->text);
	if (r->map != NULL && !diag_full(w->d))
		NODE_EACH (c, r->map)
			diag_near_try(&near, c->key);
	return fault_set(
		f, true, near.best, "'%.40s' names '%.60s', which is not in '%s'", label, n->text, s->refers);
}

static int check_one(
	struct walk *w, const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	int rc = schema_scalar(s, label, n, f);

	return rc == 0 ? check_reference(w, s, label, n, f) : rc;
}

/* Whether one of the alternatives is a whole number and this looks like one. */
static bool is_number_for(const struct schema *s, const struct node *n)
{
	if (n->quoted || strspn(n->text, "0123456789") != strlen(n->text))
		return false;
	for (const struct schema *a = s->alternatives; a->help != NULL; a++)
		if (a->type == SCHEMA_INT)
			return true;
	return false;
}

/* The first alternative that accepts the value; if none does, the one that came close says why. */
static int check_any_of(
	struct walk *w, const struct schema *s, const char *label, struct node *n, struct fault *f)
{
	bool close = false, number = is_number_for(s, n);
	char want[224];

	for (const struct schema *a = s->alternatives; a->help != NULL; a++) {
		struct fault tried;

		/* A number out of range is not meant as text. */
		if (number && (a->type == SCHEMA_STRING || a->type == SCHEMA_NAME))
			continue;
		if (check_one(w, a, label, n, &tried) == 0)
			return 0;
		if (tried.close && !close)
			*f = tried;
		close |= tried.close;
	}
	if (close)
		return -1;
	return fault_set(f, false, NULL, "'%.40s' needs %s, not '%.60s'", label,
		schema_describe(s, want, sizeof want), n->text);
}

/* The depth of the recursion is the schema's, not the file's. */
static void check_value(struct walk *w, const struct schema *s, const char *label, struct node *n)
{
	char quoted[72];
	struct fault f;

	if (n->kind != kind_for(s->type) || node_is_nothing(n)) {
		wrong_kind(w, s, label, n);
	} else if (s->type == SCHEMA_MAP) {
		snprintf(quoted, sizeof quoted, "'%.60s'", label);
		check_fields(w, fields_of(s->fields), quoted, n);
	} else if (s->type == SCHEMA_NAMED) {
		check_named(w, s, n);
	} else if (s->type == SCHEMA_LIST) {
		check_list(w, s, label, n);
	} else if ((s->type == SCHEMA_ANY_OF ? check_any_of : check_one)(w, s, label, n, &f) != 0) {
		report(w, n, &f);
	} else {
		n->typed = s->type != SCHEMA_ANY_OF;
	}
}

unsigned schema_check(struct node *root, struct diag *d)
{
	struct walk w = {.root = root, .d = d};

	if (root->kind != NODE_MAP) {
		diag_node(d, root, NULL, "the config must be a map of keys");
		return d->total;
	}
	check_fields(&w, fields_of_root(), "the config", root);
	for (unsigned i = 0; i < w.referred_count; i++)
		keyset_free(&w.referred[i].names);
	/* The parts read typed values, which are only there when every type was right. */
	if (d->total == 0)
		for (const struct schema_part *p = parts; p != NULL; p = p->next)
			if (p->check != NULL)
				p->check(root, d);
	return d->total;
}
