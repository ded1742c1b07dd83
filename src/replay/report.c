/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The report as JSON, written as it is made so that a million packets need no memory. Names of interfaces,
 * ports and reasons are plain words (the schema and the code see to that); paths and sentences are escaped.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "feature/iface/iface.h"
#include "replay/priv.h"

/* Any bytes as a JSON string. */
static void put_text(FILE *f, const char *text)
{
	json_t *s = json_string(text);
	char *quoted = s != NULL ? json_dumps(s, JSON_ENCODE_ANY) : NULL;

	fputs(quoted != NULL ? quoted : "\"?\"", f); /* a path that is not UTF-8 */
	free(quoted);
	json_decref(s);
}

static void put_inputs(const struct replay *r, FILE *f)
{
	fputs("\"inputs\":[", f);
	for (unsigned i = 0; i < r->merge.count; i++) {
		const struct input *in = &r->merge.input[i];

		fprintf(f, "%s\n{\"input\":\"%s\",\"port\":\"%s\",\"file\":", i != 0 ? "," : "", in->name,
			iface_port_name(r->w, in->port));
		put_text(f, in->path);
		fprintf(f, ",\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"cut\":%" PRIu64, in->packets,
			in->bytes, in->cut);
		if (in->warning[0] != '\0') {
			fputs(",\"warning\":", f);
			put_text(f, in->warning);
		}
		fputc('}', f);
	}
	fputs("],\n", f);
}

static void put_ports(const struct replay *r, FILE *f)
{
	fputs("\"ports\":[", f);
	for (uint16_t p = 0; p < r->ports; p++)
		fprintf(f, "%s\n{\"port\":\"%s\",\"packets\":%" PRIu64 "}", p != 0 ? "," : "",
			iface_port_name(r->w, p), r->sink[p].packets);
	fputs("],\n", f);
}

static const char *kind_word(enum reason_kind k)
{
	return k == REASON_DONE ? "done" : k == REASON_DROP ? "drop" : "error";
}

static void put_summary(const struct replay *r, FILE *f)
{
	const struct counters *c = &r->total;
	struct ends ends = ends_of(c);

	fprintf(f,
		"\"summary\":{\"received\":%" PRIu64 ",\"originated\":%" PRIu64 ",\"transmitted\":%" PRIu64
		",\"consumed\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"held\":%" PRIu64 ",\"reasons\":[",
		c->received, c->originated, c->transmitted, ends.consumed, ends.dropped, r->held);
	for (uint16_t i = 1, n = 0; i <= reasons_count(); i++) {
		const struct reason *x = reason_get(i);

		if (c->reason[i] == 0)
			continue;
		fprintf(f, "%s\n{\"reason\":\"%s\",\"kind\":\"%s\",\"count\":%" PRIu64 ",\"help\":",
			n++ != 0 ? "," : "", x->name, kind_word(x->kind), c->reason[i]);
		put_text(f, x->help);
		fputc('}', f);
	}
	fputs("]},\n", f);
}

/* The same counts in the form that --expect takes. */
static void put_drops(const struct replay *r, FILE *f)
{
	fputs("\"drops\":{", f);
	for (uint16_t i = 1, n = 0; i <= reasons_count(); i++)
		if (r->total.reason[i] != 0)
			fprintf(f, "%s\"%s\":%" PRIu64, n++ != 0 ? "," : "", reason_get(i)->name,
				r->total.reason[i]);
	fputs("},\n", f);
}

struct rows {
	const struct replay *r;
	FILE *f;
	bool any;
};

static void put_row(void *ctx, const struct row *row)
{
	struct rows *s = ctx;

	fprintf(s->f, "%s\n{\"n\":%" PRIu64 ",\"input\":\"%s\",", s->any ? "," : "", row->n,
		s->r->merge.input[row->input].name);
	if (row->interface != NULL)
		fprintf(s->f, "\"interface\":\"%s\",", row->interface);
	else
		fputs("\"interface\":null,", s->f);
	fprintf(s->f, "\"timestamp\":%" PRIu64 ",\"verdict\":\"%s\"", row->ns, row->verdict);
	if (row->reason != NULL)
		fprintf(s->f, ",\"reason\":\"%s\"", row->reason);
	if (row->out != NULL)
		fprintf(s->f, ",\"out\":\"%s\"", row->out);
	fputc('}', s->f);
	s->any = true;
}

static int put_report(const struct replay *r, FILE *f, struct err *e)
{
	struct rows rows = {.r = r, .f = f};
	int rc;

	fputs("{", f);
	put_inputs(r, f);
	put_ports(r, f);
	put_summary(r, f);
	put_drops(r, f);
	fputs("\"packets\":[", f);
	rc = rows_walk(r, put_row, &rows, e);
	fputs("]}\n", f);
	return rc;
}

int report_open(struct replay *r, struct err *e)
{
	const char *path = r->opt.report;

	if (path == NULL)
		return 0;
	if (strcmp(path, "-") == 0) {
		r->report = stdout;
		return 0;
	}
	if (would_overwrite(r, path))
		return err_set(e, EEXIST,
			"%s is read by this run and would be overwritten; give another --report", path);
	r->report = fopen(path, "we");
	if (r->report == NULL)
		return err_set(e, errno, "%s cannot be created: %s", path, strerror(errno));
	setvbuf(r->report, NULL, _IOFBF, 1u << 20);
	return 0;
}

int report_write(struct replay *r, struct err *e)
{
	FILE *f = r->report;
	int rc;

	if (f == NULL)
		return 0;
	r->report = NULL;
	rc = put_report(r, f, e);
	errno = 0;
	if (fflush(f) != 0 || ferror(f))
		rc = err_set(e, errno != 0 ? errno : EIO, "%s cannot be written: %s", r->opt.report,
			strerror(errno != 0 ? errno : EIO));
	if (f != stdout)
		fclose(f);
	return rc;
}
