/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/diag.h"
#include "packet/addr.h"

const struct global words_options[] = {
	{'s', "socket", "PATH", "the daemon's socket (or WEIR_SOCKET; default /run/weir/weir.sock)"},
	{'j', "json", NULL, "print the document the daemon sent"},
	{'4', NULL, NULL, "IPv4 only"},
	{'6', NULL, NULL, "IPv6 only"},
	{'f', "file", "FILE", "run the commands of a file, one a line; - is standard input"},
	{0, "force", NULL, "with -f: go on after an error"},
	{0, "no-pager", NULL, "never start a pager"},
	{'h', "help", NULL, "help for the verb"},
	{'V', "version", NULL, "version of this program"},
	{0},
};

/* Records one option. */
static void take_global(struct cli *c, const struct global *g, const char *value)
{
	if (g->letter == 's')
		c->socket = value;
	else if (g->letter == 'f')
		c->file = value;
	else if (g->letter == 'j')
		c->json = true;
	else if (g->letter == 'h')
		c->help = true;
	else if (g->letter == 'V')
		c->version = true;
	else if (g->letter == '4' || g->letter == '6')
		c->family = g->letter == '4' ? FAMILY_V4 : FAMILY_V6;
	else if (strcmp(g->name, "force") == 0)
		c->force = true;
	else
		c->no_pager = true;
}

static bool is_flag(const struct global *g, const char *w)
{
	if (w[0] == '-' && w[1] == g->letter && g->letter != 0 && w[2] == '\0')
		return true;
	return g->name != NULL && strncmp(w, "--", 2) == 0 && strcmp(w + 2, g->name) == 0;
}

/* Takes the next word, and its value, if it is a global option. */
static bool next_global(struct words *in, struct cli *c, struct err *e)
{
	for (const struct global *g = words_options; g->help != NULL; g++) {
		const char *value = g->value != NULL ? words_option(in, g->name, g->letter, e) : NULL;

		if (value != NULL)
			take_global(c, g, value);
		if (value != NULL || e->code != 0)
			return true;
		if (g->value == NULL && is_flag(g, words_peek(in))) {
			take_global(c, g, words_take(in));
			return true;
		}
	}
	return false;
}

static bool is_raw(const char *w, const char *raw)
{
	size_t len = strlen(w);

	return len >= 3 && strncmp(raw, w, len) == 0;
}

int words_globals(int argc, char **argv, const char *raw, struct cli *c, struct words *out, struct err *e)
{
	struct words in = {.count = argc, .at = 1, .word = argv};
	int kept = 0;

	*out = (struct words){.word = argv};
	while (in.at < argc && e->code == 0) {
		if (strcmp(argv[in.at], "--") == 0 || (kept != 0 && is_raw(argv[0], raw)))
			break;
		if (!next_global(&in, c, e))
			argv[kept++] = argv[in.at++];
	}
	if (e->code != 0)
		return -e->code;
	while (in.at < argc)
		argv[kept++] = argv[in.at++];
	out->count = kept;
	return 0;
}

const char *words_peek(const struct words *a)
{
	return a->at < a->count ? a->word[a->at] : NULL;
}

const char *words_take(struct words *a)
{
	return a->at < a->count ? a->word[a->at++] : NULL;
}

const char *words_option(struct words *a, const char *name, char letter, struct err *e)
{
	const char *w = words_peek(a), *value;
	size_t len = strlen(name);
	bool is_long, is_short;

	if (w == NULL || w[0] != '-')
		return NULL;
	is_long = w[1] == '-' && strncmp(w + 2, name, len) == 0;
	if (is_long && w[2 + len] == '=') {
		a->at++;
		return w + 3 + len;
	}
	is_long = is_long && w[2 + len] == '\0';
	is_short = letter != 0 && w[1] == letter && w[2] == '\0';
	if (!is_long && !is_short)
		return NULL;
	a->at++;
	value = words_take(a);
	if (value == NULL)
		err_set(e, EINVAL, "%s needs a value", w);
	return value;
}

static void list_words(const struct verb *table, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (const struct verb *v = table; v->word != NULL && len < size; v++)
		if ((v->flags & (VERB_HIDDEN | VERB_SHELL)) == 0)
			len += (size_t)snprintf(buf + len, size - len, "%s%s", len != 0 ? ", " : "", v->word);
}

static const struct verb *unknown(
	const struct verb *table, const char *word, const char *after, struct err *e)
{
	struct diag_near near;
	char list[256];

	diag_near_init(&near, word);
	for (const struct verb *v = table; v->word != NULL; v++)
		diag_near_try(&near, v->word);
	list_words(table, list, sizeof list);
	if (near.best != NULL)
		err_set(e, EINVAL, "'%s' does not know '%.64s'; did you mean '%s'? It takes: %s", after, word,
			near.best, list);
	else
		err_set(e, EINVAL, "'%s' does not know '%.64s'; it takes: %s", after, word, list);
	return NULL;
}

const struct verb *verb_find(const struct verb *table, const char *word, const char *after, struct err *e)
{
	const struct verb *found = NULL;
	size_t len = strlen(word);

	for (const struct verb *v = table; v->word != NULL; v++) {
		if (strcmp(v->word, word) == 0)
			return v;
		if (len == 0 || strncmp(v->word, word, len) != 0 ||
			(v->flags & (VERB_FULL | VERB_HIDDEN)) != 0)
			continue;
		if (found != NULL) {
			err_set(e, EINVAL, "'%.64s' can be '%s' or '%s'; write more of it", word, found->word,
				v->word);
			return NULL;
		}
		found = v;
	}
	return found != NULL ? found : unknown(table, word, after, e);
}
