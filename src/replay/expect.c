/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Comparing a run with what was expected of it (expect_load.c says what a document looks like).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "control/diag.h"
#include "feature/iface/iface.h"
#include "replay/expect_priv.h"

void differ(struct differences *d, const char *fmt, ...)
{
	va_list ap;

	if (d->count < DIFFERENCES_SHOWN) {
		va_start(ap, fmt);
		if (vasprintf(&d->text[d->count], fmt, ap) < 0)
			d->text[d->count] = NULL;
		va_end(ap);
	}
	d->count++;
}

/* --- packets --- */

static int order(const void *a, const void *b)
{
	const struct expected *x = a, *y = b;

	if (x->input != y->input)
		return x->input < y->input ? -1 : 1;
	return x->n < y->n ? -1 : x->n > y->n;
}

/* Index of the input that a packet names (one input needs no name), or INPUT_MAX. */
static unsigned input_of(const struct replay *r, const json_t *packet)
{
	const char *name = json_string_value(json_object_get(packet, "input"));

	if (name == NULL)
		return r->merge.count == 1 ? 0 : INPUT_MAX;
	for (unsigned i = 0; i < r->merge.count; i++)
		if (strcmp(r->merge.input[i].name, name) == 0)
			return i;
	return INPUT_MAX;
}

int expect_bind(struct expect *x, const struct replay *r, struct err *e)
{
	json_t *p;
	size_t i;

	x->replay = r;
	if (!expect_wants_rows(x))
		return 0;
	x->row = calloc(json_array_size(x->packets), sizeof *x->row);
	if (x->row == NULL)
		return err_set(
			e, ENOMEM, "not enough memory to compare %zu packets", json_array_size(x->packets));
	json_array_foreach(x->packets, i, p)
	{
		struct expected *row = &x->row[x->rows];

		*row = (struct expected){.input = input_of(r, p),
			.n = (uint64_t)json_integer_value(json_object_get(p, "n")),
			.packet = p};
		if (row->input == INPUT_MAX)
			differ(&x->d, "packets[%zu] names no --in of this run", i);
		else
			x->rows++;
	}
	qsort(x->row, x->rows, sizeof *x->row, order);
	for (i = x->rows; i > 0; i--)
		x->cursor[x->row[i - 1].input] = i - 1;
	return 0;
}

/* NULL and null are "none". */
static void compare_text(struct expect *x, const struct row *row, const struct expected *want,
	const char *key, const char *have)
{
	json_t *v = json_object_get(want->packet, key);
	const char *text = json_string_value(v);

	if (v == NULL || (text == NULL && have == NULL) ||
		(text != NULL && have != NULL && strcmp(text, have) == 0))
		return;
	differ(&x->d, "packet %" PRIu64 " of %s: %s %s expected, %s found%s%s", row->n,
		x->replay->merge.input[row->input].name, key, text != NULL ? text : "none",
		have != NULL ? have : "none",
		strcmp(key, "verdict") == 0 && row->reason != NULL ? ", reason " : "",
		strcmp(key, "verdict") == 0 && row->reason != NULL ? row->reason : "");
}

/* First expected row of (input, n), or x->rows. Packets come nearly in order, so it is mostly at the cursor.
 */
static size_t find(const struct expect *x, const struct expected *key)
{
	size_t low = 0, high = x->rows, at = x->cursor[key->input];

	if (at < x->rows && order(&x->row[at], key) == 0 && (at == 0 || order(&x->row[at - 1], key) < 0))
		return at;
	while (low < high) {
		at = low + (high - low) / 2;
		if (order(&x->row[at], key) < 0)
			low = at + 1;
		else
			high = at;
	}
	return low;
}

void expect_row(struct expect *x, const struct row *row)
{
	struct expected key = {.input = row->input, .n = row->n};
	size_t at;

	if (x->rows == 0)
		return;
	for (at = find(x, &key); at < x->rows && order(&x->row[at], &key) == 0; at++) {
		compare_text(x, row, &x->row[at], "verdict", row->verdict);
		compare_text(x, row, &x->row[at], "reason", row->reason);
		compare_text(x, row, &x->row[at], "out", row->out);
		compare_text(x, row, &x->row[at], "interface", row->interface);
		compare_text(x, row, &x->row[at], "rules", row->rules);
	}
	x->cursor[row->input] = at;
}

