/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The feature's part in commits: from the tree to a view, which the new generation carries.
 */
#include "feature/acl/acl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "control/tree.h"
#include "feature/acl/acl_priv.h"
#include "pipeline/bill.h"
#include "pipeline/weir.h"

#define LANES (WORKER_MAX * sizeof(struct acl_lane))
#define TUNER_TICK UINT64_C(20000000) /* ns */

static int init(struct weir *w, struct err *e)
{
	struct acl_state *s = calloc(1, sizeof *s);

	w->acl = s;
	if (s != NULL) {
		s->slots = acl_slots_new();
		s->tuner = acl_tuner_new();
	}
	if (s == NULL || s->slots == NULL || s->tuner == NULL)
		return err_set(e, ENOMEM, "not enough memory for the tables of ACLs");
	return 0;
}

static void free_view(void *arg)
{
	struct acl_view *v = arg;

	if (v == NULL)
		return;
	for (uint32_t i = 0; i < v->lists; i++)
		acl_list_unref(v->list[i]);
	free(v->list);
	free(v);
}

static void fini(struct weir *w)
{
	struct acl_state *s = w->acl;

	if (s == NULL)
		return;
	timer_cancel(w, &s->timer);
	acl_tuner_free(s->tuner);
	free_view(s->now);
	free_view(s->next);
	acl_slots_free(s->slots);
	if (s->lane != NULL)
		munmap(s->lane, LANES);
	free(s);
	w->acl = NULL;
}

/* --- building a view --- */

