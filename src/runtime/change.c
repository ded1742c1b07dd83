/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Ports and workers of a new configuration, as a feature: what can fail happens here, before anything
 * changes. New devices are found, started and given buffers while everything runs on; devices that must be
 * stopped to be changed are stopped last, after every other feature has agreed, and started again as they
 * were when something fails. How the workers get their new plans is in swap.c. See docs/decisions/0007.
 */
#include "runtime/change.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "feature/iface/iface.h"

/* --- what changes --- */

static bool is_restart(const struct change *c, unsigned slot)
{
	return c->kind[slot] == PORT_RESTART;
}

static bool changes_anything(const struct runtime *r, const struct change *c)
{
	return memcmp(&r->now.set, &c->next.set, sizeof c->next.set) != 0 ||
	       memcmp(r->now.port, c->next.port, sizeof c->next.port) != 0;
}

static int check_workers(const struct runtime *r, const struct layout *next, struct err *e)
{
	if (next->set.workers <= r->lcores)
		return 0;
	return err_set(e, E2BIG,
		"dataplane.workers: %u workers were asked for, this process was started for up to %u; "
		"restart weir "
		"with the new file",
		next->set.workers, r->lcores);
}

/* --- devices --- */

static int open_device(const struct change *c, unsigned slot, struct err *e)
{
	struct port *p = c->next.port[slot];

	switch (c->kind[slot]) {
	case PORT_ADD:
		if (c->trial)
			return 0;
		return port_probe(p, e) != 0 || port_describe(&c->next, p, e) != 0 ? -e->code : 0;
	case PORT_RESTART: /* the same device: what it cannot do is known now. Another one: when it is there
			    */
		return p->id != UINT16_MAX ? port_describe(&c->next, p, e) : 0;
	case PORT_TOUCH:
		return port_check_mtu(p, e);
	default:
		return 0;
	}
}

static int open_devices(const struct change *c, struct err *e)
{
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (open_device(c, i, e) != 0)
			return -e->code;
	return 0;
}

static int start_devices(const struct runtime *r, const struct change *c, struct err *e)
{
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (c->kind[i] == PORT_ADD && port_start(r, &c->next, c->next.port[i], e) != 0)
			return -e->code;
	return 0;
}

/* The interfaces' prepare() finds ports by name. */
static int register_ports(const struct runtime *r, struct change *c, struct err *e)
{
	iface_ports_save(r->weir);
	c->registered = true;
	PORT_EACH(p, &r->now)
	if (c->next.port[p->slot] == NULL)
		iface_port_unregister(r->weir, p->wish.name);
	PORT_EACH(p, &c->next)
	{
		bool shared = strncmp(p->wish.device, "af_packet:", 10) == 0;

		if (iface_port_register(r->weir, p->wish.name, p->slot, p->mac, p->wish.mtu, e) != 0)
			return -e->code;
		iface_port_shares(r->weir, p->slot, shared ? p->netdev : "");
	}
	return 0;
}

/* --- workers --- */

static int create_workers(struct runtime *r, const struct change *c, struct err *e)
{
	for (unsigned i = 0; i < c->next.set.workers; i++) {
		if (i >= r->weir->worker_count && weir_add_worker(r->weir, e) != 0)
			return -e->code;
		if (r->poller[i] == NULL && poller_create(r, i, e) != 0)
			return -e->code;
	}
	return 0;
}

static int allocate_plans(struct change *c, struct err *e)
{
	unsigned n = RTE_MAX(c->workers, c->next.set.workers);

	c->plans = calloc(n, sizeof *c->plans);
	for (unsigned i = 0; c->plans != NULL && i < n; i++) {
		struct plans *p = &c->plans[i];

		p->pause = calloc(1, sizeof *p->pause);
		p->between = calloc(1, sizeof *p->between);
		p->early = calloc(1, sizeof *p->early);
		p->final = calloc(1, sizeof *p->final);
		if (p->pause == NULL || p->between == NULL || p->early == NULL || p->final == NULL)
			return err_set(e, ENOMEM, "not enough memory for the plans of %u workers", n);
	}
	return c->plans != NULL ? 0 : err_set(e, ENOMEM, "not enough memory for the plans of %u workers", n);
}

