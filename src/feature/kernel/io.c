/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The thread that serves the twins: what workers put into their rings is written to the TAPs, what the kernel
 * sends is read and given to worker 0. It does nothing else, so that a BFD packet waits for no configuration
 * and no routing table (decision 0011).
 *
 * Thread-safety: `lock` protects the table of twins and their counters; the thread holds it while it works,
 * not while it sleeps. The gate before it lets the control thread in although the other one takes the lock
 * again at once. Rings need no lock.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_ether.h>

#include "base/thread.h"
#include "feature/kernel/groups.h"
#include "feature/kernel/kernel_priv.h"
#include "feature/neigh/neigh.h"

REASON_DEFINE(reason_kernel_delivered, REASON_DONE, "kernel-delivered",
	"The packet went to the kernel by its interface's twin.")
REASON_DEFINE(reason_kernel_gone, REASON_DROP, "kernel-twin-gone",
	"The interface had no twin any more when its packet for the kernel was to be written.")
REASON_DEFINE(reason_kernel_refused, REASON_ERROR, "kernel-refused",
	"The kernel did not take the packet from the twin: the link is down there, or memory is short.")
REASON_DEFINE(reason_kernel_inbox, REASON_ERROR, "kernel-inbox-full",
	"A packet the kernel sent found the inbox of worker 0 full; what keeps links and routes alive has "
	"one of its "
	"own.")
REASON_DEFINE(reason_kernel_solicit, REASON_ERROR, "kernel-solicit-full",
	"The kernel asked for neighbours faster than the control thread answers.")
REASON_DEFINE(reason_kernel_end, REASON_DONE, "kernel-shutdown",
	"The packet was on its way to or from the kernel when weir stopped.")

#define ROUND 32 /* frames of one twin in a round */
#define MIN_FRAME 60
#define WAKE UINT32_MAX /* epoll's word for the eventfd; other words are interface ids, */
#define PORTS 0x10000u  /* and from here on ports */

struct io {
	struct weir *w;
	pthread_t thread;
	pthread_mutex_t gate, lock;
	int epoll, wake;
	uint32_t asleep; /* atomic */
	bool groups;     /* atomic: the kernel reported groups */
	bool stop;
	struct rte_mempool *pool;
	struct kernel_lane *lane; /* [WORKER_MAX], rings are set before workers use them */
	struct rte_ring *solicit; /* to the control thread */
	struct io_twin *twin[IFACE_MAX];
	struct arrive port[PORT_MAX];
	struct rank rank; /* the thread's own */
	struct counters counters;
	uint8_t frame[KERNEL_FRAME];
};

static void lock(struct io *io)
{
	pthread_mutex_lock(&io->gate);
	pthread_mutex_lock(&io->lock);
	pthread_mutex_unlock(&io->gate);
}

static void unlock(struct io *io)
{
	pthread_mutex_unlock(&io->lock);
}

static void finish(struct io *io, struct rte_mbuf *m, const struct reason *r)
{
	io->counters.reason[r->id]++;
	rte_pktmbuf_free(m);
}

/* --- up --- */

static void deliver(struct io *io, struct rte_mbuf *m)
{
	struct io_twin *t = io->twin[note_of(m)->iif % IFACE_MAX];
	struct iovec iov[FRAME_PIECES];
	uint8_t head[14];
	int count;

	if (t == NULL) {
		finish(io, m, &reason_kernel_gone);
		return;
	}
	count = frame_gather(m, head, iov);
	if (count != 0 && writev(t->fd, iov, count) > 0) {
		t->count.delivered++;
		finish(io, m, &reason_kernel_delivered);
		return;
	}
	t->count.refused++;
	finish(io, m, &reason_kernel_refused);
}

static struct rte_ring *ring_of(const struct io *io, unsigned worker, enum kernel_way way)
{
	return __atomic_load_n(&io->lane[worker].ring[way], __ATOMIC_ACQUIRE);
}

