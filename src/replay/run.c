/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The replay itself. Time is the captures' time: timers that are due before a packet run before it, each at
 * its own moment; packets of one port that are close together and have no timer between them share a burst.
 * So the same input gives the same output, byte by byte.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include <rte_mbuf.h>

#include "base/log.h"
#include "replay/priv.h"

#define BURST_TIME                                                                                           \
	UINT64_C(100000) /* ns of capture time that a burst may span, so what leaves is late by less */
#define AFTER_TIME UINT64_C(3000000000) /* ns that pass after the last packet */
#define GAP_TIMERS 1000000              /* timer moments in one gap; then time jumps to its end */
#define LOOK_EVERY 1024                 /* bursts between looks at clock, outputs and signals */

static volatile sig_atomic_t interrupted; /* by this signal */

static void on_signal(int signal)
{
	interrupted = signal;
}

/* The first one ends the replay in good order, the second one at once. */
static void catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/* Control thread and worker take turns until neither has anything to do. */
static void settle(struct replay *r)
{
	unsigned n;

	do {
		n = weir_control(r->w, r->now);
		n += worker_drain(r->w->worker[0], weir_generation(r->w), r->now);
	} while (n != 0);
}

/* Lets time pass until `when`, stopping at every timer. */
static void advance(struct replay *r, uint64_t when)
{
	for (unsigned i = 0; i < GAP_TIMERS; i++) {
		uint64_t next = weir_next_timer(r->w);

		if (next > when)
			break;
		if (next > r->now)
			r->now = next;
		settle(r);
	}
	if (when > r->now)
		r->now = when;
	if (weir_next_timer(r->w) <= when)
		settle(r);
}

static void flush(struct replay *r)
{
	struct worker *worker = r->w->worker[0];

	if (r->burst_count == 0)
		return;
	worker_receive(worker, weir_generation(r->w), r->burst_port, r->burst, r->burst_count, r->now);
	r->burst_count = 0;
	settle(r);
}

/* --- frames to buffers --- */

static struct rte_mbuf *take_buffer(struct replay *r)
{
	if (r->stock_count == 0) {
		if (rte_pktmbuf_alloc_bulk(r->pool, r->stock, BURST_SIZE) != 0)
			return NULL;
		r->stock_count = BURST_SIZE;
	}
	return r->stock[--r->stock_count];
}

/* What does not fit the first buffer goes to further ones behind it. */
static int add_segments(struct replay *r, struct rte_mbuf *head, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *last = head;

	while (len > 0) {
		struct rte_mbuf *m = take_buffer(r);
		uint16_t part;

		if (m == NULL)
			return -ENOMEM;
		*arrival_of(m) = (struct arrival){0};
		m->data_off = 0;
		part = (uint16_t)RTE_MIN(len, m->buf_len);
		memcpy(rte_pktmbuf_mtod(m, void *), data, part);
		m->data_len = part;
		last = last->next = m;
		head->nb_segs++;
		data += part;
		len -= part;
	}
	return 0;
}

static void follow(struct replay *r, const struct input *in, struct rte_mbuf *m)
{
	const struct capture_frame *f = &in->frame;
	struct track_row row = {.n = in->packets + 1,
		.ns = f->ns,
		.input = (uint16_t)(in - r->merge.input),
		.iface = frame_iface(weir_generation(r->w), in->port, f->data, f->len)};

	track_begin(&r->track, m, &row);
}

static struct rte_mbuf *make_packet(struct replay *r, const struct input *in, uint64_t when)
{
	const struct capture_frame *f = &in->frame;
	struct rte_mbuf *m = take_buffer(r);
	uint16_t part;

	if (m == NULL)
		return NULL;
	part = (uint16_t)RTE_MIN(f->len, rte_pktmbuf_tailroom(m));
	memcpy(rte_pktmbuf_mtod(m, void *), f->data, part);
	m->data_len = part;
	m->pkt_len = f->len;
	m->port = in->port;
	*arrival_of(m) = (struct arrival){.ns = when};
	if (part < f->len && add_segments(r, m, f->data + part, f->len - part) != 0) {
		rte_pktmbuf_free(m);
		return NULL;
	}
	if (r->track.on)
		follow(r, in, m);
	return m;
}

/* --- time and bursts --- */

