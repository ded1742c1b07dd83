/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One log for weir and DPDK: stderr lines with a syslog priority prefix when journald reads them.
 * Control thread only. Workers count instead of logging; log_rated() exists for control paths that
 * packets can drive (at most `per_second` lines, the rest are counted and reported with the next line).
 */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* Lines less important than `level` are dropped. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* stderr is something else than before. */
void log_reopen(void);

struct log_rate {
	uint64_t second;
	uint32_t sent, suppressed;
};
/* True when a line may be written now; reports what was suppressed before. `now_ns`: any monotonic clock. */
bool log_rate_ok(struct log_rate *r, uint64_t now_ns, uint32_t per_second);

#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
