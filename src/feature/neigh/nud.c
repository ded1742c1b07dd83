/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Neighbour unreachability detection (RFC 4861 7.3), one machine for ARP and ND. Each state has what happens
 * on entering it and when its timer fires; what is heard from the wire goes through one table.
 */
#include <stdio.h>
#include <string.h>

#include "control/events.h"
#include "feature/neigh/neigh_priv.h"
#include "feature/route/route.h"

REASON_DEFINE(reason_neigh_queue, REASON_DROP, "neighbor-queue-full",
	"More packets waited for an unresolved neighbour than its queue holds; the oldest was dropped.")
REASON_DEFINE(reason_neigh_held, REASON_ERROR, "neighbor-queues-full",
	"All packets that may wait for unresolved neighbours together were waiting already.")
REASON_DEFINE(reason_neigh_table, REASON_ERROR, "neighbor-table-full",
	"The neighbour table is full or too many neighbours are unresolved.")
REASON_DEFINE(reason_address_unusable, REASON_DROP, "address-not-usable",
	"The address is ours but not in use: somebody else may have it (duplicate address detection).")
REASON_DEFINE(reason_neigh_gone, REASON_DROP, "neighbor-gone",
	"The neighbour the packet waited for was removed or its link went down.")

const char *const neigh_nud_names[NEIGH_STATES] = {[NEIGH_INCOMPLETE] = "incomplete",
	[NEIGH_REACHABLE] = "reachable",
	[NEIGH_STALE] = "stale",
	[NEIGH_DELAY] = "delay",
	[NEIGH_PROBE] = "probe",
	[NEIGH_FAILED] = "failed",
	[NEIGH_PERMANENT] = "permanent"};

/* --- the slot workers see --- */

static void slot_write(struct weir *w, struct neigh *n, enum nh_ready ready)
{
	struct nexthop *nh = &w->nht.nh[n->nh];
	struct nh_l2 l2 = nh_l2_load(nh);

	memcpy(l2.dst, n->mac, 6);
	l2.ready = (uint8_t)ready;
	nh_l2_store(nh, l2);
	nh_set_kind(&w->nht, n->nh, NH_ADJ);
}

/* --- packets that wait --- */

/* A packet to a link-local address has no route to look up again: it is told its next hop. */
static void continue_packet(struct weir *w, struct neigh *n, struct rte_mbuf *m)
{
	struct note *note = note_of(m);

	w->held--;
	w->neigh->held--;
	note->hops++;
	if (note->hops > NOTE_MAX_HOPS) {
		weir_consume(w, m, &reason_neigh_gone);
		return;
	}
	if (note->nh == NH_NO_ROUTE)
		note->nh = n->nh;
	weir_send(w, m, STAGE_ROUTE, false);
}

static void queue_release(struct weir *w, struct neigh *n)
{
	uint32_t count = n->queued;

	n->queued = 0;
	for (uint32_t i = 0; i < count; i++)
		continue_packet(w, n, n->queue[i]);
}

void nud_drop_queue(struct weir *w, struct neigh *n, const struct reason *r)
{
	for (uint32_t i = 0; i < n->queued; i++)
		weir_consume(w, n->queue[i], r);
	w->held -= n->queued;
	w->neigh->held -= n->queued;
	n->queued = 0;
}

static void drop_oldest(struct weir *w, struct neigh *n)
{
	w->neigh->queue_full++;
	w->neigh->held--;
	w->held--;
	weir_consume(w, n->queue[0], &reason_neigh_queue);
	memmove(n->queue, n->queue + 1, --n->queued * sizeof n->queue[0]);
}

/* RFC 4861 7.2.2: the new one replaces the oldest. All queues together hold NEIGH_HELD_MAX buffers: then the
 * neighbour's own oldest gives way, or there is no room. */
