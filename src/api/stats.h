/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Counters of the API itself.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_API_STATS_H
#define WEIR_API_STATS_H

#include <stdint.h>

struct api_stats {
	uint64_t requests[6];     /* replies by first digit of the status */
	uint64_t connections;     /* accepted */
	uint64_t refused_limit;   /* connections refused: too many */
	uint64_t refused_rate;    /* TLS connections refused: too many per second */
	uint64_t closed_for_room; /* idle or incomplete ones closed to let another in */
	uint64_t expired;         /* closed because they took too long */
	uint64_t unauthorized;    /* requests without a known token or certificate */
	uint64_t forbidden;       /* changes asked for by readers */
	uint64_t lagged_events;   /* events that streams missed because their clients were slow */
	uint32_t open, streams;   /* now */
};
extern struct api_stats api_stats;

#endif