static void free_plans(struct change *c)
{
	unsigned n = RTE_MAX(c->workers, c->next.set.workers);

	for (unsigned i = 0; c->plans != NULL && i < n; i++) {
		free(c->plans[i].pause);
		free(c->plans[i].between);
		free(c->plans[i].early);
		free(c->plans[i].final);
	}
	free(c->plans);
}

static int check_queues(const struct layout *l, struct err *e)
{
	unsigned count[WORKER_MAX] = {0};

	PORT_EACH(p, l)
	for (uint16_t q = 0; q < p->rx_queues; q++)
		if (++count[plan_queue_worker(l, p, q)] > RX_QUEUES_MAX)
			return err_set(e, ENOSPC,
				"port '%s': a worker would have more than %d receive queues; use fewer "
				"queues or more workers",
				p->wish.name, RX_QUEUES_MAX);
	return 0;
}

/* --- prepare --- */

static int do_prepare(struct runtime *r, struct change *c, const struct node *cfg, struct err *e)
{
	if (layout_read(&c->next, &r->now, cfg, c->kind, e) != 0)
		return -e->code;
	c->anything = changes_anything(r, c);
	if (!c->anything)
		return 0;
	if (check_workers(r, &c->next, e) != 0 || open_devices(c, e) != 0 || check_queues(&c->next, e) != 0 ||
		memory_admit(r, &c->next, c->trial, e) != 0)
		return -e->code;
	if (!c->trial &&
		(create_workers(r, c, e) != 0 || start_devices(r, c, e) != 0 || allocate_plans(c, e) != 0))
		return -e->code;
	return register_ports(r, c, e);
}

static int change_prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct runtime *r = runtime_of(w);
	struct change *c;

	if (r == NULL)
		return 0;
	c = r->change = calloc(1, sizeof *c);
	if (c == NULL)
		return err_set(e, ENOMEM, "not enough memory for a change of ports");
	c->trial = w->trial;
	c->pools = r->pools;
	c->workers = r->running ? r->now.set.workers : 0;
	if (do_prepare(r, c, cfg, e) != 0)
		return -e->code;
	w->workers_next = c->next.set.workers;
	return 0;
}

/* --- devices that stop --- */

/* With the same device only its configuration differs; another one of the same hardware needs the old one
 * gone. */
static int restart_port(struct runtime *r, struct change *c, unsigned slot, struct err *e)
{
	struct port *old = r->now.port[slot], *p = c->next.port[slot];

	c->restarted[slot] = true;
	if (p->id != UINT16_MAX) {
		port_stop(old);
		return port_start(r, &c->next, p, e);
	}
	port_close(r, old);
	if (port_probe(p, e) != 0 || port_describe(&c->next, p, e) != 0 ||
		memory_admit(r, &c->next, false, e) != 0)
		return -e->code;
	return port_start(r, &c->next, p, e);
}

static void undo_restart(struct runtime *r, struct change *c, unsigned slot)
{
	struct port *old = r->now.port[slot], *p = c->next.port[slot];
	struct err e = {0};
	int rc = 0;

	if (old->id != UINT16_MAX) {
		port_stop(p);
	} else {
		port_close(r, p);
		rc = port_probe(old, &e);
	}
	shared_tx_free(p);
	if (rc == 0 && port_start(r, &r->now, old, &e) == 0)
		return;
	log_error("port '%s' could not be started again as it was; it is down until a configuration is "
		  "applied: "
		  "%s",
		old->wish.name, e.text);
}

static int stop_and_start(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	struct runtime *r = runtime_of(w);
	struct change *c = r != NULL ? r->change : NULL;

	if (c == NULL || c->trial || !c->anything)
		return 0;
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (is_restart(c, i)) {
			swap_pause(r, c);
			break;
		}
	for (unsigned i = 0; i < PORT_MAX; i++)
		if (is_restart(c, i) && restart_port(r, c, i, e) != 0)
			return -e->code;
	for (unsigned i = 0; i < PORT_MAX; i++) {
		if (c->kind[i] != PORT_TOUCH)
			continue;
		c->touched[i] = true;
		if (port_touch(c->next.port[i], e) != 0)
			return -e->code;
	}
	return 0;
}

/* --- abort --- */

