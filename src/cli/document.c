/* SPDX-License-Identifier: BSD-3-Clause
 *
 * weir document: the parts of the manual pages that the tree and the schema know, as scdoc source.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/call.h"
#include "cli/syntax.h"
#include "cli/verbs.h"
#include "control/reference.h"

/* --- text --- */

/* Plain text: what scdoc would read as markup is escaped. */
static void plain(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (strchr("*_\\~#", text[i]) != NULL)
			putchar('\\');
		putchar(text[i]);
	}
}

/* The grammar: keywords bold, arguments underlined. */
static void synopsis(const char *path, const char *line)
{
	printf("*%s*%s", path, line[0] != '\0' ? " " : "");
	while (*line != '\0') {
		size_t n = strcspn(line, " []{}|.");

		if (n == 0) {
			putchar(*line++);
			continue;
		}
		putchar(isupper((unsigned char)line[0]) ? '_' : '*');
		plain(line, n);
		putchar(isupper((unsigned char)line[0]) ? '_' : '*');
		line += n;
	}
}

/* --- the tree --- */

static void document_verb(const struct verb *v, const char *path)
{
	char text[1024], *rest = text;

	syntax_text(v->args, text, sizeof text);
	while (rest != NULL) {
		synopsis(path, strsep(&rest, "\n"));
		fputs(rest != NULL ? "++\n" : "\n\t", stdout);
	}
	plain(v->help, strlen(v->help));
	fputs("\n\n", stdout);
}

static void document_table(const struct verb *table, const char *path, bool daemon)
{
	char below[256];

	for (const struct verb *v = table; v->word != NULL; v++) {
		bool own_page = strcmp(v->word, "run") == 0;

		if ((v->flags & VERB_HIDDEN) != 0 || (table == verb_root && own_page != daemon))
			continue;
		snprintf(below, sizeof below, "%s %s", path, v->word);
		if (v->sub != NULL)
			document_table(v->sub, below, daemon);
		else
			document_verb(v, below);
	}
}

static void document_options(void)
{
	for (const struct global *g = words_options; g->help != NULL; g++) {
		if (g->letter != 0)
			printf("*-%c*%s", g->letter, g->name != NULL ? ", " : "");
		if (g->name != NULL)
			printf("*--%s*", g->name);
		if (g->value != NULL)
			printf(" _%s_", g->value);
		fputs("\n\t", stdout);
		plain(g->help, strlen(g->help));
		fputs("\n\n", stdout);
	}
}

static void types_of(const struct verb *table, struct want *wants, unsigned *n)
{
	for (const struct verb *v = table; v->word != NULL; v++) {
		struct want here[WANTS_MAX];
		struct syntax s;
		struct err e = {0};
		unsigned count = syntax_compile(&s, v->args, &e) == 0 ? syntax_words(&s, here) : 0;

		for (unsigned i = 0; i < count; i++) {
			unsigned k = 0;

			while (k < *n && wants[k].type != here[i].type)
				k++;
			if (here[i].type != NULL && k == *n && k < WANTS_MAX)
				wants[(*n)++] = here[i];
		}
		if (v->sub != NULL)
			types_of(v->sub, wants, n);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct want *)a)->type->name, ((const struct want *)b)->type->name);
}

static void document_arguments(void)
{
	struct want wants[WANTS_MAX];
	unsigned n = 0;

	types_of(verb_root, wants, &n);
	qsort(wants, n, sizeof wants[0], by_name);
	for (unsigned i = 0; i < n; i++) {
		printf("_%s_\n\t", wants[i].type->name);
		plain(wants[i].type->help, strlen(wants[i].type->help));
		fputs("\n\n", stdout);
	}
}

/* --- the schema, from its markdown reference --- */

/* Markdown's inline code becomes bold. */
static void inline_text(const char *text)
{
	for (const char *tick; *text != '\0'; text = tick) {
		bool code = *text == '`';

		text += code;
		tick = text + strcspn(text, "`");
		if (code)
			putchar('*');
		plain(text, (size_t)(tick - text));
		if (code)
			putchar('*');
		if (code && *tick == '`')
			tick++;
	}
}

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && text[len - 1] == ' ')
		text[--len] = '\0';
}

/* "| key | value | default | meaning |" */
static void table_row(char *line)
{
	char *cell[4], *rest = line + 2;

	for (unsigned i = 0; i < 4; i++) {
		char *end = rest != NULL ? strstr(rest, " | ") : NULL;

		cell[i] = rest != NULL ? rest : (char[]){""};
		rest = end != NULL ? end + 3 : NULL;
		if (end == NULL && cell[i][0] != '\0')
			end = strrchr(cell[i], '|');
		if (end != NULL)
			*end = '\0';
	}
	inline_text(cell[0]);
	fputs(": ", stdout);
	inline_text(cell[1]);
	trim(cell[3]);
	if (cell[2][strspn(cell[2], " ")] != '\0') {
		fputs(strcmp(cell[2], "required") == 0 ? ", " : ", default ", stdout);
		inline_text(cell[2]);
	}
	fputs("\n\t", stdout);
	inline_text(cell[3]);
	fputs("\n\n", stdout);
}

static void document_keys(void)
{
	char *text = NULL, *rest, *line;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	bool head = true; /* before the first section: the page has its own introduction */

	if (f == NULL)
		return;
	reference_print(f);
	fclose(f);
	for (rest = text; (line = strsep(&rest, "\n")) != NULL;) {
		head = head && strncmp(line, "## ", 3) != 0;
		if (head || line[0] == '\0' || strncmp(line, "| key ", 6) == 0 ||
			strncmp(line, "|---", 4) == 0)
			continue;
		if (strncmp(line, "| ", 2) == 0) {
			table_row(line);
		} else if (strncmp(line, "## ", 3) == 0) {
			printf("## %s\n\n", line + 3);
		} else {
			inline_text(line);
			fputs("\n\n", stdout);
		}
	}
	free(text);
}

int verb_document(const struct cli *c, const struct args *a, const struct verb *v)
{
	if (args_have(a, "commands"))
		document_table(verb_root, "weir", false);
	else if (args_have(a, "daemon"))
		document_table(verb_root, "weir", true);
	else if (args_have(a, "options"))
		document_options();
	else if (args_have(a, "arguments"))
		document_arguments();
	else
		document_keys();
	return CLI_OK;
}
