/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The part of a feed that all kinds share: thread, wishes, queue.
 */
#include "feature/netlink/feed.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"

static void *thread_main(void *arg)
{
	struct feed *f = arg;

	while (feed_wanted(f, FEED_STOP | FEED_GO) == 0)
		feed_wait(f, -1, -1);
	f->run(f);
	return NULL;
}

int feed_start(struct feed *f, const char *name, void (*run)(struct feed *f), void *arg, struct err *e)
{
	int rc;

	*f = (struct feed){.run = run, .arg = arg, .wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	f->last = &f->first;
	if (f->wake < 0)
		return err_set(e, errno, "netlink: no event descriptor: %s", strerror(errno));
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->room, NULL);
	rc = thread_start(&f->thread, name, thread_main, f);
	if (rc != 0) {
		close(f->wake);
		return err_set(
			e, rc, "netlink: the thread of %s could not be started: %s", name, strerror(rc));
	}
	return 0;
}

void feed_wish(struct feed *f, enum feed_wish what)
{
	const uint64_t one = 1;

	if (what == FEED_SYNC)
		__atomic_fetch_add(&f->asked, 1, __ATOMIC_RELEASE);
	pthread_mutex_lock(&f->lock);
	f->wishes |= what;
	pthread_cond_signal(&f->room);
	pthread_mutex_unlock(&f->lock);
	if (write(f->wake, &one, sizeof one) < 0)
		return; /* it is readable already */
}

void feed_stop(struct feed *f)
{
	struct block *b;

	feed_wish(f, FEED_STOP);
	pthread_join(f->thread, NULL);
	while ((b = feed_take(f)) != NULL)
		free(b);
	close(f->wake);
	pthread_cond_destroy(&f->room);
	pthread_mutex_destroy(&f->lock);
}

struct block *feed_take(struct feed *f)
{
	struct block *b;

	pthread_mutex_lock(&f->lock);
	b = f->first;
	if (b != NULL) {
		f->first = b->next;
		if (f->first == NULL)
			f->last = &f->first;
		f->queued -= sizeof *b + b->room;
		pthread_cond_signal(&f->room);
	}
	pthread_mutex_unlock(&f->lock);
	return b;
}

struct block *feed_block(enum block_kind kind, size_t room)
{
	struct block *b = malloc(sizeof *b + room);

	if (b != NULL)
		*b = (struct block){.kind = kind, .room = room};
	return b;
}

/* A block with little in it takes no more room in the queue than it needs. */
static struct block *fitted(struct block *b)
{
	struct block *small = b->len < b->room / 4 ? feed_block(b->kind, b->len) : NULL;

	if (small == NULL)
		return b;
	memcpy(small->data, b->data, b->len);
	small->len = b->len;
	small->number = b->number;
	free(b);
	return small;
}

bool feed_push(struct feed *f, struct block *b)
{
	bool stop;

	b = fitted(b);

	pthread_mutex_lock(&f->lock);
	if (f->queued > QUEUE_BYTES)
		__atomic_fetch_add(&f->stats.stalls, 1, __ATOMIC_RELAXED);
	while (f->queued > QUEUE_BYTES && (f->wishes & FEED_STOP) == 0)
		pthread_cond_wait(&f->room, &f->lock);
	stop = (f->wishes & FEED_STOP) != 0;
	if (!stop) {
		b->next = NULL;
		*f->last = b;
		f->last = &b->next;
		f->queued += sizeof *b + b->room;
	}
	pthread_mutex_unlock(&f->lock);
	if (stop)
		free(b);
	return !stop;
}

bool feed_tell(struct feed *f, enum block_kind kind)
{
	struct block *b;

	/* A few bytes that must not get lost: memory will come. */
	while ((b = feed_block(kind, 0)) == NULL) {
		if (feed_stopping(f))
			return false;
		usleep(1000);
	}
	b->number = __atomic_load_n(&f->asked, __ATOMIC_ACQUIRE);
	return feed_push(f, b);
}

unsigned feed_wanted(struct feed *f, unsigned mask)
{
	const uint64_t one = 1;
	uint64_t count;
	unsigned w, left;

	if (read(f->wake, &count, sizeof count) < 0 && errno != EAGAIN)
		return FEED_STOP;
	pthread_mutex_lock(&f->lock);
	w = f->wishes & mask;
	f->wishes &= ~mask | FEED_STOP;
	left = f->wishes & ~(unsigned)FEED_STOP;
	pthread_mutex_unlock(&f->lock);
	if (left != 0 && write(f->wake, &one, sizeof one) < 0)
		return FEED_STOP;
	return w;
}

bool feed_stopping(struct feed *f)
{
	bool stop;

	pthread_mutex_lock(&f->lock);
	stop = (f->wishes & FEED_STOP) != 0;
	pthread_mutex_unlock(&f->lock);
	return stop;
}

bool feed_wait(struct feed *f, int fd, int ms)
{
	struct pollfd p[] = {{.fd = f->wake, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

	if (poll(p, fd >= 0 ? 2 : 1, ms) <= 0)
		return false;
	return fd >= 0 && p[1].revents != 0;
}