static void undo_touch(struct runtime *r, unsigned slot)
{
	struct err e = {0};

	if (port_touch(r->now.port[slot], &e) != 0)
		log_error("%s", e.text);
}

static void undo_devices(struct runtime *r, struct change *c)
{
	for (unsigned i = 0; i < PORT_MAX; i++) {
		if (c->restarted[i])
			undo_restart(r, c, i);
		if (c->touched[i])
			undo_touch(r, i);
		if (c->kind[i] != PORT_ADD || c->next.port[i] == NULL || c->trial)
			continue;
		port_close(r, c->next.port[i]);
		shared_tx_free(c->next.port[i]);
	}
}

static void change_abort(struct weir *w)
{
	struct runtime *r = runtime_of(w);
	struct change *c = r != NULL ? r->change : NULL;

	if (c == NULL)
		return;
	r->change = NULL;
	w->workers_next = 0;
	undo_devices(r, c);
	if (c->paused)
		swap_resume(r, c);
	if (c->registered)
		iface_ports_restore(w);
	memory_undo(r, c->pools);
	free_plans(c);
	layout_free(&c->next, &r->now);
	free(c);
}

/* --- commit --- */

static void change_ready(struct weir *w, const struct generation *next)
{
	struct runtime *r = runtime_of(w);

	if (r != NULL && r->change != NULL && r->change->anything)
		swap_begin(r, r->change, next);
}

static const char *const change_words[] = {[PORT_TOUCH] = "changed while running",
	[PORT_RESTART] = "stopped, changed and started",
	[PORT_ADD] = "added"};

static void tell(const struct runtime *r, const struct change *c)
{
	PORT_EACH(p, &r->now)
	if (c->next.port[p->slot] == NULL)
		log_notice("port '%s': removed", p->wish.name);
	PORT_EACH(p, &c->next)
	if (c->kind[p->slot] != PORT_KEEP)
		log_notice("port '%s': %s", p->wish.name,
			r->now.port[p->slot] != NULL && c->kind[p->slot] == PORT_ADD
				? "got another device"
				: change_words[c->kind[p->slot]]);
	if (c->next.set.workers != r->now.set.workers)
		log_notice("workers: %u instead of %u", c->next.set.workers, r->now.set.workers);
}

/* Devices nobody uses any more. A port that was only touched is the same device. */
static void close_old(struct runtime *r, const struct change *c)
{
	PORT_EACH(p, &r->now)
	{
		const struct port *next = c->next.port[p->slot];

		if (next == NULL || c->kind[p->slot] == PORT_ADD)
			port_close(r, p);
		if (next == NULL || c->kind[p->slot] == PORT_ADD || is_restart(c, p->slot))
			shared_tx_free(p);
		if (next == NULL)
			__atomic_store_n(&r->weir->link_up[p->slot], false, __ATOMIC_RELAXED);
	}
}

static void change_commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct runtime *r = runtime_of(w);
	struct change *c = r != NULL ? r->change : NULL;

	if (c == NULL || !c->anything)
		return;
	if (r->running)
		tell(r, c);
	swap_finish(r, c);
	close_old(r, c);
	layout_free(&r->now, &c->next);
	r->now = c->next;
	r->running = true;
	memory_settle(r, &r->now);
}

/* After all features: interfaces and routes are where they belong. */
static void open_up(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct runtime *r = runtime_of(w);
	struct change *c = r != NULL ? r->change : NULL;

	if (c == NULL)
		return;
	r->change = NULL;
	w->workers_next = 0;
	ports_poll_link(r);
	if (c->anything) {
		swap_open(r, c);
		for (unsigned i = 0; i < r->now.set.workers; i++)
			poller_tell(r, i);
	}
	free_plans(c);
	free(c);
}

static struct feature feature_change = {
	.name = "ports",
	.order = 5,
	.prepare = change_prepare,
	.ready = change_ready,
	.commit = change_commit,
	.abort = change_abort,
};
FEATURE_REGISTER(feature_change)

/* Its prepare() is the last: it stops devices. What it did is undone by change_abort(). */
static struct feature feature_restart = {
	.name = "port-restarts",
	.order = 1000,
	.prepare = stop_and_start,
	.commit = open_up,
};
FEATURE_REGISTER(feature_restart)
