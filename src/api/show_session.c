/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions in pages or all of them, their totals, ending them.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/events.h"
#include "control/value.h"
#include "feature/firewall/firewall.h"
#include "feature/route/route.h"
#include "feature/session/session.h"

#define PAGE_DEFAULT 1000
#define PAGE_MAX 10000
#define LOOKED_AT 65536 /* records in one piece, however few match */

/* A list on its way out. It goes through the workers' tables; what changes meanwhile is listed as it is when
 * the walk comes by. */
struct listing {
	struct request *r;
	struct session_filter filter;
	uint64_t limit, count;
	unsigned worker;
	uint32_t number; /* the next one */
	bool begun;
};

static const char *const protocol_names[256] = {[IPPROTO_ICMP] = "icmp",
	[IPPROTO_TCP] = "tcp",
	[IPPROTO_UDP] = "udp",
	[IPPROTO_GRE] = "gre",
	[IPPROTO_ESP] = "esp",
	[IPPROTO_AH] = "ah",
	[IPPROTO_ICMPV6] = "icmpv6",
	[IPPROTO_SCTP] = "sctp",
	[IPPROTO_UDPLITE] = "udplite"};

/* --- filters --- */

static bool read_protocol(struct request *r, const char *text, int *out)
{
	uint64_t v;

	for (int i = 0; i < 256; i++)
		if (protocol_names[i] != NULL && strcmp(protocol_names[i], text) == 0) {
			*out = i;
			return true;
		}
	if (value_u64(text, &v) == 0 && v < 256) {
		*out = (int)v;
		return true;
	}
	reply_error(
		r, 400, "protocol '%.32s' is neither a name such as tcp nor a number from 0 to 255", text);
	return false;
}

static bool read_state(struct request *r, const char *text, int *out)
{
	for (int i = 0; i < SESSION_STATE_COUNT; i++)
		if (strcmp(session_state_names[i], text) == 0) {
			*out = i;
			return true;
		}
	reply_error(r, 400, "there is no state '%.32s' of sessions", text);
	return false;
}

/* An address is a prefix of its own. */
static bool read_prefix(struct request *r, const char *key, const char *text, struct prefix *out)
{
	struct ipaddr a;

	if (strchr(text, '/') != NULL && prefix_parse(text, out) == 0) {
		*out = prefix_masked(out);
		return true;
	}
	if (ipaddr_parse(text, &a) != 0) {
		reply_error(r, 400, "%s '%.64s' is neither an address nor a prefix such as 10.0.0.0/8", key,
			text);
		return false;
	}
	*out = (struct prefix){.addr = a, .len = (uint8_t)family_bits(a.family)};
	return true;
}

static bool read_port(struct request *r, const char *key, const char *text, uint16_t *out)
{
	uint64_t v;

	if (value_u64(text, &v) != 0 || v == 0 || v > 65535) {
		reply_error(r, 400, "%s '%.32s' is not a number from 1 to 65535", key, text);
		return false;
	}
	*out = (uint16_t)v;
	return true;
}

static bool read_iface(struct request *r, const char *text, uint16_t *out)
{
	const struct iface *ifc = generation_iface(weir_generation(r->w), text);

	if (ifc == NULL)
		reply_error(r, 404, "there is no interface '%.64s'", text);
	else
		*out = ifc->id;
	return ifc != NULL;
}

static bool read_vrf(struct request *r, const char *text, int *out)
{
	*out = vrf_find(r->w, text);
	if (*out < 0)
		reply_error(r, 404, "there is no VRF '%.64s'", text);
	return *out >= 0;
}

static const char *const filter_keys[] = {"address", "source", "destination", "port", "source-port",
	"destination-port", "protocol", "state", "interface", "vrf"};

/* One word of a filter; false after a reply. */
static bool read_filter(struct request *r, unsigned key, const char *text, struct session_filter *f)
{
	switch (key) {
	case 0:
		return read_prefix(r, filter_keys[key], text, &f->address);
	case 1:
		return read_prefix(r, filter_keys[key], text, &f->source);
	case 2:
		return read_prefix(r, filter_keys[key], text, &f->destination);
	case 3:
		return read_port(r, filter_keys[key], text, &f->port);
	case 4:
		return read_port(r, filter_keys[key], text, &f->sport);
	case 5:
		return read_port(r, filter_keys[key], text, &f->dport);
	case 6:
		return read_protocol(r, text, &f->proto);
	case 7:
		return read_state(r, text, &f->state);
	case 8:
		return read_iface(r, text, &f->iface);
	default:
		return read_vrf(r, text, &f->vrf);
	}
}

