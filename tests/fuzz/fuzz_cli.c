/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the command line reads: answers of a daemon, streams, lines of commands and their grammar. The first
 * byte chooses.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/complete.h"
#include "cli/http.h"
#include "cli/line.h"
#include "cli/stream.h"
#include "cli/text.h"
#include "cli/verbs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const uint8_t *data, size_t size)
{
	char *raw = malloc(size + 1);
	struct http_reply reply;
	struct err e = {0};

	memcpy(raw, data, size);
	if (http_parse(raw, size, &reply, &e) == 0 ? reply.body[reply.len] != '\0' : e.text[0] == '\0')
		abort();
	free(raw);
}

static bool on_event(void *ctx, const char *data)
{
	return strlen(data) < STREAM_LINE;
}

static void stream(const uint8_t *data, size_t size)
{
	struct stream *s = calloc(1, sizeof *s);
	struct err e = {0};
	size_t half = size / 2;

	s->event = on_event;
	s->chunked = size != 0 && (data[0] & 1) != 0;
	if (stream_feed(s, (const char *)data, half, &e) == 0)
		stream_feed(s, (const char *)data + half, size - half, &e);
	free(s);
}

/* Text made safe stays safe and needs no more columns than bytes. */
static void text(const uint8_t *data, size_t size)
{
	char *s = strndup((const char *)data, size), *again;

	text_safe(s);
	again = strdup(s);
	text_safe(again);
	if (strcmp(s, again) != 0 || text_width(s) > 2 * strlen(s) || text_fit(s, 10) > strlen(s))
		abort();
	free(again);
	free(s);
}

/* Whatever is offered for a line is taken when it is added to the line. */
static void line(const uint8_t *data, size_t size)
{
	static const struct cli c = {.socket = "/nonexistent/weir.sock", .shell = true};
	struct offers help, words;
	struct line l;
	struct err e = {0};

	if (memchr(data, '\0', size) != NULL || memchr(data, '/', size) != NULL ||
		line_split(&l, (const char *)data, size, &e) != 0)
		return;
	complete(&c, l.count, l.word, "", COMPLETE_HELP, &help);
	complete(&c, l.count, l.word, "", COMPLETE_WORDS, &words);
	if ((help.wrong < 0) != (words.wrong < 0) || help.end != words.end ||
		(help.wrong >= 0 && help.why.text[0] == '\0'))
		abort();
	offers_free(&help);
	offers_free(&words);
	line_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const target[])(const uint8_t *, size_t) = {answer, stream, text, line};

	if (size > 0)
		target[data[0] & 3](data + 1, size - 1);
	return 0;
}
