/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The sets of the config that runs, and of the one that is being prepared.
 */
#include "feature/set/set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "feature/set/set_priv.h"
#include "pipeline/bill.h"
#include "pipeline/weir.h"

struct sets {
	struct set **list; /* by name */
	uint32_t count;
};

struct set_state {
	struct sets now, next;
	bool preparing;
	uint64_t serial;
};

void set_ref(const struct set *s)
{
	((struct set *)(uintptr_t)s)->refs++;
}

void set_unref(const struct set *s)
{
	struct set *mine = (struct set *)(uintptr_t)s;

	if (mine == NULL || --mine->refs != 0)
		return;
	set_clear(mine);
	free(mine);
}

static int init(struct weir *w, struct err *e)
{
	w->sets = calloc(1, sizeof *w->sets);
	return w->sets != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for the table of sets");
}

static void drop_sets(struct sets *x)
{
	for (uint32_t i = 0; i < x->count; i++)
		set_unref(x->list[i]);
	free(x->list);
	*x = (struct sets){0};
}

static void fini(struct weir *w)
{
	if (w->sets == NULL)
		return;
	drop_sets(&w->sets->now);
	drop_sets(&w->sets->next);
	free(w->sets);
	w->sets = NULL;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct set *const *)a)->name, (*(struct set *const *)b)->name);
}

static struct set *find_in(const struct sets *x, const char *name)
{
	uint32_t low = 0, high = x->count;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = strcmp(name, x->list[mid]->name);

		if (c == 0)
			return x->list[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct set *sets_find(const struct weir *w, const char *name)
{
	const struct set_state *s = w->sets;

	return find_in(s->preparing ? &s->next : &s->now, name);
}

void sets_walk(const struct weir *w, void (*fn)(void *ctx, const struct set *s), void *ctx)
{
	for (uint32_t i = 0; i < w->sets->now.count; i++)
		fn(ctx, w->sets->now.list[i]);
}

/* A set that says what it said is the same one. */
static void keep_serial(struct set_state *s, struct set *new)
{
	const struct set *old = find_in(&s->now, new->name);

	if (old != NULL &&
		old->is_ports == new->is_ports &&addr_set_equal(&old->addresses, &new->addresses) &&
		ranges_equal(&old->ports, &new->ports))
		new->serial = old->serial;
	else
		new->serial = ++s->serial;
}

static int add_set(struct set_state *s, const struct node *n, struct err *e)
{
	struct set *new = calloc(1, sizeof *new);
	const struct node *at;
	struct err why = {0};
	int rc;

	if (new == NULL)
		return err_set(e, ENOMEM, "not enough memory for the set '%s'", n->key);
	rc = set_read(n, new, &at, &why);
	if (rc != 0) {
		free(new);
		return err_set(e, why.code, "set '%s': %s", n->key, why.text);
	}
	keep_serial(s, new);
	s->next.list[s->next.count++] = new;
	return 0;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	const struct node *list = node_get(cfg, "sets");
	struct set_state *s = w->sets;

	drop_sets(&s->next);
	s->preparing = true;
	if (list == NULL)
		return 0;
	s->next.list = calloc(list->count + 1, sizeof(struct set *));
	if (s->next.list == NULL)
		return err_set(e, ENOMEM, "not enough memory for the table of sets");
	NODE_EACH (n, list)
		if (add_set(s, n, e) != 0)
			return -1;
	qsort(s->next.list, s->next.count, sizeof(struct set *), by_name);
	return 0;
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct set_state *s = w->sets;

	drop_sets(&s->now);
	s->now = s->next;
	s->next = (struct sets){0};
	s->preparing = false;
}

static void abort_sets(struct weir *w)
{
	drop_sets(&w->sets->next);
	w->sets->preparing = false;
}

/* --- what they take --- */

/* Lines of a file; 0 when it cannot be read. */
static uint64_t count_lines(const char *path)
{
	uint64_t lines = 0, bytes = 0;
	char text[65536];
	struct stat st;
	size_t n;
	FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;

	if (f == NULL)
		return 0;
	while (bytes < SET_FILE_MAX && (n = fread(text, 1, sizeof text, f)) > 0) {
		bytes += n;
		for (size_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	}
	fclose(f);
	return lines + 1;
}

static uint64_t entries_of(const struct node *n)
{
	const struct node *a = node_get(n, "addresses"), *p = node_get(n, "ports"), *f = node_get(n, "file");

	return (a != NULL ? a->count : 0) + (p != NULL ? p->count : 0) +
	       (f != NULL ? count_lines(f->text) : 0);
}

uint64_t set_ranges_bound(const struct node *cfg, const char *name)
{
	return entries_of(node_get(node_get(cfg, "sets"), name));
}

static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	uint64_t entries = 0;

	NODE_EACH (n, node_get(cfg, "sets"))
		entries += entries_of(n);
	/* Arrays grow by doubling. */
	if (entries != 0)
		bill_add(b, "named sets", entries, entries * 2 * sizeof(struct range));
}

static struct feature feature_set = {.name = "set",
	.order = 14,
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.commit = commit,
	.abort = abort_sets,
	.bill = bill};
FEATURE_REGISTER(feature_set)
