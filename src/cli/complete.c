/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/complete.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "cli/call.h"
#include "cli/http.h"
#include "cli/line.h"
#include "cli/syntax.h"
#include "cli/text.h"
#include "cli/verbs.h"

#define LIVE_MS 500 /* that TAB may wait for the daemon */

struct asking {
	const struct cli *c;
	const char *word;
	enum complete_for what;
	struct offers *out;
};

static void add(struct offers *o, const char *text, size_t len, const char *help)
{
	struct offer *p = realloc(o->list, (o->count + 1) * sizeof *p);

	if (p == NULL)
		return;
	o->list = p;
	p[o->count].text = strndup(text, len);
	p[o->count].help = help;
	o->count += p[o->count].text != NULL;
}

static void offer(struct asking *a, const char *text, const char *help)
{
	if (strncmp(text, a->word, strlen(a->word)) == 0)
		add(a->out, text, strlen(text), help);
}

/* --- names --- */

static void live(struct asking *a, const struct arg_type *t)
{
	struct http_reply reply;
	struct err e = {0};
	json_t *doc, *list;
	char number[24];

	if (http_call_within(LIVE_MS, cli_socket(a->c), "GET", t->path, NULL, &reply, &e) != 0)
		return;
	doc = reply.status == 200 ? json_loadb(reply.body, reply.len, 0, NULL) : NULL;
	free(reply.raw);
	list = json_object_get(doc, t->list);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		const json_t *field = json_object_get(o, t->field);
		const char *name = json_string_value(field);
		const char *is =
			t->only_key != NULL ? json_string_value(json_object_get(o, t->only_key)) : NULL;

		if (json_is_integer(field)) {
			snprintf(number, sizeof number, "%lld", (long long)json_integer_value(field));
			name = number;
		}
		if (name != NULL && (t->only_key == NULL || (is != NULL && strcmp(is, t->only_value) == 0)))
			offer(a, name, NULL);
	}
	json_decref(doc);
}

/* Names of files; `skip` bytes at the start of the word do not belong to the path. */
static void files(struct asking *a, size_t skip)
{
	const char *path = a->word + skip, *slash = strrchr(path, '/');
	int len = slash != NULL ? (int)(slash - path) + 1 : 0;
	char where[4096], full[8192];
	struct dirent *d;
	struct stat s;
	DIR *dir;

	snprintf(where, sizeof where, "%.*s", len, path);
	dir = opendir(where[0] != '\0' ? where : ".");
	a->out->files = true;
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.' && (path[len] != '.' || d->d_name[strspn(d->d_name, ".")] == '\0'))
			continue;
		snprintf(full, sizeof full, "%s%s", where, d->d_name);
		if (stat(full, &s) != 0)
			continue;
		snprintf(full, sizeof full, "%.*s%s%s%s", (int)skip, a->word, where, d->d_name,
			S_ISDIR(s.st_mode) ? "/" : "");
		offer(a, full, NULL);
	}
	if (dir != NULL)
		closedir(dir);
}

static void names(struct asking *a, const struct arg_type *t)
{
	const char *equals = strchr(a->word, '=');

	for (unsigned i = 0; t->words != NULL && t->words[i] != NULL; i++)
		offer(a, t->words[i], NULL);
	if (t->path != NULL)
		live(a, t);
	if (t->file && a->what == COMPLETE_WORDS)
		files(a, 0);
	else if (t->file_behind_equals && equals != NULL && a->what == COMPLETE_WORDS)
		files(a, (size_t)(equals + 1 - a->word));
}

/* --- the grammar --- */

static void verbs(struct asking *a, const struct verb *table)
{
	for (const struct verb *v = table; v->word != NULL; v++)
		if ((v->flags & VERB_HIDDEN) == 0 && ((v->flags & VERB_SHELL) == 0 || a->c->shell))
			offer(a, v->word, v->help);
}

static void wants(struct asking *a, const struct matcher *m)
{
	struct want w[WANTS_MAX];
	unsigned n = matcher_offers(m, w);
	char text[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(text, sizeof text, "%.*s", (int)w[i].len, w[i].text);
		if (w[i].type == NULL) {
			offer(a, text, keyword_help(w[i].text, w[i].len));
			continue;
		}
		if (a->what == COMPLETE_HELP)
			add(a->out, text, strlen(text), w[i].type->help);
		names(a, w[i].type);
	}
}

/* "--option=value": the value is what is being written. */
static void behind_equals(struct asking *a, struct matcher *m)
{
	const char *equals = strchr(a->word, '=');
	struct offers inner = {0};
	struct asking value = {a->c, equals != NULL ? equals + 1 : "", a->what, &inner};
	char option[64], text[8192];
	struct want took;
	struct err e = {0};

	if (equals == NULL || strncmp(a->word, "--", 2) != 0)
		return;
	snprintf(option, sizeof option, "%.*s", (int)(equals - a->word), a->word);
	if (matcher_step(m, option, &took, &e) != 0)
		return;
	wants(&value, m);
	a->out->files = inner.files;
	for (unsigned i = 0; i < inner.count; i++) {
		snprintf(text, sizeof text, "%s=%s", option, inner.list[i].text);
		add(a->out, text, strlen(text), inner.list[i].help);
	}
	offers_free(&inner);
}

