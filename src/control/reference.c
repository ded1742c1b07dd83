/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/reference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "control/schema.h"
#include "control/value.h"

#define SECTIONS_MAX 64

static void range(FILE *out, const struct schema *s, const char *what)
{
	char low[VALUE_STRLEN], high[VALUE_STRLEN];

	if (s->min == 0 && s->max == 0) {
		fputs(what, out);
		return;
	}
	if (s->type == SCHEMA_DURATION) {
		fprintf(out, "%s, %s to %s", what, value_format_duration(s->min, low),
			value_format_duration(s->max, high));
	} else if (s->type == SCHEMA_SIZE) {
		fprintf(out, "%s, at least %s", what, value_format_size(s->min, low));
		if (s->max != 0)
			fprintf(out, ", at most %s", value_format_size(s->max, high));
	} else {
		fprintf(out, "%s, %" PRIu64 " to %" PRIu64, what, s->min, s->max);
	}
}

static void words(FILE *out, const struct schema *s)
{
	for (unsigned i = 0; s->words[i] != NULL; i++)
		fprintf(out, "%s`%s`", i != 0 ? ", " : "", s->words[i]);
}

static void type(FILE *out, const struct schema *s);

static void alternatives(FILE *out, const struct schema *s)
{
	for (const struct schema *a = s->alternatives; a->help != NULL; a++) {
		if (a != s->alternatives)
			fputs(" or ", out);
		type(out, a);
	}
}

/* Kind and bounds in words. */
static void type(FILE *out, const struct schema *s)
{
	static const char *const plain[] = {[SCHEMA_BOOL] = "`true` or `false`",
		[SCHEMA_ADDRESS] = "IPv4 or IPv6 address",
		[SCHEMA_PREFIX] = "network (ADDRESS/LENGTH, host bits zero)",
		[SCHEMA_IFADDR] = "address with length",
		[SCHEMA_MAC] = "MAC address",
		[SCHEMA_MAP] = "map",
		[SCHEMA_NAMED] = "map by name",
		[SCHEMA_LIST] = "list",
		[SCHEMA_RATE] = "rate (20Mbit)"};

	switch (s->type) {
	case SCHEMA_STRING:
		fputs("text", out);
		break;
	case SCHEMA_NAME:
		if (s->refers != NULL)
			fprintf(out, "name from `%s`", s->refers);
		else
			fputs("name", out);
		break;
	case SCHEMA_INT:
		range(out, s, "number");
		break;
	case SCHEMA_SIZE:
		range(out, s, "size (512M, 2G)");
		break;
	case SCHEMA_DURATION:
		range(out, s, "time (200ms, 30s)");
		break;
	case SCHEMA_ENUM:
		words(out, s);
		break;
	case SCHEMA_ANY_OF:
		alternatives(out, s);
		break;
	default:
		fputs(plain[s->type], out);
	}
}

static const struct schema *children(const struct schema *s)
{
	if (s->type == SCHEMA_LIST && s->item != NULL)
		return s->item->fields;
	return s->fields;
}

/* One row per key; maps inside follow with their path. */
static void rows(FILE *out, const struct schema *fields, const char *path)
{
	char below[128];

	for (const struct schema *s = fields; s != NULL && s->key != NULL; s++) {
		fprintf(out, "| `%s%s` | ", path, s->key);
		type(out, s);
		if (s->type == SCHEMA_LIST && s->item != NULL && s->item->fields == NULL) {
			fputs(" of ", out);
			type(out, s->item);
		}
		fprintf(out, " | %s%s%s | %s |\n", s->fallback != NULL ? "`" : "",
			s->fallback != NULL ? s->fallback
			: s->required       ? "required"
					    : "",
			s->fallback != NULL ? "`" : "", s->help);
		snprintf(below, sizeof below, "%s%s.", path, s->key);
		rows(out, children(s), below);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct schema *x = *(const struct schema *const *)a, *y = *(const struct schema *const *)b;

	return strcmp(x->key, y->key);
}

static void section(FILE *out, const struct schema *s)
{
	const char *shape = s->type == SCHEMA_NAMED  ? "A map by name; each value has these keys:"
			    : s->type == SCHEMA_LIST ? "A list; each item has these keys:"
						     : "A map with these keys:";

	fprintf(out, "\n## %s\n\n%s %s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", s->key,
		s->help, shape);
	rows(out, children(s), "");
}

void reference_print(FILE *out)
{
	const struct schema *list[SECTIONS_MAX];
	unsigned n = 0;

	for (const struct schema_part *p = schema_parts(); p != NULL; p = p->next)
		for (const struct schema *s = p->fields; s->key != NULL && n < SECTIONS_MAX; s++)
			list[n++] = s;
	qsort(list, n, sizeof list[0], by_key);
	fputs("<!-- SPDX-License-Identifier: BSD-3-Clause -->\n# Configuration reference\n\n"
	      "Written by `weir config reference` from the schema that checks the file. The file is YAML "
	      "without anchors, "
	      "aliases and tags; unknown and duplicate keys are errors. Addresses with colons inside `{}` or "
	      "`[]` need "
	      "quotes. Numbers may carry units where the table says so.\n",
		out);
	for (unsigned i = 0; i < n; i++)
		section(out, list[i]);
}
