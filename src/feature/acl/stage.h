/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/feature/acl: what STAGE_ACL_IN and STAGE_ACL_OUT do. Lists are asked for all packets of a
 * burst together; what follows is done packet by packet.
 *
 * Reads family, proto, flags, l3, l4, iif, oif; writes mark.
 */
#ifndef WEIR_FEATURE_ACL_STAGE_H
#define WEIR_FEATURE_ACL_STAGE_H

#include "feature/acl/acl_priv.h"
#include "feature/icmp/icmp.h"
#include "pipeline/class_keys.h"
#include "table/classifier_lookup.h"

/* One burst in one direction. */
struct acl_run {
	struct worker *w;
	const struct generation *g;
	struct burst *b;
	const struct acl_view *view;
	struct acl_lane *lane;
	const struct class_keys *keys;
	bool out;
	uint64_t back; /* slots that come by again: they wait for their neighbour, and count then */
};

/* --- what follows from a rule --- */

static void acl_record(const struct acl_run *x, unsigned i, const struct acl_act *a)
{
	struct acl_lane *lane = x->lane;
	const struct class_keys *k = x->keys;
	const bool v4 = x->b->family[i] == FAMILY_V4;
	const uint8_t *ip = burst_l3(x->b, i);
	struct acl_record *r = &lane->ring[lane->head % ACL_RING];

	if (lane->head - __atomic_load_n(&lane->tail, __ATOMIC_ACQUIRE) >= ACL_RING ||
		!bucket_take(&lane->bucket, x->b->now, ACL_LOG_RATE, ACL_LOG_BURST)) {
		lane->suppressed++;
		return;
	}
	*r = (struct acl_record){.when = x->b->now,
		.slot = a->slot,
		.iif = x->b->iif[i],
		.oif = x->out ? x->b->oif[i] : IFACE_NONE,
		.length = k->length[i],
		.family = x->b->family[i],
		.proto = x->b->proto[i],
		.action = a->action,
		.known = (k->kind[i] & CLASS_KIND_UNKNOWN) == 0};
	if (r->known && class_l4_bytes[r->proto] != 0) {
		r->sport = (uint16_t)k->sport[i];
		r->dport = (uint16_t)k->dport[i];
	}
	memcpy(r->src, ip + (v4 ? 12 : 8), v4 ? 4 : 16);
	memcpy(r->dst, ip + (v4 ? 16 : 24), v4 ? 4 : 16);
	__atomic_store_n(&lane->head, lane->head + 1, __ATOMIC_RELEASE);
}

static inline void acl_add(const struct acl_run *x, uint32_t slot, uint32_t packets, uint32_t bytes)
{
	struct acl_count *c = &x->lane->count[slot];

	c->packets += packets;
	c->bytes += bytes;
	c->last = x->b->now;
}

/* Mark, log, observer: of rules that have more than an action, and when somebody watches. */
static void acl_extras(const struct acl_run *x, unsigned i, const struct acl_act *a, const char *list)
{
	if (a->has_mark) {
		x->b->mark[i] = a->mark;
		x->b->marked |= slot_bit(i);
	}
	if (a->sample != 0 && x->lane->sampled[a->slot]++ % a->sample == 0)
		acl_record(x, i, a);
	if (x->w->on_rule != NULL)
		x->w->on_rule(x->w->on_rule_ctx, x->b->pkt[i], list, a->id);
}

/* Neighbour discovery from this link (hop limit 255, RFC 4861) and MLD (hop limit 1, RFC 3810). */
static bool acl_is_neighbour_talk(const struct acl_run *x, unsigned i)
{
	const uint32_t type = x->keys->sport[i] >> 8;
	const uint8_t hops = burst_l3(x->b, i)[7];

	if (x->b->family[i] != FAMILY_V6 || x->b->proto[i] != IPPROTO_ICMPV6 ||
		x->keys->sport[i] == CLASS_UNKNOWN_PORT)
		return false;
	return (type >= 133 && type <= 137 && hops == 255) ||
	       (((type >= 130 && type <= 132) || type == 143) && hops == 1);
}

