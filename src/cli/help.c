/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/help.h"

#include <string.h>

#include "cli/syntax.h"
#include "cli/term.h"
#include "cli/text.h"

/* "  word         what it is", which goes on below itself. */
static void entry(FILE *out, int width, const char *word, int len, const char *help)
{
	const int pad = len < width ? width - len : 0;

	fprintf(out, "  %.*s%*s ", len, word, pad, "");
	text_wrap(out, (unsigned)(3 + len + pad), (unsigned)(3 + width), term()->columns, help);
}

static void global_help(FILE *out)
{
	fputs("Options, before or after the verb:\n", out);
	for (const struct global *g = words_options; g->help != NULL; g++) {
		char text[40];

		snprintf(text, sizeof text, "%c%c%s%s%s%s", g->letter != 0 ? '-' : ' ',
			g->letter != 0 ? g->letter : ' ',
			g->name == NULL  ? ""
			: g->letter != 0 ? ", --"
					 : "  --",
			g->name != NULL ? g->name : "", g->value != NULL ? " " : "",
			g->value != NULL ? g->value : "");
		entry(out, 18, text, (int)strlen(text), g->help);
	}
	fputs("\nWords may be shortened as long as they are unique: 'weir sh int'.\n", out);
	text_wrap(out, 0, 2, term()->columns,
		"Exit codes: 0 done, 1 refused or failed, 2 usage, 3 daemon not reachable, 4 timeout, 5 "
		"differences.");
}

void help_table(FILE *out, const struct verb *table, const char *path)
{
	fprintf(out, "usage: %s VERB ...\n\n", path);
	for (const struct verb *v = table; v->word != NULL; v++)
		if ((v->flags & (VERB_HIDDEN | VERB_SHELL)) == 0)
			entry(out, 12, v->word, (int)strlen(v->word), v->help);
	fputc('\n', out);
	global_help(out);
}

void help_usage(FILE *out, const struct verb *v, const char *path)
{
	char text[1024], *rest = text;

	syntax_text(v->args, text, sizeof text);
	for (const char *head = "usage:"; rest != NULL; head = "      ") {
		char *line = strsep(&rest, "\n");

		fprintf(out, "%s %s%s", head, path, line[0] != '\0' ? " " : "");
		text_wrap(out, (unsigned)(8 + strlen(path)), 11, term()->columns, line);
	}
}

void help_verb(FILE *out, const struct verb *v, const char *path)
{
	struct want wants[WANTS_MAX];
	struct syntax s;
	struct err e = {0};
	unsigned n = syntax_compile(&s, v->args, &e) == 0 ? syntax_words(&s, wants) : 0;

	help_usage(out, v, path);
	fputc('\n', out);
	text_wrap(out, 0, 0, term()->columns, v->help);
	fputc('\n', out);
	for (unsigned i = 0; i < n; i++)
		if (!wants[i].quiet)
			entry(out, 12, wants[i].text, (int)wants[i].len,
				wants[i].type != NULL ? wants[i].type->help
						      : keyword_help(wants[i].text, wants[i].len));
	fputs(n != 0 ? "\n" : "", out);
	global_help(out);
}
