/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/dispatch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/call.h"
#include "cli/help.h"
#include "cli/text.h"
#include "cli/verbs.h"

static void extend(char *path, size_t size, const char *word)
{
	size_t len = strlen(path);

	snprintf(path + len, size - len, "%s%s", len != 0 ? " " : "", word);
}

/* The words again with a caret under the wrong one (or behind the last). */
static void print_caret(const struct words *a)
{
	int column = 2;

	fputs("  ", stderr);
	for (int i = 0; i < a->count; i++) {
		char word[256];

		snprintf(word, sizeof word, "%s", a->word[i]);
		text_safe(word);
		fprintf(stderr, "%s%s", i != 0 ? " " : "", word);
		if (i < a->at)
			column += (int)text_width(word) + 1;
	}
	fprintf(stderr, "\n%*s^\n", column, "");
}

/* The verb that the words lead to; NULL after *code was set (help was printed, or the words are wrong). */
static const struct verb *walk(
	struct words *a, bool help, const char *program, char *path, size_t size, int *code)
{
	const struct verb *table = verb_root, *v = NULL;
	struct err e = {0};

	while (table != NULL) {
		const char *word = words_peek(a);

		if (word == NULL && help) {
			help_table(stdout, table, path);
			*code = CLI_OK;
			return NULL;
		}
		if (word == NULL)
			err_set(&e, EINVAL, "a word is missing behind '%s'; 'help%s' shows what it takes",
				path, path + strlen(program));
		else
			v = verb_find(table, word, path, &e);
		if (e.code != 0) {
			*code = cli_error(CLI_USAGE, "%s", e.text);
			print_caret(a);
			return NULL;
		}
		words_take(a);
		extend(path, size, v->word);
		table = v->sub;
	}
	return v;
}

int verb_help(const struct cli *c, const struct args *a, const struct verb *v)
{
	char path[256] = "weir";
	struct words words = *c->line;
	int code = CLI_OK;

	words.at = words.count - (int)a->count;
	v = walk(&words, true, "weir", path, sizeof path, &code);
	if (v != NULL)
		help_verb(stdout, v, path);
	return code;
}

static int usage(const struct verb *v, const struct words *a, const char *path, const struct err *e)
{
	cli_error(CLI_USAGE, "%s", e->text);
	print_caret(a);
	help_usage(stderr, v, path);
	return CLI_USAGE;
}

static int run(struct cli *c, struct words *a, const struct verb *v)
{
	struct args args = {0};
	struct err e = {0};
	int code;

	if ((v->flags & VERB_OWN_WORDS) == 0) {
		struct words left = *a;

		if (args_read(&args, v, &left, &e) != 0) {
			args_free(&args);
			return usage(v, &left, c->path, &e);
		}
	}
	c->line = a;
	code = v->run(c, &args, v);
	args_free(&args);
	return code;
}

int dispatch(const struct cli *given, struct words *a)
{
	char path[256] = "weir";
	struct cli c = *given;
	int code = CLI_OK;
	const struct verb *v = walk(a, c.help, "weir", path, sizeof path, &code);

	if (v == NULL)
		return code;
	c.path = path;
	if (!c.help)
		return run(&c, a, v);
	help_verb(stdout, v, path);
	return CLI_OK;
}
