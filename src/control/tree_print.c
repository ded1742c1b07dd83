/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/tree_print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "control/value.h"

#define LINE_MAX_CHARS 110 /* an object that fits is one line */

/* --- scalars --- */

/* Code point at *p, which moves behind it. The text is valid UTF-8: both readers refuse anything else. */
static uint32_t next_point(const unsigned char **p)
{
	const unsigned char *s = *p;
	unsigned n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

	for (unsigned i = 1; i < n; i++) {
		if (s[i] == '\0') {
			*p = s + i;
			return '?';
		}
		c = c << 6 | (s[i] & 0x3f);
	}
	*p = s + n;
	return c;
}

static bool must_escape(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       (c & 0xfffe) == 0xfffe;
}

void print_quoted(const char *text, FILE *out)
{
	const unsigned char *p = (const unsigned char *)text, *from;

	fputc('"', out);
	while (*p != '\0') {
		uint32_t c;

		from = p;
		c = next_point(&p);
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", (int)c);
		else if (must_escape(c) && c <= 0xffff)
			fprintf(out, "\\u%04" PRIx32, c);
		else if (must_escape(c)) /* no character of any script; JSON needs a pair of them */
			fputs("\\ufffd", out);
		else
			fwrite(from, 1, (size_t)(p - from), out);
	}
	fputc('"', out);
}

/* Reads the same in blocks and between brackets, without quotes. */
static bool is_plain(const char *text)
{
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-";

	return text[0] != '\0' && (strchr(word, text[0]) != NULL || text[0] == '/') &&
	       text[strspn(text, inside)] == '\0';
}

/* What YAML would take for something else than text. */
static bool is_special(const char *text)
{
	static const char *const words[] = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"};

	for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(words[i], text) == 0)
			return true;
	return text[0] >= '0' && text[0] <= '9' &&
	       strspn(text, "0123456789.eExXabcdefABCDEF_+-") == strlen(text);
}

static bool needs_quotes(const struct node *n)
{
	return !is_plain(n->text) || (n->quoted && is_special(n->text)) || node_is_nothing(n);
}

static void print_scalar(const struct node *n, FILE *out)
{
	if (needs_quotes(n))
		print_quoted(n->text, out);
	else
		fputs(n->text, out);
}

static void print_key(const char *key, FILE *out)
{
	if (is_plain(key) && !is_special(key))
		fputs(key, out);
	else
		print_quoted(key, out);
}

/* --- one line --- */

void tree_print_flow(const struct node *n, FILE *out)
{
	bool map = n == NULL || n->kind == NODE_MAP;

	if (n != NULL && n->kind == NODE_SCALAR) {
		print_scalar(n, out);
		return;
	}
	fputc(map ? '{' : '[', out);
	NODE_EACH (c, n) {
		if (c != n->child)
			fputs(", ", out);
		if (map) {
			print_key(c->key, out);
			fputs(": ", out);
		}
		tree_print_flow(c, out);
	}
	fputc(map ? '}' : ']', out);
}

/* Characters of the line above, counted no further than `limit`. */
static size_t flow_length(const struct node *n, size_t limit)
{
	size_t len = 2;

	if (n->kind == NODE_SCALAR)
		return strlen(n->text) + 2;
	NODE_EACH (c, n) {
		len += 2 + (c->key != NULL ? strlen(c->key) + 2 : 0);
		if (len < limit)
			len += flow_length(c, limit - len);
		if (len >= limit)
			return len;
	}
	return len;
}

/* --- blocks --- */

static void print_block(const struct node *n, unsigned indent, FILE *out);

static bool fits(const struct node *n, size_t before)
{
	return n->kind == NODE_SCALAR || n->count == 0 ||
	       flow_length(n, LINE_MAX_CHARS) + before < LINE_MAX_CHARS;
}

/* Sections are blocks, unless they hold nothing but a few single values. */
static bool section_fits(const struct node *n)
{
	NODE_EACH (c, n)
		if (c->kind != NODE_SCALAR)
			return false;
	return fits(n, 20);
}

/* A value behind its key or dash. */
static void print_value(const struct node *c, unsigned indent, bool whole, FILE *out)
{
	if (whole) {
		fputc(' ', out);
		tree_print_flow(c, out);
		fputc('\n', out);
	} else {
		fputc('\n', out);
		print_block(c, indent + 2, out);
	}
}

static void print_block(const struct node *n, unsigned indent, FILE *out)
{
	NODE_EACH (c, n) {
		fprintf(out, "%*s", (int)indent, "");
		if (n->kind == NODE_LIST) {
			fputc('-', out);
			print_value(c, indent, fits(c, indent + 2), out);
		} else {
			bool whole = indent == 0 ? section_fits(c) : fits(c, indent + strlen(c->key) + 2);

			print_key(c->key, out);
			fputc(':', out);
			print_value(c, indent, whole, out);
		}
	}
}

void tree_print_yaml(const struct node *root, FILE *out)
{
	if (root == NULL || root->count == 0)
		fputs("{}\n", out);
	else
		print_block(root, 0, out);
}

/* --- JSON --- */

static void print_json_scalar(const struct node *n, FILE *out)
{
	uint64_t v;
	bool b;

	if (!n->quoted && ((value_u64(n->text, &v) == 0 && v <= INT64_MAX) || value_bool(n->text, &b) == 0))
		fputs(n->text, out);
	else
		print_quoted(n->text, out);
}

void tree_print_json(const struct node *n, FILE *out)
{
	bool map = n == NULL || n->kind == NODE_MAP;

	if (n != NULL && n->kind == NODE_SCALAR) {
		print_json_scalar(n, out);
		return;
	}
	fputc(map ? '{' : '[', out);
	NODE_EACH (c, n) {
		if (c != n->child)
			fputc(',', out);
		if (map) {
			print_quoted(c->key, out);
			fputc(':', out);
		}
		tree_print_json(c, out);
	}
	fputc(map ? '}' : ']', out);
}

static char *as_text(const struct node *n, size_t *len, void (*print)(const struct node *n, FILE *out))
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);
	bool failed;

	if (f == NULL)
		return NULL;
	print(n, f);
	failed = ferror(f) != 0;
	if (fclose(f) == 0 && !failed)
		return text;
	free(text);
	return NULL;
}

char *tree_yaml(const struct node *root, size_t *len)
{
	return as_text(root, len, tree_print_yaml);
}

char *tree_json(const struct node *root, size_t *len)
{
	return as_text(root, len, tree_print_json);
}
