/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The first line of a file in the state directory: a comment with the facts as JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "control/store_priv.h"

uint64_t store_sum(uint64_t so_far, const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = so_far != 0 ? so_far : 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static void put_text(json_t *o, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(o, key, json_string(text));
}

char *store_header(const struct store_entry *n)
{
	json_t *o = json_pack("{s:I,s:I,s:I}", "id", (json_int_t)n->id, "time", (json_int_t)n->time, "uid",
		(json_int_t)n->uid);
	char *json, *line = NULL;

	if (o == NULL)
		return NULL;
	put_text(o, "user", n->user);
	put_text(o, "message", n->message);
	put_text(o, "source", n->source);
	put_text(o, "summary", n->summary);
	put_text(o, "startup", n->startup);
	put_text(o, "checksum", n->checksum);
	json = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	if (json == NULL || asprintf(&line, "# %s\n", json) < 0)
		line = NULL;
	free(json);
	return line;
}

static void get_text(const json_t *o, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));

	snprintf(buf, size, "%s", text != NULL ? text : "");
}

bool store_parse_header(const char *line, size_t len, struct store_entry *n)
{
	json_t *o = len > 2 && line[0] == '#' ? json_loadb(line + 2, len - 2, 0, NULL) : NULL;

	if (o == NULL)
		return false;
	n->time = json_integer_value(json_object_get(o, "time"));
	n->uid = (uint32_t)json_integer_value(json_object_get(o, "uid"));
	get_text(o, "user", n->user, sizeof n->user);
	get_text(o, "message", n->message, sizeof n->message);
	get_text(o, "source", n->source, sizeof n->source);
	get_text(o, "summary", n->summary, sizeof n->summary);
	get_text(o, "startup", n->startup, sizeof n->startup);
	get_text(o, "checksum", n->checksum, sizeof n->checksum);
	json_decref(o);
	return true;
}
