/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A feed: a thread that receives messages and hands them to the control thread in blocks.
 *
 * Thread-safety: the thread calls feed_block(), feed_push(), feed_wait() and feed_wanted(); the control
 * thread all others. What both touch is under `lock` or atomic.
 */
#ifndef WEIR_FEATURE_NETLINK_FEED_H
#define WEIR_FEATURE_NETLINK_FEED_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define BLOCK_BYTES (256u << 10)
#define QUEUE_BYTES (16u << 20) /* the thread waits when so much is queued */
#define DATAGRAM_MAX 65536u     /* of netlink; what a dump sends at once is at most half of it */

enum block_kind {
	BLOCK_MESSAGES, /* notifications */
	BLOCK_BEGIN,    /* a sync begins: `number` counts them */
	BLOCK_DUMP,     /* messages of the dump */
	BLOCK_END,
	BLOCK_FAILED, /* the sync did not succeed; it will be tried again */
	BLOCK_LOOK,   /* a comparison begins: its dump follows, then BLOCK_END */
	BLOCK_OPEN,   /* FPM: connected */
	BLOCK_CLOSED, /* FPM: the peer left */
};

struct block {
	struct block *next;
	enum block_kind kind;
	uint64_t number;  /* BLOCK_BEGIN: of the last sync that was asked for by then */
	size_t len, room; /* bytes of data */
	uint8_t data[] __attribute__((aligned(8)));
};

/* What the control thread wants of a thread. */
enum feed_wish { FEED_STOP = 1, FEED_GO = 2, FEED_SYNC = 4, FEED_LOOK = 8 };

struct feed_stats { /* atomic */
	uint64_t overruns, repeats, stalls, connections, answers;
};

struct feed {
	void (*run)(struct feed *f); /* the thread */
	void *arg;                   /* its own */
	pthread_t thread;
	int wake; /* eventfd: a wish was added */
	pthread_mutex_t lock;
	pthread_cond_t room;
	unsigned wishes;
	uint64_t asked; /* syncs; atomic */
	struct block *first, **last;
	size_t queued;
	struct feed_stats stats;
};

/* Starts the thread, which does nothing before FEED_GO. 0 or a negative errno with a sentence. */
int feed_start(struct feed *f, const char *name, void (*run)(struct feed *f), void *arg, struct err *e);
/* Ends the thread and frees what was queued. */
void feed_stop(struct feed *f);
void feed_wish(struct feed *f, enum feed_wish what);
/* Next block, NULL when there is none. The caller frees it. */
struct block *feed_take(struct feed *f);

/* An empty block, NULL when memory is short. */
struct block *feed_block(enum block_kind kind, size_t room);
/* Queues a block that is not empty or carries no data by its kind; waits while the queue is full. False: the
 * feed ends. */
bool feed_push(struct feed *f, struct block *b);
/* The same for a block without data. */
bool feed_tell(struct feed *f, enum block_kind kind);
#define FEED_ANY UINT32_MAX
/* Takes those of the wishes in `mask` that came meanwhile. FEED_STOP stays, and so do others: they wake the
 * thread again. */
unsigned feed_wanted(struct feed *f, unsigned mask);
/* The feed is to end; takes nothing. */
bool feed_stopping(struct feed *f);
/* Waits until a descriptor (or -1) is readable, a wish comes, or ms pass (-1: forever). True: readable. */
bool feed_wait(struct feed *f, int fd, int ms);

#endif
