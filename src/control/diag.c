/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define NEAR_WORD_MAX 64 /* longer words get no suggestion: nobody mistypes them by two letters */
#define SHOWN_MAX 96     /* characters of the offending line; a file may be one line of 16 MiB */
#define MARGIN "    "

/* Bytes of the valid UTF-8 character at p, 0 if it is none. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
	size_t n = p[0] < 0x80   ? 1
		   : p[0] < 0xc2 ? 0
		   : p[0] < 0xe0 ? 2
		   : p[0] < 0xf0 ? 3
		   : p[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong forms, surrogates, and what lies beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
		(p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

/* Terminals act on control characters, and the text came from a file. */
static bool is_control(const unsigned char *p, size_t n)
{
	return (n == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

static void make_printable(char *text)
{
	unsigned char *p = (unsigned char *)text;
	size_t left = strlen(text);

	while (left > 0) {
		size_t n = utf8_len(p, left), width = n > 0 ? n : 1;

		if (n == 0 || is_control(p, n))
			memset(p, '?', width);
		p += width;
		left -= width;
	}
}

/* Of a tree without lines: the way from the root, RFC 6901. */
static void print_pointer(const struct node *n, char *buf, size_t size)
{
	unsigned at = 0;
	size_t len;

	if (n->parent == NULL) {
		buf[0] = '\0';
		return;
	}
	print_pointer(n->parent, buf, size);
	len = strlen(buf);
	if (n->key == NULL) {
		NODE_EACH (c, n->parent) {
			if (c == n)
				break;
			at++;
		}
		snprintf(buf + len, size - len, "/%u", at);
		return;
	}
	if (len + 1 < size)
		buf[len++] = '/';
	for (const char *p = n->key; *p != '\0' && len + 2 < size; p++) {
		if (*p == '~' || *p == '/')
			buf[len++] = '~';
		buf[len++] = *p == '~' ? '0' : *p == '/' ? '1' : *p;
	}
	buf[len] = '\0';
}

static void add(struct diag *d, uint32_t line, uint32_t column, const char *hint, const char *fmt, va_list ap)
{
	struct diag_entry *e;

	d->total++;
	if (diag_full(d))
		return;
	e = &d->entry[d->count++];
	e->where[0] = '\0';
	e->file = d->reading;
	e->line = line;
	e->column = column;
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	e->hint[0] = '\0';
	if (hint != NULL)
		snprintf(e->hint, sizeof e->hint, strchr(hint, ' ') != NULL ? "%s" : "did you mean '%s'?",
			hint);
	make_printable(e->text);
	make_printable(e->hint);
}

void diag_add(struct diag *d, uint32_t line, uint32_t column, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(d, line, column, hint, fmt, ap);
	va_end(ap);
}

static void add_at(struct diag *d, const struct node *n, uint32_t line, uint32_t column, const char *hint,
	const char *fmt, va_list ap)
{
	unsigned kept = d->count;

	add(d, line, column, hint, fmt, ap);
	if (d->count == kept)
		return;
	d->entry[kept].file = n->file;
	if (line != 0)
		return;
	print_pointer(n, d->entry[kept].where, sizeof d->entry[kept].where);
	if (d->entry[kept].where[0] == '\0')
		snprintf(d->entry[kept].where, sizeof d->entry[kept].where, "/");
	make_printable(d->entry[kept].where);
}

void diag_node(struct diag *d, const struct node *n, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_at(d, n, n->line, n->column, hint, fmt, ap);
	va_end(ap);
}

void diag_key(struct diag *d, const struct node *n, const char *hint, const char *fmt, ...)
{
	bool keyed = n->key_line != 0; /* a list item has no key: its value is the next best place */
	va_list ap;

	va_start(ap, fmt);
	add_at(d, n, keyed ? n->key_line : n->line, keyed ? n->key_column : n->column, hint, fmt, ap);
	va_end(ap);
}

/* Bytes of the line break at p, 0 if there is none. The same breaks that libyaml counts. */
static size_t break_len(const char *p, size_t left)
{
	if (p[0] == '\n')
		return 1;
	if (p[0] == '\r')
		return left > 1 && p[1] == '\n' ? 2 : 1;
	if (left > 1 && memcmp(p, "\xc2\x85", 2) == 0)
		return 2;
	return left > 2 && p[0] == '\xe2' &&
			       (memcmp(p, "\xe2\x80\xa8", 3) == 0 || memcmp(p, "\xe2\x80\xa9", 3) == 0)
		       ? 3
		       : 0;
}

static const char *line_end(const char *p, const char *end)
{
	while (p < end && break_len(p, (size_t)(end - p)) == 0)
		p++;
	return p;
}

/* The text an entry points into; its text is NULL when there is none. */
static struct diag_source source_of(const struct diag *d, const struct diag_entry *e)
{
	if (d->sources != NULL && e->file < d->source_count)
		return d->sources[e->file];
	return (struct diag_source){
		.file = d->file != NULL ? d->file : "config", .text = d->source, .len = d->source_len};
}

const char *diag_file(const struct diag *d, const struct diag_entry *e)
{
	return source_of(d, e).file;
}

/* Start of a 1-based line and its end in *stop, NULL if the text has fewer lines. */
static const char *find_line(const struct diag_source *s, uint32_t line, const char **stop)
{
	const char *p = s->text, *end = s->text + s->len;

	for (uint32_t i = 1; i < line; i++) {
		p = line_end(p, end);
		if (p == end)
			return NULL;
		p += break_len(p, (size_t)(end - p));
	}
	*stop = line_end(p, end);
	return p;
}

/* Writes the characters first..first+SHOWN_MAX of a line, each as wide as one column. */
static void print_part(FILE *out, const char *p, const char *stop, uint32_t first)
{
	for (uint32_t i = 1; p < stop && i < first + SHOWN_MAX; i++) {
		size_t n = utf8_len((const unsigned char *)p, (size_t)(stop - p)), width = n > 0 ? n : 1;

		if (i >= first && *p == '\t')
			fputc(' ', out);
		else if (i >= first && (n == 0 || is_control((const unsigned char *)p, n)))
			fputc('?', out);
		else if (i >= first)
			fwrite(p, 1, width, out);
		p += width;
	}
}

static void print_source(const struct diag *d, const struct diag_entry *e, FILE *out)
{
	struct diag_source s = source_of(d, e);
	const char *stop, *p = s.text != NULL ? find_line(&s, e->line, &stop) : NULL;
	uint32_t column = e->column > 0 ? e->column : 1,
		 first = column < SHOWN_MAX ? 1 : column - SHOWN_MAX / 2;

	if (p == NULL)
		return;
	fputs(MARGIN, out);
	print_part(out, p, stop, first);
	fprintf(out, "\n" MARGIN "%*s\n", (int)(column - first + 1), "^");
}

void diag_print(const struct diag *d, FILE *out)
{
	for (unsigned i = 0; i < d->count; i++) {
		const struct diag_entry *e = &d->entry[i];
		const char *file = diag_file(d, e);

		if (e->line == 0) {
			fprintf(out, "%s:%s%s error: %s\n", file, e->where, e->where[0] != '\0' ? ":" : "",
				e->text);
		} else {
			fprintf(out, "%s:%u:%u: error: %s\n", file, e->line, e->column, e->text);
			print_source(d, e, out);
		}
		if (e->hint[0] != '\0')
			fprintf(out, "hint: %s\n", e->hint);
	}
	if (d->total > d->count)
		fprintf(out, "... and %u more error%s\n", d->total - d->count,
			d->total - d->count == 1 ? "" : "s");
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b; case costs nothing. */
static unsigned distance(const char *a, unsigned alen, const char *b, unsigned blen)
{
	unsigned rows[3][NEAR_WORD_MAX + 1], *two_up = rows[0], *up = rows[1], *row = rows[2];

	for (unsigned j = 0; j <= blen; j++)
		up[j] = j;
	for (unsigned i = 1; i <= alen; i++) {
		unsigned *reuse = two_up;

		row[0] = i;
		for (unsigned j = 1; j <= blen; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);

			row[j] = min2(min2(up[j], row[j - 1]) + 1, up[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				y == tolower((unsigned char)a[i - 2]))
				row[j] = min2(row[j], two_up[j - 2] + 1);
		}
		two_up = up;
		up = row;
		row = reuse;
	}
	return up[blen];
}

void diag_near_init(struct diag_near *n, const char *word)
{
	size_t len = strlen(word), third = len / 3;
	unsigned edits = third < 1 ? 1 : third > 2 ? 2 : (unsigned)third;

	/* As many edits as letters would make any word near. */
	*n = (struct diag_near){
		.word = word, .limit = len > NEAR_WORD_MAX ? 0 : min2(edits + 1, (unsigned)len)};
}

void diag_near_try(struct diag_near *n, const char *candidate)
{
	size_t len = strlen(n->word), other = strlen(candidate),
	       apart = len > other ? len - other : other - len;
	unsigned edits;

	if (apart >= n->limit || other > NEAR_WORD_MAX)
		return;
	edits = distance(n->word, (unsigned)len, candidate, (unsigned)other);
	if (edits >= n->limit)
		return;
	n->limit = edits;
	n->best = candidate;
}

const char *diag_nearest(const char *word, const char *const *words)
{
	struct diag_near n;

	diag_near_init(&n, word);
	for (; words != NULL && *words != NULL; words++)
		diag_near_try(&n, *words);
	return n.best;
}