static unsigned up(struct io *io, enum kernel_way way)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned total = 0;

	for (unsigned k = 0; k < WORKER_MAX; k++) {
		struct rte_ring *ring = ring_of(io, k, way);
		unsigned n =
			ring != NULL ? rte_ring_sc_dequeue_burst(ring, (void **)pkts, BURST_SIZE, NULL) : 0;

		for (unsigned i = 0; i < n; i++)
			deliver(io, pkts[i]);
		total += n;
	}
	return total;
}

/* --- down --- */

/* The frame as an mbuf with its note, counted as originated; NULL: counted as lost. */
static struct rte_mbuf *take(struct io *io, struct io_twin *t, size_t len)
{
	struct rte_mbuf *m;

	if (len < MIN_FRAME) {
		memset(io->frame + len, 0, MIN_FRAME - len);
		len = MIN_FRAME;
	}
	m = frame_store(io->pool, io->frame, len);
	if (m == NULL) {
		t->count.inject_drops++;
		return NULL;
	}
	note_of(m)->oif = t->iface;
	note_of(m)->flags = SLOT_ORIGINATED;
	note_of(m)->entry = STAGE_TX;
	io->counters.originated++;
	return m;
}

static void solicitation(struct io *io, struct io_twin *t, struct rte_mbuf *m)
{
	if (rte_ring_sp_enqueue(io->solicit, m) == 0) {
		t->count.answered++;
		return;
	}
	t->count.inject_drops++;
	finish(io, m, &reason_kernel_solicit);
}

/* Frames of one read round on their way to worker 0, urgent ones and others: each kind in its order. */
struct batch {
	struct rte_mbuf *pkts[KERNEL_WAYS][ROUND];
	unsigned n[KERNEL_WAYS];
};

static void hand_over(
	struct io *io, struct io_twin *t, struct rte_ring *to, struct rte_mbuf **pkts, unsigned n)
{
	unsigned sent = n != 0 ? rte_ring_mp_enqueue_burst(to, (void **)pkts, n, NULL) : 0;

	t->count.injected += sent;
	t->count.inject_drops += n - sent;
	for (unsigned i = sent; i < n; i++)
		finish(io, pkts[i], &reason_kernel_inbox);
}

static void hand_to_worker(struct io *io, struct io_twin *t, struct batch *b)
{
	struct worker *to = io->w->worker[0];

	hand_over(io, t, to->urgent, b->pkts[KERNEL_URGENT], b->n[KERNEL_URGENT]);
	hand_over(io, t, to->inbox, b->pkts[KERNEL_BULK], b->n[KERNEL_BULK]);
	if (b->n[KERNEL_URGENT] + b->n[KERNEL_BULK] != 0 && io->w->wake != NULL)
		io->w->wake(io->w, to->id);
}

/* Somebody deleted the link: its descriptor is good for nothing and would always be ready. */
static void lose(struct io *io, struct io_twin *t)
{
	epoll_ctl(io->epoll, EPOLL_CTL_DEL, t->fd, NULL);
	__atomic_store_n(&t->lost, true, __ATOMIC_RELAXED);
}

/* One frame the kernel sent, io->frame. */
static void sort_out(struct io *io, struct io_twin *t, size_t len, struct batch *b)
{
	enum kernel_way way = kernel_way_of(frame_classify(io->frame, len));
	struct rte_mbuf *m;

	if (way == KERNEL_URGENT && groups_reported(io->frame, len))
		__atomic_store_n(&io->groups, true, __ATOMIC_RELEASE);
	m = take(io, t, len);
	if (m == NULL)
		return;
	if (neigh_is_solicitation(io->frame, len)) {
		solicitation(io, t, m);
	} else if (frame_tag(m, t)) {
		note_of(m)->urgent = way == KERNEL_URGENT;
		b->pkts[way][b->n[way]++] = m;
	} else {
		finish(io, m, &reason_kernel_inbox);
	}
}

