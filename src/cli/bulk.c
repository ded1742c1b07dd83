/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/bulk.h"

#include <stdio.h>
#include <string.h>

#include "cli/body.h"
#include "cli/call.h"
#include "cli/verbs.h"

/* The body of a "route add" or "route replace" and its method, or NULL for anything else. */
static json_t *body_of(const struct cli *c, const struct line *l, const char **method)
{
	struct words a = {.count = l->count, .at = 1, .word = l->word};
	const struct verb *table = verb_root, *v = NULL;
	json_t *body = NULL;
	struct args args;
	struct err e = {0};

	for (int i = 1; i < l->count; i++)
		if (l->word[i][0] == '-')
			return NULL;
	while (table != NULL && words_peek(&a) != NULL &&
		(v = verb_find(table, words_take(&a), "", &e)) != NULL)
		table = v->sub;
	if (v == NULL || v->run != verb_route_change || strcmp(v->data, "DELETE") == 0)
		return NULL;
	if (args_read(&args, v, &a, &e) == 0)
		body = body_route(&args, c->family, &e);
	args_free(&args);
	*method = v->data;
	return body;
}

/* "route number 5 of 1000 (...): why": which, and why. 0 when it does not say so. */
static unsigned refused(const char *text, const char **why)
{
	unsigned number = 0;
	int used = 0;

	if (sscanf(text, "route number %u of %*u (%*[^)]): %n", &number, &used) < 1 || used == 0)
		return 0;
	*why = text + used;
	return number;
}

static void forget(struct bulk *b, unsigned first)
{
	for (unsigned i = 0; i < first; i++)
		json_array_remove(b->list, 0);
	memmove(b->line, b->line + first, (b->count - first) * sizeof b->line[0]);
	b->count -= first;
}

/* A request with the first `n` routes. */
static int send_some(struct bulk *b, unsigned n, json_t **reply)
{
	json_t *some = json_array();

	for (unsigned i = 0; i < n; i++)
		json_array_append(some, json_array_get(b->list, i));
	b->at(b->ctx, b->line[0]);
	return cli_call_quiet(b->c, b->method, "/v1/routes", json_pack("{s:o}", "routes", some), reply);
}

/* One request. The exit code; what is left in the list still has to be sent. */
static int send_list(struct bulk *b)
{
	unsigned n = b->at_once != 0 && b->at_once < b->count ? b->at_once : b->count, number = 0;
	json_t *reply = NULL;
	const char *text, *why = NULL;
	int rc = send_some(b, n, &reply);

	text = json_string_value(json_object_get(reply, "error"));
	if (rc == CLI_FAILED && text != NULL)
		number = refused(text, &why);
	if (number < 1 || number > n) {
		number = n;
		why = text != NULL ? text : "the daemon refused without a reason";
	}
	if (rc == CLI_FAILED && reply != NULL) {
		b->at(b->ctx, b->line[number - 1]);
		cli_error(rc, "%s", why);
	}
	/* What follows a refused route is sent again: little at a time as long as that goes on. */
	b->at_once = rc == CLI_FAILED ? (n > 8 ? n / 8 : 1) : n * 2;
	forget(b, number);
	json_decref(reply);
	return rc;
}

int bulk_flush(struct bulk *b)
{
	int code = CLI_OK, rc;

	while (b->count != 0) {
		rc = send_list(b);
		code = code == CLI_OK ? rc : code;
		if (rc != CLI_OK && !b->c->force)
			break;
	}
	json_decref(b->list);
	b->list = NULL;
	b->method = NULL;
	b->count = 0;
	return code;
}

bool bulk_take(struct bulk *b, const struct line *l, uint64_t line, int *code)
{
	const char *method;
	json_t *body = b->c->json || b->c->help ? NULL : body_of(b->c, l, &method);

	*code = CLI_OK;
	if (body == NULL)
		return false;
	if (b->count == BULK_MAX || (b->method != NULL && strcmp(b->method, method) != 0))
		*code = bulk_flush(b);
	if (*code != CLI_OK && !b->c->force) {
		json_decref(body);
		return true;
	}
	if (b->list == NULL)
		b->list = json_array();
	b->method = method;
	json_array_append_new(b->list, body);
	b->line[b->count++] = line;
	return true;
}