static void arguments(struct asking *a, const struct verb *v, struct words *left)
{
	struct syntax s;
	struct matcher m;
	struct want took;

	if (syntax_compile(&s, v->args, &a->out->why) != 0)
		return;
	matcher_start(&m, &s);
	while (words_peek(left) != NULL) {
		if (matcher_step(&m, words_peek(left), &took, &a->out->why) != 0) {
			a->out->wrong = left->at;
			return;
		}
		words_take(left);
	}
	a->out->end = matcher_end(&m);
	wants(a, &m);
	behind_equals(a, &m);
}

static void globals(struct asking *a)
{
	char text[40];

	for (const struct global *g = words_options; a->word[0] == '-' && g->help != NULL; g++) {
		if (g->name != NULL)
			snprintf(text, sizeof text, "--%s", g->name);
		else
			snprintf(text, sizeof text, "-%c", g->letter);
		offer(a, text, g->help);
	}
}

static int by_text(const void *a, const void *b)
{
	const struct offer *x = a, *y = b;

	return strcmp(x->text, y->text);
}

/* Each once; words in alphabetical order, help in that of the grammar. */
static void tidy(struct offers *o, enum complete_for what)
{
	unsigned kept = 0;

	if (o->count != 0 && what == COMPLETE_WORDS)
		qsort(o->list, o->count, sizeof o->list[0], by_text);
	for (unsigned i = 0; i < o->count; i++) {
		if (kept != 0 && strcmp(o->list[kept - 1].text, o->list[i].text) == 0)
			free(o->list[i].text);
		else
			o->list[kept++] = o->list[i];
	}
	o->count = kept;
}

static void walk(struct asking *a, struct words *left)
{
	const struct verb *table = verb_root, *v = NULL;

	while (table != NULL && words_peek(left) != NULL) {
		v = verb_find(table, words_peek(left), "weir", &a->out->why);
		if (v == NULL) {
			a->out->wrong = left->at;
			return;
		}
		words_take(left);
		table = v->run == verb_help ? verb_root : v->sub;
		a->out->end = v->run == verb_help || (a->out->end && table != NULL);
	}
	if (table != NULL)
		verbs(a, table);
	else
		arguments(a, v, left);
}

void complete(const struct cli *c, int argc, char **argv, const char *word, enum complete_for what,
	struct offers *out)
{
	char **copy = calloc((size_t)argc + 1, sizeof *copy);
	struct cli options = *c;
	struct asking a = {&options, word, what, out};
	struct words left;
	struct err e = {0};

	*out = (struct offers){.wrong = -1};
	if (copy == NULL)
		return;
	memcpy(copy, argv, (size_t)argc * sizeof *copy);
	if (words_globals(argc, copy, "replay", &options, &left, &e) != 0) {
		files(&a, 0); /* all options with a value take a path */
	} else {
		walk(&a, &left);
		globals(&a);
	}
	tidy(out, what);
	free(copy);
}

void offers_free(struct offers *o)
{
	for (unsigned i = 0; i < o->count; i++)
		free(o->list[i].text);
	free(o->list);
	*o = (struct offers){0};
}

/* --- bash --- */

static bool keep_open(const struct offers *o)
{
	const char *text = o->count == 1 ? o->list[0].text : "";
	size_t len = strlen(text);

	return len != 0 && (text[len - 1] == '/' || text[len - 1] == '=');
}

int complete_for_bash(const struct cli *c)
{
	const char *text = getenv("COMP_LINE"), *point = getenv("COMP_POINT");
	size_t len = text != NULL ? strlen(text) : 0, at = point != NULL ? strtoul(point, NULL, 10) : len;
	struct offers o;
	struct line l;
	struct err e = {0};
	int last;

	if (text == NULL || line_split(&l, text, at < len ? at : len, &e) != 0)
		return CLI_OK;
	last = l.within ? l.count - 1 : l.count; /* word[0] is ours, word[1] the name as typed */
	if (last >= 2) {
		complete(c, last - 1, l.word + 1, l.within ? l.word[last] : "", COMPLETE_WORDS, &o);
		printf(":%s%s\n", o.files ? " files" : "", keep_open(&o) ? " nospace" : "");
		for (unsigned i = 0; i < o.count; i++) {
			text_safe(o.list[i].text);
			puts(o.list[i].text);
		}
		offers_free(&o);
	}
	line_free(&l);
	return CLI_OK;
}
