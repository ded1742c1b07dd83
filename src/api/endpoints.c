/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The endpoint table: each file of handlers registers its rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/diag.h"

#define ENDPOINTS_MAX 256

static struct endpoint_table *tables;
static const struct endpoint *all[ENDPOINTS_MAX];
static unsigned total; /* 0: not collected yet */

void endpoint_register(struct endpoint_table *t)
{
	t->next = tables;
	tables = t;
	total = 0;
}

static int by_path(const void *a, const void *b)
{
	const struct endpoint *x = *(const struct endpoint *const *)a,
			      *y = *(const struct endpoint *const *)b;
	int rc = strcmp(x->path, y->path);

	return rc != 0 ? rc : strcmp(x->method, y->method);
}

const struct endpoint *const *endpoints_all(unsigned *count)
{
	if (total == 0) {
		for (const struct endpoint_table *t = tables; t != NULL; t = t->next)
			for (const struct endpoint *p = t->rows; p->path != NULL && total < ENDPOINTS_MAX;
				p++)
				all[total++] = p;
		qsort(all, total, sizeof all[0], by_path);
	}
	*count = total;
	return all;
}

/* Does the path fit? *name: what stands for {name}. */
static bool fits(const struct endpoint *p, const char *path, const char **name)
{
	const char *hole = strstr(p->path, "{");
	const size_t before = hole != NULL ? (size_t)(hole - p->path) : 0;

	*name = NULL;
	if (hole == NULL)
		return strcmp(p->path, path) == 0;
	if (strncmp(p->path, path, before) != 0 || path[before] == '\0' || strchr(path + before, '/') != NULL)
		return false;
	*name = path + before;
	return true;
}

const struct endpoint *endpoint_find(
	const char *method, const char *path, const char **name, char *allowed, size_t size)
{
	unsigned count;
	const struct endpoint *const *list = endpoints_all(&count);
	const struct endpoint *found = NULL;
	size_t len = 0;
	const char *hole;

	allowed[0] = '\0';
	for (unsigned i = 0; i < count; i++) {
		if (!fits(list[i], path, &hole))
			continue;
		if (strcmp(list[i]->method, method) == 0) {
			/* A path without a hole comes before one with. */
			if (found == NULL || hole == NULL) {
				found = list[i];
				*name = hole;
			}
		} else if (len < size) {
			len += (size_t)snprintf(
				allowed + len, size - len, "%s%s", len != 0 ? ", " : "", list[i]->method);
		}
	}
	return found;
}

bool endpoint_changes(const struct endpoint *p)
{
	return strcmp(p->method, "GET") != 0 && (p->flags & ENDPOINT_READS) == 0;
}

const char *endpoint_near(const char *path)
{
	unsigned count;
	const struct endpoint *const *list = endpoints_all(&count);
	struct diag_near near;

	diag_near_init(&near, path);
	for (unsigned i = 0; i < count; i++)
		diag_near_try(&near, list[i]->path);
	return near.best;
}
