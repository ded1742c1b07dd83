/* SPDX-License-Identifier: BSD-3-Clause
 *
 * process_*: what every exporter says about its process, from /proc. And the API's own counters.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "api/stats.h"
#include "metrics/metrics.h"

struct stat_fields {
	unsigned long long user, system; /* ticks */
	unsigned long long start;        /* ticks since boot */
	unsigned long long virtual_bytes;
	long long resident_pages;
};

/* proc(5): the fields behind the name, which is in parentheses and may hold anything. */
static bool read_stat(struct stat_fields *s)
{
	FILE *f = fopen("/proc/self/stat", "re");
	bool ok;

	if (f == NULL)
		return false;
	ok = fscanf(f,
		     "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d "
		     "%*d %*d %llu %llu %lld",
		     &s->user, &s->system, &s->start, &s->virtual_bytes, &s->resident_pages) == 5;
	fclose(f);
	return ok;
}

static unsigned count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0; /* ".", ".." and the directory itself */
}

/* Seconds since 1970 at which the system booted. */
static double boot_time(void)
{
	struct timespec now, up;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_BOOTTIME, &up);
	return (double)(now.tv_sec - up.tv_sec) + (double)(now.tv_nsec - up.tv_nsec) / 1e9;
}

static void process(struct metrics *m)
{
	const double ticks = (double)sysconf(_SC_CLK_TCK);
	struct stat_fields s = {0};
	struct rlimit files = {0};

	getrlimit(RLIMIT_NOFILE, &files);
	if (!read_stat(&s))
		return;
	metrics_family(m, "process_cpu_seconds_total", METRIC_COUNTER, "CPU time of all threads.");
	metrics_real(m, (double)(s.user + s.system) / ticks, NULL);
	metrics_family(m, "process_start_time_seconds", METRIC_GAUGE, "Start, in seconds since 1970.");
	metrics_real(m, boot_time() + (double)s.start / ticks, NULL);
	metrics_family(m, "process_virtual_memory_bytes", METRIC_GAUGE, "Address space.");
	metrics_u64(m, s.virtual_bytes, NULL);
	metrics_family(m, "process_resident_memory_bytes", METRIC_GAUGE, "Memory without hugepages.");
	metrics_u64(m, (uint64_t)s.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE), NULL);
	metrics_family(m, "process_open_fds", METRIC_GAUGE, "Open file descriptors.");
	metrics_u64(m, count_descriptors(), NULL);
	metrics_family(m, "process_max_fds", METRIC_GAUGE, "Most file descriptors it may open.");
	metrics_u64(m, files.rlim_cur, NULL);
}

static void api(struct metrics *m)
{
	static const char *const classes[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
	const struct api_stats *s = &api_stats;

	metrics_family(m, "weir_api_replies_total", METRIC_COUNTER, "Replies by class of their status.");
	for (unsigned i = 2; i < 6; i++)
		metrics_u64(m, s->requests[i], "class", classes[i], NULL);
	metrics_family(m, "weir_api_connections", METRIC_GAUGE, "Connections that are open.");
	metrics_u64(m, s->open, NULL);
	metrics_family(m, "weir_api_streams", METRIC_GAUGE, "Streams of events or statistics that are open.");
	metrics_u64(m, s->streams, NULL);
	metrics_family(m, "weir_api_connections_total", METRIC_COUNTER, "Connections.");
	metrics_u64(m, s->connections, NULL);
	metrics_family(m, "weir_api_refused_connections_total", METRIC_COUNTER,
		"Connections refused or closed early, by reason.");
	metrics_u64(m, s->refused_limit, "reason", "limit", NULL);
	metrics_u64(m, s->refused_rate, "reason", "rate", NULL);
	metrics_u64(m, s->closed_for_room, "reason", "room", NULL);
	metrics_u64(m, s->expired, "reason", "time", NULL);
	metrics_family(
		m, "weir_api_denied_requests_total", METRIC_COUNTER, "Requests not allowed, by reason.");
	metrics_u64(m, s->unauthorized, "reason", "unauthorized", NULL);
	metrics_u64(m, s->forbidden, "reason", "forbidden", NULL);
	metrics_family(m, "weir_api_lagged_events_total", METRIC_COUNTER, "Events that slow clients missed.");
	metrics_u64(m, s->lagged_events, NULL);
}

static void collect(struct metrics *m, struct weir *w)
{
	process(m);
	api(m);
}
METRICS_REGISTER(collect)
