/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compiles a grammar to the instructions of a small matcher (match.c): a parser by recursive descent that
 * emits as it reads.
 */
#include "cli/syntax.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/syntax_priv.h"

#define BODY_MAX 16 /* brackets of one run */

struct compiler {
	struct syntax *s;
	const char *at;
	unsigned quiet; /* depth of parentheses */
	struct err *e;
};

static void alternatives(struct compiler *c);

static void fault(struct compiler *c, const char *why)
{
	err_set(c->e, EINVAL, "grammar: %s before '%.32s'", why, c->at);
}

static unsigned emit(struct compiler *c, enum syntax_op op)
{
	if (c->s->codes == SYNTAX_CODE) {
		fault(c, "too large");
		return 0;
	}
	c->s->code[c->s->codes] = (struct syntax_code){.op = (uint8_t)op};
	return c->s->codes++;
}

static uint8_t here(const struct compiler *c)
{
	return (uint8_t)c->s->codes;
}

static void skip(struct compiler *c)
{
	c->at += strspn(c->at, " ");
}

static bool is_open(char ch)
{
	return ch == '[' || ch == '{' || ch == '(';
}

static bool is_close(char ch)
{
	return ch == ']' || ch == '}' || ch == ')';
}

static bool take_dots(struct compiler *c)
{
	if (strncmp(c->at, "...", 3) != 0)
		return false;
	c->at += 3;
	return true;
}

static void word(struct compiler *c)
{
	size_t whole = strcspn(c->at, " []{}()|"), len;
	struct syntax_code *k;

	if (whole > 3 && strncmp(c->at + whole - 3, "...", 3) == 0)
		whole -= 3;
	len = strcspn(c->at, "/") < whole ? strcspn(c->at, "/") : whole;
	k = &c->s->code[emit(c, OP_TOKEN)];
	k->text = c->at;
	k->len = (uint8_t)len;
	k->others = (uint8_t)(whole - len);
	k->quiet = c->quiet != 0;
	k->type = isupper((unsigned char)c->at[0]) ? type_find(c->at, len) : NULL;
	if (k->type == NULL && isupper((unsigned char)c->at[0]))
		fault(c, "unknown type");
	else if (k->type == NULL && keyword_help(c->at, len) == NULL)
		fault(c, "keyword without help");
	c->at += whole;
}

/* The inside of brackets, up to and with the closing one. */
static void body(struct compiler *c, bool *optional)
{
	char close = *c->at == '[' ? ']' : *c->at == '{' ? '}' : ')';
	bool quiet = *c->at == '(';

	*optional = *c->at != '{';
	c->at++;
	c->quiet += quiet;
	alternatives(c);
	c->quiet -= quiet;
	skip(c);
	if (*c->at != close)
		fault(c, "a bracket is not closed");
	else
		c->at++;
}

/* x... and single brackets: no other bracket beside it. */
static void single(struct compiler *c)
{
	unsigned split = emit(c, OP_SPLIT), again;
	uint8_t start = here(c);
	bool optional = false;

	if (is_open(*c->at))
		body(c, &optional);
	else
		word(c);
	if (take_dots(c)) {
		again = emit(c, OP_SPLIT);
		c->s->code[again].x = start;
		c->s->code[again].y = here(c);
	}
	c->s->code[split].x = start;
	c->s->code[split].y = optional ? here(c) : start;
}

/* Does another bracket follow the one at `at` (and its dots)? */
static bool run_follows(const char *at)
{
	int depth = 0;

	do {
		depth += is_open(*at) - is_close(*at);
		at++;
	} while (depth > 0 && *at != '\0');
	if (strncmp(at, "...", 3) == 0)
		at += 3;
	return is_open(at[strspn(at, " ")]);
}

static unsigned run_length(const char *at)
{
	unsigned n = 1;

	while (run_follows(at)) {
		int depth = 0;

		do {
			depth += is_open(*at) - is_close(*at);
			at++;
		} while (depth > 0);
		at += strspn(at, ". ");
		n++;
	}
	return n;
}