/* --- one session --- */

static void put_direction(
	struct jw *j, const char *key, const struct session_info *i, unsigned d, bool accounting)
{
	char text[ADDR_STRLEN];

	jw_open(j, key, '{');
	jw_text(j, "source", ipaddr_format(&i->src[d], text));
	jw_u64(j, "source_port", i->sport[d]);
	jw_text(j, "destination", ipaddr_format(&i->dst[d], text));
	jw_u64(j, "destination_port", i->dport[d]);
	if (accounting) {
		jw_u64(j, "packets", i->s.packets[d]);
		jw_u64(j, "bytes", i->s.bytes[d]);
	}
	jw_close(j, '}');
}

static const char *iface_name(const struct generation *g, uint16_t id)
{
	return id != IFACE_NONE && id < g->iface_limit && g->iface[id] != NULL ? g->iface[id]->name : NULL;
}

static void put_session(struct request *r, const struct session_info *i)
{
	const struct generation *g = weir_generation(r->w);
	struct jw *j = &r->out;
	char rule[128];

	jw_open(j, NULL, '{');
	jw_format(j, "id", "%u.%u.%u", i->worker, i->number, i->s.serial);
	jw_u64(j, "family", i->family);
	if (protocol_names[i->proto] != NULL)
		jw_text(j, "protocol", protocol_names[i->proto]);
	else
		jw_format(j, "protocol", "%u", i->proto);
	jw_text(j, "state", session_state_names[session_state_of(&i->s)]);
	jw_text(j, "vrf", r->w->vrf[i->vrf].name);
	put_direction(j, "original", i, 0, g->session.accounting);
	put_direction(j, "reply", i, 1, g->session.accounting);
	jw_text(j, "interface_in", iface_name(g, i->s.iif));
	jw_text(j, "interface_out", iface_name(g, i->s.oif));
	/* Under another policy the number would be another rule's. */
	jw_text(j, "rule",
		i->s.policy == g->session.policy ? firewall_rule_text(r->w, i->s.rule, rule, sizeof rule)
						 : "");
	jw_u64(j, "age_seconds", i->age / 1000);
	jw_u64(j, "expires_seconds", (i->left + 999) / 1000);
	jw_u64(j, "worker", i->worker);
	jw_close(j, '}');
}

/* --- the list --- */

/* Up to a piece, a page or the end. False: that was all of it. */
static bool walk(struct listing *l)
{
	struct request *r = l->r;
	unsigned looked = 0;

	for (; l->worker < WORKER_MAX; l->worker++, l->number = 1)
		for (; l->number < session_limit(r->w, l->worker); l->number++) {
			struct session_info i;

			if (l->count >= l->limit || r->out.len >= API_PIECE || looked++ >= LOOKED_AT)
				return true;
			if (!session_read(r->w, l->worker, l->number, &i) || i.left == 0 ||
				!session_matches(&l->filter, &i))
				continue;
			l->count++;
			put_session(r, &i);
		}
	return false;
}

static bool more_sessions(struct request *r)
{
	struct listing *l = r->state;
	bool rest;

	if (!l->begun) {
		jw_open(&r->out, NULL, '{');
		jw_open(&r->out, "sessions", '[');
	}
	l->begun = true;
	rest = walk(l);
	if (rest && l->count < l->limit) {
		/* A piece is never empty, or it would be the end. */
		if (r->out.len == 0)
			jw_raw(&r->out, " ", 1);
		return true;
	}
	jw_close(&r->out, ']');
	if (rest)
		jw_format(&r->out, "next", "%u.%u", l->worker, l->number);
	else
		jw_text(&r->out, "next", NULL);
	jw_close(&r->out, '}');
	return false;
}

static bool read_page(struct request *r, struct listing *l)
{
	const char *limit = r->query(r, "limit"), *after = r->query(r, "after");
	unsigned worker, number;
	char rest;

	l->limit = PAGE_DEFAULT;
	l->number = 1;
	if (limit != NULL && strcmp(limit, "all") == 0)
		l->limit = UINT64_MAX;
	else if (limit != NULL && (value_u64(limit, &l->limit) != 0 || l->limit == 0 || l->limit > PAGE_MAX))
		reply_error(
			r, 400, "limit '%.64s' is neither 'all' nor a number from 1 to %d", limit, PAGE_MAX);
	else if (after != NULL && (sscanf(after, "%u.%u%c", &worker, &number, &rest) != 2 ||
					  worker >= WORKER_MAX || number == 0 || number > FLOW_MAX))
		reply_error(r, 400, "after '%.64s' is not what a page said as next", after);
	if (r->status != 0)
		return false;
	if (after != NULL) {
		l->worker = worker;
		l->number = number;
	}
	return true;
}

