/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "control/keyset.h"

struct frame {
	struct node *node;
	struct keyset keys;
};

struct reader {
	yaml_parser_t parser;
	struct diag *d;
	const char *text;
	size_t len;
	struct node *root;
	struct frame stack[CONFIG_DEPTH_MAX]; /* open maps and lists */
	unsigned depth, documents, nodes;
	char *key; /* read, its value comes next */
	uint32_t key_line, key_column;
};

static uint32_t line_of(yaml_mark_t m)
{
	return (uint32_t)m.line + 1;
}

static uint32_t column_of(yaml_mark_t m)
{
	return (uint32_t)m.column + 1;
}

/* Every event handler returns whether reading goes on; these are the ways it does not. */
static bool out_of_memory(struct reader *r)
{
	diag_add(r->d, 0, 0, NULL, "memory ran out while reading the config");
	return false;
}

static bool stop_at(struct reader *r, yaml_mark_t at, const char *hint, const char *sentence)
{
	diag_add(r->d, line_of(at), column_of(at), hint, "%s", sentence);
	return false;
}

/* libyaml gives a byte offset, and no mark, for bytes that are no text. */
static yaml_mark_t mark_of_offset(const struct reader *r, size_t offset)
{
	yaml_mark_t m = {0};

	for (size_t i = 0; i < offset && i < r->len; i++) {
		if (r->text[i] == '\n') {
			m.line++;
			m.column = 0;
		} else if ((r->text[i] & 0xc0) != 0x80) {
			m.column++;
		}
	}
	return m;
}

/* The text from the start of a line (0-based), NULL if there are fewer lines. */
static const char *text_from_line(const struct reader *r, size_t line)
{
	const char *p = r->text, *end = r->text + r->len;

	for (; line > 0 && p != NULL; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p != NULL ? p + 1 : NULL;
	}
	return p;
}

/* Two common mistakes that libyaml's sentence does not name: a tab in the indentation, and, where addresses
 * are written, a plain ::/0 between brackets, which libyaml reads as a colon without its key. */
static const char *syntax_hint(const struct reader *r, yaml_mark_t at)
{
	const char *p = text_from_line(r, at.line), *end = r->text + r->len, *colon;

	if (p == NULL)
		return NULL;
	colon = (size_t)(end - p) > at.column + 1 ? p + at.column : NULL;
	if (colon != NULL && colon[0] == ':' && colon[1] == ':')
		return "put quotes around text that begins with a colon";
	while (p < end && *p == ' ')
		p++;
	return p < end && *p == '\t' ? "indent with spaces: YAML does not allow tabs there" : NULL;
}

static void syntax_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	bool undecodable = p->error == YAML_READER_ERROR;
	yaml_mark_t at = undecodable ? mark_of_offset(r, p->problem_offset) : p->problem_mark;
	const char *problem = p->problem != NULL ? p->problem : "unreadable text";

	if (p->error == YAML_MEMORY_ERROR)
		(void)out_of_memory(r);
	else if (undecodable || p->context == NULL)
		diag_add(r->d, line_of(at), column_of(at), syntax_hint(r, at), "not valid YAML: %s", problem);
	else
		diag_add(r->d, line_of(at), column_of(at), syntax_hint(r, at),
			"not valid YAML: %s %s that begins at line %u", problem, p->context,
			line_of(p->context_mark));
}

static void refuse_extras(struct reader *r, yaml_mark_t at, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		diag_add(r->d, line_of(at), column_of(at), NULL,
			"the anchor '&%.60s' is not allowed: a config has no anchors or aliases",
			(const char *)anchor);
	if (tag != NULL)
		diag_add(r->d, line_of(at), column_of(at), NULL,
			"the tag '%.60s' is not allowed: a config has no tags", (const char *)tag);
}

static bool key_is_next(const struct reader *r)
{
	return r->depth > 0 && r->key == NULL && r->stack[r->depth - 1].node->kind == NODE_MAP;
}

/* The text is taken over. */
static bool take_key(struct reader *r, char *text, bool plain, yaml_mark_t at)
{
	const struct frame *f = &r->stack[r->depth - 1];
	const struct node *first = keyset_find(&f->keys, f->node, text);

	if (plain && strcmp(text, "<<") == 0)
		diag_add(r->d, line_of(at), column_of(at), NULL,
			"the merge key '<<' is not allowed: write the keys out");
	else if (text[0] == '\0')
		diag_add(r->d, line_of(at), column_of(at), NULL, "a key is missing before the ':'");
	else if (first != NULL)
		diag_add(r->d, line_of(at), column_of(at), NULL,
			"the key '%.60s' is here twice: the first is at line %u, column %u", text,
			first->key_line, first->key_column);
	r->key = text;
	r->key_line = line_of(at);
	r->key_column = column_of(at);
	return true;
}

