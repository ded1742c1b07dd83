/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature: twins as a configuration wants them. prepare() makes TAPs, which are down; commit() gives them
 * to their thread, brings them up, and lets go of those nobody wants. See README.md in this folder.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/kernel/kernel_priv.h"
#include "feature/netlink/netlink.h"
#include "pipeline/bill.h"

const char *const kernel_class_names[KERNEL_CLASSES + 1] = {[KERNEL_LIVENESS] = "liveness",
	[KERNEL_ROUTING] = "routing",
	[KERNEL_ARP_ND] = "arp-nd",
	[KERNEL_ICMP] = "icmp",
	[KERNEL_DHCP] = "dhcp",
	[KERNEL_L2] = "l2",
	[KERNEL_OTHER] = "other"};

static const uint32_t default_rate[KERNEL_CLASSES] = {[KERNEL_LIVENESS] = 4000,
	[KERNEL_ROUTING] = 10000,
	[KERNEL_ARP_ND] = 1000,
	[KERNEL_ICMP] = 1000,
	[KERNEL_DHCP] = 500,
	[KERNEL_L2] = 500,
	[KERNEL_OTHER] = 20000};

/* --- what the config says --- */

bool kernel_wanted(const struct node *cfg)
{
	const struct node *k = node_get(cfg, "kernel");

	return k != NULL && node_bool(k, "twins", true);
}

static void read_settings(const struct node *cfg, struct kernel_settings *s)
{
	const struct node *k = node_get(cfg, "kernel"), *police = node_get(k, "police");

	*s = (struct kernel_settings){.on = kernel_wanted(cfg),
		.forwarding = node_bool(k, "forwarding", false),
		.accept_ra = node_bool(k, "accept-ra", false),
		.persist = node_bool(k, "persist", false),
		.wait = node_u64(k, "wait", UINT64_C(5000000000))};
	snprintf(s->prefix, sizeof s->prefix, "%s", node_text(k, "prefix", ""));
	for (unsigned c = 0; c < KERNEL_CLASSES; c++)
		s->rate[c] = (uint32_t)node_u64(police, kernel_class_names[c], default_rate[c]);
}

static void mark_interfaces(const struct node *cfg, struct generation *next)
{
	const struct node *list = node_get(cfg, "interfaces");

	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL)
			next->iface[i]->twin =
				node_bool(node_get(list, next->iface[i]->name), "kernel", true);
}

/* --- lanes --- */

