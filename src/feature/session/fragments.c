/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/session/fragments.h"

#include <stdlib.h>
#include <string.h>

#include <rte_hash_crc.h>

#include "pipeline/drop.h"

REASON_DEFINE(reason_fragment_waited, REASON_ERROR, "fragment-alone",
	"A later fragment waited for the first one, which did not come in time or found no room.")

/* Fragments that wait are linked in their notes: nobody asks meanwhile when they left their burst. */
static struct rte_mbuf **link_of(struct rte_mbuf *m)
{
	return (struct rte_mbuf **)(void *)&note_of(m)->when;
}
static_assert(sizeof(((struct note *)0)->when) == sizeof(void *), "a link fits");

struct fragments *fragments_new(void)
{
	struct fragments *f = calloc(1, sizeof *f);

	for (uint16_t i = 1; f != NULL && i <= FRAGMENTS_MAX; i++) {
		f->entry[i].next = f->free;
		f->free = i;
	}
	return f;
}

uint64_t fragments_bytes(void)
{
	return sizeof(struct fragments);
}

uint32_t fragments_count(const struct fragments *f)
{
	return f != NULL ? __atomic_load_n(&f->used, __ATOMIC_RELAXED) : 0;
}

static uint16_t *chain(struct fragments *f, const struct fragment_key *k)
{
	return &f->head[rte_hash_crc(k, sizeof *k, 0x5e55) % FRAGMENTS_MAX];
}

static void give_up(struct worker *w, struct fragments *f, struct fragment_entry *e)
{
	struct rte_mbuf *m = e->first;

	while (m != NULL) {
		struct rte_mbuf *next = *link_of(m);

		__atomic_store_n(&w->held, w->held - 1, __ATOMIC_RELAXED);
		worker_end_packet(w, m, &reason_fragment_waited);
		m = next;
	}
	f->waiting -= e->waiting;
	e->waiting = 0;
	e->first = e->last = NULL;
}

static void forget(struct worker *w, struct fragments *f, uint16_t n)
{
	struct fragment_entry *e = &f->entry[n];
	uint16_t *at = chain(f, &e->key);

	give_up(w, f, e);
	while (*at != n)
		at = &f->entry[*at].next;
	*at = e->next;
	if (e->older != 0)
		f->entry[e->older].newer = e->newer;
	else
		f->oldest = e->newer;
	if (e->newer != 0)
		f->entry[e->newer].older = e->older;
	else
		f->newest = e->older;
	e->used = false;
	e->next = f->free;
	f->free = n;
	FLOW_SET(f->used, f->used - 1);
}

void fragments_free(struct weir *weir, struct worker *w, struct fragments *f)
{
	for (uint16_t n = f != NULL ? f->oldest : 0; n != 0; n = f->entry[n].newer)
		for (struct rte_mbuf *m = f->entry[n].first, *next; m != NULL; m = next) {
			next = *link_of(m);
			__atomic_store_n(&w->held, w->held - 1, __ATOMIC_RELAXED);
			weir_consume(weir, m, &reason_fragment_waited);
		}
	free(f);
}

static struct fragment_entry *make(
	struct worker *w, struct fragments *f, const struct fragment_key *k, uint64_t now)
{
	uint16_t n, *head = chain(f, k);
	struct fragment_entry *e;

	if (f->free == 0)
		forget(w, f, f->oldest);
	n = f->free;
	e = &f->entry[n];
	f->free = e->next;
	*e = (struct fragment_entry){
		.key = *k, .since = now, .used = true, .next = *head, .older = f->newest};
	*head = n;
	if (f->newest != 0)
		f->entry[f->newest].newer = n;
	else
		f->oldest = n;
	f->newest = n;
	FLOW_SET(f->used, f->used + 1);
	return e;
}

struct fragment_entry *fragments_find(
	struct worker *w, struct fragments *f, const struct fragment_key *k, uint64_t now)
{
	for (uint16_t n = *chain(f, k); n != 0; n = f->entry[n].next)
		if (memcmp(&f->entry[n].key, k, sizeof *k) == 0) {
			if (now - f->entry[n].since < FRAGMENTS_NS)
				return &f->entry[n];
			forget(w, f, n); /* the identification is in use again */
			break;
		}
	return make(w, f, k, now);
}

bool fragments_wait(
	struct worker *w, struct fragments *f, struct fragment_entry *e, struct burst *b, unsigned i)
{
	struct rte_mbuf *m = b->pkt[i];

	if (e->waiting >= FRAGMENTS_EACH || f->waiting >= FRAGMENTS_WAITING)
		return false;
	burst_save_note(b, i);
	burst_take(b, i);
	*link_of(m) = NULL;
	if (e->last != NULL)
		*link_of(e->last) = m;
	else
		e->first = m;
	e->last = m;
	e->waiting++;
	f->waiting++;
	__atomic_store_n(&w->held, w->held + 1, __ATOMIC_RELAXED);
	return true;
}

void fragments_release(
	struct worker *w, struct fragments *f, struct fragment_entry *e, uint32_t ports, uint8_t proto)
{
	struct rte_mbuf *m = e->first;

	e->known = true;
	e->ports = ports;
	e->proto = proto;
	f->waiting -= e->waiting;
	e->waiting = 0;
	e->first = e->last = NULL;
	while (m != NULL) {
		struct rte_mbuf *next = *link_of(m);

		note_of(m)->ports = ports;
		note_of(m)->ported = 1;
		note_of(m)->proto = proto;
		__atomic_store_n(&w->held, w->held - 1, __ATOMIC_RELAXED);
		worker_requeue(w, m, STAGE_SHARD);
		m = next;
	}
}

/* In the order they came: the oldest is the first that waited too long. */
void fragments_turn(struct worker *w, struct fragments *f, uint64_t now)
{
	if (f == NULL)
		return;
	for (unsigned n = 0; n < 8 && f->oldest != 0 && now - f->entry[f->oldest].since >= FRAGMENTS_NS; n++)
		forget(w, f, f->oldest);
	if (f->waiting == 0)
		return;
	for (uint16_t n = f->oldest; n != 0 && now - f->entry[n].since >= FRAGMENTS_WAIT_NS;
		n = f->entry[n].newer)
		give_up(w, f, &f->entry[n]);
}