/* Puts a new node where the next value belongs, and takes over the key read before it. */
static bool place(struct reader *r, struct node *n, yaml_mark_t at)
{
	struct frame *f = r->depth > 0 ? &r->stack[r->depth - 1] : NULL;

	if (n == NULL)
		return out_of_memory(r);
	if (++r->nodes > CONFIG_NODES_MAX) {
		node_free(n);
		return stop_at(r, at, NULL, "the config has more values than a config can have");
	}
	n->line = line_of(at);
	n->column = column_of(at);
	n->file = r->d->reading;
	if (f == NULL) {
		r->root = n;
		return true;
	}
	(void)node_append(f->node, n, NULL);
	if (r->key == NULL)
		return true;
	n->key = r->key;
	n->key_line = r->key_line;
	n->key_column = r->key_column;
	r->key = NULL;
	keyset_update(&f->keys, f->node);
	return true;
}

/* Takes the text out of the event instead of copying it: libyaml uses malloc(). */
static bool on_scalar(struct reader *r, yaml_event_t *ev)
{
	char *text = (char *)ev->data.scalar.value;
	bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct node *n;

	refuse_extras(r, ev->start_mark, ev->data.scalar.anchor, ev->data.scalar.tag);
	if (strlen(text) != ev->data.scalar.length)
		return stop_at(r, ev->start_mark, NULL, "text may not contain the character \\0");
	ev->data.scalar.value = NULL;
	if (key_is_next(r))
		return take_key(r, text, plain, ev->start_mark);
	n = node_new(NODE_SCALAR, NULL);
	if (n == NULL) {
		free(text);
		return out_of_memory(r);
	}
	n->text = text;
	n->quoted = !plain;
	return place(r, n, ev->start_mark);
}

/* Counts as an empty value, so that the errors behind it are found as well. */
static bool on_alias(struct reader *r, const yaml_event_t *ev)
{
	diag_add(r->d, line_of(ev->start_mark), column_of(ev->start_mark), NULL,
		"the alias '*%.60s' is not allowed: write the value out",
		(const char *)ev->data.alias.anchor);
	if (!key_is_next(r))
		return place(r, node_new(NODE_SCALAR, ""), ev->start_mark);
	r->key = strdup("");
	return r->key != NULL || out_of_memory(r);
}

static bool on_open(struct reader *r, enum node_kind kind, yaml_mark_t at)
{
	struct node *n;

	if (key_is_next(r))
		return stop_at(r, at, "put quotes around text that begins with { or [",
			kind == NODE_MAP ? "a key must be a word, not a map"
					 : "a key must be a word, not a list");
	if (r->depth == CONFIG_DEPTH_MAX) {
		diag_add(r->d, line_of(at), column_of(at), NULL,
			"maps and lists are nested deeper than %u levels", CONFIG_DEPTH_MAX);
		return false;
	}
	n = node_new(kind, NULL);
	if (!place(r, n, at))
		return false;
	r->stack[r->depth++] = (struct frame){.node = n};
	return true;
}

static bool on_close(struct reader *r)
{
	struct frame *f = &r->stack[--r->depth];

	keyset_free(&f->keys);
	node_index(f->node);
	return true;
}

static bool on_event(struct reader *r, yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		return r->documents++ == 0 ||
		       stop_at(r, ev->start_mark, NULL,
			       "a second document begins here: a config is one document");
	case YAML_ALIAS_EVENT:
		return on_alias(r, ev);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, ev);
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(r, ev->start_mark, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		return on_open(r, NODE_LIST, ev->start_mark);
	case YAML_MAPPING_START_EVENT:
		refuse_extras(r, ev->start_mark, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		return on_open(r, NODE_MAP, ev->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(r);
	case YAML_STREAM_END_EVENT:
		return false;
	default:
		return true;
	}
}

static void read_events(struct reader *r)
{
	bool more = true;

	while (more) {
		yaml_event_t ev;

		if (yaml_parser_parse(&r->parser, &ev) == 0) {
			syntax_error(r);
			return;
		}
		more = on_event(r, &ev);
		yaml_event_delete(&ev);
	}
}

/* An empty file says nothing, which is an empty map; anything else but a map is an error. */
static void settle_root(struct reader *r)
{
	struct node *n = r->root;

	if (n != NULL && n->kind == NODE_SCALAR && n->text[0] == '\0' && !n->quoted) {
		node_free(n);
		n = NULL;
	}
	r->root = n;
	if (n == NULL) {
		r->root = node_new(NODE_MAP, NULL);
		if (r->root == NULL)
			(void)out_of_memory(r);
		else
			r->root->line = r->root->column = 1;
	} else if (n->kind != NODE_MAP) {
		diag_node(r->d, n, NULL, "the config must be a map of keys such as 'interfaces:', not %s",
			n->kind == NODE_LIST ? "a list" : "a single value");
	}
}

struct node *yaml_read(const char *text, size_t len, struct diag *d)
{
	struct reader r = {.d = d, .text = text, .len = len};
	unsigned before = d->total;

	if (len > CONFIG_BYTES_MAX) {
		diag_add(d, 0, 0, NULL, "the config has %zu bytes, more than the limit of %u", len,
			CONFIG_BYTES_MAX);
		return NULL;
	}
	if (yaml_parser_initialize(&r.parser) == 0) {
		(void)out_of_memory(&r);
		return NULL;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	read_events(&r);
	yaml_parser_delete(&r.parser);
	while (r.depth > 0)
		(void)on_close(&r);
	free(r.key);
	if (d->total == before)
		settle_root(&r);
	if (d->total == before)
		return r.root;
	node_free(r.root);
	return NULL;
}
