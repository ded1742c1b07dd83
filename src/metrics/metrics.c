/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/metrics.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct metrics_part *parts;

/* In the order they were registered, which is the order of the files. */
void metrics_register(struct metrics_part *p)
{
	struct metrics_part **at = &parts;

	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
}

void metrics_write(struct jw *out, struct weir *w)
{
	for (const struct metrics_part *p = parts; p != NULL; p = p->next) {
		struct metrics m = {.out = out};

		p->collect(&m, w);
	}
}

static void put(struct metrics *m, const char *text)
{
	jw_raw(m->out, text, strlen(text));
}

/* Text of a label or a HELP line: backslash and newline are escaped, in labels the quote too. Bytes that are
 * not UTF-8 would end the scrape; names in the configuration cannot hold them, but texts from drivers can. */
static void put_escaped(struct metrics *m, const char *text, bool label)
{
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '\\')
			put(m, "\\\\");
		else if (*c == '\n')
			put(m, "\\n");
		else if (*c == '"' && label)
			put(m, "\\\"");
		else
			jw_raw(m->out, (unsigned char)*c < 0x80 ? c : "?", 1);
	}
}

void metrics_family(struct metrics *m, const char *name, enum metric_type type, const char *help)
{
	m->name = name;
	put(m, "# HELP ");
	put(m, name);
	put(m, " ");
	put_escaped(m, help, false);
	put(m, "\n# TYPE ");
	put(m, name);
	put(m, type == METRIC_COUNTER ? " counter\n" : " gauge\n");
}

static void put_labels(struct metrics *m, va_list args)
{
	const char *key, *before = "{";

	put(m, m->name);
	while ((key = va_arg(args, const char *)) != NULL) {
		const char *text = va_arg(args, const char *);

		put(m, before);
		put(m, key);
		put(m, "=\"");
		put_escaped(m, text != NULL ? text : "", true);
		put(m, "\"");
		before = ",";
	}
	put(m, before[0] == ',' ? "} " : " ");
}

void metrics_u64(struct metrics *m, uint64_t value, ...)
{
	char text[32];
	va_list args;

	va_start(args, value);
	put_labels(m, args);
	va_end(args);
	snprintf(text, sizeof text, "%llu\n", (unsigned long long)value);
	put(m, text);
}

void metrics_real(struct metrics *m, double value, ...)
{
	char text[64];
	va_list args;

	va_start(args, value);
	put_labels(m, args);
	va_end(args);
	snprintf(text, sizeof text, "%.14g\n", isfinite(value) ? value : 0.0);
	put(m, text);
}