static void show_sessions(struct request *r)
{
	struct listing *l = calloc(1, sizeof *l);

	if (l == NULL) {
		reply_error(r, 507, "not enough memory for the list of sessions");
		return;
	}
	l->r = r;
	l->filter = SESSION_FILTER_ALL;
	r->state = l;
	r->state_free = free;
	for (unsigned i = 0; i < sizeof filter_keys / sizeof *filter_keys; i++) {
		const char *text = r->query(r, filter_keys[i]);

		if (text != NULL && !read_filter(r, i, text, &l->filter))
			return;
	}
	if (read_page(r, l))
		r->more = more_sessions;
}

/* --- totals --- */

static void show_totals(struct request *r)
{
	struct session_totals t;
	struct jw *j = &r->out;

	session_totals(r->w, &t);
	jw_open(j, NULL, '{');
	jw_u64(j, "sessions", t.sessions);
	jw_u64(j, "max", t.max);
	jw_u64(j, "memory_bytes", t.memory);
	jw_open(j, "states", '{');
	for (unsigned i = 0; i < SESSION_STATE_COUNT; i++)
		jw_u64(j, session_state_names[i], t.state[i]);
	jw_close(j, '}');
	jw_u64(j, "created", t.created);
	jw_u64(j, "expired", t.expired);
	jw_u64(j, "cleared", t.cleared);
	jw_u64(j, "evicted", t.evicted);
	jw_u64(j, "denied", t.denied);
	jw_u64(j, "refused_full", t.refused_full);
	jw_u64(j, "refused_source", t.refused_source);
	jw_u64(j, "sources", t.sources);
	jw_u64(j, "fragmented_packets", t.fragments);
	jw_close(j, '}');
}

/* --- ending them --- */

static const char *body_text(const json_t *v, char *buf, size_t size)
{
	if (json_is_integer(v)) {
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
		return buf;
	}
	return json_string_value(v);
}

static void clear_sessions(struct request *r)
{
	struct session_filter f = SESSION_FILTER_ALL;
	uint64_t cleared;
	char buf[32];

	for (unsigned i = 0; i < sizeof filter_keys / sizeof *filter_keys; i++) {
		const char *text = body_text(json_object_get(r->body, filter_keys[i]), buf, sizeof buf);

		if (text != NULL && !read_filter(r, i, text, &f))
			return;
	}
	cleared = session_clear(r->w, &f);
	event_publish(r->w, "sessions-cleared", EV_TEXT("client", r->client), EV_U64("sessions", cleared));
	jw_open(&r->out, NULL, '{');
	jw_u64(&r->out, "cleared", cleared);
	jw_close(&r->out, '}');
}

/* --- what they look like --- */

