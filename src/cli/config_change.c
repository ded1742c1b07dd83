/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir config plan, apply, confirm, rollback, save. The files are read here, with the rights of who asks, and
 * sent; the daemon checks them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/call.h"
#include "cli/text.h"
#include "cli/verbs.h"
#include "control/load.h"

/* Diagnostics, line by line so that nothing but newlines controls the terminal. */
static void print_rendered(const char *text)
{
	for (; *text != '\0'; text++)
		fputc((unsigned char)*text >= 0x20 || *text == '\n' || *text == '\t' ? *text : '?', stderr);
}

/* What else was read: a conf.d beside the file counts, whoever thought of it. */
static void print_files(const json_t *body)
{
	const json_t *list = json_object_get(body, "files");
	size_t i;
	json_t *f;

	if (json_array_size(list) < 2)
		return;
	printf("files:");
	json_array_foreach(list, i, f)
	{
		char name[256];

		snprintf(name, sizeof name, "%s", json_str(f, "name"));
		text_safe(name);
		printf("%s %s", i != 0 ? "," : "", name);
	}
	putchar('\n');
}

/* {"files": [{"name", "text"}]}; NULL after the mistakes were printed. */
static json_t *files_body(const struct cli *c, const char *path)
{
	struct config_files f = {0};
	struct diag d = {0};
	json_t *list = NULL, *body;

	if (config_files_read(path, &f, &d) == 0) {
		list = json_array();
		for (unsigned i = 0; i < f.count; i++)
			json_array_append_new(list, json_pack("{s:s,s:o}", "name", f.item[i].file, "text",
							    json_stringn(f.item[i].text, f.item[i].len)));
	} else {
		diag_print(&d, stderr);
	}
	if (list != NULL && json_array_size(list) != f.count) {
		cli_error(CLI_FAILED, "%s is not text: YAML is UTF-8", path);
		json_decref(list);
		list = NULL;
	}
	config_files_free(&f);
	body = list != NULL ? json_pack("{s:o}", "files", list) : NULL;
	if (body != NULL && !c->json)
		print_files(body);
	return body;
}

/* Sends; a refusal with positions prints them. */
static int send_files(const struct cli *c, const char *target, json_t *body, json_t **doc)
{
	int rc = cli_call(c, "POST", target, body, doc);
	const char *rendered = json_string_value(json_object_get(*doc, "rendered"));

	if (rendered != NULL)
		print_rendered(rendered);
	return rc;
}

/* --- plan --- */

static void print_memory(const json_t *m)
{
	char before[TEXT_NUMBER], after[TEXT_NUMBER], limit[TEXT_NUMBER];

	printf("memory: at most %s now, %s then", text_bytes(json_num(m, "before_bytes"), before),
		text_bytes(json_num(m, "after_bytes"), after));
	if (json_num(m, "limit_bytes") != 0)
		printf(", of %s", text_bytes(json_num(m, "limit_bytes"), limit));
	putchar('\n');
}

static void print_paths(const char *head, const json_t *list)
{
	size_t i;
	json_t *v;

	if (json_array_size(list) == 0)
		return;
	printf("%s", head);
	json_array_foreach(list, i, v)
	{
		char text[256];

		snprintf(text, sizeof text, "%s", json_string_value(v));
		text_safe(text);
		printf("%s%s", i != 0 ? ", " : " ", text);
	}
	putchar('\n');
}

static bool would_be_refused(const json_t *doc)
{
	return json_array_size(json_object_get(doc, "restart")) != 0 ||
	       json_is_string(json_object_get(doc, "refusal"));
}

static void render_plan(const json_t *doc)
{
	render_changes(doc);
	printf("%s%llu added, %llu changed, %llu removed, on configuration %llu\n",
		json_num(doc, "added") + json_num(doc, "changed") + json_num(doc, "removed") == 0
			? "nothing differs: "
			: "",
		(unsigned long long)json_num(doc, "added"), (unsigned long long)json_num(doc, "changed"),
		(unsigned long long)json_num(doc, "removed"), (unsigned long long)json_num(doc, "running"));
	print_memory(json_object_get(doc, "memory"));
	print_paths("ports that restart:", json_object_get(doc, "port_restarts"));
	print_paths("needs a restart of weir, apply would refuse it:", json_object_get(doc, "restart"));
}

