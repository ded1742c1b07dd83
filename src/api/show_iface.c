/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Interfaces and neighbours as documents.
 */
#include <stdlib.h>

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
	if (iface_is_loopback(ifc))
		jw_text(j, "mac", NULL);
	else
		jw_mac(j, "mac", ifc->mac);
	jw_bool(j, "loopback", iface_is_loopback(ifc));
	jw_u64(j, "mtu", ifc->mtu);
	jw_bool(j, "enabled", ifc->enabled);
	jw_bool(j, "up", iface_is_up(w, ifc));
	jw_bool(j, "forwarding", ifc->forwarding);
	jw_bool(j, "ipv6_off", ifc->ip6_off);
	put_addresses(j, w, ifc);
	jw_u64(j, "rx_packets", c->rx_packets);
	jw_u64(j, "rx_bytes", c->rx_bytes);
	jw_u64(j, "tx_packets", c->tx_packets);
	jw_u64(j, "tx_bytes", c->tx_bytes);
	jw_u64(j, "drops", c->drops);
	jw_close(j, '}');
}

/* --- interfaces in pieces --- */

struct interfaces {
	struct counters *counters; /* of the moment the request came */
	unsigned next;             /* id */
};

static void free_interfaces(void *state)
{
	struct interfaces *s = state;

	counters_free(s->counters);
	free(s);
}

static bool more_interfaces(struct request *r)
{
	const struct generation *g = weir_generation(r->w);
	struct interfaces *s = r->state;

	if (s->next == 0) {
		jw_open(&r->out, NULL, '{');
		jw_open(&r->out, "interfaces", '[');
		s->next = 1;
	}
	for (; s->next < g->iface_limit && r->out.len < API_PIECE; s->next++)
		if (g->iface[s->next] != NULL)
			put_interface(&r->out, r->w, g->iface[s->next], &s->counters->iface[s->next]);
	if (s->next < g->iface_limit)
		return true;
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
	return false;
}

static void show_interfaces(struct request *r)
{
	struct interfaces *s = calloc(1, sizeof *s);

	if (s == NULL) {
		reply_error(r, 507, "not enough memory for the list of interfaces");
		return;
	}
	r->state = s;
	r->state_free = free_interfaces;
	s->counters = counters_read(r);
	if (s->counters != NULL)
		r->more = more_interfaces;
}

static void show_interface(struct request *r)
{
	const struct iface *ifc = generation_iface(weir_generation(r->w), r->name);
	struct counters *c;

	if (ifc == NULL) {
		reply_error(r, 404, "there is no interface '%.64s'", r->name);
		return;
	}
	c = counters_read(r);
	if (c == NULL)
		return;
	put_interface(&r->out, r->w, ifc, &c->iface[ifc->id]);
	counters_free(c);
}

static void show_addresses(struct request *r)
{
	const struct generation *g = weir_generation(r->w);
	char text[PREFIX_STRLEN];

	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "addresses", '[');
	for (unsigned i = 1; i < g->iface_limit; i++)
		for (unsigned k = 0; g->iface[i] != NULL && k < g->iface[i]->address_count; k++) {
			const struct iface *ifc = g->iface[i];

			jw_open(&r->out, NULL, '{');
			jw_text(&r->out, "interface", ifc->name);
			jw_text(&r->out, "address", prefix_format(&ifc->address[k], text));
			jw_text(&r->out, "state", address_state(r->w, ifc, &ifc->address[k].addr));
			jw_close(&r->out, '}');
		}
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

/* --- neighbours: a copy of the table, written in pieces --- */

struct neighbors {
	struct neigh_info *entry;
	uint32_t count, room, next;
	uint16_t only; /* interface id, IFACE_NONE: all */
	bool begun;
};

static void free_neighbors(void *state)
{
	struct neighbors *s = state;

	free(s->entry);
	free(s);
}

static bool keep_neighbor(void *ctx, const struct neigh_info *n)
{
	struct neighbors *s = ctx;

	if (s->count < s->room && (s->only == IFACE_NONE || s->only == n->iface))
		s->entry[s->count++] = *n;
	return s->count < s->room;
}

static void put_neighbor(struct request *r, const struct neigh_info *n)
{
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
}

static void put_neighbor_totals(struct request *r)
{
	struct neigh_totals t;

	neigh_totals(r->w, &t);
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
}

static bool more_neighbors(struct request *r)
{
	struct neighbors *s = r->state;

	if (!s->begun) {
		jw_open(&r->out, NULL, '{');
		jw_open(&r->out, "neighbors", '[');
		s->begun = true;
	}
	while (s->next < s->count && r->out.len < API_PIECE)
		put_neighbor(r, &s->entry[s->next++]);
	if (s->next < s->count)
		return true;
	jw_close(&r->out, ']');
	put_neighbor_totals(r);
	jw_close(&r->out, '}');
	return false;
}