/* Expected packets behind the end of their capture. */
static void compare_missing(struct expect *x)
{
	for (size_t i = 0; i < x->rows; i++) {
		const struct input *in = &x->replay->merge.input[x->row[i].input];

		if (x->row[i].n > in->packets)
			differ(&x->d,
				"packet %" PRIu64 " of %s is expected, but only %" PRIu64 " were replayed",
				x->row[i].n, in->name, in->packets);
	}
}

/* --- counts and outputs --- */

static void compare_count(struct expect *x, const char *part, const char *name, json_t *want, uint64_t have)
{
	uint64_t n = (uint64_t)json_integer_value(want);

	if (n != have)
		differ(&x->d, "%s: %" PRIu64 " %s expected, %" PRIu64 " found", part, n, name, have);
}

static void differ_no_reason(struct expect *x, const char *name)
{
	struct diag_near near;

	diag_near_init(&near, name);
	for (uint16_t id = 1; id <= reasons_count(); id++)
		diag_near_try(&near, reason_get(id)->name);
	differ(&x->d, "drops: there is no reason '%s'%s%s%s", name,
		near.best != NULL ? "; did you mean '" : "", near.best != NULL ? near.best : "",
		near.best != NULL ? "'?" : "");
}

static void compare_drops(struct expect *x)
{
	const char *key;
	json_t *value;

	json_object_foreach(x->drops, key, value)
	{
		uint16_t id = 1;

		while (id <= reasons_count() && strcmp(reason_get(id)->name, key) != 0)
			id++;
		if (id > reasons_count())
			differ_no_reason(x, key);
		else
			compare_count(x, "drops", key, value, x->replay->total.reason[id]);
	}
}

static void compare_summary(struct expect *x)
{
	const struct counters *c = &x->replay->total;
	struct ends ends = ends_of(c);
	const struct {
		const char *name;
		uint64_t have;
	} known[] = {
		{"received", c->received},
		{"originated", c->originated},
		{"transmitted", c->transmitted},
		{"consumed", ends.consumed},
		{"dropped", ends.dropped},
		{"held", x->replay->held},
		{"reasons", 0},
	};
	const char *key;
	json_t *value;

	json_object_foreach(x->summary, key, value)
	{
		unsigned i = 0;

		while (i < RTE_DIM(known) && strcmp(known[i].name, key) != 0)
			i++;
		if (i == RTE_DIM(known))
			differ(&x->d, "summary: '%s' is not counted", key);
		else if (json_is_integer(value))
			compare_count(x, "summary", key, value, known[i].have);
	}
}

static void compare_ports(struct expect *x)
{
	json_t *p;
	size_t i;

	json_array_foreach(x->ports, i, p)
	{
		const char *name = json_string_value(json_object_get(p, "port"));
		int port = iface_port_find(x->replay->w, name);

		if (port < 0)
			differ(&x->d, "ports: there is no port '%s'", name);
		else
			compare_count(x, name, "packets", json_object_get(p, "packets"),
				x->replay->sink[port].packets);
	}
}

static void compare_outputs(struct expect *x)
{
	char golden[4096], written[4096 + 64];
	const char *key;
	json_t *value;

	json_object_foreach(x->outputs, key, value)
	{
		int port = iface_port_find(x->replay->w, key);

		if (port < 0) {
			differ(&x->d, "outputs: there is no port '%s'", key);
			continue;
		}
		golden_compare(&x->d, key, golden_path(x, json_string_value(value), golden, sizeof golden),
			sink_path(x->replay, (uint16_t)port, written, sizeof written));
	}
}

uint64_t expect_finish(struct expect *x)
{
	compare_missing(x);
	compare_drops(x);
	compare_summary(x);
	compare_ports(x);
	compare_outputs(x);
	for (unsigned i = 0; i < DIFFERENCES_SHOWN && x->d.text[i] != NULL; i++)
		fprintf(stderr, "differs: %s\n", x->d.text[i]);
	if (x->d.count > DIFFERENCES_SHOWN)
		fprintf(stderr, "and %" PRIu64 " more\n", x->d.count - DIFFERENCES_SHOWN);
	return x->d.count;
}