static void queue_add(struct weir *w, struct neigh *n, struct rte_mbuf *m)
{
	bool full = w->neigh->held >= NEIGH_HELD_MAX;

	if (n->queued >= w->neigh->config.queue_packets || (full && n->queued != 0)) {
		drop_oldest(w, n);
	} else if (full) {
		w->neigh->queue_full++;
		weir_consume(w, m, &reason_neigh_held);
		return;
	}
	n->queue[n->queued++] = m;
	w->neigh->held++;
	w->held++;
}

/* --- probing --- */

static void probe(struct weir *w, struct neigh *n, bool unicast)
{
	const struct iface *ifc = w->gen->iface[n->iface];

	n->probes += n->probes < UINT8_MAX;
	if (ifc != NULL)
		(n->address.family == FAMILY_V4 ? arp_solicit : nd_solicit)(w, ifc, n, unicast);
	w->neigh->solicits_sent++;
	timer_set(w, &n->timer, w->now + w->neigh->config.retransmit);
}

/* --- entering a state --- */

static void enter_incomplete(struct weir *w, struct neigh *n)
{
	slot_write(w, n, NH_UNKNOWN);
	n->probes = 0;
	if (w->offline) {
		const uint8_t *a = n->address.bytes + (n->address.family == FAMILY_V4 ? 0 : 12);
		const uint8_t made_up[6] = {2, n->address.family, a[0], a[1], a[2], a[3]};

		nud_event(w, n, NEIGH_CONFIRMED, made_up);
		return;
	}
	w->neigh->incomplete++;
	probe(w, n, false);
}

static void enter_reachable(struct weir *w, struct neigh *n)
{
	n->confirmed = w->now;
	n->probes = 0; /* what comes from now on is no answer */
	slot_write(w, n, NH_READY);
	timer_set(w, &n->timer, w->now + w->neigh->config.reachable);
	queue_release(w, n);
}

static void enter_stale(struct weir *w, struct neigh *n)
{
	n->probes = 0;
	__atomic_store_n(&w->nht.nh[n->nh].used, 0, __ATOMIC_RELAXED);
	slot_write(w, n, NH_WATCHED);
	timer_set(w, &n->timer, w->now + NEIGH_WATCH_TIME);
	if (n->queued != 0)
		__atomic_store_n(&w->nht.nh[n->nh].used, 1, __ATOMIC_RELAXED);
	queue_release(w, n);
}

static void enter_delay(struct weir *w, struct neigh *n)
{
	slot_write(w, n, NH_READY);
	timer_set(w, &n->timer, w->now + NEIGH_DELAY_TIME);
}

static void enter_probe(struct weir *w, struct neigh *n)
{
	n->probes = 0;
	probe(w, n, true);
}

/* Packets are refused with an ICMP error by STAGE_ROUTE, or take another path of their route: those that
 * waited go there as well. */
static void give_back_queue(struct weir *w, struct neigh *n)
{
	uint32_t count = n->queued;

	n->queued = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct note *note = note_of(n->queue[i]);

		w->held--;
		w->neigh->held--;
		if (note->nh == NH_NO_ROUTE)
			weir_consume(w, n->queue[i], &reason_neigh_gone);
		else
			weir_send(w, n->queue[i], STAGE_ROUTE, false);
	}
}

static void enter_failed(struct weir *w, struct neigh *n)
{
	w->neigh->failures++;
	n->known = false;
	n->probes = 0;
	nh_set_kind(&w->nht, n->nh, NH_UNREACHABLE);
	timer_set(w, &n->timer, w->now + NEIGH_FAILED_TIME);
	give_back_queue(w, n);
}

static void enter_permanent(struct weir *w, struct neigh *n)
{
	n->confirmed = w->now;
	timer_cancel(w, &n->timer);
	slot_write(w, n, NH_READY);
	queue_release(w, n);
}