static void show_neighbors(struct request *r)
{
	const char *name = r->query(r, "interface");
	const struct iface *ifc = name != NULL ? generation_iface(weir_generation(r->w), name) : NULL;
	struct neighbors *s = calloc(1, sizeof *s);
	struct neigh_totals t;

	neigh_totals(r->w, &t);
	r->state = s;
	r->state_free = s != NULL ? free_neighbors : NULL;
	if (s != NULL)
		s->entry = calloc(t.entries + 1u, sizeof *s->entry);
	if (s == NULL || s->entry == NULL) {
		reply_error(r, 507, "not enough memory for the list of neighbours");
	} else if (name != NULL && ifc == NULL) {
		reply_error(r, 404, "there is no interface '%.64s'", name);
	} else {
		s->room = t.entries + 1;
		s->only = ifc != NULL ? ifc->id : IFACE_NONE;
		neigh_walk(r->w, IFACE_NONE, NULL, keep_neighbor, s);
		r->more = more_neighbors;
	}
}

/* --- the endpoints --- */

static const char *const address_states[] = {"usable", "tentative", "duplicate", NULL};
static const struct doc address_docs[] = {
	{"address", DOC_TEXT, "Address and length of its network."},
	{"state", DOC_TEXT, "Duplicate address detection: only a usable address is used.",
		.words = address_states},
	{0},
};
static const struct doc tag_docs[] = {
	{"tpid", DOC_TEXT, "802.1q or 802.1ad."},
	{"id", DOC_U64, "VLAN identifier."},
	{0},
};
static const struct doc interface_docs[] = {
	{"name", DOC_TEXT, "As in the configuration."},
	{"id", DOC_U64, "Its number, stable while it exists."},
	{"port", DOC_TEXT, "The port below it; null: a loopback.", .flags = DOC_NULL},
	{"vlan", DOC_LIST, "Tags of its frames, outer first.", tag_docs},
	{"vrf", DOC_TEXT, "The VRF."},
	{"mac", DOC_TEXT, "MAC address; null: a loopback has none.", .flags = DOC_NULL},
	{"loopback", DOC_BOOL, "It has addresses and no link."},
	{"mtu", DOC_U64, "Largest IP packet in bytes."},
	{"enabled", DOC_BOOL, "As configured."},
	{"up", DOC_BOOL, "Enabled, and its port, if it has one, has link."},
	{"forwarding", DOC_BOOL, "Packets from here are forwarded."},
	{"ipv6_off", DOC_BOOL, "IPv6 is off: somebody else has its MAC address (RFC 4862 5.4.5)."},
	{"addresses", DOC_LIST, "Its addresses.", address_docs},
	{"rx_packets", DOC_U64, "Packets received."},
	{"rx_bytes", DOC_U64, "Bytes received."},
	{"tx_packets", DOC_U64, "Packets sent."},
	{"tx_bytes", DOC_U64, "Bytes sent."},
	{"drops", DOC_U64, "Packets received here that were dropped."},
	{0},
};
static const struct doc interfaces_docs[] = {{"interfaces", DOC_LIST, "By id.", interface_docs}, {0}};
static const struct doc own_address_docs[] = {
	{"interface", DOC_TEXT, "Name of the interface."},
	{"address", DOC_TEXT, "Address and length of its network."},
	{"state", DOC_TEXT, "Duplicate address detection: only a usable address is used.",
		.words = address_states},
	{0},
};
static const struct doc addresses_docs[] = {{"addresses", DOC_LIST, "By interface.", own_address_docs}, {0}};
static const struct doc neighbor_docs[] = {
	{"interface", DOC_TEXT, "Name of the interface.", .flags = DOC_NULL},
	{"address", DOC_TEXT, "Its address."},
	{"mac", DOC_TEXT, "Its MAC address; null while unknown.", .flags = DOC_NULL},
	{"state", DOC_TEXT,
		"incomplete, reachable, stale, delay, probe, failed or permanent (RFC 4861 7.3.2)."},
	{"router", DOC_BOOL, "It says that it is a router."},
	{"gateway", DOC_BOOL, "A route uses it."},
	{"queued", DOC_U64, "Packets that wait for its MAC address."},
	{"age_ns", DOC_U64, "Since it was last confirmed."},
	{0},
};
static const struct doc neighbor_totals_docs[] = {
	{"entries", DOC_U64, "Entries in the table."},
	{"limit", DOC_U64, "Most entries it may hold."},
	{"held_packets", DOC_U64, "Packets that wait."},
	{"solicits_sent", DOC_U64, "ARP requests and neighbour solicitations sent."},
	{"failures", DOC_U64, "Neighbours that did not answer."},
	{"table_full", DOC_U64, "Entries refused for want of room."},
	{"queue_full", DOC_U64, "Packets dropped because enough were waiting."},
	{"conflicts", DOC_U64, "Times somebody else used one of our addresses."},
	{0},
};
static const struct doc neighbors_docs[] = {
	{"neighbors", DOC_LIST, "By interface and address.", neighbor_docs},
	{"totals", DOC_OBJECT, "The whole table.", neighbor_totals_docs},
	{0},
};
static const struct param neighbor_params[] = {{"interface", "Only entries of this interface."}, {0}};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/interfaces", "Interfaces, their addresses and counters.", show_interfaces,
		.reply = interfaces_docs},
	{"GET", "/v1/interfaces/{name}", "One interface.", show_interface, .reply = interface_docs},
	{"GET", "/v1/addresses", "Addresses of all interfaces.", show_addresses, .reply = addresses_docs},
	{"GET", "/v1/neighbors", "ARP and neighbour discovery entries.", show_neighbors, neighbor_params,
		.reply = neighbors_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