static struct rte_ring *make_ring(void)
{
	static unsigned serial;
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof name, "weir_twins_%u", serial++);
	return rte_ring_create(name, KERNEL_RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void free_lane(struct kernel_lane *lane)
{
	for (unsigned i = 0; i < KERNEL_WAYS; i++)
		rte_ring_free(lane->ring[i]);
	free(lane->share);
	*lane = (struct kernel_lane){.share = NULL};
}

static int make_lane(struct kernel_lane *lane, bool rings, struct err *e)
{
	struct kernel_lane fresh = {.share = NULL};
	bool ok;

	if (lane->share != NULL)
		return 0;
	fresh.share = calloc(IFACE_MAX, sizeof *fresh.share);
	ok = fresh.share != NULL;
	for (unsigned i = 0; ok && rings && i < KERNEL_WAYS; i++)
		ok = (fresh.ring[i] = make_ring()) != NULL;
	if (!ok) {
		free_lane(&fresh);
		return err_set(e, ENOMEM, "not enough memory for the workers' way to the kernel");
	}
	lane->share = fresh.share;
	for (unsigned i = 0; i < KERNEL_WAYS; i++) /* the twins' thread looks */
		__atomic_store_n(&lane->ring[i], fresh.ring[i], __ATOMIC_RELEASE);
	return 0;
}

static int make_lanes(struct weir *w, struct err *e)
{
	struct kernel_state *s = w->kernel;

	for (unsigned k = 0; k < w->worker_count; k++)
		if (make_lane(&s->lane[k], true, e) != 0)
			return -e->code;
	return make_lane(&s->lane[KERNEL_CONTROL], false, e);
}

/* --- prepare --- */

static bool keeps(const struct kernel_state *s, const struct twin *t, const struct iface *ifc)
{
	char name[IFNAMSIZ];

	twin_name(s->next.prefix, ifc->name, name);
	return t != NULL && t->place == s->next_vrf[ifc->vrf].place && strcmp(t->name, name) == 0 &&
	       !__atomic_load_n(&t->io.lost, __ATOMIC_RELAXED);
}

static int prepare_twin(struct weir *w, const struct iface *ifc, struct err *e)
{
	struct kernel_state *s = w->kernel;
	const struct kernel_vrf *vrf = &s->next_vrf[ifc->vrf];

	if (keeps(s, s->twin[ifc->id], ifc)) {
		s->twin[ifc->id]->keep = s->round;
		return 0;
	}
	if (w->trial)
		return twin_check(w, ifc, vrf, e);
	s->fresh[ifc->id] = twin_new(w, ifc, vrf, e);
	return s->fresh[ifc->id] != NULL ? 0 : -e->code;
}

static int prepare_twins(struct weir *w, const struct generation *next, struct err *e)
{
	if (!w->trial &&
		(make_lanes(w, e) != 0 || (w->kernel->io == NULL && io_start(w, w->kernel->lane, e) == NULL)))
		return -e->code;
	for (unsigned i = 1; i < next->iface_limit; i++)
		if (next->iface[i] != NULL && next->iface[i]->twin && prepare_twin(w, next->iface[i], e) != 0)
			return -e->code;
	return 0;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct kernel_state *s = w->kernel;

	s->round++;
	read_settings(cfg, &s->next);
	next->kernel.lane = s->lane;
	next->kernel.groups = s->groups;
	memcpy(next->kernel.rate, s->next.rate, sizeof s->next.rate);
	if (!s->next.on || w->offline) {
		for (unsigned i = 0; i < VRF_MAX; i++)
			s->next_vrf[i] = (struct kernel_vrf){.table = KERNEL_TABLE_MAIN};
		return 0;
	}
	mark_interfaces(cfg, next);
	if (kernel_read_vrfs(w, cfg, next, e) != 0 || prepare_twins(w, next, e) != 0)
		return -e->code;
	return generation_index(next) == 0 ? 0 : err_set(e, ENOMEM, "not enough memory for the interfaces");
}

static void abort_config(struct weir *w)
{
	struct kernel_state *s = w->kernel;

	for (unsigned i = 0; i < IFACE_MAX; i++) {
		if (s->fresh[i] != NULL && s->fresh[i]->adopted)
			twin_leave(s->fresh[i]);
		else
			twin_free(s->fresh[i]);
		s->fresh[i] = NULL;
	}
	kernel_drop_places(w);
}

/* --- commit --- */

static void drop_unwanted(struct kernel_state *s)
{
	for (unsigned i = 0; i < IFACE_MAX; i++) {
		if (s->twin[i] == NULL || (s->twin[i]->keep == s->round && s->now.on))
			continue;
		io_remove(s->io, &s->twin[i]->io);
		s->held -= s->twin[i]->held;
		twin_free(s->twin[i]);
		s->twin[i] = NULL;
	}
}

static void take_fresh(struct weir *w, const struct generation *next)
{
	struct kernel_state *s = w->kernel;

	for (unsigned i = 0; i < IFACE_MAX; i++) {
		if (s->fresh[i] == NULL)
			continue;
		s->twin[i] = s->fresh[i];
		s->fresh[i] = NULL;
		s->twin[i]->keep = s->round;
		s->twin[i]->held = s->now.wait != 0;
		s->held += s->twin[i]->held;
		io_add(s->io, &s->twin[i]->io);
		if (!next->iface[i]->enabled || s->twin[i]->up) /* otherwise when it comes up */
			twin_addresses(w, s->twin[i], next->iface[i]);
	}
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct kernel_state *s = w->kernel;

	s->now = s->next;
	memcpy(s->vrf, s->next_vrf, sizeof s->vrf);
	drop_unwanted(s);
	if (s->io != NULL)
		io_refresh(s->io);
	take_fresh(w, next);
	for (unsigned i = 0; i < IFACE_MAX; i++)
		if (s->twin[i] != NULL) {
			twin_persist(w, s->twin[i], s->now.persist);
			twin_follow(w, s->twin[i], next->iface[i]);
		}
	kernel_drop_places(w);
	s->groups_at = 0;
	guard_update(w, &s->guard, s->now.on && !w->offline);
	steer_update(w, s->now.on && !w->offline);
}

/* --- what happens meanwhile --- */

static void link_changed(struct weir *w, uint16_t port, bool up)
{
	for (unsigned i = 1; i < w->gen->iface_limit; i++) {
		const struct iface *ifc = w->gen->iface[i];

		if (ifc != NULL && ifc->port == port && w->kernel->twin[i] != NULL)
			twin_carrier(w, w->kernel->twin[i], ifc);
	}
}

static void address_changed(struct weir *w, uint16_t iface, const struct prefix *p, bool added)
{
	if (w->kernel->twin[iface] != NULL)
		twin_address(w, w->kernel->twin[iface], p, added);
}

/* Routing daemons must not attract packets before the routes are in the forwarding tables. */
static bool waits(struct weir *w, struct twin *t)
{
	if (t->held_since == 0)
		t->held_since = w->now;
	t->waited = w->now - t->held_since;
	if (netlink_synced(w))
		return false;
	if (t->waited < w->kernel->now.wait)
		return true;
	w->kernel->expired++;
	log_warning("'%s' has carrier although the kernel's routes are not all here after %" PRIu64
		    " ms (kernel.wait)",
		t->name, t->waited / 1000000);
	return false;
}

static void release_carriers(struct weir *w)
{
	struct kernel_state *s = w->kernel;

	for (unsigned i = 1; s->held != 0 && i < w->gen->iface_limit; i++) {
		if (s->twin[i] == NULL || !s->twin[i]->held || waits(w, s->twin[i]))
			continue;
		s->twin[i]->held = false;
		s->held--;
		twin_carrier(w, s->twin[i], w->gen->iface[i]);
	}
}

static unsigned turn(struct weir *w)
{
	if (w->kernel->held != 0)
		release_carriers(w);
	return w->kernel->io != NULL ? kernel_answer_solicitations(w) + groups_turn(w) : 0;
}

void kernel_copy(struct weir *w, const struct rte_mbuf *m, const struct note *n)
{
	struct kernel_state *s = w->kernel;
	struct twin *t = s != NULL && n->iif < IFACE_MAX ? s->twin[n->iif] : NULL;
	uint8_t frame[2048];
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t rest = m->data_len - n->l3;

	if (t == NULL || m->nb_segs != 1 || n->l3 < 14 || m->data_len < n->l3 || rest + 14 > sizeof frame)
		return;
	if (!kernel_police(&s->lane[KERNEL_CONTROL].share[n->iif], KERNEL_ARP_ND, s->now.rate[KERNEL_ARP_ND],
		    w->now))
		return;
	memcpy(frame, data, 12);
	memcpy(frame + 12, data + n->l3 - 2, rest + 2);
	if (twin_write(t, frame, rest + 14))
		t->copies++;
}

/* --- life --- */

static int init(struct weir *w, struct err *e)
{
	struct kernel_state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return err_set(e, ENOMEM, "not enough memory for the kernel's twins");
	for (unsigned k = 0; k < KERNEL_PLACES; k++)
		s->place[k].nl = -1;
	for (unsigned i = 0; i < VRF_MAX; i++)
		s->vrf[i].table = KERNEL_TABLE_MAIN;
	s->place[0].used = true;
	s->guard.nl = -1;
	for (unsigned i = 0; i < PORT_MAX; i++)
		s->steer[i].fd = -1;
	w->kernel = s;
	return 0;
}

static void fini(struct weir *w)
{
	struct kernel_state *s = w->kernel;

	if (s == NULL)
		return;
	steer_update(w, false);
	if (s->io != NULL)
		io_stop(s->io);
	for (unsigned i = 0; i < IFACE_MAX; i++)
		twin_leave(s->twin[i]);
	guard_update(w, &s->guard, false);
	for (unsigned k = 0; k <= WORKER_MAX; k++)
		free_lane(&s->lane[k]);
	for (unsigned k = 0; k < KERNEL_PLACES; k++)
		if (s->place[k].nl >= 0)
			close(s->place[k].nl);
	groups_free(s);
	free(s);
	w->kernel = NULL;
}

static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	const struct node *ifaces = node_get(cfg, "interfaces");
	struct kernel_settings s;

	read_settings(cfg, &s);
	if (s.on)
		bill_add(b, "twins in the kernel", ifaces != NULL ? ifaces->count : 0,
			(uint64_t)(w->worker_count + 1) * IFACE_MAX * sizeof(struct kernel_share));
}

static struct feature feature_kernel = {
	.name = "kernel",
	.order = 45,
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.commit = commit,
	.abort = abort_config,
	.bill = bill,
	.link = link_changed,
	.address = address_changed,
	.turn = turn,
};
FEATURE_REGISTER(feature_kernel)
