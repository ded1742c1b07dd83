/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct jw *j, size_t more)
{
	size_t room = j->room != 0 ? j->room : 4096;
	char *p;

	if (j->failed)
		return false;
	if (j->room - j->len >= more)
		return true;
	while (room - j->len < more)
		room *= 2;
	p = realloc(j->buf, room);
	if (p == NULL) {
		j->failed = true;
		return false;
	}
	j->buf = p;
	j->room = room;
	return true;
}

static void put(struct jw *j, const char *bytes, size_t n)
{
	if (!reserve(j, n))
		return;
	memcpy(j->buf + j->len, bytes, n);
	j->len += n;
}

/* Length of the UTF-8 sequence at s (RFC 3629: no surrogates, no overlong forms), 0 if it is none. */
static unsigned utf8_sequence(const unsigned char *s)
{
	unsigned n = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 0;

	if (s[0] >= 0xf0 && s[0] < 0xf5)
		n = 4;
	for (unsigned i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] >= 0xa0) ||
		(s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] >= 0x90))
		return 0;
	return n;
}

static void put_control(struct jw *j, unsigned char c)
{
	static const char named[] = "\bb\ff\nn\rr\tt";
	char text[8];

	for (unsigned i = 0; i + 1 < sizeof named; i += 2)
		if (named[i] == (char)c) {
			put(j, (char[]){'\\', named[i + 1]}, 2);
			return;
		}
	put(j, text, (size_t)snprintf(text, sizeof text, "\\u%04x", c));
}

static void put_quoted(struct jw *j, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned n;

	put(j, "\"", 1);
	for (; *s != '\0'; s += n) {
		n = utf8_sequence(s);
		if (n == 0) {
			put(j, "?", 1);
			n = 1;
		} else if (*s == '"' || *s == '\\') {
			put(j, (char[]){'\\', (char)*s}, 2);
		} else if (*s < 0x20 || *s == 0x7f) {
			put_control(j, *s);
		} else {
			put(j, (const char *)s, n);
		}
	}
	put(j, "\"", 1);
}

/* What stands before a value: the comma and the key. */
static void lead(struct jw *j, const char *key)
{
	if (j->comma)
		put(j, ",", 1);
	if (key != NULL) {
		put_quoted(j, key);
		put(j, ":", 1);
	}
	j->comma = true;
}

void jw_open(struct jw *j, const char *key, char kind)
{
	lead(j, key);
	put(j, &kind, 1);
	j->comma = false;
}

void jw_close(struct jw *j, char kind)
{
	put(j, &kind, 1);
	j->comma = true;
}

void jw_text(struct jw *j, const char *key, const char *text)
{
	lead(j, key);
	if (text != NULL)
		put_quoted(j, text);
	else
		put(j, "null", 4);
}

void jw_format(struct jw *j, const char *key, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	jw_text(j, key, text);
}

void jw_u64(struct jw *j, const char *key, uint64_t value)
{
	char text[24];

	if (value > INT64_MAX)
		value = INT64_MAX;
	lead(j, key);
	put(j, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)value));
}

void jw_bool(struct jw *j, const char *key, bool value)
{
	lead(j, key);
	put(j, value ? "true" : "false", value ? 4 : 5);
}

void jw_real(struct jw *j, const char *key, double value)
{
	char text[64];

	lead(j, key);
	if (!isfinite(value) || fabs(value) > 1e15)
		value = 0; /* JSON has no infinity; a ratio that large means a counter was cleared meanwhile
			    */
	put(j, text, (size_t)snprintf(text, sizeof text, "%.3f", value));
}

void jw_mac(struct jw *j, const char *key, const uint8_t mac[6])
{
	jw_format(j, key, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

void jw_end(struct jw *j)
{
	put(j, "\n", 1);
}

void jw_reset(struct jw *j)
{
	j->len = 0;
	j->comma = j->failed = false;
}

void jw_drain(struct jw *j)
{
	j->len = 0;
}

void jw_raw(struct jw *j, const char *bytes, size_t n)
{
	put(j, bytes, n);
}

void jw_free(struct jw *j)
{
	free(j->buf);
	*j = (struct jw){0};
}
