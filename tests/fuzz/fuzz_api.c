/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of the API without a network: the first byte chooses an endpoint, the text up to a line feed is
 * the query, the rest the body. Whatever it is, the reply is one JSON document, and a refusal says why. Every
 * endpoint is reached, also /metrics and the streams, which are asked a few times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "fuzz_instance.h"

#define QUERY_MAX 512

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir *weir;
static char query_text[QUERY_MAX];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	weir = instance_new("weir-fuzz-api",
		"ports: {a: {device: none}, b: {device: none}}\n"
		"interfaces: {lan: {port: a, addresses: [10.0.1.1/24]}}\n",
		true);
	return 0;
}

/* --- requests --- */

/* a=1&b=2, as it is. */
static const char *query(const struct request *r, const char *name)
{
	static char value[QUERY_MAX];
	const size_t len = strlen(name);

	for (const char *at = query_text; at != NULL; at = strchr(at, '&')) {
		at += *at == '&';
		if (strncmp(at, name, len) != 0 || (at[len] != '=' && at[len] != '&' && at[len] != '\0'))
			continue;
		snprintf(value, sizeof value, "%s", at + len + (at[len] == '='));
		value[strcspn(value, "&")] = '\0';
		return value;
	}
	return NULL;
}

static const char *header(const struct request *r, const char *name)
{
	return strcmp(name, "If-Match") == 0 ? "*" : NULL;
}

static void finish_document(struct request *r)
{
	uint64_t due = 0;

	for (unsigned i = 0; r->feed != NULL && i < 3; i++)
		r->feed(r, 1000000000ull * (i + 1), &due);
	while (r->more != NULL && r->more(r))
		;
}

static void check_reply(const struct request *r)
{
	json_t *doc;

	need(r->status == 0 || (r->status >= 200 && r->status < 600));
	if (r->type != NULL || r->status == 304 || r->out.failed)
		return;
	doc = json_loadb(r->out.buf, r->out.len, JSON_REJECT_DUPLICATES, NULL);
	need(doc != NULL);
	need(r->status < 400 || json_is_string(json_object_get(doc, "error")));
	json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = {.query = query, .header = header, .client = "fuzz", .role = ROLE_WRITE};
	unsigned count;
	const struct endpoint *const *all = endpoints_all(&count);
	const char *text = (const char *)data + 1, *eol = size > 1 ? memchr(text, '\n', size - 1) : NULL;
	const size_t n = eol != NULL ? (size_t)(eol - text) : 0;

	if (size < 2 || n >= sizeof query_text)
		return 0;
	r.w = weir;
	r.endpoint = all[data[0] % count];
	r.name = strchr(r.endpoint->path, '{') != NULL ? "lan" : NULL;
	if (strcmp(r.endpoint->path, "/v1/config/save") == 0)
		return 0; /* it writes files */
	memcpy(query_text, text, n);
	query_text[n] = '\0';
	text += eol != NULL ? n + 1 : 0;
	request_run(&r, text, size - 1 - (eol != NULL ? n + 1 : 0));
	finish_document(&r);
	check_reply(&r);
	request_free(&r);
	instance_rest(weir);
	return 0;
}
