/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The runner: one burst through the ordered stage table, and the worker's own ways in and out of it.
 */
#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "pipeline/drop.h"
#include "pipeline/worker.h"

REASON_DEFINE(reason_inject_full, REASON_ERROR, "inject-full",
	"The packet had to start again but the worker's re-inject ring was full.")
REASON_DEFINE(
	reason_inject_loop, REASON_DROP, "inject-loop", "The packet was sent through the pipeline too often.")
REASON_DEFINE(reason_punt_rate, REASON_DROP, "punt-rate",
	"Packets for the control thread of this class arrived faster than it accepts them.")
REASON_DEFINE(reason_stray, REASON_ERROR, "no-stage",
	"A stage kept the packet but sent it nowhere: a fault of weir.")
REASON_DEFINE(reason_punt_full, REASON_ERROR, "punt-full", "The ring to the control thread was full.")

/* Slots of the burst a stage works on: the living, but errors are sent about packets that just died. */
static inline uint64_t stage_slots(const struct burst *b, unsigned id)
{
	if (id == STAGE_DROP)
		return b->dead;
	if (id == STAGE_ICMP_ERROR)
		return b->need[id] & (b->alive | b->dead);
	return b->need[id] & b->alive;
}

static inline void run_stage(
	struct worker *w, const struct generation *g, struct burst *b, unsigned id, uint64_t slots)
{
	struct stage_counters *c = &w->counters.stage[id];

	c->bursts++;
	c->packets += (unsigned)__builtin_popcountll(slots);
	stage_run[id](w, g, b, slots);
}

/* The same with the stage's cycles measured: one burst in STAGE_SAMPLE_EVERY, so that two TSC reads per
 * stage (25 cycles each in a VM) cost less than 0.1 cycle per packet. */
static void run_sampled(struct worker *w, const struct generation *g, struct burst *b)
{
	for (unsigned id = 0; id < STAGE_COUNT; id++) {
		uint64_t slots = stage_slots(b, id), start;
		struct stage_counters *c = &w->counters.stage[id];

		if (slots == 0)
			continue;
		start = rte_rdtsc();
		run_stage(w, g, b, id, slots);
		c->sampled_cycles += rte_rdtsc() - start;
		c->sampled_packets += (unsigned)__builtin_popcountll(slots);
	}
	w->sample_countdown = STAGE_SAMPLE_EVERY;
}

/* A stage that forgets to send a packet on must not lose it silently. */
static void end_strays(struct worker *w, const struct generation *g, struct burst *b)
{
	uint64_t strays = b->alive;

	BURST_EACH (i, strays)
		burst_drop(b, (unsigned)i, &reason_stray);
	run_stage(w, g, b, STAGE_DROP, strays);
}

static void run_plain(struct worker *w, const struct generation *g, struct burst *b)
{
#pragma GCC unroll 32 /* the table is walked once per burst, most of it is empty */
	for (unsigned id = 0; id < STAGE_COUNT; id++) {
		uint64_t slots = stage_slots(b, id);

		if (slots != 0)
			run_stage(w, g, b, id, slots);
	}
}

static void run(struct worker *w, const struct generation *g, struct burst *b)
{
	w->counters.bursts++;
	if (__builtin_expect(w->sample_countdown-- == 0, 0))
		run_sampled(w, g, b);
	else
		run_plain(w, g, b);
	if (__builtin_expect(b->alive != 0, 0))
		end_strays(w, g, b);
}

/* What must be zero before any stage looks; the rest is written by the stage that produces it. */
static inline void burst_begin(struct burst *b, uint16_t n, uint64_t now)
{
	memset(b->need, 0, sizeof b->need);
	memset(b->hops, 0, sizeof b->hops);
	b->alive = first_slots(n);
	b->dead = b->traced = b->captured = b->plain = b->plain6 = b->hashed = b->ported = b->marked = 0;
	b->now = now;
	b->count = n;
}

void worker_receive(struct worker *w, const struct generation *g, uint16_t port, struct rte_mbuf **pkts,
	uint16_t n, uint64_t now)
{
	struct burst *b = &w->burst;

	if (n == 0)
		return;
	burst_begin(b, n, now);
	b->port = port;
	b->need[STAGE_PARSE] = b->alive;
	if (pkts != b->pkt)
		memcpy(b->pkt, pkts, n * sizeof *pkts);
	w->counters.received += n;
	run(w, g, b);
}