static void acl_refuse(const struct acl_run *x, unsigned i)
{
	const bool v4 = x->b->family[i] == FAMILY_V4;

	if (acl_reset(x->w, x->g, x->b, i))
		burst_drop(x->b, i, &reason_acl_reject);
	else /* administratively prohibited: RFC 1812 5.2.7.1, RFC 4443 3.1 */
		burst_drop_error(
			x->b, i, &reason_acl_reject, v4 ? ICMP4_UNREACH : ICMP6_UNREACH, v4 ? 13 : 1, 0);
}

/* Everything but accepting. `fallback`: no rule decided. Returns the slot's bit when it goes on to a list. */
static uint64_t acl_act_on(
	const struct acl_run *x, unsigned i, const struct acl_act *a, const char *list, bool fallback)
{
	if (a->has_mark || a->sample != 0 || x->w->on_rule != NULL)
		acl_extras(x, i, a, list);
	if (a->action == ACL_GOTO)
		return slot_bit(i);
	if (a->action == ACL_ACCEPT || (fallback && acl_is_neighbour_talk(x, i)))
		return 0;
	if (a->action == ACL_REJECT)
		acl_refuse(x, i);
	else
		burst_drop(x->b, i, &reason_acl_deny);
	return 0;
}

/* --- rules that continue --- */

struct acl_passing {
	const struct acl_run *x;
	const struct acl_list *l;
};

static void acl_pass(void *ctx, unsigned i, uint32_t rule)
{
	const struct acl_passing *p = ctx;
	const struct acl_act *a = &p->l->go_act[rule];

	acl_add(p->x, a->slot, 1, p->x->keys->length[i]);
	acl_extras(p->x, i, a, p->l->name);
}

static void acl_pass_all(
	const struct acl_run *x, const struct acl_list *l, uint64_t slots, const uint32_t first[BURST_SIZE])
{
	struct acl_passing p = {x, l};

	BURST_EACH (i, slots & ~x->back) {
		const uint32_t end = first[i] != CLASSIFIER_NONE ? first[i] : l->decide->rules;

		classifier_each(l->go_on, x->keys, (unsigned)i, l->go_end[end], acl_pass, &p);
	}
}

/* --- lists --- */

static void acl_walk(const struct acl_run *x, const struct acl_list *l, uint64_t slots);

/* Slots go on to the lists their rules name. */
static void acl_go(
	const struct acl_run *x, const struct acl_list *l, uint64_t slots, const uint32_t first[BURST_SIZE])
{
	while (slots != 0) {
		const uint16_t to = l->act[first[__builtin_ctzll(slots)]].to;
		uint64_t same = 0;

		BURST_EACH (i, slots)
			same |= (uint64_t)(l->act[first[i]].to == to) << i;
		acl_walk(x, x->view->list[to], same);
		slots &= ~same;
	}
}

static inline const struct acl_act *acl_decided(const struct acl_list *l, uint32_t first)
{
	return &l->act[first != CLASSIFIER_NONE ? first : l->decide->rules];
}

/* Counts per packet, one addition for packets of one rule that follow each other. Packets that come by again
 * count then, unless they end now. */
static void acl_count_all(
	const struct acl_run *x, const struct acl_list *l, uint64_t slots, const uint32_t first[BURST_SIZE])
{
	uint8_t room[BURST_SIZE];
	const struct class_slots list = class_slots_of(slots, room);
	uint32_t slot = l->fallback_slot, packets = 0, bytes = 0;

	CLASS_SLOTS (i, list) {
		const struct acl_act *a = acl_decided(l, first[i]);

		if (__builtin_expect((x->back >> i & 1) != 0 && a->action == ACL_ACCEPT, 0))
			continue;
		if (a->slot != slot) {
			if (packets != 0)
				acl_add(x, slot, packets, bytes);
			slot = a->slot;
			packets = bytes = 0;
		}
		packets++;
		bytes += x->keys->length[i];
	}
	if (packets != 0)
		acl_add(x, slot, packets, bytes);
}