static void (*const enter[NEIGH_STATES])(struct weir *, struct neigh *) = {
	[NEIGH_INCOMPLETE] = enter_incomplete,
	[NEIGH_REACHABLE] = enter_reachable,
	[NEIGH_STALE] = enter_stale,
	[NEIGH_DELAY] = enter_delay,
	[NEIGH_PROBE] = enter_probe,
	[NEIGH_FAILED] = enter_failed,
	[NEIGH_PERMANENT] = enter_permanent};

/* For those who watch: neighbours that were found, changed their address or were lost. */
static void tell(struct weir *w, const struct neigh *n, const char *state)
{
	const struct iface *ifc = w->gen->iface[n->iface];
	char address[ADDR_STRLEN], mac[18];

	snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2], n->mac[3],
		n->mac[4], n->mac[5]);
	event_publish(w, "neighbor", EV_TEXT("interface", ifc != NULL ? ifc->name : "?"),
		EV_TEXT("address", ipaddr_format(&n->address, address)),
		EV_TEXT("mac", n->known ? mac : NULL), EV_TEXT("state", state));
}

void nud_enter(struct weir *w, struct neigh *n, enum neigh_nud state)
{
	uint8_t was;

	if (n->state == NEIGH_INCOMPLETE && n->probes != 0)
		w->neigh->incomplete--;
	was = n->state;
	n->state = (uint8_t)state;
	n->changed = w->now;
	if (n->kept != 0 &&
		state == NEIGH_FAILED) /* before the packets that waited look for their path again */
		route_nexthop_changed(w, n->nh);
	enter[state](w, n);
	if (n->kept != 0 && was == NEIGH_FAILED && n->state != NEIGH_FAILED)
		route_nexthop_changed(w, n->nh);
	if (state == NEIGH_FAILED)
		tell(w, n, "failed");
}

/* --- the timer of each state --- */

static void timeout_incomplete(struct weir *w, struct neigh *n)
{
	if (n->probes < w->neigh->config.probes)
		probe(w, n, false);
	else
		nud_enter(w, n, NEIGH_FAILED);
}

static void timeout_reachable(struct weir *w, struct neigh *n)
{
	nud_enter(w, n, NEIGH_STALE);
}

static void timeout_stale(struct weir *w, struct neigh *n)
{
	if (__atomic_load_n(&w->nht.nh[n->nh].used, __ATOMIC_RELAXED))
		nud_enter(w, n, NEIGH_DELAY);
	else if (n->refs == 0 && w->now - n->changed >= w->neigh->config.stale)
		neigh_remove(w, n);
	else
		timer_set(w, &n->timer, w->now + NEIGH_WATCH_TIME);
}

static void timeout_delay(struct weir *w, struct neigh *n)
{
	nud_enter(w, n, NEIGH_PROBE);
}

/* Asking everybody comes last: the neighbour may have got a new link-layer address. */
static void timeout_probe(struct weir *w, struct neigh *n)
{
	if (n->probes < w->neigh->config.probes)
		probe(w, n, true);
	else
		nud_enter(w, n, NEIGH_INCOMPLETE);
}

static void timeout_failed(struct weir *w, struct neigh *n)
{
	if (n->refs == 0) {
		neigh_remove(w, n);
		return;
	}
	if (n->kept != 0) { /* its packets take other paths meanwhile: nobody else would ask */
		probe(w, n, false);
		timer_set(w, &n->timer, w->now + NEIGH_FAILED_TIME);
		return;
	}
	n->state = NEIGH_INCOMPLETE;
	n->probes = 0;
	slot_write(w, n, NH_UNKNOWN); /* silent until a packet wants it */
}

static void (*const timeout[NEIGH_STATES])(struct weir *, struct neigh *) = {
	[NEIGH_INCOMPLETE] = timeout_incomplete,
	[NEIGH_REACHABLE] = timeout_reachable,
	[NEIGH_STALE] = timeout_stale,
	[NEIGH_DELAY] = timeout_delay,
	[NEIGH_PROBE] = timeout_probe,
	[NEIGH_FAILED] = timeout_failed};

