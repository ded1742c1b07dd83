/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inside the feature: a worker's lane, what stages share, and the control thread's state.
 *
 * Thread-safety: a lane's fields belong to its worker unless said otherwise.
 */
#ifndef WEIR_FEATURE_SESSION_PRIV_H
#define WEIR_FEATURE_SESSION_PRIV_H

#include "feature/session/session.h"
#include "feature/session/tcp.h"

#define SESSION_MAX_DEFAULT 262144
#define SESSION_MIN 64      /* records of one worker at least */
#define SWEEP_EVERY 1000000 /* ns between two steps of ageing */
#define SWEEP_ROUND 4000    /* steps until every record was looked at */
#define SWEEP_MAX 2048      /* records in one step */
#define CLEAR_STEP 4096     /* records in one round while sessions are cleared */
#define TOUCH_MS 250        /* a deadline is written when it moved by this much */

struct session_sources; /* source.c */
struct fragments;       /* fragments.c */

/* Order of the owners to end sessions, from the control thread. */
struct session_order {
	struct session_filter filter;
};

struct session_lane {
	struct flow_table *table;        /* atomic: the control thread takes it away */
	struct session_sources *sources; /* atomic: NULL until sources are counted */
	struct fragments *fragments;
	uint64_t swept; /* ns: last step of ageing */
	bool full;      /* told once */
	/* Read by the control thread. */
	uint64_t created, expired, cleared, evicted, denied, refused_full, refused_source;
	uint32_t state[SESSION_STATE_COUNT];
	/* Between the two threads. */
	const struct session_order *order __rte_cache_aligned; /* set by control, NULL when done by owner */
	uint32_t order_at;                                     /* owner: next record */
	bool frozen; /* the control thread has the table; the owner leaves it alone */
} __rte_cache_aligned;

#define LANE_COUNT(field) __atomic_store_n(&(field), (field) + 1, __ATOMIC_RELAXED)

extern struct reason reason_session_invalid, reason_session_window, reason_session_full,
	reason_session_source, reason_session_short, reason_session_denied, reason_session_no_table;

static inline struct flow_table *lane_table(const struct session_lane *l)
{
	return __atomic_load_n(&l->frozen, __ATOMIC_ACQUIRE) ? NULL
							     : __atomic_load_n(&l->table, __ATOMIC_ACQUIRE);
}

/* Clock of deadlines: ms, and it wraps. */
static inline uint32_t session_ms(uint64_t now)
{
	return (uint32_t)(now / 1000000);
}

static inline struct session *session_of(const struct flow_table *t, uint32_t ref)
{
	return (struct session *)(void *)flow_get(t, ref);
}

/* Counts by state; every change of state goes this way. */
static inline void session_count(struct session_lane *l, unsigned state, int by)
{
	__atomic_store_n(&l->state[state], l->state[state] + (uint32_t)by, __ATOMIC_RELAXED);
}

/* Ends it now. */
static inline void session_end(struct session_lane *l, struct flow_table *t, struct session *s)
{
	flow_remove(t, (struct flow *)(void *)s);
}

/* Copies record `number` of a table as it is at `now` (ms). Any thread. */
bool session_copy(const struct flow_table *t, uint32_t number, uint32_t now, struct session_info *out);

/* Without a table nothing is known and nothing passes. */
void session_drop_all(struct burst *b, uint64_t slots);

/* A session whose state changed from `old`: counted anew, in the list that its state says. */
void session_moved(struct session_lane *l, struct flow_table *t, struct session *s, enum session_state old);

/* The list of sessions that may make room, by state. */
unsigned session_list_of(enum session_state state);

/* One share of ageing, and of what the control thread ordered. */
void session_turn(struct worker *w, const struct generation *g, uint64_t now);

/* Of a table with `records`, so many are beyond what may be established: sessions that begin in one round
 * find room there, and others go before the next one. */
static inline uint32_t session_reserve(uint32_t records)
{
	return (records / 9 < 1024 ? records / 9 : 1024) + 2;
}

/* False when all sessions there may be are established. */
static inline bool session_room(const struct flow_table *t)
{
	return t->max - t->used > session_reserve(t->max) || t->list[SESSION_LIST_NEW].count != 0 ||
	       t->list[SESSION_LIST_CLOSED].count != 0;
}

/* --- sources --- */

struct session_sources *sources_new(uint32_t max);
void sources_free(struct session_sources *s);
uint64_t sources_bytes(uint32_t max);
uint32_t sources_count(const struct session_sources *s);
/* Counts one more session of a source: its entry; 0 when it has `limit` already, SOURCES_FULL when there is
 * no room for another source (after sessions.max grew). */
#define SOURCES_FULL UINT32_MAX
uint32_t sources_take(
	struct session_sources *s, uint8_t family, uint16_t vrf, const uint8_t *src, uint32_t limit);
void sources_give(struct session_sources *s, uint32_t entry);

/* --- fragments --- */

struct fragments *fragments_new(void);
/* Ends the packets it holds. The worker does not use it any more; control thread. */
void fragments_free(struct weir *weir, struct worker *w, struct fragments *f);
uint64_t fragments_bytes(void);
uint32_t fragments_count(const struct fragments *f);
/* Gives up what waited too long. */
void fragments_turn(struct worker *w, struct fragments *f, uint64_t now);

/* --- control thread --- */

struct session_settings {
	uint32_t max; /* sessions of all workers */
	uint32_t per_source;
	uint32_t timeout[SESSION_STATES]; /* ms */
	bool pickup, accounting;
};

struct session_service {
	struct session_lane lane[WORKER_MAX];
	struct session_settings now, next;
	struct flow_table *fresh[WORKER_MAX]; /* between prepare and ready or abort */
	struct session_sources *fresh_sources[WORKER_MAX];
	struct fragments *fresh_fragments[WORKER_MAX];
	bool on, next_on;
	unsigned workers, next_workers;
	uint16_t policy;
	bool told_full;
	uint64_t told_refused;
	struct timer watch;
};

/* Moves every session to the worker that owns it by the map in force; owners are frozen. */
void session_rehome(struct weir *w);

#endif
