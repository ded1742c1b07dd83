/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What workers recorded, as lines of the log and as events.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "control/events.h"
#include "feature/acl/acl_priv.h"
#include "pipeline/weir.h"

/* The rule that counts in a slot; NULL with *list set: the list's default; both NULL: it is gone. */
static const struct acl_rule *find_rule(const struct weir *w, uint32_t slot, const struct acl_list **list)
{
	*list = NULL;
	for (uint32_t i = 0; i < acl_lists(w); i++) {
		const struct acl_list *l = w->acl->now->list[i];

		if (l->fallback_slot == slot)
			*list = l;
		for (uint32_t r = 0; r < l->rules; r++)
			if (l->rule[r].slot == slot) {
				*list = l;
				return &l->rule[r];
			}
	}
	return NULL;
}

static const char *iface_name(const struct weir *w, uint16_t id)
{
	const struct iface *ifc = id < IFACE_MAX ? weir_generation(w)->iface[id] : NULL;

	return ifc != NULL ? ifc->name : NULL;
}

static void write_record(struct weir *w, const struct acl_record *x)
{
	const struct acl_list *list;
	const struct acl_rule *r = find_rule(w, x->slot, &list);
	const bool v4 = x->family == FAMILY_V4;
	struct ipaddr a = {.family = x->family}, b = a;
	char from[ADDR_STRLEN], to[ADDR_STRLEN];
	const char *in = iface_name(w, x->iif), *out = iface_name(w, x->oif);

	if (list == NULL)
		return;
	memcpy(a.bytes, x->src, v4 ? 4 : 16);
	memcpy(b.bytes, x->dst, v4 ? 4 : 16);
	ipaddr_format(&a, from);
	ipaddr_format(&b, to);
	log_notice("acl %s rule %u%s%s: %s, in %s%s%s, %s > %s, protocol %u, ports %u > %u, %u bytes",
		list->name, r != NULL ? r->id : 0, r != NULL && r->name[0] != '\0' ? " " : "",
		r != NULL ? r->name : "", acl_action_names[x->action], in != NULL ? in : "-",
		out != NULL ? ", out " : "", out != NULL ? out : "", from, to, x->proto, x->sport, x->dport,
		x->length);
	event_publish(w, "acl", EV_TEXT("acl", list->name), EV_U64("rule", r != NULL ? r->id : 0),
		EV_TEXT("name", r != NULL && r->name[0] != '\0' ? r->name : NULL),
		EV_TEXT("action", acl_action_names[x->action]), EV_TEXT("interface_in", in),
		EV_TEXT("interface_out", out), EV_TEXT("source", from), EV_TEXT("destination", to),
		EV_U64("protocol", x->proto), EV_U64("source_port", x->sport),
		EV_U64("destination_port", x->dport), EV_U64("length", x->length));
}

unsigned acl_log_drain(struct weir *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < w->worker_count; i++) {
		struct acl_lane *lane = &w->acl->lane[i];
		uint32_t head = __atomic_load_n(&lane->head, __ATOMIC_ACQUIRE);

		while (lane->tail != head) {
			write_record(w, &lane->ring[lane->tail % ACL_RING]);
			__atomic_store_n(&lane->tail, lane->tail + 1, __ATOMIC_RELEASE);
			n++;
		}
	}
	return n;
}