/* Slots whose rule does more than let them pass. */
static inline uint64_t acl_special(const struct acl_list *l, uint64_t slots, const uint32_t first[BURST_SIZE])
{
	uint8_t room[BURST_SIZE];
	const struct class_slots list = class_slots_of(slots, room);
	uint64_t special = 0;

	CLASS_SLOTS (i, list) {
		const struct acl_act *a = acl_decided(l, first[i]);

		special |= (uint64_t)((a->action != ACL_ACCEPT) | (a->sample != 0) | a->has_mark) << i;
	}
	return special;
}

/* The depth of gotos is the config's, which has no circles. */
static void acl_walk(const struct acl_run *x, const struct acl_list *l, uint64_t slots)
{
	uint32_t first[BURST_SIZE];
	uint64_t onward = 0, special;

	classifier_first(l->decide, x->keys, slots, first);
	if (l->go_on != NULL)
		acl_pass_all(x, l, slots, first);
	acl_count_all(x, l, slots, first);
	special = x->w->on_rule != NULL ? slots : acl_special(l, slots, first);
	BURST_EACH (i, special) {
		const struct acl_act *a = acl_decided(l, first[i]);

		if ((x->back >> i & 1) == 0 || a->action != ACL_ACCEPT)
			onward |= acl_act_on(x, (unsigned)i, a, l->name, first[i] == CLASSIFIER_NONE);
	}
	if (onward != 0)
		acl_go(x, l, onward, first);
}

/* A later fragment of TCP at offset 8 holds the flags of a header that was looked at without them. */
static uint64_t acl_drop_tiny(struct burst *b, uint64_t slots)
{
	uint64_t dead = 0;

	BURST_EACH (i, slots & ~b->plain) {
		const uint8_t *ip = burst_l3(b, (unsigned)i);
		const bool v4 = b->family[i] == FAMILY_V4;
		uint16_t units;

		if ((b->flags[i] & SLOT_LATER_FRAGMENT) == 0 || b->proto[i] != IPPROTO_TCP)
			continue;
		/* The fragment header is the last one that a later fragment has. */
		units = v4 ? be16_at(ip + 6) & 0x1fff
			   : (uint16_t)(be16_at(burst_l4(b, (unsigned)i) - 6) >> 3);
		if (units != 1)
			continue;
		burst_drop(b, (unsigned)i, &reason_acl_tiny_fragment);
		dead |= slot_bit((unsigned)i);
	}
	return dead;
}

/* Slots of interfaces that have the same list as the first one; *list its number + 1. */
static inline uint64_t acl_same(
	const struct acl_view *v, const struct burst *b, uint64_t slots, bool out, uint16_t *list)
{
	const uint16_t *iface = out ? b->oif : b->iif;
	uint64_t rest = slots, same = 0;

	*list = v->of[out][iface[__builtin_ctzll(slots)] % IFACE_MAX];
	while (rest != 0) {
		const uint16_t id = iface[__builtin_ctzll(rest)];
		const uint64_t mask = mask_eq16(iface, id) & rest;

		if (v->of[out][id % IFACE_MAX] == *list)
			same |= mask;
		rest &= ~mask;
	}
	return same;
}

static inline void acl_run(
	struct worker *w, const struct generation *g, struct burst *b, uint64_t slots, bool out)
{
	const struct acl_view *v = g->acl;
	struct class_keys keys;
	struct acl_run x = {.w = w, .g = g, .b = b, .view = v, .keys = &keys, .out = out};

	if (v == NULL)
		return;
	x.lane = &v->lane[w->id];
	if (out)
		x.back = b->need[STAGE_RESOLVE];
	slots &= ~acl_drop_tiny(b, slots);
	class_keys_fill(g, b, slots, v->fields, &keys);
	while (slots != 0) {
		uint16_t list;
		uint64_t same = acl_same(v, b, slots, out, &list);

		if (list != 0)
			acl_walk(&x, v->list[list - 1], same);
		slots &= ~same;
	}
}

#endif
