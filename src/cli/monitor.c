/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir monitor: what happens, as it happens.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/stream.h"
#include "cli/term.h"
#include "cli/text.h"
#include "cli/verbs.h"

static void print_value(const char *key, const json_t *v)
{
	char *text = json_is_string(v) ? strdup(json_string_value(v))
				       : json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);

	if (text == NULL)
		return;
	text_safe(text);
	printf(" %s %s%s%s", key, term_color(COLOR_BOLD), text, term_color(COLOR_NONE));
	free(text);
}

/* "2026-01-02T03:04:05.678Z link port wan0 state down" */
static void print_event(const json_t *event)
{
	const char *key;
	char head[160];
	json_t *v;

	snprintf(head, sizeof head, "%s %s", json_str(event, "time"), json_str(event, "type"));
	text_safe(head);
	printf("%s", head);
	json_object_foreach((json_t *)(uintptr_t)event, key, v)
	{
		if (strcmp(key, "id") != 0 && strcmp(key, "time") != 0 && strcmp(key, "type") != 0 &&
			!json_is_null(v))
			print_value(key, v);
	}
	putchar('\n');
}

static bool on_event(void *ctx, const char *data)
{
	const struct cli *c = ctx;
	json_t *event = json_loads(data, 0, NULL);

	if (c->json)
		puts(data);
	else if (json_object_get(event, "missed") != NULL && json_object_get(event, "type") == NULL)
		printf("%llu events were missed: this terminal is too slow\n",
			(unsigned long long)json_num(event, "missed"));
	else if (event != NULL)
		print_event(event);
	json_decref(event);
	return fflush(stdout) == 0;
}

/* The target with the types that were asked for. */
static void make_target(const struct args *a, char *target, size_t size)
{
	char types[512] = "";
	size_t len = 0;

	for (unsigned i = 0; i < a->count && len < sizeof types; i++)
		len += (size_t)snprintf(
			types + len, sizeof types - len, "%s%s", i != 0 ? "," : "", a->arg[i].word);
	snprintf(target, size, "/v1/events");
	if (types[0] != '\0')
		cli_query(target, size, "types", types);
}

static int refused(unsigned status, const char *body)
{
	json_t *doc = json_loads(body != NULL ? body : "", 0, NULL);
	const char *why = json_str(doc, "error");
	int rc = cli_error(CLI_FAILED, "%s", why[0] != '\0' ? why : "the daemon refused without a reason");

	json_decref(doc);
	return rc;
}

int verb_monitor(const struct cli *c, const struct args *a, const struct verb *v)
{
	struct stream *s = calloc(1, sizeof *s);
	char target[1024], *body = NULL;
	unsigned status = 0;
	struct err e = {0};
	int rc;

	if (s == NULL)
		return cli_error(CLI_FAILED, "not enough memory for the stream");
	s->event = on_event;
	s->ctx = (void *)(uintptr_t)c;
	make_target(a, target, sizeof target);
	interrupt_catch();
	rc = stream_open(cli_socket(c), target, s, &status, &body, &e);
	interrupt_release();
	if (rc == -ECONNREFUSED || rc == -ECONNRESET)
		rc = cli_error(CLI_UNREACHABLE, "%s", e.text);
	else if (rc != 0)
		rc = cli_error(rc == -ETIMEDOUT ? CLI_TIMEOUT : CLI_FAILED, "%s", e.text);
	else if (status != 200 && body != NULL)
		rc = refused(status, body);
	free(body);
	free(s);
	return rc;
}