static unsigned down(struct io *io, struct io_twin *t)
{
	struct batch b = {.n = {0}};
	unsigned frames;

	for (frames = 0; frames < ROUND; frames++) {
		ssize_t len = read(t->fd, io->frame, sizeof io->frame);

		if (len < 0 && errno != EAGAIN && errno != EINTR)
			lose(io, t);
		if (len < RTE_ETHER_HDR_LEN)
			break;
		if (t->loopback)
			t->count.inject_drops++;
		else
			sort_out(io, t, (size_t)len, &b);
	}
	hand_to_worker(io, t, &b);
	return frames;
}

/* --- the loop --- */

static void clear_wake(struct io *io)
{
	uint64_t ignored;

	while (read(io->wake, &ignored, sizeof ignored) < 0 && errno == EINTR)
		;
}

/* What is urgent waits for one twin's round, or one worker's bulk, at most. */
static unsigned serve(struct io *io, const struct epoll_event *ev, int n)
{
	unsigned work = up(io, KERNEL_URGENT);

	for (int i = 0; i < n; i++) {
		struct io_twin *t = ev[i].data.u32 < IFACE_MAX ? io->twin[ev[i].data.u32] : NULL;

		if (ev[i].data.u32 == WAKE)
			clear_wake(io);
		else if (ev[i].data.u32 - PORTS < PORT_MAX)
			work += arrive(io->w, &io->port[ev[i].data.u32 - PORTS], io->pool, &io->counters);
		else if (t != NULL)
			work += down(io, t) + up(io, KERNEL_URGENT);
	}
	return work + up(io, KERNEL_BULK);
}

static bool rings_empty(const struct io *io)
{
	for (unsigned k = 0; k < WORKER_MAX; k++)
		for (unsigned way = 0; way < KERNEL_WAYS; way++) {
			const struct rte_ring *ring = ring_of(io, k, way);

			if (ring != NULL && !rte_ring_empty(ring))
				return false;
		}
	return true;
}

/* Says that it sleeps, then looks once more: see runtime/sleep.c. */
static int wait(struct io *io, struct epoll_event *ev, int max, bool busy)
{
	int n;

	if (busy)
		return epoll_wait(io->epoll, ev, max, 0);
	__atomic_store_n(&io->asleep, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	n = epoll_wait(io->epoll, ev, max, rings_empty(io) ? -1 : 0);
	__atomic_store_n(&io->asleep, 0, __ATOMIC_RELEASE);
	return n;
}

static void *run(void *arg)
{
	struct io *io = arg;
	struct epoll_event ev[64];
	unsigned work = 1;
	int n = 0;

	rank_begin(&io->rank);
	for (;;) {
		bool stop;

		lock(io);
		stop = io->stop;
		if (!stop)
			work = serve(io, ev, n);
		unlock(io);
		if (stop)
			return NULL;
		(work != 0 ? rank_busy : rank_idle)(&io->rank);
		n = wait(io, ev, RTE_DIM(ev), work != 0);
	}
}

static void wake(struct io *io)
{
	const uint64_t one = 1;

	while (write(io->wake, &one, sizeof one) < 0 && errno == EINTR)
		;
}

static void wake_twins(struct weir *w)
{
	struct io *io = w->kernel->io;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&io->asleep, __ATOMIC_RELAXED))
		wake(io);
}

static void release(struct io *io)
{
	if (io->epoll >= 0)
		close(io->epoll);
	if (io->wake >= 0)
		close(io->wake);
	rte_ring_free(io->solicit);
	pthread_mutex_destroy(&io->gate);
	pthread_mutex_destroy(&io->lock);
	free(io);
}

static bool open_all(struct io *io)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = WAKE};
	static unsigned serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof name, "weir_solicit_%u", serial++);
	io->epoll = epoll_create1(EPOLL_CLOEXEC);
	io->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	io->solicit =
		rte_ring_create(name, KERNEL_SOLICIT_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
	return io->epoll >= 0 && io->wake >= 0 && io->solicit != NULL &&
	       epoll_ctl(io->epoll, EPOLL_CTL_ADD, io->wake, &ev) == 0 &&
	       thread_start(&io->thread, "weir-twins", run, io) == 0;
}

