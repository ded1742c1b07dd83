/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/text.h"

#define FIRST_NS 500000000ull
#define EVERY_NS 100000000ull
#define BAR_MAX 40

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

void progress_start(struct progress *p, const char *what, const char *unit, uint64_t total)
{
	*p = (struct progress){.what = what, .unit = unit, .total = total, .tty = isatty(STDERR_FILENO) != 0};
	p->started_ns = now_ns();
	p->next_ns = p->started_ns + FIRST_NS;
}

static void bar(double part, unsigned width, char *buf)
{
	unsigned full = (unsigned)(part * width);

	memset(buf, '#', full);
	memset(buf + full, '.', width - full);
	buf[width] = '\0';
}

const char *progress_line(const struct progress *p, uint64_t done, uint64_t count, uint64_t elapsed_ns,
	unsigned columns, char *buf, unsigned size)
{
	double part = p->total != 0 ? (double)done / (double)p->total : 0, seconds = (double)elapsed_ns / 1e9;
	char numbers[160], left[TEXT_NUMBER], n[2][TEXT_NUMBER], cells[BAR_MAX + 1];
	unsigned width;

	part = part > 1 ? 1 : part;
	text_duration(part > 0 ? (uint64_t)((double)elapsed_ns * (1 - part) / part) : 0, left);
	snprintf(numbers, sizeof numbers, "%s %s, %s/s", text_number(count, n[0]), p->unit,
		text_number(seconds > 0 ? (uint64_t)((double)count / seconds) : 0, n[1]));
	if (p->total == 0) {
		snprintf(buf, size, "%s: %s", p->what, numbers);
	} else {
		width = (unsigned)(strlen(p->what) + strlen(numbers) + strlen(left)) + 20;
		width = columns > width + 8 ? columns - width : 0;
		bar(part, width < BAR_MAX ? width : BAR_MAX, cells);
		snprintf(buf, size, "%s: %s%s%s%3.0f %%, %s, %s left", p->what, width != 0 ? "[" : "", cells,
			width != 0 ? "] " : "", part * 100, numbers, left);
	}
	buf[text_fit(buf, columns > 0 ? columns - 1 : 0)] = '\0';
	return buf;
}

void progress_at(struct progress *p, uint64_t done, uint64_t count)
{
	struct winsize size = {0};
	uint64_t now;
	char text[512];

	if (!p->tty || (count & 15) != 0)
		return;
	now = now_ns();
	if (now < p->next_ns)
		return;
	p->next_ns = now + EVERY_NS;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		size.ws_col = 80;
	progress_line(p, done, count, now - p->started_ns, size.ws_col, text, sizeof text);
	fprintf(stderr, "\r%s\033[K", text);
	p->drawn = true;
}

void progress_clear(struct progress *p)
{
	if (p->drawn)
		fputs("\r\033[K", stderr);
	p->drawn = false;
}