static const struct doc direction_docs[] = {
	{"source", DOC_TEXT, "Source address."},
	{"source_port", DOC_U64,
		"Source port; of ICMP queries the identifier, of their answers the type asked for."},
	{"destination", DOC_TEXT, "Destination address."},
	{"destination_port", DOC_U64, "Destination port; of ICMP the other way round."},
	{"packets", DOC_U64, "Packets, with sessions.accounting.", .flags = DOC_OPTIONAL},
	{"bytes", DOC_U64, "Bytes of IP packets, with sessions.accounting.", .flags = DOC_OPTIONAL},
	{0},
};
static const struct doc session_docs[] = {
	{"id", DOC_TEXT, "Names it for as long as it lives."},
	{"family", DOC_U64, "4 or 6."},
	{"protocol", DOC_TEXT, "tcp, udp, icmp, icmpv6 ... or a number."},
	{"state", DOC_TEXT, "State.", .words = session_state_names},
	{"vrf", DOC_TEXT, "The VRF."},
	{"original", DOC_OBJECT, "As the first packet was.", direction_docs},
	{"reply", DOC_OBJECT, "As its answers are.", direction_docs},
	{"interface_in", DOC_TEXT, "Where the first packet came in.", .flags = DOC_NULL},
	{"interface_out", DOC_TEXT, "Where it left.", .flags = DOC_NULL},
	{"rule", DOC_TEXT,
		"The rule of the firewall that let it in; empty without, and until it is judged again."},
	{"age_seconds", DOC_U64, "Since it began."},
	{"expires_seconds", DOC_U64, "Until it ends when no packet comes."},
	{"worker", DOC_U64, "Its owner."},
	{0},
};
static const struct doc sessions_docs[] = {
	{"sessions", DOC_LIST, "Sessions, in no order.", session_docs},
	{"next", DOC_TEXT, "Give this as after for the next page; null: that was all.", .flags = DOC_NULL},
	{0},
};
static const struct doc totals_docs[] = {
	{"sessions", DOC_U64, "Sessions now."},
	{"max", DOC_U64, "sessions.max; 0 when no interface keeps sessions."},
	{"memory_bytes", DOC_U64, "Memory of the tables."},
	{"states", DOC_MAP, "Sessions by state."},
	{"created", DOC_U64, "Sessions that began."},
	{"expired", DOC_U64, "Sessions that ended for want of packets."},
	{"cleared", DOC_U64, "Sessions that were ended by hand."},
	{"evicted", DOC_U64, "Half-open and closed sessions that made room for new ones."},
	{"denied", DOC_U64, "Sessions that a changed policy ended."},
	{"refused_full", DOC_U64, "Sessions that could not begin because the table was full."},
	{"refused_source", DOC_U64, "Sessions that could not begin because of sessions.per-source."},
	{"sources", DOC_U64, "Sources with sessions, with sessions.per-source."},
	{"fragmented_packets", DOC_U64, "Packets in fragments that are followed now."},
	{0},
};
static const struct doc cleared_docs[] = {{"cleared", DOC_U64, "How many sessions ended."}, {0}};
#define FILTER_HELP                                                                                          \
	{"address", "Address or prefix of either end."}, {"source", "Source of the first packet."},          \
		{"destination", "Destination of the first packet."},                                         \
		{"port", "Port of either end.", "^[0-9]{1,5}$"},                                             \
		{"source-port", "Source port of the first packet.", "^[0-9]{1,5}$"},                         \
		{"destination-port", "Destination port of the first packet.", "^[0-9]{1,5}$"},               \
		{"protocol", "tcp, udp, icmp, icmpv6 ... or a number."},                                     \
		{"state", "A state, as in the list."},                                                       \
		{"interface", "The first packet came in or left here."},                                     \
	{                                                                                                    \
		"vrf", "The VRF; by default all."                                                            \
	}
static const struct param page_params[] = {
	FILTER_HELP,
	{"limit", "Sessions per page, at most 10000 (1000 by default), or all: every one in one reply.",
		"^(all|[1-9][0-9]{0,4})$"},
	{"after", "The value of next in the page before.", "^[0-9]+[.][0-9]+$"},
	{0},
};

#define TEXT_KEY(k, h)                                                                                       \
	{                                                                                                    \
		.key = (k), .type = SCHEMA_STRING, .min = 1, .max = 63, .help = (h)                          \
	}
#define PORT_KEY(k, h)                                                                                       \
	{                                                                                                    \
		.key = (k), .type = SCHEMA_INT, .min = 1, .max = 65535, .help = (h)                          \
	}
static const struct schema clear_body[] = {
	TEXT_KEY("address", "Address or prefix of either end."),
	TEXT_KEY("source", "Source of the first packet."),
	TEXT_KEY("destination", "Destination of the first packet."),
	PORT_KEY("port", "Port of either end."),
	PORT_KEY("source-port", "Source port of the first packet."),
	PORT_KEY("destination-port", "Destination port of the first packet."),
	TEXT_KEY("protocol", "tcp, udp, icmp, icmpv6 ... or a number as text."),
	TEXT_KEY("state", "A state, as in the list."),
	TEXT_KEY("interface", "The first packet came in or left here."),
	TEXT_KEY("vrf", "The VRF."),
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/sessions", "Sessions, all or those that match.", show_sessions, page_params,
		.reply = sessions_docs},
	{"GET", "/v1/sessions/totals", "Sessions by state, and how they began and ended.", show_totals,
		.reply = totals_docs},
	{"POST", "/v1/sessions/clear", "Ends the sessions that match, or all.", clear_sessions,
		.body = clear_body, .reply = cleared_docs, .flags = ENDPOINT_BARE},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
