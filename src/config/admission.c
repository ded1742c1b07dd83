/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whether there is memory for a config, asked before anything is made of it. What the tables take is computed
 * as an upper bound, from the config and what was added by hand; only growth needs room.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/priv.h"
#include "control/value.h"

#define KEPT_FREE (UINT64_C(64) << 20) /* bytes the rest of the machine keeps in any case */

/* A number behind a word at the start of a line; UINT64_MAX if the file has none. */
static uint64_t number_in(const char *path, const char *word)
{
	FILE *f = fopen(path, "re");
	char line[128];
	uint64_t v = UINT64_MAX;

	if (f == NULL)
		return v;
	while (v == UINT64_MAX && fgets(line, sizeof line, f) != NULL) {
		size_t len = strlen(word);

		if (strncmp(line, word, len) == 0 && sscanf(line + len, " %" SCNu64, &v) != 1)
			break; /* "max" */
	}
	fclose(f);
	return v;
}

/* Path of our control group in the one hierarchy (cgroups(7)), "" for the root or where there is none. */
static void own_group(char *buf, size_t size)
{
	FILE *f = fopen("/proc/self/cgroup", "re");
	char line[1024];

	buf[0] = '\0';
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "0::/", 4) == 0) {
			line[strcspn(line, "\n")] = '\0';
			snprintf(buf, size, "%s", strcmp(line + 3, "/") != 0 ? line + 3 : "");
		}
	if (f != NULL)
		fclose(f);
}

/* What a control group still allows; UINT64_MAX without a limit. */
static uint64_t left_in_group(const char *group)
{
	char path[1200];
	uint64_t most, used;

	snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
	most = number_in(path, "");
	snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.current", group);
	used = number_in(path, "");
	if (most == UINT64_MAX || used == UINT64_MAX)
		return UINT64_MAX;
	return used < most ? most - used : 0;
}

/* Bytes that can still be had: what the kernel thinks, or less in a control group with a limit (such as
 * MemoryMax= of the service), or in one above it. */
static uint64_t available(void)
{
	uint64_t kib = number_in("/proc/meminfo", "MemAvailable:");
	uint64_t bytes = kib != UINT64_MAX ? kib << 10 : UINT64_MAX;
	char group[1024], *slash;

	own_group(group, sizeof group);
	for (;;) {
		uint64_t left = left_in_group(group);

		if (left < bytes)
			bytes = left;
		slash = strrchr(group, '/');
		if (slash == NULL)
			return bytes;
		*slash = '\0';
	}
}

static void make_bill(struct config_service *c, const struct node *cfg, struct bill *b)
{
	*b = (struct bill){0};
	weir_bill(c->w, cfg, b);
	if (c->hooks.bill != NULL)
		c->hooks.bill(c->w, cfg, b);
}

void admission_bills(struct config_service *c, const struct node *now, const struct node *next,
	struct bill *before, struct bill *after, uint64_t *limit)
{
	uint64_t set = node_u64(node_get(next, "dataplane"), "table-memory", 0), room = available();

	make_bill(c, now, before);
	make_bill(c, next, after);
	if (set != 0)
		*limit = set;
	else if (room == UINT64_MAX)
		*limit = 0;
	else
		*limit = before->total + (room > KEPT_FREE ? room - KEPT_FREE : 0);
}

static int by_bytes(const void *a, const void *b)
{
	const struct bill_line *x = a, *y = b;

	return x->bytes > y->bytes ? -1 : x->bytes < y->bytes;
}

/* "IPv4 tables 96M (2000 routes), ..." the three largest. */
static void biggest(const struct bill *b, char *buf, size_t size)
{
	struct bill sorted = *b;
	size_t len = 0;

	qsort(sorted.line, sorted.lines, sizeof sorted.line[0], by_bytes);
	buf[0] = '\0';
	for (unsigned i = 0; i < sorted.lines && i < 3 && sorted.line[i].bytes != 0 && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s %" PRIu64 " MB (%" PRIu64 ")",
			i != 0 ? ", " : "", sorted.line[i].what, sorted.line[i].bytes >> 20,
			sorted.line[i].count);
}

int admission_check(struct config_service *c, const struct node *now, const struct node *next, struct err *e)
{
	struct bill before, after;
	char names[256];
	uint64_t limit;

	admission_bills(c, now, next, &before, &after, &limit);
	if (limit == 0 || after.total <= limit || after.total <= before.total)
		return 0;
	biggest(&after, names, sizeof names);
	return err_set(e, ENOMEM,
		"the configuration would take %" PRIu64 " MB of memory and %s %" PRIu64
		" MB; the most is for %s. Nothing was changed",
		after.total >> 20,
		node_get(node_get(next, "dataplane"), "table-memory") != NULL ? "dataplane.table-memory is"
									      : "there are",
		limit >> 20, names);
}
