/* SPDX-License-Identifier: BSD-3-Clause
 *
 * FPM's feed: a listening socket, one client (zebra's dplane_fpm_nl) at a time, its messages into blocks,
 * answers back.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <linux/rtnetlink.h>

#include "feature/netlink/frame.h"
#include "feature/netlink/priv.h"

#define ANSWERS_MAX (64u << 20) /* bytes that wait for a client that does not read */
#define INPUT_BYTES (FPM_FRAME_MAX + 1u)

/* Since Linux 5.11; the offload answers of FRR. */
#ifndef RTM_F_OFFLOAD
#define RTM_F_OFFLOAD 0x4000
#endif
#ifndef RTM_F_OFFLOAD_FAILED
#define RTM_F_OFFLOAD_FAILED 0x20000000
#endif

int fpm_feed_open(struct fpm_feed *p, const struct netlink_settings *s, struct err *e)
{
	int on = 1, off = 0;
	bool v4 = IN6_IS_ADDR_V4MAPPED(&s->at.sin6_addr);

	*p = (struct fpm_feed){.peer = -1};
	pthread_mutex_init(&p->lock, NULL);
	p->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->listener >= 0) {
		setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
		setsockopt(p->listener, IPPROTO_IPV6, IPV6_V6ONLY, v4 ? &off : &on, sizeof on);
	}
	if (p->listener >= 0 && bind(p->listener, (const struct sockaddr *)&s->at, sizeof s->at) == 0 &&
		listen(p->listener, 4) == 0)
		return 0;
	err_set(e, errno, "netlink.fpm: port %u cannot be listened on: %s", ntohs(s->at.sin6_port),
		strerror(errno));
	fpm_feed_close(p);
	return -e->code;
}

void fpm_feed_close(struct fpm_feed *p)
{
	if (p->listener >= 0)
		close(p->listener);
	if (p->peer >= 0)
		close(p->peer);
	p->listener = p->peer = -1;
	free(p->answer);
	p->answer = NULL;
	p->answers = 0;
	pthread_mutex_destroy(&p->lock);
}

/* --- answers --- */

static bool answer_room(struct fpm_feed *p, size_t more)
{
	size_t want = 4096;
	uint8_t *a;

	while (want < p->answers + more)
		want *= 2;
	if (want > ANSWERS_MAX)
		return false;
	a = realloc(p->answer, want);
	if (a != NULL)
		p->answer = a;
	return a != NULL;
}

