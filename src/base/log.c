/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum log_level threshold = LOG_NOTICE;

static const struct {
	const char *name;
	int syslog;
} levels[] = {
	[LOG_ERROR] = {"error", 3},
	[LOG_WARNING] = {"warning", 4},
	[LOG_NOTICE] = {"notice", 5},
	[LOG_INFO] = {"info", 6},
	[LOG_DEBUG] = {"debug", 7},
};

void log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level log_get_level(void)
{
	return threshold;
}

static enum { UNKNOWN, JOURNAL, OTHER } reader;

/* JOURNAL_STREAM (systemd.exec(5)) names the device and inode of the journal's socket. It is inherited, so it
 * only counts if stderr still is that. */
static bool journal_reads(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (reader == UNKNOWN)
		reader = stream != NULL && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
					 fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
					 st.st_ino == ino
				 ? JOURNAL
				 : OTHER;
	return reader == JOURNAL;
}

void log_reopen(void)
{
	reader = UNKNOWN;
}

/* One write(2) per line, so lines of several threads never interleave. */
void log_write(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	struct timespec ts;
	struct tm tm;
	va_list ap;
	int n;

	if (level > threshold)
		return;
	if (journal_reads()) {
		n = snprintf(line, sizeof line, "<%d>", levels[level].syslog);
	} else {
		clock_gettime(CLOCK_REALTIME, &ts);
		gmtime_r(&ts.tv_sec, &tm);
		n = (int)strftime(line, sizeof line, "%H:%M:%S", &tm);
		n += snprintf(line + n, sizeof line - (size_t)n, ".%03ld %s: ", ts.tv_nsec / 1000000,
			levels[level].name);
	}
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	if (line[n - 1] != '\n')
		line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

bool log_rate_ok(struct log_rate *r, uint64_t now_ns, uint32_t per_second)
{
	uint64_t second = now_ns / 1000000000u;

	if (second != r->second) {
		if (r->suppressed != 0)
			log_write(LOG_NOTICE, "%u similar lines were suppressed", r->suppressed);
		*r = (struct log_rate){.second = second};
	}
	if (r->sent < per_second) {
		r->sent++;
		return true;
	}
	r->suppressed++;
	return false;
}
