/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/syntax.h"

/* "--name=value" becomes two words, when --name is a keyword that may come. */
static char *split_option(const struct matcher *m, const char *word)
{
	const char *equals = strchr(word, '=');
	struct want wants[WANTS_MAX];
	unsigned n = matcher_wants(m, wants);

	if (strncmp(word, "--", 2) != 0 || equals == NULL)
		return NULL;
	for (unsigned i = 0; i < n; i++)
		if (wants[i].len == (size_t)(equals - word) && memcmp(wants[i].text, word, wants[i].len) == 0)
			return strndup(word, wants[i].len);
	return NULL;
}

static void keep(struct args *out, const struct want *took, const char *word, unsigned at)
{
	out->arg[out->count++] = (struct arg){took->text, took->len, took->type == NULL, word, at};
}

static int take(struct args *out, struct matcher *m, const char *word, unsigned at, struct err *e)
{
	char *option = split_option(m, word);
	struct want took;
	int rc;

	if (option == NULL) {
		rc = matcher_step(m, word, &took, e);
	} else {
		rc = matcher_step(m, option, &took, e);
		word += strlen(option) + 1;
		free(option);
		if (rc == 0)
			keep(out, &took, "", at);
		if (rc == 0)
			rc = matcher_step(m, word, &took, e);
	}
	if (rc == 0)
		keep(out, &took, word, at);
	return rc;
}

/* A keyword that was there before and may not come again. */
static void given_twice(const struct args *out, const char *word, struct err *e)
{
	for (unsigned i = 0; i < out->count; i++)
		if (out->arg[i].keyword && arg_is(&out->arg[i], word)) {
			*e = (struct err){0};
			err_set(e, EINVAL, "'%.64s' is given twice", word);
			return;
		}
}

static int missing(const struct matcher *m, struct err *e)
{
	struct want wants[WANTS_MAX];
	unsigned n = matcher_offers(m, wants);
	char list[400];

	wants_text(wants, n, list, sizeof list);
	if (n == 1 && wants[0].type != NULL)
		return err_set(e, EINVAL, "%s is missing: %s", list, wants[0].type->help);
	return err_set(e, EINVAL, "more is needed here: %s", list);
}

int args_read(struct args *out, const struct verb *v, struct words *a, struct err *e)
{
	struct syntax s;
	struct matcher m;

	*out = (struct args){.arg = calloc((size_t)(a->count - a->at) * 2 + 1, sizeof *out->arg)};
	if (out->arg == NULL)
		return err_set(e, ENOMEM, "not enough memory for the command");
	if (syntax_compile(&s, v->args, e) != 0)
		return -e->code;
	matcher_start(&m, &s);
	for (; a->at < a->count; a->at++) {
		if (take(out, &m, a->word[a->at], (unsigned)a->at, e) != 0) {
			given_twice(out, a->word[a->at], e);
			return -e->code;
		}
	}
	return matcher_end(&m) ? 0 : missing(&m, e);
}

void args_free(struct args *a)
{
	free(a->arg);
	*a = (struct args){0};
}

bool arg_is(const struct arg *a, const char *name)
{
	return strlen(name) == a->len && memcmp(a->name, name, a->len) == 0;
}

static const struct arg *find(const struct args *a, const char *name)
{
	for (unsigned i = 0; i < a->count; i++)
		if (arg_is(&a->arg[i], name))
			return &a->arg[i];
	return NULL;
}

bool args_have(const struct args *a, const char *keyword)
{
	return find(a, keyword) != NULL;
}

const char *args_value(const struct args *a, const char *type)
{
	const struct arg *found = find(a, type);

	return found != NULL ? found->word : NULL;
}

const char *args_after(const struct args *a, const char *keyword)
{
	const struct arg *found = find(a, keyword);

	return found != NULL && found + 1 < a->arg + a->count ? found[1].word : NULL;
}
