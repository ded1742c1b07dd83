/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reassembly of packets for ourselves (RFC 791 3.2, RFC 8200 4.5, RFC 5722), on the control thread: bounded
 * in datagrams, fragments and bytes; overlapping fragments end the whole datagram; a timeout is told to the
 * sender when the first fragment came. Transit fragments are never touched.
 */
#include "feature/ip/reass.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "feature/icmp/icmp.h"
#include "feature/ip/ip_hdr.h"
#include "table/hash_bytes.h"

REASON_DEFINE(
	reason_reass_done, REASON_DONE, "reassembled", "The fragment became part of a reassembled packet.")
REASON_DEFINE(reason_reass_bad, REASON_DROP, "reassembly-bad-fragment",
	"A fragment for us has an impossible offset or length.")
REASON_DEFINE(reason_reass_overlap, REASON_DROP, "reassembly-overlap",
	"Fragments of a packet for us overlap (RFC 5722): all of it is dropped.")
REASON_DEFINE(reason_reass_duplicate, REASON_DROP, "reassembly-duplicate", "The same fragment came twice.")
REASON_DEFINE(reason_reass_timeout, REASON_DROP, "reassembly-timeout",
	"Not all fragments of a packet for us came in time.")
REASON_DEFINE(reason_reass_full, REASON_ERROR, "reassembly-full",
	"Too many fragments for us wait for the rest of their packets.")

static struct datagram **chain(const struct weir *w, const struct reass_key *k)
{
	return &w->reass->hash[hash_bytes(k, sizeof *k, 0) % REASS_HASH];
}

/* Ends every fragment a datagram holds. */
static void end_pieces(struct weir *w, struct datagram *d, const struct reason *r)
{
	for (unsigned i = 0; i < d->count; i++) {
		w->held--;
		weir_consume(w, d->piece[i].m, r);
	}
	w->reass->bytes -= d->bytes;
	w->reass->held -= d->count;
	d->count = d->bytes = d->have = 0;
}

static void forget(struct weir *w, struct datagram *d)
{
	struct datagram **at = chain(w, &d->key);

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	timer_cancel(w, &d->timer);
	w->reass->datagrams--;
	free(d);
}

static void timed_out(struct weir *w, struct timer *t)
{
	struct datagram *d = (struct datagram *)t;
	bool v4 = d->key.src.family == FAMILY_V4;
	const struct icmp_error err = {.type = v4 ? ICMP4_TIME : ICMP6_TIME, .code = 1};

	w->reass->timeouts++;
	if (d->count != 0 && d->piece[0].from == 0)
		icmp_send_error(w, d->piece[0].m, note_of(d->piece[0].m), &err);
	end_pieces(w, d, &reason_reass_timeout);
	forget(w, d);
}

static struct datagram *find(struct weir *w, const struct reass_key *k)
{
	struct datagram **at = chain(w, k), *d;

	for (d = *at; d != NULL; d = d->next)
		if (memcmp(&d->key, k, sizeof *k) == 0)
			return d;
	if (w->reass->datagrams >= REASS_DATAGRAMS)
		return NULL;
	d = calloc(1, sizeof *d);
	if (d == NULL)
		return NULL;
	d->timer.fn = timed_out;
	d->key = *k;
	if (timer_set(w, &d->timer, w->now + REASS_TIME) != 0) {
		free(d);
		return NULL;
	}
	d->next = *at;
	*at = d;
	w->reass->datagrams++;
	return d;
}

enum fit { FITS, DUPLICATE, OVERLAPS };

/* Where the fragment belongs among the sorted pieces. */
static enum fit place(const struct datagram *d, const struct fragment *f, unsigned *at)
{
	unsigned i = 0;

	while (i < d->count && d->piece[i].from < f->from)
		i++;
	*at = i;
	if (i < d->count && d->piece[i].from == f->from && d->piece[i].len == f->len)
		return f->more == (f->from + f->len != d->total) ? DUPLICATE : OVERLAPS;
	if (i > 0 && d->piece[i - 1].from + d->piece[i - 1].len > f->from)
		return OVERLAPS;
	if (i < d->count && f->from + f->len > d->piece[i].from)
		return OVERLAPS;
	if (d->total != 0 && f->from + f->len > d->total)
		return OVERLAPS; /* beyond the end that another fragment named */
	return FITS;
}

static void insert(
	struct weir *w, struct datagram *d, unsigned at, const struct fragment *f, struct rte_mbuf *m)
{
	memmove(&d->piece[at + 1], &d->piece[at], (d->count - at) * sizeof d->piece[0]);
	d->piece[at] = (struct piece){.m = m, .from = f->from, .len = f->len, .data = f->data};
	d->count++;
	d->have += f->len;
	d->bytes += m->pkt_len;
	w->reass->bytes += m->pkt_len;
	w->reass->held++;
	w->held++;
	if (!f->more)
		d->total = f->from + f->len;
}

