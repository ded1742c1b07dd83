/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reads words against a compiled grammar: all readings that are possible side by side, so nothing is read
 * twice.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/syntax.h"
#include "cli/syntax_priv.h"
#include "control/diag.h"

#define SEEN_MAX 512

/* Where a step has been, so that empty loops end. */
struct closure {
	struct matcher *m;
	unsigned seen;
	struct {
		uint8_t at;
		uint32_t done;
	} been[SEEN_MAX];
};

static bool visit(struct closure *c, uint8_t at, uint32_t done)
{
	for (unsigned i = 0; i < c->seen; i++)
		if (c->been[i].at == at && c->been[i].done == done)
			return false;
	if (c->seen == SEEN_MAX)
		return false;
	c->been[c->seen].at = at;
	c->been[c->seen++].done = done;
	return true;
}

static void follow(struct closure *c, uint8_t at, uint32_t done);

static void choose(struct closure *c, const struct syntax_code *k, uint32_t done)
{
	bool owed = false;

	for (unsigned i = k->x; i < (unsigned)k->x + k->y; i++) {
		const struct syntax_group *g = &c->m->s->group[i];
		bool seen = (done >> i & 1) != 0;

		if (!seen || g->repeat)
			follow(c, g->start, done);
		owed = owed || (!seen && !g->optional);
	}
	if (!owed)
		follow(c, (uint8_t)k->mask, done);
}

/* Walks from `at` to every token (or the end) that can be reached without a word. */
static void follow(struct closure *c, uint8_t at, uint32_t done)
{
	const struct syntax_code *k = &c->m->s->code[at];

	if (!visit(c, at, done))
		return;
	switch (k->op) {
	case OP_SPLIT:
		follow(c, k->x, done);
		follow(c, k->y, done);
		break;
	case OP_JUMP:
		follow(c, k->x, done);
		break;
	case OP_CLEAR:
		follow(c, (uint8_t)(at + 1), done & ~k->mask);
		break;
	case OP_DONE:
		follow(c, (uint8_t)(at + 1), done | k->mask);
		break;
	case OP_CHOOSE:
		choose(c, k, done);
		break;
	default:
		if (c->m->count < SYNTAX_THREADS) {
			c->m->thread[c->m->count].at = at;
			c->m->thread[c->m->count++].done = done;
		}
	}
}

void matcher_start(struct matcher *m, const struct syntax *s)
{
	struct closure c = {.m = m};

	*m = (struct matcher){.s = s};
	follow(&c, 0, 0);
}

bool matcher_end(const struct matcher *m)
{
	for (unsigned i = 0; i < m->count; i++)
		if (m->s->code[m->thread[i].at].op == OP_MATCH)
			return true;
	return false;
}

static bool same(const struct want *w, const struct syntax_code *k)
{
	return w->len == k->len && memcmp(w->text, k->text, k->len) == 0;
}

static unsigned collect(struct want *wants, unsigned n, const struct syntax_code *k)
{
	unsigned w = 0;

	while (w < n && !same(&wants[w], k))
		w++;
	if (k->op != OP_TOKEN || w < n || n == WANTS_MAX)
		return n;
	wants[n] = (struct want){k->text, k->len, k->others, k->type, k->quiet};
	return n + 1;
}

unsigned matcher_wants(const struct matcher *m, struct want wants[static WANTS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < m->count; i++) {
		const struct syntax_code *k = &m->s->code[m->thread[i].at];

		if (!m->raw || k->type != NULL)
			n = collect(wants, n, k);
	}
	return n;
}

unsigned syntax_words(const struct syntax *s, struct want wants[static WANTS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->codes; i++)
		n = collect(wants, n, &s->code[i]);
	return n;
}

/* Moves what is offered to the front; returns how many. */
static unsigned offered(struct want *wants, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++)
		if (!wants[i].quiet)
			wants[kept++] = wants[i];
	return kept;
}

unsigned matcher_offers(const struct matcher *m, struct want wants[static WANTS_MAX])
{
	return offered(wants, matcher_wants(m, wants));
}

const char *wants_text(const struct want *wants, unsigned count, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < count && len < size; i++) {
		const char *join = i == 0 ? "" : i + 1 == count ? " or " : ", ";
		const char *quote = wants[i].type != NULL ? "" : "'";

		len += (size_t)snprintf(buf + len, size - len, "%s%s%.*s%s", join, quote, (int)wants[i].len,
			wants[i].text, quote);
	}
	return buf;
}

/* --- one word --- */

