/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The report as JSON, written while the replay goes on so that a million packets need no memory: the packets
 * first, one a line, then the sums. Names of interfaces, ports and reasons are plain words (the schema and
 * the code see to that); paths and sentences are escaped.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/json.h"
#include "feature/iface/iface.h"
#include "replay/priv.h"

static void put_inputs(const struct replay *r, struct jw *j)
{
	jw_open(j, "inputs", '[');
	for (unsigned i = 0; i < r->merge.count; i++) {
		const struct input *in = &r->merge.input[i];

		jw_open(j, NULL, '{');
		jw_text(j, "input", in->name);
		jw_text(j, "port", iface_port_name(r->w, in->port));
		jw_text(j, "file", in->path);
		jw_u64(j, "packets", in->packets);
		jw_u64(j, "bytes", in->bytes);
		jw_u64(j, "cut", in->cut);
		if (in->warning[0] != '\0')
			jw_text(j, "warning", in->warning);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_ports(const struct replay *r, struct jw *j)
{
	jw_open(j, "ports", '[');
	for (uint16_t p = 0; p < r->ports; p++) {
		jw_open(j, NULL, '{');
		jw_text(j, "port", iface_port_name(r->w, p));
		jw_u64(j, "packets", r->sink[p].packets);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static const char *kind_word(enum reason_kind k)
{
	return k == REASON_DONE ? "done" : k == REASON_DROP ? "drop" : "error";
}

static void put_reasons(const struct counters *c, struct jw *j)
{
	jw_open(j, "reasons", '[');
	for (uint16_t i = 1; i <= reasons_count(); i++) {
		const struct reason *x = reason_get(i);

		if (c->reason[i] == 0)
			continue;
		jw_open(j, NULL, '{');
		jw_text(j, "reason", x->name);
		jw_text(j, "kind", kind_word(x->kind));
		jw_u64(j, "count", c->reason[i]);
		jw_text(j, "help", x->help);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_summary(const struct replay *r, struct jw *j)
{
	const struct counters *c = &r->total;
	struct ends ends = ends_of(c);

	jw_open(j, "summary", '{');
	jw_u64(j, "received", c->received);
	jw_u64(j, "originated", c->originated);
	jw_u64(j, "transmitted", c->transmitted);
	jw_u64(j, "consumed", ends.consumed);
	jw_u64(j, "dropped", ends.dropped);
	jw_u64(j, "held", r->held);
	put_reasons(c, j);
	jw_close(j, '}');
}

/* The same counts in the form that --expect takes. */
static void put_drops(const struct replay *r, struct jw *j)
{
	jw_open(j, "drops", '{');
	for (uint16_t i = 1; i <= reasons_count(); i++)
		if (r->total.reason[i] != 0)
			jw_u64(j, reason_get(i)->name, r->total.reason[i]);
	jw_close(j, '}');
}

/* --- rows: written where they stand in the buffer, as there may be millions --- */

#define REASON_NAME 64 /* bytes shown, at most */
#define ROW_MAX (6 * IFACE_NAME + REASON_NAME + TRACK_RULES + 256)

#define ADD(p, text) (memcpy((p), (text), sizeof(text) - 1), (p) + sizeof(text) - 1)

static uint8_t *add_name(uint8_t *p, const char *name, size_t max)
{
	size_t len = strnlen(name, max);

	memcpy(p, name, len);
	p[len] = '"';
	return p + len + 1;
}

static uint8_t *add_end(uint8_t *p, const struct row *row)
{
	p = ADD(p, ",\"verdict\":\"");
	p = add_name(p, row->verdict, 16);
	if (row->reason != NULL)
		p = add_name(ADD(p, ",\"reason\":\""), row->reason, REASON_NAME);
	if (row->out != NULL)
		p = add_name(ADD(p, ",\"out\":\""), row->out, IFACE_NAME);
	if (row->rules != NULL)
		p = add_name(ADD(p, ",\"rules\":\""), row->rules, TRACK_RULES);
	*p++ = '}';
	return p;
}

void report_row(struct replay *r, const struct row *row)
{
	uint8_t *start = writer_take(&r->report, ROW_MAX), *p = start;

	if (r->report_rows++ != 0)
		*p++ = ',';
	p = ADD(p, "\n{\"n\":");
	p = number_text(p, row->n);
	p = ADD(p, ",\"input\":\"");
	p = add_name(p, r->merge.input[row->input].name, INPUT_NAME);
	if (row->interface != NULL)
		p = add_name(ADD(p, ",\"interface\":\""), row->interface, IFACE_NAME);
	else
		p = ADD(p, ",\"interface\":null");
	p = ADD(p, ",\"timestamp\":");
	p = number_text(p, row->ns);
	writer_give_back(&r->report, (size_t)(start + ROW_MAX - add_end(p, row)));
}

/* --- the document --- */

int report_open(struct replay *r, struct err *e)
{
	const char *path = r->opt.report;

	if (path == NULL)
		return 0;
	if (would_overwrite(r, path))
		return err_set(e, EEXIST,
			"%s is read by this run and would be overwritten; give another --report", path);
	if (writer_open(&r->report, path, e) != 0)
		return -e->code;
	writer_text(&r->report, "{\"packets\":[");
	return 0;
}

int report_close(struct replay *r, struct err *e)
{
	struct jw j = {0};
	int rc = 0;

	if (r->report.buffer == NULL)
		return 0;
	jw_open(&j, NULL, '{');
	put_inputs(r, &j);
	put_ports(r, &j);
	put_summary(r, &j);
	put_drops(r, &j);
	jw_close(&j, '}');
	jw_end(&j);
	writer_text(&r->report, "],\n");
	if (j.failed)
		rc = err_set(e, ENOMEM, "not enough memory for the end of the report");
	else
		writer_put(
			&r->report, j.buf + 1, j.len - 1); /* goes on in the object that holds the packets */
	jw_free(&j);
	return writer_close(&r->report, e) != 0 ? -EIO : rc;
}