/* Brackets side by side: any order, each once unless it repeats. */
static void run(struct compiler *c, unsigned n)
{
	unsigned first = c->s->groups, clear, choose, done, jump;

	if (first + n > SYNTAX_GROUPS || n > BODY_MAX) {
		fault(c, "too many brackets");
		return;
	}
	c->s->groups += n;
	clear = emit(c, OP_CLEAR);
	c->s->code[clear].mask = (uint32_t)(((1ull << n) - 1) << first);
	choose = emit(c, OP_CHOOSE);
	c->s->code[choose].x = (uint8_t)first;
	c->s->code[choose].y = (uint8_t)n;
	for (unsigned i = 0; i < n && c->e->code == 0; i++) {
		struct syntax_group *g = &c->s->group[first + i];

		skip(c);
		g->start = here(c);
		body(c, &g->optional);
		g->repeat = take_dots(c);
		done = emit(c, OP_DONE);
		c->s->code[done].mask = 1u << (first + i);
		jump = emit(c, OP_JUMP);
		c->s->code[jump].x = (uint8_t)choose;
	}
	c->s->code[choose].mask = here(c); /* where to go when all that is required was there */
}

static void sequence(struct compiler *c)
{
	for (skip(c); c->e->code == 0 && *c->at != '\0' && strchr("|]})", *c->at) == NULL; skip(c)) {
		unsigned n = is_open(*c->at) ? run_length(c->at) : 1;

		if (n > 1)
			run(c, n);
		else
			single(c);
	}
}

/* a | b: SPLIT to a, else to the next SPLIT. */
static void alternatives(struct compiler *c)
{
	unsigned split, jump[BODY_MAX], jumps = 0;

	for (;;) {
		split = emit(c, OP_SPLIT);
		c->s->code[split].x = c->s->code[split].y = here(c);
		sequence(c);
		skip(c);
		if (*c->at != '|' || c->e->code != 0)
			break;
		c->at++;
		if (jumps == BODY_MAX) {
			fault(c, "too many alternatives");
			break;
		}
		jump[jumps++] = emit(c, OP_JUMP);
		c->s->code[split].y = here(c);
	}
	while (jumps > 0)
		c->s->code[jump[--jumps]].x = here(c);
}

int syntax_compile(struct syntax *s, const char *args, struct err *e)
{
	struct compiler c = {.s = s, .at = args != NULL ? args : "", .e = e};

	s->codes = s->groups = 0;
	alternatives(&c);
	if (*c.at != '\0' && e->code == 0)
		fault(&c, "a bracket too many");
	emit(&c, OP_MATCH);
	return -e->code;
}

/* --- as text --- */

/* The brace at `at` holds one alternative and is not repeated: its closing brace, else NULL. */
static const char *plain_brace(const char *at)
{
	int depth = 0;

	for (; *at != '\0'; at++) {
		depth += is_open(*at) - is_close(*at);
		if (*at == '|' && depth == 1)
			return NULL;
		if (depth == 0)
			return strncmp(at + 1, "...", 3) == 0 ? NULL : at;
	}
	return NULL;
}

/* Behind the parenthesis that `at` opens, and the spaces there. */
static const char *behind(const char *at)
{
	int depth = 0;

	do {
		depth += is_open(*at) - is_close(*at);
		at++;
	} while (depth > 0 && *at != '\0');
	return at + strspn(at, " ");
}

struct text {
	char *buf;
	size_t len, size;
	const char *skipped[BODY_MAX]; /* closing braces to leave out */
	unsigned skips;
	int depth;
};

/* One character of the grammar, or several that are left out; returns what follows. */
static const char *copy(struct text *t, const char *at)
{
	const char *close = *at == '{' && t->skips < BODY_MAX ? plain_brace(at) : NULL;

	if (*at == '(')
		return behind(at);
	if (*at == '/' && at[-1] != ' ')
		return at + strcspn(at, " []{}()|.");
	t->depth += is_open(*at) - is_close(*at);
	if (*at == '|' && t->depth == 0) {
		t->len -= t->buf[t->len - 1] == ' ';
		t->buf[t->len++] = '\n';
		return at + 1 + strspn(at + 1, " ");
	}
	if (close != NULL)
		t->skipped[t->skips++] = close;
	else if (t->skips > 0 && t->skipped[t->skips - 1] == at)
		t->skips--;
	else
		t->buf[t->len++] = *at;
	return at + 1;
}

const char *syntax_text(const char *args, char *buf, size_t size)
{
	struct text t = {.buf = buf, .size = size};

	for (const char *at = args != NULL ? args : ""; *at != '\0' && t.len + 1 < size;)
		at = copy(&t, at);
	while (t.len > 0 && buf[t.len - 1] == ' ')
		t.len--;
	buf[t.len] = '\0';
	return buf;
}
