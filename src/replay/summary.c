/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What people see: progress while it runs, and a few lines at the end.
 */
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include "replay/priv.h"

#define PROGRESS_NS UINT64_C(200000000)
#define TOP 10 /* reasons shown */

uint64_t wall_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static uint64_t packets_in(const struct replay *r, uint64_t *bytes)
{
	uint64_t n = 0;

	*bytes = 0;
	for (unsigned i = 0; i < r->merge.count; i++) {
		n += r->merge.input[i].packets;
		*bytes += r->merge.input[i].bytes;
	}
	return n;
}

/* How much of the captures was read, in percent; negative where that cannot be known. */
static double percent_read(const struct replay *r)
{
	uint64_t done = 0, all = 0, size;

	for (unsigned i = 0; i < r->merge.count; i++) {
		done += capture_position(r->merge.input[i].capture, &size);
		all += size;
		if (size == 0)
			return -1;
	}
	return all != 0 ? 100.0 * (double)done / (double)all : -1;
}

void progress(const struct replay *r, bool last)
{
	static uint64_t started, shown;
	uint64_t now = wall_clock(), bytes, n;
	double percent;

	if (r->opt.quiet || !isatty(STDERR_FILENO))
		return;
	if (last && shown != 0)
		fputs("\r\033[K", stderr);
	started = started != 0 ? started : now;
	if (last || now - (shown != 0 ? shown : started) < PROGRESS_NS)
		return;
	n = packets_in(r, &bytes);
	percent = percent_read(r);
	fputs("\r\033[K", stderr);
	if (percent >= 0)
		fprintf(stderr, "%3.0f %%  ", percent);
	fprintf(stderr, "%" PRIu64 " packets, %" PRIu64 " MB, %.1f M packets/s", n, bytes / 1000000,
		(double)n * 1e3 / (double)(now - started + 1));
	shown = now;
}

/* The most frequent reason that is below `limit` in the order (count, then id). */
static uint16_t next_reason(const struct counters *c, uint16_t before)
{
	uint16_t best = 0;

	for (uint16_t i = 1; i <= reasons_count(); i++) {
		uint64_t n = c->reason[i];

		if (n == 0)
			continue;
		if (before != 0 && (n > c->reason[before] || (n == c->reason[before] && i <= before)))
			continue;
		if (best == 0 || n > c->reason[best])
			best = i;
	}
	return best;
}

static void print_reasons(const struct counters *c, FILE *f)
{
	uint16_t at = 0;

	for (unsigned i = 0; i < TOP && (at = next_reason(c, at)) != 0; i++) {
		const struct reason *x = reason_get(at);

		fprintf(f, "%12" PRIu64 "  %-9s %-24s %s\n", c->reason[at],
			x->kind == REASON_DONE ? "consumed" : "dropped", x->name, x->help);
	}
}

static void print_inputs(const struct replay *r, FILE *f)
{
	for (unsigned i = 0; i < r->merge.count; i++) {
		const struct input *in = &r->merge.input[i];

		if (in->cut != 0)
			fprintf(f,
				"%s: %" PRIu64
				" packets were not captured whole and were replayed as they are\n",
				in->path, in->cut);
	}
}

void summary_print(const struct replay *r, FILE *f)
{
	const struct counters *c = &r->total;
	struct ends ends = ends_of(c);
	uint64_t bytes, n = packets_in(r, &bytes);
	double seconds = (double)(r->elapsed != 0 ? r->elapsed : 1) / 1e9;

	fprintf(f, "replayed %" PRIu64 " packets (%.1f MB) in %.2f s: %.0f packets/s\n", n,
		(double)bytes / 1e6, seconds, (double)n / seconds);
	fprintf(f,
		"transmitted %" PRIu64 ", consumed %" PRIu64 ", dropped %" PRIu64 ", held %" PRIu64
		"; weir made %" PRIu64 " of its own\n",
		c->transmitted, ends.consumed, ends.dropped, r->held, c->originated);
	print_inputs(r, f);
	print_reasons(c, f);
}