static void restore_slot(struct burst *b, unsigned slot, struct rte_mbuf *m)
{
	const struct note *n = note_of(m);

	b->pkt[slot] = m;
	b->family[slot] = n->family;
	b->proto[slot] = n->proto;
	b->flags[slot] = n->flags;
	b->hops[slot] = n->hops;
	b->iif[slot] = n->iif;
	b->oif[slot] = n->oif;
	b->vrf[slot] = n->vrf;
	b->nh[slot] = n->nh;
	b->l3[slot] = n->l3;
	b->l4[slot] = n->l4;
	b->dst4[slot] = n->dst4;
	b->hash[slot] = n->hash;
	b->hashed |= (uint64_t)(n->hash != 0) << slot;
	b->ports[slot] = n->ports;
	b->ported |= (uint64_t)(n->ported != 0) << slot;
	b->mark[slot] = n->mark;
	b->marked |= (uint64_t)(n->mark != 0) << slot;
	b->need[n->entry] |= slot_bit(slot);
	if (n->entry == STAGE_DROP) {
		b->reason[slot] = n->reason;
		b->alive &= ~slot_bit(slot);
		b->dead |= slot_bit(slot);
	}
}

static void run_noted(
	struct worker *w, const struct generation *g, struct rte_mbuf **pkts, unsigned n, uint64_t now)
{
	struct burst *b = &w->burst;

	burst_begin(b, (uint16_t)n, now);
	b->port = UINT16_MAX;
	for (unsigned i = 0; i < n; i++)
		restore_slot(b, i, pkts[i]);
	run(w, g, b);
}

static unsigned send_urgent(struct worker *w, const struct generation *g, uint64_t now)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst(w->urgent, (void **)pkts, BURST_SIZE, NULL);

	if (n == 0)
		return 0;
	w->in_urgent = true;
	run_noted(w, g, pkts, n, now);
	w->in_urgent = false;
	return n;
}

/* A burst is of one port. */
static unsigned take_arrivals(struct worker *w, const struct generation *g, uint64_t now)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = rte_ring_sc_dequeue_burst(w->arrivals, (void **)pkts, BURST_SIZE, NULL);

	for (unsigned i = 0, same; i < n; i += same) {
		for (same = 1; i + same < n && pkts[i + same]->port == pkts[i]->port;)
			same++;
		worker_receive(w, g, pkts[i]->port, pkts + i, (uint16_t)same, now);
	}
	return n;
}

unsigned worker_drain_urgent(struct worker *w, const struct generation *g, uint64_t now)
{
	unsigned n = 0;

	if (!rte_ring_empty(w->urgent))
		n = send_urgent(w, g, now);
	if (!rte_ring_empty(w->arrivals))
		n += take_arrivals(w, g, now);
	return n;
}

bool worker_keep_urgent(struct worker *w, struct rte_mbuf *m)
{
	struct note *n = note_of(m);
	const uint64_t now = w->burst.now;

	if (!w->in_urgent && !n->urgent)
		return false;
	if (n->when == 0)
		n->when = now;
	return now - n->when < URGENT_PATIENCE && rte_ring_mp_enqueue(w->urgent, m) == 0;
}

unsigned worker_drain(struct worker *w, const struct generation *g, uint64_t now)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned n = 0, from_inbox, urgent = worker_drain_urgent(w, g, now);

	for (unsigned i = 0; i < g->turns; i++)
		g->turn[i](w, g, now);
	while (n < BURST_SIZE && w->inject_tail != w->inject_head)
		pkts[n++] = w->inject[w->inject_tail++ % INJECT_SIZE];
	if (n != 0)
		run_noted(w, g, pkts, n, now);
	if (rte_ring_empty(w->inbox))
		return n + urgent;
	from_inbox = rte_ring_sc_dequeue_burst(w->inbox, (void **)pkts, BURST_SIZE, NULL);
	if (from_inbox != 0)
		run_noted(w, g, pkts, from_inbox, now);
	return n + from_inbox + urgent;
}

