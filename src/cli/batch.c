/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/bulk.h"
#include "cli/call.h"
#include "cli/dispatch.h"
#include "cli/line.h"
#include "cli/progress.h"

struct batch {
	const struct cli *c;
	const char *name;
	struct progress progress;
	uint64_t line, bytes;
	char where[300];
	struct bulk bulk;
	bool leave; /* exit ends a file */
	int code;   /* of the first command that failed */
};

/* What cli_error() says before its sentence. */
static void at_line(void *ctx, uint64_t line)
{
	struct batch *b = ctx;

	snprintf(b->where, sizeof b->where, "%.200s:%llu", b->name, (unsigned long long)line);
}

static void note(struct batch *b, int code)
{
	b->code = b->code == CLI_OK ? code : b->code;
}

/* Any command but a route: what waits goes first. */
static void run_words(struct batch *b, const struct line *l)
{
	struct cli c = *b->c;

	note(b, bulk_flush(&b->bulk));
	at_line(b, b->line);
	c.file = NULL;
	c.leave = &b->leave;
	if (b->code == CLI_OK || c.force)
		note(b, dispatch_line(&c, l->count, l->word));
}

static void run_line(struct batch *b, const char *text, size_t len)
{
	struct line l;
	struct err e = {0};
	int code;

	if (memchr(text, '\0', len) != NULL) {
		note(b, cli_error(CLI_USAGE, "a NUL byte: this is not a file of commands"));
		return;
	}
	if (line_split(&l, text, len, &e) != 0) {
		note(b, cli_error(CLI_FAILED, "%s", e.text));
		return;
	}
	if (l.quote != 0)
		note(b, cli_error(CLI_USAGE, "the quote %c is not closed", l.quote));
	else if (l.count > 1 && bulk_take(&b->bulk, &l, b->line, &code))
		note(b, code);
	else if (l.count > 1)
		run_words(b, &l);
	line_free(&l);
}

static void run_file(struct batch *b, FILE *f)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t len;

	while (!b->leave && (b->code == CLI_OK || b->c->force) && (len = getline(&text, &room, f)) >= 0) {
		b->line++;
		b->bytes += (uint64_t)len;
		at_line(b, b->line);
		run_line(b, text, (size_t)len);
		progress_at(&b->progress, b->bytes, b->line);
	}
	/* What stands before a line that is wrong is done, as it would be one by one. */
	note(b, bulk_flush(&b->bulk));
	free(text);
}

static void clear_progress(void *ctx)
{
	progress_clear(ctx);
}

int batch_run(const struct cli *c)
{
	bool standard = strcmp(c->file, "-") == 0;
	struct batch b = {.c = c, .name = standard ? "standard input" : c->file};
	FILE *f = standard ? stdin : fopen(c->file, "re");
	struct stat s;

	if (f == NULL || fstat(fileno(f), &s) != 0)
		return cli_error(CLI_FAILED, "%s cannot be read: %s", b.name, strerror(errno));
	progress_start(&b.progress, b.name, "commands", S_ISREG(s.st_mode) ? (uint64_t)s.st_size : 0);
	b.bulk = (struct bulk){.c = c, .at = at_line, .ctx = &b};
	cli_where(b.where);
	cli_before_error(clear_progress, &b.progress);
	run_file(&b, f);
	progress_clear(&b.progress);
	cli_before_error(NULL, NULL);
	cli_where(NULL);
	if (ferror(f) && b.code == CLI_OK)
		b.code = cli_error(CLI_FAILED, "%s cannot be read: %s", b.name, strerror(errno));
	if (!standard)
		fclose(f);
	return b.code;
}
