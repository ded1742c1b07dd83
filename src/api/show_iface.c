/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interfaces and neighbours as documents.
 */
#include "api/api_priv.h"
#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"

static const char *address_state(const struct weir *w, const struct iface *ifc, const struct ipaddr *a)
{
	if (neigh_address_duplicate(w, ifc->id, a))
		return "duplicate";
	return neigh_address_usable(w, ifc->id, a) ? "usable" : "tentative";
}

static void put_addresses(struct jw *j, const struct weir *w, const struct iface *ifc)
{
	char text[PREFIX_STRLEN];

	jw_open(j, "addresses", '[');
	for (unsigned i = 0; i < ifc->address_count; i++) {
		jw_open(j, NULL, '{');
		jw_text(j, "address", prefix_format(&ifc->address[i], text));
		jw_text(j, "state", address_state(w, ifc, &ifc->address[i].addr));
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_tags(struct jw *j, const struct iface *ifc)
{
	jw_open(j, "vlan", '[');
	for (unsigned i = 0; i < ifc->ntags; i++) {
		jw_open(j, NULL, '{');
		jw_text(j, "tpid", ifc->tpid[i] == 0x88a8 ? "802.1ad" : "802.1q");
		jw_u64(j, "id", ifc->vlan[i]);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_interface(
	struct jw *j, const struct weir *w, const struct iface *ifc, const struct iface_counters *c)
{
	jw_open(j, NULL, '{');
	jw_text(j, "name", ifc->name);
	jw_u64(j, "id", ifc->id);
	jw_text(j, "port", iface_port_name(w, ifc->port));
	put_tags(j, ifc);
	jw_text(j, "vrf", w->vrf[ifc->vrf].name);
	jw_mac(j, "mac", ifc->mac);
	jw_u64(j, "mtu", ifc->mtu);
	jw_bool(j, "enabled", ifc->enabled);
	jw_bool(j, "up", iface_is_up(w, ifc));
	jw_bool(j, "forwarding", ifc->forwarding);
	put_addresses(j, w, ifc);
	jw_u64(j, "rx_packets", c->rx_packets);
	jw_u64(j, "rx_bytes", c->rx_bytes);
	jw_u64(j, "tx_packets", c->tx_packets);
	jw_u64(j, "tx_bytes", c->tx_bytes);
	jw_u64(j, "drops", c->drops);
	jw_close(j, '}');
}

void show_interfaces(struct request *r)
{
	const struct generation *g = weir_generation(r->w);
	struct counters *c = counters_read(r);

	if (c == NULL)
		return;
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "interfaces", '[');
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL)
			put_interface(&r->out, r->w, g->iface[i], &c->iface[i]);
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
	counters_free(c);
}

/* --- neighbours --- */

static bool put_neighbor(void *ctx, const struct neigh_info *n)
{
	struct request *r = ctx;
	const struct iface *ifc = weir_generation(r->w)->iface[n->iface];
	struct jw *j = &r->out;
	char text[ADDR_STRLEN];

	jw_open(j, NULL, '{');
	jw_text(j, "interface", ifc != NULL ? ifc->name : NULL);
	jw_text(j, "address", ipaddr_format(&n->address, text));
	if (n->known)
		jw_mac(j, "mac", n->mac);
	else
		jw_text(j, "mac", NULL);
	jw_text(j, "state", neigh_nud_names[n->nud]);
	jw_bool(j, "router", n->router);
	jw_bool(j, "gateway", n->gateway_for != 0);
	jw_u64(j, "queued", n->queued);
	jw_u64(j, "age_ns", n->age);
	jw_close(j, '}');
	return !j->failed;
}

void show_neighbors(struct request *r)
{
	struct neigh_totals t;

	neigh_totals(r->w, &t);
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "neighbors", '[');
	neigh_walk(r->w, IFACE_NONE, NULL, put_neighbor, r);
	jw_close(&r->out, ']');
	jw_open(&r->out, "totals", '{');
	jw_u64(&r->out, "entries", t.entries);
	jw_u64(&r->out, "limit", t.limit);
	jw_u64(&r->out, "held_packets", t.held_packets);
	jw_u64(&r->out, "solicits_sent", t.solicits_sent);
	jw_u64(&r->out, "failures", t.failures);
	jw_u64(&r->out, "table_full", t.table_full);
	jw_u64(&r->out, "queue_full", t.queue_full);
	jw_u64(&r->out, "conflicts", t.conflicts);
	jw_close(&r->out, '}');
	jw_close(&r->out, '}');
}
