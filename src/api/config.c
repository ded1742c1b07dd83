/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Applying a config file to the running daemon.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/diag.h"
#include "runtime/runtime.h"

static void put_rendered(struct jw *j, const struct diag *d)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	if (f != NULL) {
		diag_print(d, f);
		fclose(f);
	}
	jw_text(j, "rendered", text);
	free(text);
}

/* {"error": sentence, "errors": [{line, column, text, hint}], "total": n, "rendered": text with carets} */
static void reply_diag(struct request *r, const char *path, const struct diag *d)
{
	struct jw *j = &r->out;

	r->status = 422;
	jw_open(j, NULL, '{');
	jw_format(j, "error", "%s has %u error%s; nothing was changed", path, d->total,
		d->total == 1 ? "" : "s");
	jw_open(j, "errors", '[');
	for (unsigned i = 0; i < d->count; i++) {
		jw_open(j, NULL, '{');
		jw_u64(j, "line", d->entry[i].line);
		jw_u64(j, "column", d->entry[i].column);
		jw_text(j, "text", d->entry[i].text);
		jw_text(j, "hint", d->entry[i].hint[0] != '\0' ? d->entry[i].hint : NULL);
		jw_close(j, '}');
	}
	jw_close(j, ']');
	jw_u64(j, "total", d->total);
	put_rendered(j, d);
	jw_close(j, '}');
}

static void config_apply(struct request *r)
{
	const char *path = json_string_value(json_object_get(r->body, "path"));
	struct err e = {0};
	struct diag d = {0};
	char *text = NULL;
	int rc;

	if (path == NULL || json_object_size(r->body) != 1 || path[0] != '/') {
		reply_error(r, 400, "the body must be {\"path\": \"/absolute/path/of/the/file.yaml\"}");
		return;
	}
	rc = runtime_apply_file(r->w, path, &d, &text, &e);
	if (rc == 0) {
		reply_ok(r);
	} else if (d.count != 0) {
		reply_diag(r, path, &d);
	} else {
		if (e.code == 0)
			err_set(&e, -rc, "%s was refused: %s", path, strerror(-rc));
		reply_err(r, &e);
	}
	free(text);
}

static const struct schema apply_fields[] = {
	{.key = "path",
		.type = SCHEMA_STRING,
		.required = true,
		.min = 1,
		.max = 4095,
		.help = "Absolute path of the file."},
	{0},
};
static const struct endpoint endpoints[] = {
	{"POST", "/v1/config/apply", "Applies a file to the running daemon, all or nothing.", config_apply,
		.body = apply_fields, .reply = doc_ok},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