void nud_timeout(struct weir *w, struct timer *t)
{
	struct neigh *n = (struct neigh *)t;

	if (timeout[n->state] != NULL)
		timeout[n->state](w, n);
}

/* --- what the wire says --- */

#define STAY NEIGH_STATES
static const uint8_t heard[NEIGH_STATES][NEIGH_EVENTS] = {
	/*                       confirmed        heard (same)  changed */
	[NEIGH_INCOMPLETE] = {NEIGH_REACHABLE, NEIGH_STALE, NEIGH_STALE},
	[NEIGH_REACHABLE] = {NEIGH_REACHABLE, STAY, NEIGH_STALE},
	[NEIGH_STALE] = {NEIGH_REACHABLE, STAY, NEIGH_STALE},
	[NEIGH_DELAY] = {NEIGH_REACHABLE, STAY, NEIGH_STALE},
	[NEIGH_PROBE] = {NEIGH_REACHABLE, STAY, NEIGH_STALE},
	[NEIGH_FAILED] = {NEIGH_REACHABLE, NEIGH_STALE, NEIGH_STALE},
	[NEIGH_PERMANENT] = {STAY, STAY, STAY},
};

void nud_event(struct weir *w, struct neigh *n, enum neigh_event event, const uint8_t mac[6])
{
	uint8_t next = heard[n->state][event];
	bool news;

	if (next == STAY)
		return;
	news = !n->known || memcmp(n->mac, mac, 6) != 0;
	memcpy(n->mac, mac, 6);
	n->known = true;
	nud_enter(w, n, next);
	if (news)
		tell(w, n, "reachable");
}

void nud_packet(struct weir *w, struct neigh *n, struct rte_mbuf *m)
{
	queue_add(w, n, m);
	switch (n->state) {
	case NEIGH_INCOMPLETE:
		if (n->probes == 0)
			nud_enter(w, n, NEIGH_INCOMPLETE);
		break;
	case NEIGH_FAILED: /* it was on its way when probing gave up */
		give_back_queue(w, n);
		break;
	default: /* resolved meanwhile */
		queue_release(w, n);
	}
}

/* --- STAGE_RESOLVE's packets --- */

static struct ipaddr destination(const struct rte_mbuf *m, const struct note *note)
{
	if (note->family == FAMILY_V4)
		return ipaddr_v4(note->dst4);
	return ipaddr_v6(rte_pktmbuf_mtod_offset(m, const uint8_t *, note->l3 + 24));
}

void neigh_resolve_punted(struct weir *w, struct rte_mbuf *m, struct note *note)
{
	const struct nexthop *nh = &w->nht.nh[note->nh];
	struct neigh *n = note->nh != NH_NO_ROUTE ? w->neigh->by_nh[note->nh] : NULL;
	uint16_t iface = note->nh != NH_NO_ROUTE ? nh->iface : note->oif;
	const struct iface *ifc = iface < IFACE_MAX ? w->gen->iface[iface] : NULL;
	struct ipaddr a = destination(m, note);
	bool routed =
		note->nh != NH_NO_ROUTE && nh->kind == NH_GLEAN; /* a subnet, or a route onto the link */

	if (n == NULL && ifc != NULL && iface_has_address(ifc, &a)) { /* else its route would say so */
		weir_consume(w, m, &reason_address_unusable);
		return;
	}
	if (n == NULL && (ifc == NULL || !ipaddr_is_host(&a) || (!routed && !neigh_on_link(ifc, &a)))) {
		weir_consume(w, m, &reason_neigh_gone);
		return;
	}
	if (n == NULL)
		n = neigh_make(w, iface, &a);
	if (n == NULL || n->orphan)
		weir_consume(w, m, n == NULL ? &reason_neigh_table : &reason_neigh_gone);
	else
		nud_packet(w, n, m);
}
