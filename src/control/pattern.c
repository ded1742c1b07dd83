/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A range of numbers becomes rows of digits: fixed ones, one that moves, and free ones to its right.
 * 68..9216 is 6[8-9], [7-9][0-9], [1-9][0-9]{2}, [1-8][0-9]{3}, 9[0-1][0-9]{2}, 920[0-9], 921[0-6].
 */
#include "control/pattern.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

typedef unsigned __int128 wide; /* one more than UINT64_MAX must fit */

/* Last number of the longest row that begins at lo. */
static wide row_end(wide lo, wide hi)
{
	wide step = 1, digit, end;

	while (lo % (step * 10) == 0 && lo >= step * 10 && lo + step * 10 - 1 <= hi)
		step *= 10;
	digit = lo / step % 10;
	end = lo + step - 1;
	while (digit < 9 && end + step <= hi) {
		end += step;
		digit++;
	}
	return end;
}

static void print_row(FILE *out, wide lo, wide hi)
{
	char a[24], b[24];
	unsigned any = 0;

	snprintf(a, sizeof a, "%" PRIu64, (uint64_t)lo);
	snprintf(b, sizeof b, "%" PRIu64, (uint64_t)hi);
	for (unsigned i = 0; a[i] != '\0'; i++) {
		if (a[i] == '0' && b[i] == '9')
			any++;
		else if (a[i] == b[i])
			fputc(a[i], out);
		else
			fprintf(out, "[%c-%c]", a[i], b[i]);
	}
	if (any == 1)
		fputs("[0-9]", out);
	else if (any > 1)
		fprintf(out, "[0-9]{%u}", any);
}

/* Number of digits n when lo is the first number of n digits and the last one is within hi, else 0. */
static unsigned whole_length(wide lo, wide hi)
{
	wide first = 1;

	for (unsigned n = 1; first <= lo; n++, first *= 10)
		if (first == lo && first * 10 - 1 <= hi)
			return n;
	return 0;
}

/* All numbers of `from` to `to` digits. */
static wide print_lengths(FILE *out, wide lo, wide hi, unsigned from)
{
	unsigned to = from;

	for (lo *= 10; whole_length(lo, hi) != 0; lo *= 10)
		to++;
	fprintf(out, to == from ? "[1-9][0-9]{%u}" : "[1-9][0-9]{%u,%u}", from - 1, to - 1);
	return lo - 1;
}

void pattern_number(FILE *out, uint64_t lo, uint64_t hi)
{
	const char *before = "(?:";

	for (wide at = lo; at <= hi;) {
		unsigned digits = whole_length(at, hi);
		wide end;

		fputs(before, out);
		if (digits != 0) {
			end = print_lengths(out, at, hi, digits);
		} else {
			end = row_end(at, hi);
			print_row(out, at, end);
		}
		before = "|";
		at = end + 1;
	}
	fputc(')', out);
}

static bool factor_seen(const struct value_unit *units, const struct value_unit *u)
{
	for (; units < u; units++)
		if (units->factor == u->factor)
			return true;
	return false;
}

static void print_suffixes(FILE *out, const struct value_unit *u)
{
	uint64_t factor = u->factor;
	const char *before = "(?:";

	for (; u->suffix != NULL; u++) {
		if (u->factor != factor)
			continue;
		fprintf(out, "%s%s", before, u->suffix);
		before = "|";
	}
	fputc(')', out);
}

void pattern_units(FILE *out, const struct value_unit *units, uint64_t min, uint64_t max)
{
	/* Without a limit: up to what is surely within 64 bits, in a pattern that can be read. */
	uint64_t top = max != 0 ? max : UINT64_C(999999999999999999);
	const char *before = "(?:";

	for (const struct value_unit *u = units; u->suffix != NULL; u++) {
		uint64_t lo = min / u->factor + (min % u->factor != 0), hi = top / u->factor, nines = 9;

		if (lo > hi || factor_seen(units, u))
			continue;
		while (max == 0 && nines * 10 + 9 <= hi)
			nines = nines * 10 + 9;
		fputs(before, out);
		pattern_number(out, lo, max != 0 || nines < lo ? hi : nines);
		print_suffixes(out, u);
		before = "|";
	}
	fputc(')', out);
}

void pattern_address4(FILE *out)
{
	fputs("(?:", out);
	pattern_number(out, 0, 255);
	fputs("\\.){3}", out);
	pattern_number(out, 0, 255);
}

/* RFC 4291 2.2: eight groups, or fewer with one "::", the last two perhaps as an IPv4 address. */
void pattern_address6(FILE *out)
{
	static const char h[] = "[0-9a-fA-F]{1,4}";

	fprintf(out, "(?:(?:%s:){7}%s|(?:%s:){1,7}:|:(?::%s){1,7}|::", h, h, h, h);
	for (unsigned left = 1; left <= 6; left++)
		fprintf(out, "|(?:%s:){1,%u}(?::%s){1,%u}", h, left, h, 7 - left);
	fprintf(out, "|(?:(?:%s:){6}|::(?:%s:){0,5}", h, h);
	for (unsigned left = 1; left <= 5; left++)
		fprintf(out, "|(?:%s:){%u}:(?:%s:){0,%u}", h, left, h, 5 - left);
	fputc(')', out);
	pattern_address4(out);
	fputc(')', out);
}
