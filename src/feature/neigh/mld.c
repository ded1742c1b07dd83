/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multicast listener discovery, the listener's side (RFC 3810 6): switches that snoop it send neighbour
 * discovery only to ports whose hosts reported its groups. All groups are joined for every source (EXCLUDE
 * with no sources). A querier of version 1 is answered in its version (RFC 3810 8.2.1).
 */
#include "feature/neigh/mld.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ether.h>
#include <rte_random.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/iface/iface.h"
#include "feature/neigh/mld_msg.h"
#include "feature/neigh/neigh_priv.h"
#include "pipeline/bill.h"

REASON_DEFINE(reason_mld_done, REASON_DONE, "mld-handled",
	"A multicast listener query; the groups we listen to are reported.")
REASON_DEFINE(reason_mld_bad, REASON_DROP, "mld-malformed",
	"A multicast listener query that RFC 3810 6.2 says to drop: malformed, not link-local, without "
	"router alert.")

#define GROUPS (3 * IFACE_ADDRESSES) /* two per address, all routers, and some that are being left */
#define WANTED (2 * IFACE_ADDRESSES + 1)
#define ROBUSTNESS 2                                 /* RFC 3810 9.1: times a change is reported */
#define UNSOLICITED UINT64_C(1000000000)             /* ns; 9.11 */
#define OLD_QUERIER (UINT64_C(260) * 1000 * 1000000) /* ns; 9.12 */

struct group {
	uint8_t address[16];
	bool joined;
	uint8_t changes; /* reports of its change still to send */
	uint64_t answer; /* ns; a query about it is answered then, 0 = none */
};

struct mld_iface {
	struct timer timer; /* first */
	uint16_t iface;
	unsigned count;
	uint64_t change, answer; /* ns; changes are reported, a general query is answered; 0 = not */
	uint64_t old_querier;    /* ns; until then version 1 is spoken */
	struct group group[GROUPS];
};

static const uint8_t all_routers[16] = {0xff, 2, [15] = 2};

/* The interface when it can send. */
static const struct iface *speaking(const struct weir *w, const struct mld_iface *m)
{
	const struct iface *ifc = w->gen->iface[m->iface];

	return ifc != NULL && !w->offline && !iface_is_loopback(ifc) && iface_is_up(w, ifc) ? ifc : NULL;
}

/* --- which groups --- */

static void want(uint8_t list[][16], unsigned *n, const uint8_t group[16])
{
	for (unsigned i = 0; i < *n; i++)
		if (memcmp(list[i], group, 16) == 0)
			return;
	memcpy(list[(*n)++], group, 16);
}

static void want_solicited(uint8_t list[][16], unsigned *n, const struct ipaddr *a)
{
	uint8_t group[16];

	neigh_solicited_node(a->bytes, group);
	want(list, n, group);
}

/* Solicited-node groups of our addresses and of the anycast addresses we answer for, and all routers. All
 * nodes is never reported (RFC 3810 6). */
static unsigned wanted(const struct iface *ifc, uint8_t list[][16])
{
	unsigned n = 0;

	if (ifc != NULL && iface_is_loopback(ifc))
		return 0;
	for (unsigned i = 0; ifc != NULL && i < ifc->address_count; i++) {
		const struct prefix *p = &ifc->address[i];
		struct prefix net = prefix_masked(p);

		if (p->addr.family != FAMILY_V6)
			continue;
		if (n == 0 && ifc->forwarding)
			want(list, &n, all_routers);
		want_solicited(list, &n, &p->addr);
		if (p->len < 127 && !ipaddr_is_link_local(&p->addr))
			want_solicited(list, &n, &net.addr);
	}
	return n;
}

static struct group *find(struct mld_iface *m, const uint8_t address[16])
{
	for (unsigned i = 0; i < m->count; i++)
		if (memcmp(m->group[i].address, address, 16) == 0)
			return &m->group[i];
	return NULL;
}

static void forget(struct mld_iface *m, unsigned i)
{
	m->group[i] = m->group[--m->count];
}

/* Groups that were left and need no word about it any more. */
static void sweep(struct mld_iface *m, bool all)
{
	for (unsigned i = m->count; i-- > 0;)
		if (!m->group[i].joined && (all || m->group[i].changes == 0))
			forget(m, i);
}

/* True when something is to be reported. */
static bool join(struct mld_iface *m, const uint8_t address[16])
{
	struct group *g = find(m, address);

	if (g != NULL && g->joined)
		return false;
	if (g == NULL && m->count == GROUPS)
		sweep(m, true);
	if (g == NULL)
		g = &m->group[m->count++];
	*g = (struct group){.joined = true, .changes = ROBUSTNESS};
	memcpy(g->address, address, 16);
	return true;
}

