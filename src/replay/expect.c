/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Expectations: {"packets": [{"n": 1, "input": "lan", "verdict": "dropped", "reason": "x"}, ...],
 * "drops": {"reason": count}, "outputs": {"PORT": "golden.pcapng"}}. Every part and every member of a packet
 * but its n is optional; only what is there is compared. A report is such a document, so its other parts are
 * passed over.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "feature/iface/iface.h"
#include "replay/priv.h"

struct expected {
	unsigned input;
	uint64_t n;
	json_t *packet; /* borrowed from the document */
};

struct expect {
	const char *path;
	json_t *root, *packets, *drops, *outputs; /* the latter NULL when absent */
	struct expected *row;                     /* by (input, n) */
	size_t rows;
	size_t cursor[INPUT_MAX]; /* next row of each input */
	struct differences d;
	const struct replay *replay;
};

/* --- the document --- */

static int check_keys(const struct expect *x, struct err *e)
{
	static const char *const known[] = {"packets", "drops", "outputs", "summary", "inputs", "ports"};
	const char *key;
	json_t *value;

	json_object_foreach(x->root, key, value)
	{
		bool found = false;

		for (unsigned i = 0; i < RTE_DIM(known); i++)
			found |= strcmp(key, known[i]) == 0;
		if (!found)
			return err_set(e, EINVAL,
				"%s: '%s' cannot be expected; packets, drops and outputs can", x->path, key);
	}
	return 0;
}

static int check_packets(const struct expect *x, struct err *e)
{
	static const char *const texts[] = {"input", "verdict", "reason", "out"};
	json_t *p, *t;
	size_t i;

	json_array_foreach(x->packets, i, p)
	{
		if (!json_is_object(p) || json_integer_value(json_object_get(p, "n")) < 1)
			return err_set(
				e, EINVAL, "%s: packets[%zu] needs a number n, counted from 1", x->path, i);
		for (unsigned k = 0; k < RTE_DIM(texts); k++) {
			t = json_object_get(p, texts[k]);
			if (t != NULL && !json_is_string(t))
				return err_set(e, EINVAL, "%s: packets[%zu].%s must be a string", x->path, i,
					texts[k]);
		}
	}
	return 0;
}

static int check_members(const struct expect *x, struct err *e)
{
	const char *key;
	json_t *value;

	if (x->packets != NULL && !json_is_array(x->packets))
		return err_set(e, EINVAL, "%s: packets must be a list", x->path);
	if (x->drops != NULL && !json_is_object(x->drops))
		return err_set(e, EINVAL, "%s: drops must map reasons to counts", x->path);
	if (x->outputs != NULL && !json_is_object(x->outputs))
		return err_set(e, EINVAL, "%s: outputs must map ports to captures", x->path);
	json_object_foreach(x->drops, key,
		value) if (!json_is_integer(value) || json_integer_value(value) < 0) return err_set(e, EINVAL,
		"%s: drops.%s must be a count", x->path, key);
	json_object_foreach(x->outputs, key, value) if (!json_is_string(value)) return err_set(
		e, EINVAL, "%s: outputs.%s must be the path of a capture", x->path, key);
	return check_packets(x, e);
}

struct expect *expect_load(const char *path, struct err *e)
{
	struct expect *x = calloc(1, sizeof *x);
	json_error_t why;

	if (x == NULL) {
		err_set(e, ENOMEM, "not enough memory to read %s", path);
		return NULL;
	}
	x->path = path;
	x->root = json_load_file(path, JSON_REJECT_DUPLICATES, &why);
	if (x->root == NULL)
		err_set(e, EINVAL, "%s:%d:%d: %s", path, why.line < 0 ? 0 : why.line,
			why.column < 0 ? 0 : why.column, why.text);
	else if (!json_is_object(x->root))
		err_set(e, EINVAL, "%s: the document must be an object", path);
	x->packets = json_object_get(x->root, "packets");
	x->drops = json_object_get(x->root, "drops");
	x->outputs = json_object_get(x->root, "outputs");
	if (e->code == 0 && check_keys(x, e) == 0 && check_members(x, e) == 0)
		return x;
	expect_free(x);
	return NULL;
}

void expect_free(struct expect *x)
{
	if (x == NULL)
		return;
	json_decref(x->root);
	free(x->row);
	free(x);
}

bool expect_wants_rows(const struct expect *x)
{
	return x->packets != NULL && json_array_size(x->packets) != 0;
}

/* Paths are relative to the document. */
static const char *golden_path(const struct expect *x, const char *name, char *buf, size_t size)
{
	const char *slash = strrchr(x->path, '/');

	if (name[0] == '/' || slash == NULL)
		snprintf(buf, size, "%s", name);
	else
		snprintf(buf, size, "%.*s/%s", (int)(slash - x->path), x->path, name);
	return buf;
}

bool expect_reads(const struct expect *x, const char *path)
{
	char golden[4096];
	struct stat a, b;
	const char *key;
	json_t *value;

	if (stat(path, &a) != 0)
		return false;
	json_object_foreach(x->outputs, key,
		value) if (stat(golden_path(x, json_string_value(value), golden, sizeof golden), &b) == 0 &&
			   a.st_dev == b.st_dev && a.st_ino == b.st_ino) return true;
	return false;
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

static int sort_rows(struct expect *x, struct err *e)
{
	json_t *p;
	size_t i;

	x->row = calloc(json_array_size(x->packets), sizeof *x->row);
	if (x->row == NULL)
		return err_set(
			e, ENOMEM, "not enough memory to compare %zu packets", json_array_size(x->packets));
	json_array_foreach(x->packets, i, p)
	{
		struct expected *row = &x->row[x->rows];

		*row = (struct expected){.input = input_of(x->replay, p),
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

static void compare_row(void *ctx, const struct row *row)
{
	struct expect *x = ctx;
	size_t *at = &x->cursor[row->input];

	for (; *at < x->rows && x->row[*at].input == row->input && x->row[*at].n == row->n; ++*at) {
		compare_text(x, row, &x->row[*at], "verdict", row->verdict);
		compare_text(x, row, &x->row[*at], "reason", row->reason);
		compare_text(x, row, &x->row[*at], "out", row->out);
		compare_text(x, row, &x->row[*at], "interface", row->interface);
	}
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

static void compare_drops(struct expect *x)
{
	const char *key;
	json_t *value;

	json_object_foreach(x->drops, key, value)
	{
		uint64_t want = (uint64_t)json_integer_value(value), have = 0;
		bool known = false;

		for (uint16_t i = 1; i <= reasons_count(); i++)
			if (strcmp(reason_get(i)->name, key) == 0) {
				have = x->replay->total.reason[i];
				known = true;
			}
		if (!known)
			differ(&x->d, "drops: there is no reason '%s'", key);
		else if (want != have)
			differ(&x->d, "drops: %" PRIu64 " %s expected, %" PRIu64 " found", want, key, have);
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

int64_t expect_compare(struct expect *x, const struct replay *r, struct err *e)
{
	x->replay = r;
	if (expect_wants_rows(x)) {
		if (sort_rows(x, e) != 0 || rows_walk(r, compare_row, x, e) != 0)
			return -e->code;
		compare_missing(x);
	}
	compare_drops(x);
	compare_outputs(x);
	return (int64_t)x->d.count;
}