/* Chains the pieces; the others' payload follows the first one's. */
static void complete(struct weir *w, struct datagram *d)
{
	struct rte_mbuf *m = d->piece[0].m;
	uint32_t payload = d->total;

	for (unsigned i = 1; i < d->count; i++) {
		struct rte_mbuf *more = d->piece[i].m;

		rte_pktmbuf_adj(more, d->piece[i].data);
		rte_pktmbuf_chain(m, more);
	}
	w->held -= d->count;
	w->counters.reason[reason_reass_done.id] += d->count - 1; /* one packet goes on */
	w->reass->bytes -= d->bytes;
	w->reass->held -= d->count;
	w->reass->completed++;
	d->count = d->bytes = 0;
	forget(w, d);
	reass_header(m, note_of(m), payload);
	weir_send(w, m, STAGE_LOCAL, false);
}

static void poison(struct weir *w, struct datagram *d, struct rte_mbuf *m)
{
	d->poisoned = true;
	w->reass->overlaps++;
	end_pieces(w, d, &reason_reass_overlap);
	weir_consume(w, m, &reason_reass_overlap);
}

/* Bytes before the payload that the packet's length field will count: the IPv4 header with its options, or
 * the IPv6 extension headers before the fragment header. */
static uint32_t counted_header(const struct note *n, uint16_t data)
{
	return data - n->l3 - (n->family == FAMILY_V4 ? 0u : IP6_HEADER + 8u);
}

static void add(struct weir *w, struct datagram *d, const struct fragment *f, struct rte_mbuf *m)
{
	unsigned at;

	switch (place(d, f, &at)) {
	case DUPLICATE:
		weir_consume(w, m, &reason_reass_duplicate);
		return;
	case OVERLAPS:
		poison(w, d, m);
		return;
	default:
		break;
	}
	if (!f->more && d->count != 0 &&
		(d->total != 0 || at != d->count)) { /* two ends, or data behind the end */
		poison(w, d, m);
		return;
	}
	if (d->count >= REASS_FRAGMENTS || w->reass->held >= REASS_HELD ||
		w->reass->bytes + m->pkt_len > REASS_BYTES) {
		w->reass->refused++;
		weir_consume(w, m, &reason_reass_full);
		return;
	}
	insert(w, d, at, f, m);
	if (d->total == 0 || d->have != d->total)
		return;
	if (d->total + counted_header(note_of(d->piece[0].m), d->piece[0].data) <= UINT16_MAX) {
		complete(w, d);
	} else { /* only the first fragment's header makes it too long */
		d->poisoned = true;
		end_pieces(w, d, &reason_reass_bad);
	}
}

/* RFC 8200 4.5: a fragment that is not the last is a multiple of 8 bytes, nothing ends beyond 65535, and the
 * first has all headers (RFC 7112: code 3). False when nothing is wrong; *err is what an IPv6 sender is told.
 */
static bool impossible(const struct fragment *f, const struct note *n, struct icmp_error *err)
{
	*err = (struct icmp_error){.type = ICMP6_PARAMETER};
	if (f->more && f->len % 8 != 0)
		err->info = 4; /* the payload length */
	else if (f->from + f->len + counted_header(n, f->data) > UINT16_MAX)
		err->info = (uint32_t)(f->data - n->l3 - 8 + 2); /* the fragment offset */
	else if (f->headless)
		err->code = 3;
	else
		return false;
	return true;
}

static bool refuse(struct weir *w, struct rte_mbuf *m, const struct note *n, const struct fragment *f)
{
	struct icmp_error err;

	if (!impossible(f, n, &err))
		return false;
	if (n->family == FAMILY_V6)
		icmp_send_error(w, m, n, &err);
	weir_consume(w, m, &reason_reass_bad);
	return true;
}

static void reassemble(struct weir *w, struct rte_mbuf *m, struct note *n)
{
	struct datagram *d;
	struct fragment f;

	if (!reass_read(m, n, &f) || f.len == 0) {
		weir_consume(w, m, &reason_reass_bad);
		return;
	}
	if (refuse(w, m, n, &f))
		return;
	if (f.from == 0 && !f.more) { /* RFC 6946: an atomic fragment has nothing to do with others */
		reass_header(m, n, f.len);
		weir_send(w, m, STAGE_LOCAL, false);
		return;
	}
	d = find(w, &f.key);
	if (d == NULL) {
		w->reass->refused++;
		weir_consume(w, m, &reason_reass_full);
	} else if (d->poisoned) {
		weir_consume(w, m, &reason_reass_overlap);
	} else {
		add(w, d, &f, m);
	}
}

static int init(struct weir *w, struct err *e)
{
	w->reass = calloc(1, sizeof *w->reass);
	if (w->reass == NULL)
		return err_set(e, ENOMEM, "not enough memory for reassembly");
	punt_handler_set(w, PUNT_REASSEMBLE, reassemble);
	return 0;
}

static void fini(struct weir *w)
{
	if (w->reass == NULL)
		return;
	for (unsigned i = 0; i < REASS_HASH; i++)
		while (w->reass->hash[i] != NULL) {
			end_pieces(w, w->reass->hash[i], &reason_reass_timeout);
			forget(w, w->reass->hash[i]);
		}
	free(w->reass);
	w->reass = NULL;
}

static struct feature feature_ip = {.name = "ip", .order = 25, .init = init, .fini = fini};
FEATURE_REGISTER(feature_ip)