void fpm_answer(struct source *s, const struct nlmsghdr *h, bool taken)
{
	struct fpm_feed *p = &s->fpm;
	size_t n = FPM_HEADER + h->nlmsg_len;
	bool first = false;

	if (n > FPM_FRAME_MAX)
		return;
	pthread_mutex_lock(&p->lock);
	if (!p->broken && answer_room(p, n)) {
		uint8_t *to = p->answer + p->answers;
		struct rtmsg m;

		first = p->answers == 0;
		fpm_frame_put(to, h->nlmsg_len);
		memcpy(to + FPM_HEADER, h, h->nlmsg_len);
		memcpy(&m, to + FPM_HEADER + NLMSG_HDRLEN, sizeof m);
		m.rtm_flags |= taken ? RTM_F_OFFLOAD : RTM_F_OFFLOAD_FAILED;
		memcpy(to + FPM_HEADER + NLMSG_HDRLEN, &m, sizeof m);
		p->answers += n;
		__atomic_fetch_add(&s->feed.stats.answers, 1, __ATOMIC_RELAXED);
	} else {
		p->broken = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (first)
		feed_wish(&s->feed, FEED_GO);
}

/* False when the client must go. *left: some wait until it reads. */
static bool send_answers(struct fpm_feed *p, bool *left)
{
	bool good;
	ssize_t n = 0;

	pthread_mutex_lock(&p->lock);
	if (p->answers != 0)
		n = send(p->peer, p->answer, p->answers, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0) {
		p->answers -= (size_t)n;
		memmove(p->answer, p->answer + n, p->answers);
	}
	*left = p->answers != 0;
	good = !p->broken && (n >= 0 || errno == EAGAIN || errno == EINTR);
	pthread_mutex_unlock(&p->lock);
	return good;
}

/* --- input --- */

struct input {
	uint8_t bytes[INPUT_BYTES];
	size_t len;
	struct block *block;
};

static bool flush(struct feed *f, struct input *in)
{
	struct block *b = in->block;

	in->block = NULL;
	return b == NULL || feed_push(f, b);
}

static bool keep(struct feed *f, struct input *in, const uint8_t *message, size_t len)
{
	if (in->block != NULL && in->block->room - in->block->len < NLMSG_ALIGN(len) && !flush(f, in))
		return false;
	if (in->block == NULL)
		in->block = feed_block(BLOCK_MESSAGES, BLOCK_BYTES);
	if (in->block == NULL)
		return false;
	memcpy(in->block->data + in->block->len, message, len);
	in->block->len += NLMSG_ALIGN(len);
	return true;
}

/* One frame's message. A length that is not the frame's would let the rest be taken for messages. */
static bool take_frame(struct feed *f, struct input *in, const uint8_t *frame, size_t len)
{
	struct nlmsghdr h;

	if (frame[1] != FPM_NETLINK || len < FPM_HEADER + sizeof h)
		return frame[1] == FPM_NETLINK && len == FPM_HEADER; /* an empty one is a heartbeat */
	memcpy(&h, frame + FPM_HEADER, sizeof h);
	if (h.nlmsg_len < sizeof h || h.nlmsg_len > len - FPM_HEADER)
		return false;
	return keep(f, in, frame + FPM_HEADER, h.nlmsg_len);
}

/* All whole frames; false when they are none. */
static bool take_frames(struct feed *f, struct input *in)
{
	size_t at = 0;
	int n;

	while ((n = fpm_frame(in->bytes + at, in->len - at)) > 0) {
		if (!take_frame(f, in, in->bytes + at, (size_t)n))
			return false;
		at += (size_t)n;
	}
	in->len -= at;
	memmove(in->bytes, in->bytes + at, in->len);
	return n == 0;
}

/* False when the client left or sends nonsense. */
static bool receive(struct feed *f, struct fpm_feed *p, struct input *in)
{
	for (;;) {
		ssize_t n = recv(p->peer, in->bytes + in->len, sizeof in->bytes - in->len, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return flush(f, in);
		if (n <= 0)
			return false;
		in->len += (size_t)n;
		if (!take_frames(f, in))
			return false;
	}
}

/* --- a client --- */

static bool accept_client(struct feed *f, struct fpm_feed *p)
{
	int on = 1;

	p->peer = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (p->peer < 0)
		return false;
	setsockopt(p->peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	pthread_mutex_lock(&p->lock);
	p->answers = 0;
	p->broken = false;
	pthread_mutex_unlock(&p->lock);
	__atomic_fetch_add(&f->stats.connections, 1, __ATOMIC_RELAXED);
	return feed_tell(f, BLOCK_OPEN);
}

static void drop_client(struct feed *f, struct fpm_feed *p, struct input *in)
{
	flush(f, in);
	close(p->peer);
	p->peer = -1;
	in->len = 0;
	feed_tell(f, BLOCK_CLOSED);
}

static bool serve_once(struct feed *f, struct fpm_feed *p, struct input *in)
{
	bool left = false;
	struct pollfd x[] = {{.fd = f->wake, .events = POLLIN}, {.fd = p->peer, .events = POLLIN}};

	if (!send_answers(p, &left))
		return false;
	x[1].events |= left ? POLLOUT : 0;
	if (poll(x, 2, -1) < 0)
		return errno == EINTR;
	if (x[0].revents != 0)
		feed_wanted(f, FEED_ANY);
	return (x[1].revents & (POLLIN | POLLHUP | POLLERR)) == 0 || receive(f, p, in);
}

void fpm_feed_run(struct feed *f)
{
	struct fpm_feed *p = f->arg;
	struct input *in = calloc(1, sizeof *in);

	while (in != NULL && !feed_stopping(f)) {
		if (p->peer < 0) {
			if (feed_wait(f, p->listener, -1))
				accept_client(f, p);
			else
				feed_wanted(f, FEED_ANY);
		} else if (!serve_once(f, p, in)) {
			drop_client(f, p, in);
		}
	}
	if (in != NULL)
		free(in->block);
	free(in);
}
