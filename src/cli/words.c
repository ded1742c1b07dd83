/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/diag.h"
#include "packet/addr.h"

static bool flag(const char *w, struct cli *c)
{
	if (strcmp(w, "-j") == 0 || strcmp(w, "--json") == 0)
		c->json = true;
	else if (strcmp(w, "-h") == 0 || strcmp(w, "--help") == 0)
		c->help = true;
	else if (strcmp(w, "-V") == 0 || strcmp(w, "--version") == 0)
		c->version = true;
	else if (strcmp(w, "--force") == 0)
		c->force = true;
	else if (strcmp(w, "--no-pager") == 0)
		c->no_pager = true;
	else if (strcmp(w, "-4") == 0)
		c->family = FAMILY_V4;
	else if (strcmp(w, "-6") == 0)
		c->family = FAMILY_V6;
	else
		return false;
	return true;
}

static bool is_raw(const char *w, const char *raw)
{
	size_t len = strlen(w);

	return len >= 3 && strncmp(raw, w, len) == 0;
}

int words_globals(int argc, char **argv, const char *raw, struct cli *c, struct words *out, struct err *e)
{
	struct words in = {.count = argc, .at = 1, .word = argv};
	const char *value;
	int kept = 0;

	*out = (struct words){.word = argv};
	while (in.at < argc) {
		if (strcmp(argv[in.at], "--") == 0 || (kept != 0 && is_raw(argv[0], raw)))
			break;
		value = words_option(&in, "socket", 's', e);
		if (e->code != 0)
			return -e->code;
		if (value != NULL) {
			c->socket = value;
			continue;
		}
		value = words_option(&in, "file", 'f', e);
		if (e->code != 0)
			return -e->code;
		if (value != NULL)
			c->file = value;
		else if (!flag(argv[in.at], c))
			argv[kept++] = argv[in.at++];
		else
			in.at++;
	}
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
