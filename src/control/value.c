/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The units that the formatters write come first, largest first, down to the one with factor 1. */
const struct value_unit value_size_units[] = {
	{"T", 1ull << 40},
	{"G", 1ull << 30},
	{"M", 1ull << 20},
	{"K", 1ull << 10},
	{"", 1},
	{"k", 1ull << 10},
	{"TiB", 1ull << 40},
	{"GiB", 1ull << 30},
	{"MiB", 1ull << 20},
	{"KiB", 1ull << 10},
	{"TB", 1000000000000},
	{"GB", 1000000000},
	{"MB", 1000000},
	{"kB", 1000},
	{NULL, 0},
};
const struct value_unit value_rate_units[] = {
	{"Gbit", 1000000000},
	{"Mbit", 1000000},
	{"kbit", 1000},
	{"", 1},
	{NULL, 0},
};
const struct value_unit value_duration_units[] = {
	{"h", 3600000000000},
	{"m", 60000000000},
	{"s", 1000000000},
	{"ms", 1000000},
	{"us", 1000},
	{"ns", 1},
	{NULL, 0},
};

/* The digits at *p, which moves behind them. */
static int number(const char **p, uint64_t *out)
{
	const char *s = *p;
	uint64_t v = 0;

	if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -EINVAL;
	*p = s;
	*out = v;
	return 0;
}

static int number_with_unit(const char *text, const struct value_unit *units, uint64_t *out)
{
	uint64_t v;

	if (number(&text, &v) != 0)
		return -EINVAL;
	for (const struct value_unit *u = units; u->suffix != NULL; u++) {
		if (strcmp(u->suffix, text) != 0)
			continue;
		if (__builtin_mul_overflow(v, u->factor, &v))
			return -EINVAL;
		*out = v;
		return 0;
	}
	return -EINVAL;
}

int value_u64(const char *text, uint64_t *out)
{
	uint64_t v;

	if (number(&text, &v) != 0 || *text != '\0')
		return -EINVAL;
	*out = v;
	return 0;
}

int value_size(const char *text, uint64_t *out)
{
	return number_with_unit(text, value_size_units, out);
}

int value_rate(const char *text, uint64_t *out)
{
	return number_with_unit(text, value_rate_units, out);
}

int value_duration(const char *text, uint64_t *out)
{
	if (strcmp(text, "0") != 0)
		return number_with_unit(text, value_duration_units, out);
	*out = 0;
	return 0;
}

int value_bool(const char *text, bool *out)
{
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return -EINVAL;
	*out = text[0] == 't';
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int value_mac(const char *text, uint8_t out[static 6])
{
	uint8_t mac[6];

	if (strlen(text) != 17)
		return -EINVAL;
	for (unsigned i = 0; i < 6; i++) {
		int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(out, mac, sizeof mac);
	return 0;
}

static const char *format(uint64_t v, const struct value_unit *u, char buf[static VALUE_STRLEN])
{
	while (u->factor > 1 && v % u->factor != 0)
		u++;
	/* A zero needs no unit in any of the forms. */
	if (v == 0)
		snprintf(buf, VALUE_STRLEN, "0");
	else
		snprintf(buf, VALUE_STRLEN, "%" PRIu64 "%s", v / u->factor, u->suffix);
	return buf;
}

const char *value_format_size(uint64_t bytes, char buf[static VALUE_STRLEN])
{
	return format(bytes, value_size_units, buf);
}

const char *value_format_rate(uint64_t bits, char buf[static VALUE_STRLEN])
{
	return format(bits, value_rate_units, buf);
}

const char *value_format_duration(uint64_t ns, char buf[static VALUE_STRLEN])
{
	return format(ns, value_duration_units, buf);
}