static bool inject_push(struct worker *w, struct rte_mbuf *m)
{
	if (w->inject_head - w->inject_tail >= INJECT_SIZE)
		return false;
	w->inject[w->inject_head++ % INJECT_SIZE] = m;
	return true;
}

void worker_reinject(struct worker *w, struct burst *b, unsigned slot, enum stage_id entry)
{
	struct rte_mbuf *m = b->pkt[slot];
	struct note *n;

	if (b->hops[slot] >= NOTE_MAX_HOPS) {
		burst_drop(b, slot, &reason_inject_loop);
		return;
	}
	n = burst_save_note(b, slot);
	n->entry = (uint8_t)entry;
	n->hops++;
	if (!inject_push(w, m)) {
		burst_drop(b, slot, &reason_inject_full);
		return;
	}
	burst_take(b, slot);
}

bool worker_originate(struct worker *w, struct rte_mbuf *m, enum stage_id entry)
{
	struct note *n = note_of(m);

	n->entry = (uint8_t)entry;
	n->hops = 0;
	w->counters.originated++;
	if (inject_push(w, m))
		return true;
	worker_end_packet(w, m, &reason_inject_full);
	return false;
}

bool worker_requeue(struct worker *w, struct rte_mbuf *m, enum stage_id entry)
{
	note_of(m)->entry = (uint8_t)entry;
	if (inject_push(w, m))
		return true;
	worker_end_packet(w, m, &reason_inject_full);
	return false;
}

/* Data that waits for neighbours or for fragments fills half of the ring at most: what ends the waiting comes
 * by it as well. */
static bool punt_room(const struct worker *w, enum punt_class why)
{
	return (why != PUNT_RESOLVE && why != PUNT_REASSEMBLE && why != PUNT_REDIRECT) ||
	       rte_ring_free_count(w->punt) > PUNT_RING / 2;
}

void worker_punt(struct worker *w, struct burst *b, unsigned slot, enum punt_class why)
{
	struct note *n;

	if (!bucket_take(&w->punt_bucket[why], b->now, PUNT_RATE, PUNT_BURST)) {
		burst_drop(b, slot, &reason_punt_rate);
		return;
	}
	n = burst_save_note(b, slot);
	n->punt = (uint8_t)why;
	if (!punt_room(w, why) || rte_ring_sp_enqueue(w->punt, b->pkt[slot]) != 0) {
		burst_drop(b, slot, &reason_punt_full);
		return;
	}
	burst_take(b, slot);
}

void worker_punt_copy(struct worker *w, struct rte_mbuf *m, enum punt_class why, uint64_t now)
{
	note_of(m)->punt = (uint8_t)why;
	w->counters.originated++;
	if (!bucket_take(&w->punt_bucket[why], now, PUNT_RATE, PUNT_BURST))
		worker_end_packet(w, m, &reason_punt_rate);
	else if (!punt_room(w, why) || rte_ring_sp_enqueue(w->punt, m) != 0)
		worker_end_packet(w, m, &reason_punt_full);
}

struct rte_mbuf *worker_alloc(struct worker *w)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->pool);

	if (m != NULL)
		memset(note_of(m), 0, sizeof(struct note));
	return m;
}

bool bucket_take(struct bucket *t, uint64_t now, uint32_t rate, uint32_t burst)
{
	uint64_t full = (uint64_t)burst * 1000, elapsed = now - t->last, refill;

	if (t->last == 0 || now < t->last) { /* first use, or the clock was set back */
		t->tokens_milli = (uint32_t)full;
		t->last = now;
	} else {
		if (elapsed > UINT64_C(3600000000000))
			elapsed = UINT64_C(3600000000000);
		refill = elapsed * rate / 1000000;
		if (refill > 0) { /* the time that was not enough for a whole unit counts next time */
			t->tokens_milli = (uint32_t)RTE_MIN(full, t->tokens_milli + refill);
			t->last = now - elapsed * rate % 1000000 / rate;
		}
	}
	if (t->tokens_milli < 1000)
		return false;
	t->tokens_milli -= 1000;
	return true;
}