/* Is the word one of "/other/other"? */
static bool is_other(const struct want *w, const char *word, size_t len)
{
	const char *at = w->text + w->len, *end = at + w->others;

	while (at < end) {
		const char *slash = memchr(at + 1, '/', (size_t)(end - at - 1));
		size_t n = (size_t)((slash != NULL ? slash : end) - at - 1);

		if (n == len && memcmp(at + 1, word, len) == 0)
			return true;
		at += n + 1;
	}
	return false;
}

static bool is_prefix(const struct want *w, const char *word, size_t len)
{
	return len != 0 && len < w->len && memcmp(w->text, word, len) == 0 &&
	       (word[0] != '-' || (len > 2 && word[1] == '-'));
}

/* The keyword it means: exact, or a prefix of just one. *several when of more. */
static const struct want *keyword(const struct want *wants, unsigned n, const char *word, bool *several)
{
	const struct want *found = NULL;
	size_t len = strlen(word);

	*several = false;
	for (unsigned i = 0; i < n; i++)
		if (wants[i].type == NULL &&
			((len == wants[i].len && memcmp(wants[i].text, word, len) == 0) ||
				is_other(&wants[i], word, len)))
			return &wants[i];
	for (unsigned i = 0; i < n; i++) {
		if (wants[i].type != NULL || !is_prefix(&wants[i], word, len))
			continue;
		*several = found != NULL;
		if (*several)
			return NULL;
		found = &wants[i];
	}
	return found;
}

static bool type_takes(const struct arg_type *t, const char *word, struct err *e)
{
	if (t->valid != NULL)
		return t->valid(word, e);
	if (!t->any && word[0] == '-' && (word[1] != '\0' || !t->file))
		err_set(e, EINVAL, "'%.64s' cannot be %s", word, t->help);
	if (word[0] == '\0')
		err_set(e, EINVAL, "an empty word cannot be %s", t->help);
	return e->code == 0;
}

/* A word that nobody would take for a keyword: its type says best what is wrong. */
static bool is_value(const char *word)
{
	return word[0] == '\0' || strpbrk(word, "0123456789:/.") != NULL;
}

static const struct want *argument(const struct want *wants, unsigned n, const char *word, struct err *e)
{
	unsigned types = 0, keywords = 0;
	struct err why = {0};

	for (unsigned i = 0; i < n; i++) {
		struct err mine = {0};

		keywords += wants[i].type == NULL && !wants[i].quiet;
		if (wants[i].type == NULL)
			continue;
		if (type_takes(wants[i].type, word, &mine))
			return &wants[i];
		types++;
		why = mine;
	}
	if (types == 1 && (keywords == 0 || is_value(word)))
		err_set(e, EINVAL, "%s", why.text);
	return NULL;
}

static const char *nearest(const struct want *wants, unsigned n, const char *word, char *name, size_t size)
{
	for (unsigned i = 0; i < n; i++) {
		struct diag_near near;

		if (wants[i].type != NULL)
			continue;
		diag_near_init(&near, word);
		snprintf(name, size, "%.*s", (int)wants[i].len, wants[i].text);
		diag_near_try(&near, name);
		if (near.best != NULL)
			return name;
	}
	return NULL;
}

static int refuse(struct want *wants, unsigned n, const char *word, bool several, struct err *e)
{
	char list[400], name[64];

	n = offered(wants, n);
	if (n == 0)
		return err_set(e, EINVAL, "'%.64s' is not expected here: the command is complete", word);
	wants_text(wants, n, list, sizeof list);
	if (several)
		return err_set(e, EINVAL, "'%.64s' can be more than one of %s; write more of it", word, list);
	if (nearest(wants, n, word, name, sizeof name) != NULL)
		return err_set(e, EINVAL, "'%.64s' is not expected here; did you mean '%s'?", word, name);
	return err_set(e, EINVAL, "'%.64s' is not expected here; it takes %s", word, list);
}

int matcher_step(struct matcher *m, const char *word, struct want *took, struct err *e)
{
	struct want wants[WANTS_MAX];
	unsigned n = matcher_wants(m, wants);
	struct matcher next = {.s = m->s, .raw = m->raw};
	struct closure c = {.m = &next};
	const struct want *w;
	bool several;

	w = keyword(wants, n, word, &several);
	if (w == NULL)
		w = argument(wants, n, word, e);
	if (w == NULL)
		return e->code != 0 ? -e->code : refuse(wants, n, word, several, e);
	*took = *w;
	next.raw = m->raw || (w->type == NULL && strcmp(word, "--") == 0);
	for (unsigned i = 0; i < m->count; i++) {
		const struct syntax_code *k = &m->s->code[m->thread[i].at];

		if (k->op == OP_TOKEN && same(w, k))
			follow(&c, (uint8_t)(m->thread[i].at + 1), m->thread[i].done);
	}
	*m = next;
	return 0;
}