static bool listed(uint8_t list[][16], unsigned n, const uint8_t group[16])
{
	for (unsigned i = 0; i < n; i++)
		if (memcmp(list[i], group, 16) == 0)
			return true;
	return false;
}

static bool leave_others(struct mld_iface *m, uint8_t list[][16], unsigned n)
{
	bool changed = false;

	for (unsigned i = 0; i < m->count; i++) {
		struct group *g = &m->group[i];

		if (!g->joined || listed(list, n, g->address))
			continue;
		g->joined = false;
		g->changes = ROBUSTNESS;
		g->answer = 0;
		changed = true;
	}
	return changed;
}

/* --- sending --- */

/* RFC 3810 5.2.13: our link-local address, or none while we have none (RFC 3590). */
static void source_of(const struct iface *ifc, uint8_t out[16])
{
	memset(out, 0, 16);
	for (unsigned i = 0; i < ifc->address_count; i++)
		if (ifc->address[i].addr.family == FAMILY_V6 && ipaddr_is_link_local(&ifc->address[i].addr) &&
			iface_address_ready(ifc, i)) {
			memcpy(out, ifc->address[i].addr.bytes, 16);
			return;
		}
}

static void transmit(struct weir *w, const struct iface *ifc, const uint8_t *packet, size_t len)
{
	uint8_t mac[6], *p;
	struct rte_mbuf *m;

	neigh_group_mac(packet + 24, mac);
	m = neigh_frame(w, ifc, mac, RTE_ETHER_TYPE_IPV6, (uint16_t)len, &p);
	if (m == NULL)
		return;
	memcpy(p, packet, len);
	neigh_transmit(w, m);
}

static void send_version1(struct weir *w, const struct iface *ifc, const struct mld_record *r, unsigned n)
{
	uint8_t packet[MLD_REPORT_MAX], src[16];

	source_of(ifc, src);
	for (unsigned i = 0; i < n; i++) {
		bool left = r[i].type == MLD_TO_INCLUDE;

		transmit(w, ifc, packet,
			mld_build1(packet, src, left ? all_routers : r[i].group,
				left ? MLD_DONE1 : MLD_REPORT1, r[i].group));
	}
}

static void send_records(struct weir *w, struct mld_iface *m, const struct mld_record *r, unsigned n)
{
	const struct iface *ifc = speaking(w, m);
	uint8_t packet[MLD_REPORT_MAX], src[16];

	if (ifc == NULL)
		return;
	if (w->now < m->old_querier) {
		send_version1(w, ifc, r, n);
		return;
	}
	source_of(ifc, src);
	for (unsigned done = 0; done < n; done += MLD_RECORDS)
		transmit(w, ifc, packet, mld_build2(packet, src, r + done, RTE_MIN(n - done, MLD_RECORDS)));
}

static void add_record(struct mld_record *r, unsigned *n, uint8_t type, const struct group *g)
{
	r[*n].type = type;
	memcpy(r[(*n)++].group, g->address, 16);
}

/* RFC 3810 6.1. */
static void report_changes(struct weir *w, struct mld_iface *m)
{
	struct mld_record r[GROUPS] = {0};
	unsigned n = 0;
	bool again = false;

	for (unsigned i = 0; i < m->count; i++) {
		struct group *g = &m->group[i];

		if (g->changes == 0)
			continue;
		add_record(r, &n, g->joined ? MLD_TO_EXCLUDE : MLD_TO_INCLUDE, g);
		again |= --g->changes != 0;
	}
	sweep(m, false);
	send_records(w, m, r, n);
	m->change = again ? w->now + 1 + rte_rand_max(UNSOLICITED) : 0;
}

/* What queries asked for and whose time has come. */
static void report_state(struct weir *w, struct mld_iface *m)
{
	bool all = m->answer != 0 && m->answer <= w->now;
	struct mld_record r[GROUPS] = {0};
	unsigned n = 0;

	for (unsigned i = 0; i < m->count; i++) {
		struct group *g = &m->group[i];

		if (!g->joined || !(all || (g->answer != 0 && g->answer <= w->now)))
			continue;
		g->answer = 0;
		add_record(r, &n, MLD_IS_EXCLUDE, g);
	}
	if (all)
		m->answer = 0;
	send_records(w, m, r, n);
}

/* --- time --- */

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void arm(struct weir *w, struct mld_iface *m)
{
	uint64_t next = sooner(m->change, m->answer);

	for (unsigned i = 0; i < m->count; i++)
		next = sooner(next, m->group[i].answer);
	if (next == 0)
		timer_cancel(w, &m->timer);
	else
		timer_set(w, &m->timer, next);
}

static void on_timeout(struct weir *w, struct timer *t)
{
	struct mld_iface *m = (struct mld_iface *)t;

	report_state(w, m);
	if (m->change != 0 && m->change <= w->now)
		report_changes(w, m);
	arm(w, m);
}

/* --- what happens to the interface --- */

