/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/line.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char program[] = "weir";

/* One word from `at`; writes it to *to. Returns what follows it. */
static const char *take_word(struct line *l, const char *at, const char *end, char **to)
{
	l->quote = 0;
	for (; at < end; at++) {
		if (l->quote == 0 && isspace((unsigned char)*at))
			break;
		if (*at == '\\' && l->quote != '\'' && at + 1 < end)
			*(*to)++ = *++at;
		else if (l->quote != 0 && *at == l->quote)
			l->quote = 0;
		else if (l->quote == 0 && (*at == '\'' || *at == '"'))
			l->quote = *at;
		else
			*(*to)++ = *at;
	}
	*(*to)++ = '\0';
	return at;
}

int line_split(struct line *out, const char *text, size_t len, struct err *e)
{
	const char *at = text, *end = text + len;
	char *to;

	/* A word takes at least two bytes of text with its separator, so that this is room enough. */
	*out = (struct line){.text = malloc(len + 2), .word = calloc(len / 2 + 3, sizeof *out->word)};
	if (out->text == NULL || out->word == NULL) {
		line_free(out);
		return err_set(e, ENOMEM, "not enough memory for the line");
	}
	to = out->text;
	out->word[out->count++] = program;
	for (;;) {
		while (at < end && isspace((unsigned char)*at))
			at++;
		out->comment = at < end && *at == '#';
		if (at == end || out->comment)
			break;
		out->word[out->count++] = to;
		at = take_word(out, at, end, &to);
		out->within = at == end;
	}
	if (at != end || (end > text && isspace((unsigned char)end[-1]) && out->quote == 0))
		out->within = false;
	return 0;
}

void line_free(struct line *l)
{
	free(l->text);
	free(l->word);
	*l = (struct line){0};
}

char *line_quote(const char *word)
{
	char *out = malloc(strlen(word) * 2 + 3), *to = out;

	if (out == NULL)
		return NULL;
	if (word[0] == '\0') {
		*to++ = '\'';
		*to++ = '\'';
	}
	for (const char *at = word; *at != '\0'; at++) {
		if (isspace((unsigned char)*at) || strchr("\\'\"", *at) != NULL || (*at == '#' && at == word))
			*to++ = '\\';
		*to++ = *at;
	}
	*to = '\0';
	return out;
}
