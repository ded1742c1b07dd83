/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

/* Columns of code points that are not one wide: Unicode's combining marks and wide East Asian blocks (UAX
 * 11), in the coarse ranges that fonts agree on. wcwidth() would depend on the locale. */
static const struct {
	uint32_t first, last;
	unsigned width;
} ranges[] = {
	{0x0300, 0x036f, 0},
	{0x0483, 0x0489, 0},
	{0x0591, 0x05bd, 0},
	{0x0610, 0x061a, 0},
	{0x064b, 0x065f, 0},
	{0x0e31, 0x0e31, 0},
	{0x0e34, 0x0e3a, 0},
	{0x1100, 0x115f, 2},
	{0x200b, 0x200f, 0},
	{0x2028, 0x202e, 0},
	{0x2060, 0x2064, 0},
	{0x2066, 0x206f, 0},
	{0x20d0, 0x20ff, 0},
	{0x2e80, 0x303e, 2},
	{0x3041, 0x33ff, 2},
	{0x3400, 0x4dbf, 2},
	{0x4e00, 0x9fff, 2},
	{0xa000, 0xa4cf, 2},
	{0xac00, 0xd7a3, 2},
	{0xf900, 0xfaff, 2},
	{0xfe00, 0xfe0f, 0},
	{0xfe20, 0xfe2f, 0},
	{0xfe30, 0xfe4f, 2},
	{0xff00, 0xff60, 2},
	{0xffe0, 0xffe6, 2},
	{0xfeff, 0xfeff, 0},
	{0x1f300, 0x1f64f, 2},
	{0x1f900, 0x1f9ff, 2},
	{0x20000, 0x3fffd, 2},
};

/* Reads one code point; returns its bytes, or 0 when there is no valid one at s (RFC 3629). */
static unsigned decode(const char *s, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *b = (const unsigned char *)s;
	unsigned n = b[0] < 0x80   ? 1
		     : b[0] < 0xc2 ? 0
		     : b[0] < 0xe0 ? 2
		     : b[0] < 0xf0 ? 3
		     : b[0] < 0xf5 ? 4
				   : 0;
	uint32_t v = n == 1 ? b[0] : n == 0 ? 0 : b[0] & (0x7fu >> n);

	for (unsigned i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (b[i] & 0x3f);
	}
	if (n == 0 || v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*point = v;
	return n;
}

/* May it be printed? Control characters of both sets and the marks that reorder text may not. */
static int printable(uint32_t p)
{
	return p >= 0x20 && (p < 0x7f || p > 0x9f) && !(p >= 0x202a && p <= 0x202e) &&
	       !(p >= 0x2066 && p <= 0x2069) && p != 0x2028 && p != 0x2029;
}

static unsigned point_width(uint32_t p)
{
	if (!printable(p))
		return 1;
	for (unsigned i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (p >= ranges[i].first && p <= ranges[i].last)
			return ranges[i].width;
	return 1;
}

static unsigned step(const char *s, unsigned *columns)
{
	uint32_t p;
	unsigned n = decode(s, &p);

	*columns = n != 0 ? point_width(p) : 1;
	return n != 0 ? n : 1;
}

unsigned text_width(const char *s)
{
	unsigned sum = 0, columns;

	while (*s != '\0') {
		s += step(s, &columns);
		sum += columns;
	}
	return sum;
}

size_t text_fit(const char *s, unsigned columns)
{
	const char *at = s;
	unsigned sum = 0, wide;

	while (*at != '\0') {
		unsigned n = step(at, &wide);

		if (sum + wide > columns)
			break;
		sum += wide;
		at += n;
	}
	return (size_t)(at - s);
}

void text_safe(char *s)
{
	char *to = s;

	while (*s != '\0') {
		uint32_t p = 0;
		unsigned n = decode(s, &p);

		if (n == 0 || !printable(p)) {
			*to++ = '?';
			s += n != 0 ? n : 1;
			continue;
		}
		memmove(to, s, n);
		to += n;
		s += n;
	}
	*to = '\0';
}

/* --- numbers --- */

const char *text_number(uint64_t n, char buf[static TEXT_NUMBER])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i != 0 && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *text_bytes(uint64_t n, char buf[static TEXT_NUMBER])
{
	static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)n;
	unsigned i = 0;

	while (v >= 1023.95 && i < 6) {
		v /= 1024;
		i++;
	}
	snprintf(buf, TEXT_NUMBER, i == 0 || v >= 99.95 ? "%.0f %s" : "%.1f %s", v, unit[i]);
	return buf;
}

const char *text_duration(uint64_t ns, char buf[static TEXT_NUMBER])
{
	unsigned long long s = ns / 1000000000;

	if (s == 0)
		snprintf(buf, TEXT_NUMBER, "%llu ms", (unsigned long long)(ns / 1000000));
	else if (s < 60)
		snprintf(buf, TEXT_NUMBER, "%llu.%llu s", s, (unsigned long long)(ns / 100000000 % 10));
	else if (s < 3600)
		snprintf(buf, TEXT_NUMBER, "%llum%02llus", s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, TEXT_NUMBER, "%lluh%02llum", s / 3600, s / 60 % 60);
	else
		snprintf(buf, TEXT_NUMBER, "%llud%02lluh", s / 86400, s / 3600 % 24);
	return buf;
}

const char *text_speed(uint64_t mbit, char buf[static TEXT_NUMBER])
{
	if (mbit == 0)
		snprintf(buf, TEXT_NUMBER, "-");
	else if (mbit % 1000 == 0)
		snprintf(buf, TEXT_NUMBER, "%llu Gbit/s", (unsigned long long)(mbit / 1000));
	else
		snprintf(buf, TEXT_NUMBER, "%llu Mbit/s", (unsigned long long)mbit);
	return buf;
}

/* --- lines --- */

void text_wrap(FILE *out, unsigned at, unsigned indent, unsigned columns, const char *text)
{
	char word[256];

	for (bool first = true; *text != '\0'; first = false) {
		const size_t len = strcspn(text, " ");
		unsigned width;

		snprintf(word, sizeof word, "%.*s", (int)len, text);
		width = text_width(word);
		if (!first && columns != 0 && at + 1 + width > columns && indent + width <= columns) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, len, out);
		at += width;
		text += len;
		text += *text == ' ';
	}
	fputc('\n', out);
}