/* Addresses are reserved for all workers there may be; memory is taken where packets are counted. */
static int make_lanes(struct acl_state *s)
{
	void *p;

	if (s->lane != NULL)
		return 0;
	p = mmap(NULL, LANES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -ENOMEM;
	s->lane = p;
	return 0;
}

static struct acl_list *find_list(const struct acl_view *v, const char *name)
{
	for (uint32_t i = 0; v != NULL && i < v->lists; i++)
		if (strcmp(v->list[i]->name, name) == 0)
			return v->list[i];
	return NULL;
}

static int list_number(const struct acl_view *v, const char *name)
{
	for (uint32_t i = 0; i < v->lists; i++)
		if (strcmp(v->list[i]->name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static int read_lists(struct weir *w, const struct node *acls, struct acl_view *v, struct err *e)
{
	v->list = calloc(acls->count + 1, sizeof(struct acl_list *));
	if (v->list == NULL)
		return err_set(e, ENOMEM, "not enough memory for the lists of rules");
	NODE_EACH (n, acls) {
		struct acl_list *l = acl_list_read(w, n, e);

		if (l == NULL)
			return -1;
		v->list[v->lists++] = l;
	}
	return 0;
}

static int find_targets(struct acl_view *v, struct acl_list *l, struct err *e)
{
	for (uint32_t i = 0; i < l->rules; i++) {
		struct acl_rule *r = &l->rule[i];
		int to = r->action == ACL_GOTO ? list_number(v, r->to_name) : 0;

		if (to < 0)
			return err_set(e, ENOENT, "acl '%s', rule %u goes to list '%s', which does not exist",
				l->name, r->id, r->to_name);
		r->to = (uint16_t)to;
	}
	return 0;
}

/* Counters of a rule that is new begin at zero: no worker counts there yet. */
static int take_slot(struct weir *w, const struct acl_list *l, const char *name, uint32_t id, uint32_t *slot)
{
	struct acl_state *s = w->acl;
	int rc = acl_slot_take(s->slots, l->name, name, id, slot);

	if (rc != 1)
		return rc;
	*acl_slot_baseline(s->slots, *slot) = (struct acl_count){0};
	for (unsigned i = 0; i < WORKER_MAX; i++)
		if (s->lane[i].count[*slot].packets != 0)
			s->lane[i].count[*slot] = (struct acl_count){0};
	return 0;
}

static int take_slots(struct weir *w, struct acl_list *l, struct err *e)
{
	int rc = take_slot(w, l, "", 0, &l->fallback_slot);

	for (uint32_t i = 0; rc == 0 && i < l->rules; i++)
		rc = take_slot(w, l, l->rule[i].name, l->rule[i].id, &l->rule[i].slot);
	if (rc != 0)
		return err_set(e, ENOSPC,
			"acl '%s': no counters are left for its rules; apply again in a moment", l->name);
	return 0;
}

/* A list that says what it said stays as it is, compiled and tuned. */
static int finish_list(struct weir *w, struct acl_list **l, struct err *e)
{
	struct acl_list *old = find_list(w->acl->now, (*l)->name);

	if (take_slots(w, *l, e) != 0)
		return -1;
	if (old == NULL || !acl_list_equal(old, *l))
		return acl_list_compile(*l, e);
	old->refs++;
	acl_list_unref(*l);
	*l = old;
	return 0;
}

static int finish_lists(struct weir *w, struct acl_view *v, struct err *e)
{
	for (uint32_t i = 0; i < v->lists; i++)
		if (find_targets(v, v->list[i], e) != 0)
			return -1;
	for (uint32_t i = 0; i < v->lists; i++) {
		if (finish_list(w, &v->list[i], e) != 0)
			return -1;
		v->fields |= v->list[i]->decide->fields;
		v->fields |= v->list[i]->go_on != NULL ? v->list[i]->go_on->fields : 0;
	}
	return 0;
}

static int bind_iface(
	struct acl_view *v, const struct node *n, struct iface *ifc, const char *key, bool out, struct err *e)
{
	const char *name = node_text(n, key, NULL);
	int list = name != NULL ? list_number(v, name) : -1;

	if (name == NULL)
		return 0;
	if (list < 0)
		return err_set(e, ENOENT, "interface '%s': %s names the list '%s', which is not in 'acls'",
			ifc->name, key, name);
	v->of[out][ifc->id] = (uint16_t)(list + 1);
	if (out)
		ifc->out |= STAGE_BIT(STAGE_ACL_OUT);
	else
		ifc->in |= STAGE_BIT(STAGE_ACL_IN);
	return 0;
}

static int bind_ifaces(const struct node *cfg, struct acl_view *v, struct generation *next, struct err *e)
{
	const struct node *ifaces = node_get(cfg, "interfaces");

	for (unsigned i = 1; i < next->iface_limit; i++) {
		struct iface *ifc = next->iface[i];
		const struct node *n = ifc != NULL ? node_get(ifaces, ifc->name) : NULL;

		if (n != NULL && (bind_iface(v, n, ifc, "acl-in", false, e) != 0 ||
					 bind_iface(v, n, ifc, "acl-out", true, e) != 0))
			return -1;
	}
	return 0;
}

static int prepare(struct weir *w, const struct node *cfg, struct generation *next, struct err *e)
{
	const struct node *acls = node_get(cfg, "acls");
	struct acl_state *s = w->acl;
	struct acl_view *v;

	next->acl = NULL;
	acl_slots_begin(s->slots);
	s->changing = true;
	if (acls == NULL)
		return 0;
	v = s->next = calloc(1, sizeof *v);
	if (v == NULL || make_lanes(s) != 0)
		return err_set(e, ENOMEM, "not enough memory for ACLs");
	v->lane = s->lane;
	if (read_lists(w, acls, v, e) != 0 || finish_lists(w, v, e) != 0 || bind_ifaces(cfg, v, next, e) != 0)
		return -1;
	next->acl = v;
	return 0;
}

static void abort_acls(struct weir *w)
{
	struct acl_state *s = w->acl;

	free_view(s->next);
	s->next = NULL;
	if (s->changing)
		acl_slots_end(s->slots, false);
	s->changing = false;
}

/* --- tuning --- */

static bool wants_tuning(const struct acl_list *l)
{
	return l->decide->rules >= CLASSIFIER_TUNE_FROM && !l->tuning && !l->failed &&
	       !classifier_tuned(l->decide);
}

/* One list after the other; true while there is something to wait for. */
static bool tune_next(struct acl_state *s)
{
	if (acl_tuner_busy(s->tuner, false))
		return true;
	for (uint32_t i = 0; s->now != NULL && i < s->now->lists; i++)
		if (wants_tuning(s->now->list[i]) && acl_tuner_start(s->tuner, s->now->list[i]))
			return true;
	return false;
}

static void tick(struct weir *w, struct timer *t)
{
	if (tune_next(w->acl) && timer_set(w, t, w->now + TUNER_TICK) != 0)
		log_warning("not enough memory to look after the ACL compiler; lists stay as they are");
}

void acl_wait(struct weir *w)
{
	while (tune_next(w->acl))
		acl_tuner_busy(w->acl->tuner, true);
}

static void reclaim(void *arg)
{
	struct weir *w = arg;

	if (w->acl != NULL)
		acl_slots_reclaim(w->acl->slots);
}

static void commit(struct weir *w, const struct generation *old, const struct generation *next)
{
	struct acl_state *s = w->acl;
	struct acl_view *gone = s->now;

	s->now = s->next;
	s->next = NULL;
	s->changing = false;
	acl_slots_end(s->slots, true);
	if (gone != NULL)
		weir_defer(w, free_view, gone);
	weir_defer(w, reclaim, w);
	/* A capture's time is not ours: there the lists stay as they are, which answers the same. */
	s->timer.fn = tick;
	if (!w->offline && s->now != NULL)
		tick(w, &s->timer);
}

static unsigned turn(struct weir *w)
{
	return w->acl->lane != NULL ? acl_log_drain(w) : 0;
}

static void clear(struct weir *w)
{
	for (uint32_t i = 0; i < acl_lists(w); i++)
		acl_clear(w, i);
}

/* --- the bill --- */

static uint64_t ranges_of(const struct node *rule)
{
	static const char *const keys[] = {"source", "destination"};
	uint64_t n = 0;

	for (unsigned i = 0; i < 2; i++) {
		const char *text = node_text(node_get(rule, "match"), keys[i], NULL);

		n += text != NULL && text[0] != '$';
	}
	return n;
}

/* Each set counts once per list: conditions that are the same are one. */
static uint64_t list_bound(const struct node *cfg, const struct node *list)
{
	const struct node *rules = node_get(list, "rules");
	uint64_t ranges = 0;

	NODE_EACH (n, rules)
		ranges += ranges_of(n);
	NODE_EACH (s, node_get(cfg, "sets"))
		ranges += set_ranges_bound(cfg, s->key);
	return classifier_bound(rules != NULL ? rules->count : 0, ranges);
}

static void bill(const struct weir *w, const struct node *cfg, struct bill *b)
{
	uint64_t rules = 0, bytes = 0;

	NODE_EACH (list, node_get(cfg, "acls")) {
		const struct node *all = node_get(list, "rules");
		uint32_t n = all != NULL ? all->count : 0;

		rules += n;
		bytes += list_bound(cfg, list) +
			 (uint64_t)n * (sizeof(struct acl_rule) + sizeof(struct class_rule) + 256);
	}
	if (bytes != 0)
		bill_add(b, "access lists", rules, bytes);
}

static struct feature feature_acl = {.name = "acl",
	.order = 45,
	.init = init,
	.fini = fini,
	.prepare = prepare,
	.commit = commit,
	.abort = abort_acls,
	.bill = bill,
	.turn = turn,
	.clear = clear};
FEATURE_REGISTER(feature_acl)