static uint64_t frame_time(struct replay *r, const struct input *in)
{
	if (in->frame.ns >= r->now)
		return in->frame.ns;
	if (!r->went_back)
		log_warning("%s: the timestamp of packet %llu is earlier than one before it; time does not "
			    "go back, such packets "
			    "are replayed as if they came at once",
			in->path, (unsigned long long)in->packets + 1);
	r->went_back = true;
	return r->now;
}

static bool fits_burst(const struct replay *r, const struct input *in, uint64_t when)
{
	return r->burst_count < BURST_SIZE && in->port == r->burst_port && when < r->burst_end;
}

static void begin_burst(struct replay *r, const struct input *in, uint64_t when)
{
	advance(r, when);
	r->burst_port = in->port;
	r->burst_start = when;
	r->burst_end = RTE_MIN(when + BURST_TIME + 1, weir_next_timer(r->w));
}

/* One packet into the current burst or the first of the next one. */
static int step(struct replay *r, struct input *in, struct err *e)
{
	uint64_t when = frame_time(r, in);
	struct rte_mbuf *m;

	if (r->burst_count != 0 && !fits_burst(r, in, when))
		flush(r);
	if (r->burst_count == 0)
		begin_burst(r, in, when);
	r->now = when;
	m = make_packet(r, in, when);
	if (m == NULL)
		return err_set(e, ENOMEM, "%s: no memory for packet %llu; the replay ended there", in->path,
			(unsigned long long)in->packets + 1);
	r->burst[r->burst_count++] = m;
	return 0;
}

static int replay_packets(struct replay *r, struct err *e)
{
	unsigned look = 0;
	struct input *in;
	int rc = 0;

	while ((in = merge_next(&r->merge)) != NULL) {
		rc = step(r, in, e);
		if (rc != 0)
			break;
		merge_advance(&r->merge, in);
		if (r->burst_count != 1 || ++look % LOOK_EVERY != 0)
			continue;
		progress(r, false);
		if (interrupted != 0 || outputs_failed(r)) /* told at the end */
			break;
	}
	flush(r);
	return rc;
}

/* --- the books --- */

static void on_rule(void *ctx, struct rte_mbuf *m, const char *list, uint32_t id)
{
	struct replay *r = ctx;

	if (r->track.on)
		track_rule(&r->track, m, list, id);
}

static void on_drop(void *ctx, struct rte_mbuf *m, uint16_t reason)
{
	struct replay *r = ctx;

	if (r->track.on)
		track_ended(&r->track, m, reason);
	arrival_clear(m);
}

struct ends ends_of(const struct counters *c)
{
	struct ends n = {0};

	for (uint16_t i = 1; i <= reasons_count(); i++)
		if (reason_get(i)->kind == REASON_DONE)
			n.consumed += c->reason[i];
		else
			n.dropped += c->reason[i];
	return n;
}

/* Every packet has an end, or somebody holds it. */
static int check_books(const struct replay *r, struct err *e)
{
	const struct counters *c = &r->total;
	struct ends n = ends_of(c);
	uint64_t in = c->received + c->originated;
	uint64_t out = c->transmitted + n.consumed + n.dropped + r->held;

	if (in == out)
		return 0;
	return err_set(e, EIO,
		"%llu packets were received or made, but %llu were sent, ended with a reason or are held; "
		"this is a bug in weir",
		(unsigned long long)in, (unsigned long long)out);
}

int replay_run(struct replay *r, struct err *e)
{
	uint64_t start = wall_clock();
	int rc;

	r->w->worker[0]->on_drop = on_drop;
	r->w->worker[0]->on_drop_ctx = r;
	r->w->worker[0]->on_rule = on_rule;
	r->w->worker[0]->on_rule_ctx = r;
	catch_signals();
	settle(r);
	rc = replay_packets(r, e);
	advance(r, r->now + AFTER_TIME);
	track_finish(&r->track);
	progress(r, true);
	r->elapsed = wall_clock() - start;
	r->total.iface = NULL;
	weir_counters(r->w, &r->total);
	r->held = weir_held(r->w);
	if (check_books(r, e) != 0)
		rc = -EIO;
	if (interrupted != 0)
		rc = err_set(e, EINTR,
			"interrupted by signal %d; the outputs have what was replayed until then",
			(int)interrupted);
	if (r->merge.e.code != 0)
		rc = err_set(e, r->merge.e.code, "%s", r->merge.e.text);
	return rc;
}