/* The link is gone: nothing is on its way any more. */
static void stop(struct weir *w, struct mld_iface *m)
{
	timer_cancel(w, &m->timer);
	sweep(m, true);
	m->change = m->answer = m->old_querier = 0;
	for (unsigned i = 0; i < m->count; i++)
		m->group[i].changes = 0, m->group[i].answer = 0;
}

static struct mld_iface *state_of(struct weir *w, uint16_t iface, bool make)
{
	struct mld_iface *m = w->neigh->mld[iface];

	if (m != NULL || !make)
		return m;
	m = calloc(1, sizeof *m);
	if (m == NULL) {
		log_error("not enough memory to report the multicast groups of an interface");
		return NULL;
	}
	m->timer.fn = on_timeout;
	m->iface = iface;
	w->neigh->mld[iface] = m;
	return m;
}

void mld_refresh(struct weir *w, uint16_t iface)
{
	uint8_t list[WANTED][16];
	unsigned n = wanted(w->gen->iface[iface], list);
	struct mld_iface *m = state_of(w, iface, n != 0);
	bool changed;

	if (m == NULL)
		return;
	changed = leave_others(m, list, n);
	for (unsigned i = 0; i < n; i++)
		changed |= join(m, list[i]);
	if (speaking(w, m) == NULL) {
		stop(w, m);
	} else if (changed) {
		report_changes(w, m);
		arm(w, m);
	}
}

void mld_restart(struct weir *w, uint16_t iface)
{
	struct mld_iface *m = w->neigh->mld[iface];

	if (m == NULL || speaking(w, m) == NULL)
		return;
	for (unsigned i = 0; i < m->count; i++)
		if (m->group[i].joined)
			m->group[i].changes = ROBUSTNESS;
	report_changes(w, m);
	arm(w, m);
}

void mld_link(struct weir *w, uint16_t port, bool up)
{
	for (uint16_t i = 1; i < w->gen->iface_limit; i++) {
		const struct iface *ifc = w->gen->iface[i];

		if (ifc == NULL || ifc->port != port || w->neigh->mld[i] == NULL)
			continue;
		if (up)
			mld_restart(w, i);
		else
			stop(w, w->neigh->mld[i]);
	}
}

/* New addresses were reported before; this sees interfaces that were switched on or off, moved, or stopped
 * routing. */
void mld_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	for (uint16_t i = 1; i < next->iface_limit; i++) {
		const struct iface *was = old->iface[i], *now = next->iface[i];

		mld_refresh(w, i);
		if (was != NULL && now != NULL && ((!was->enabled && now->enabled) || was->port != now->port))
			mld_restart(w, i);
	}
}

int mld_reserve(struct weir *w, const struct generation *next)
{
	uint8_t list[WANTED][16];

	for (uint16_t i = 1; i < next->iface_limit; i++)
		if (wanted(next->iface[i], list) != 0 && state_of(w, i, true) == NULL)
			return -ENOMEM;
	return 0;
}

void mld_bill(const struct node *cfg, struct bill *b)
{
	const struct node *ifaces = node_get(cfg, "interfaces");
	uint64_t n = ifaces != NULL ? ifaces->count : 0;

	bill_add(b, "multicast groups", n, n * sizeof(struct mld_iface));
}

void mld_free(struct weir *w)
{
	for (unsigned i = 0; i < IFACE_MAX; i++)
		free(w->neigh->mld[i]);
}

/* --- queries --- */

/* A random time within what the querier allows, unless an answer goes out sooner anyway (RFC 3810 6.2). */
static uint64_t within(const struct weir *w, uint32_t delay_ms, uint64_t planned)
{
	return sooner(planned, w->now + 1 + rte_rand_max((uint64_t)delay_ms * 1000000 + 1));
}

static void answer(struct weir *w, struct mld_iface *m, const struct mld_query *q)
{
	struct group *g = q->general ? NULL : find(m, q->group);

	if (q->v1)
		m->old_querier = w->now + OLD_QUERIER;
	if (q->general)
		m->answer = within(w, q->delay, m->answer);
	else if (g != NULL && g->joined)
		g->answer = within(w, q->delay, g->answer);
	arm(w, m);
}

const struct reason *mld_query(
	struct weir *w, const struct iface *ifc, const struct rte_mbuf *mbuf, const struct note *n)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *), *ip = frame + n->l3;
	struct ipaddr source = ipaddr_v6(ip + 8);
	struct mld_query q;

	if (ip[7] != 1 || !ipaddr_is_link_local(&source) || (n->flags & SLOT_ROUTER_ALERT) == 0 ||
		!mld_parse_query(frame + n->l4, mbuf->data_len - n->l4, &q))
		return &reason_mld_bad;
	if (w->neigh->mld[ifc->id] != NULL)
		answer(w, w->neigh->mld[ifc->id], &q);
	return &reason_mld_done;
}