int verb_config_plan(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *body = files_body(c, args_value(a, "FILE")), *doc = NULL;
	int rc = body != NULL ? send_files(c, "/v1/config/plan", body, &doc) : CLI_FAILED;

	if (rc == CLI_OK && !c->json)
		render_plan(doc);
	else if (c->json && doc != NULL)
		cli_print_json(doc);
	if (rc == CLI_OK && would_be_refused(doc)) {
		rc = CLI_FAILED;
		if (json_is_string(json_object_get(doc, "refusal")))
			cli_error(rc, "apply would refuse it: %s", json_str(doc, "refusal"));
	}
	json_decref(doc);
	return rc;
}

/* --- apply --- */

/* A word that was checked to be a number; absent: not set. */
static void set_number(json_t *body, const char *key, const char *word)
{
	if (word != NULL)
		json_object_set_new(body, key, json_integer(strtoll(word, NULL, 10)));
}

static void render_applied(const json_t *doc)
{
	const unsigned long long id = json_num(doc, "id"), left = json_num(doc, "confirm_within");

	render_changes(doc);
	printf("%llu added, %llu changed, %llu removed: configuration %llu runs\n",
		(unsigned long long)json_num(doc, "added"), (unsigned long long)json_num(doc, "changed"),
		(unsigned long long)json_num(doc, "removed"), id);
	if (left != 0)
		printf("it is taken back in %llu s unless 'weir config confirm' comes first\n", left);
}

int verb_config_apply(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *confirm = args_after(a, "--confirm"), *message = args_after(a, "--message");
	json_t *body = files_body(c, args_value(a, "FILE")), *doc = NULL;
	int rc;

	if (body == NULL)
		return CLI_FAILED;
	set_number(body, "confirm", confirm);
	if (message != NULL)
		json_object_set_new(body, "message", json_string(message));
	set_number(body, "on", args_after(a, "--on"));
	rc = send_files(c, "/v1/config/apply", body, &doc);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		render_applied(doc);
	json_decref(doc);
	return rc;
}

/* --- afterwards --- */

int verb_config_confirm(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *doc;
	int rc = cli_call(c, "POST", "/v1/config/confirm", json_object(), &doc);

	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		printf("configuration %llu is confirmed\n", (unsigned long long)json_num(doc, "id"));
	json_decref(doc);
	return rc;
}

static json_t *message_body(const struct args *a)
{
	const char *message = args_after(a, "--message");
	json_t *body = json_object();

	if (message != NULL)
		json_object_set_new(body, "message", json_string(message));
	return body;
}

int verb_config_rollback(const struct cli *c, const struct args *a, const struct verb *v)
{
	const char *steps = args_value(a, "STEPS"), *id = args_after(a, "--id");
	json_t *body = message_body(a), *doc = NULL;
	int rc;

	set_number(body, "steps", steps);
	set_number(body, "id", id);
	set_number(body, "on", args_after(a, "--on"));
	rc = cli_call(c, "POST", "/v1/config/rollback", body, &doc);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK)
		render_applied(doc);
	json_decref(doc);
	return rc;
}

int verb_config_save(const struct cli *c, const struct args *a, const struct verb *v)
{
	json_t *doc;
	int rc = cli_call(c, "POST", "/v1/config/save", message_body(a), &doc);
	char path[1024];

	snprintf(path, sizeof path, "%s", json_str(doc, "path"));
	text_safe(path);
	if (c->json && doc != NULL)
		cli_print_json(doc);
	else if (rc == CLI_OK && json_num(doc, "saved") != 0)
		printf("%s: %llu object%s saved\n", path, (unsigned long long)json_num(doc, "saved"),
			json_num(doc, "saved") == 1 ? "" : "s");
	else if (rc == CLI_OK)
		printf("the startup files say what runs; %s is not needed\n", path);
	json_decref(doc);
	return rc;
}