struct io *io_start(struct weir *w, struct kernel_lane *lanes, struct err *e)
{
	struct io *io = calloc(1, sizeof *io);

	if (io == NULL) {
		err_set(e, ENOMEM, "not enough memory for the thread that serves the kernel's twins");
		return NULL;
	}
	io->w = w;
	io->lane = lanes;
	io->pool = w->pool[0];
	io->epoll = io->wake = -1;
	for (uint16_t p = 0; p < PORT_MAX; p++)
		io->port[p] = (struct arrive){.fd = -1, .port = p};
	pthread_mutex_init(&io->gate, NULL);
	pthread_mutex_init(&io->lock, NULL);
	if (!open_all(io)) {
		err_set(e, errno != 0 ? errno : ENOMEM,
			"the thread that serves the kernel's twins could not be started: %s",
			strerror(errno));
		release(io);
		return NULL;
	}
	w->kernel->io = io;
	w->twins = &io->counters;
	w->wake_twins = wake_twins;
	return io;
}

static void drain(struct io *io, struct rte_ring *ring)
{
	struct rte_mbuf *m;

	while (ring != NULL && rte_ring_sc_dequeue(ring, (void **)&m) == 0)
		finish(io, m, &reason_kernel_end);
}

void io_stop(struct io *io)
{
	struct weir *w = io->w;

	lock(io);
	io->stop = true;
	unlock(io);
	wake(io);
	pthread_join(io->thread, NULL);
	for (unsigned k = 0; k < WORKER_MAX; k++)
		for (unsigned way = 0; way < KERNEL_WAYS; way++)
			drain(io, io->lane[k].ring[way]);
	drain(io, io->solicit);
	w->twins = NULL;
	w->wake_twins = NULL;
	w->kernel->io = NULL;
	release(io);
}

/* --- what the control thread changes --- */

int io_watch(struct io *io, const struct io_twin *t)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = t->iface};

	return epoll_ctl(io->epoll, EPOLL_CTL_ADD, t->fd, &ev) == 0 ? 0 : -errno;
}

void io_add(struct io *io, struct io_twin *t)
{
	lock(io);
	io->twin[t->iface] = t;
	unlock(io);
}

void io_remove(struct io *io, struct io_twin *t)
{
	lock(io);
	if (io->twin[t->iface] == t)
		io->twin[t->iface] = NULL;
	epoll_ctl(io->epoll, EPOLL_CTL_DEL, t->fd, NULL);
	unlock(io);
}

int io_steer(struct io *io, uint16_t port, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = PORTS + port};
	int rc;

	lock(io);
	io->port[port].fd = fd;
	rc = epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
	unlock(io);
	return rc;
}

void io_steer_end(struct io *io, uint16_t port)
{
	lock(io);
	epoll_ctl(io->epoll, EPOLL_CTL_DEL, io->port[port].fd, NULL);
	io->port[port].fd = -1;
	unlock(io);
}

void io_change(struct io *io, struct io_twin *t, const struct io_twin *now)
{
	lock(io);
	t->ntags = now->ntags;
	memcpy(t->tag, now->tag, sizeof t->tag);
	t->loopback = now->loopback;
	unlock(io);
}

void io_refresh(struct io *io)
{
	cpu_set_t set;

	lock(io);
	io->pool = io->w->pool[0];
	unlock(io);
	if (pthread_getaffinity_np(pthread_self(), sizeof set, &set) == 0)
		pthread_setaffinity_np(io->thread, sizeof set, &set);
}

bool io_groups_changed(struct io *io)
{
	return __atomic_load_n(&io->groups, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&io->groups, false, __ATOMIC_ACQ_REL);
}

struct io_counters io_read(struct io *io, const struct io_twin *t)
{
	struct io_counters c;

	lock(io);
	c = t->count;
	unlock(io);
	return c;
}

struct rte_mbuf *io_solicitation(struct io *io)
{
	struct rte_mbuf *m;

	return rte_ring_sc_dequeue(io->solicit, (void **)&m) == 0 ? m : NULL;
}
