/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lists of rules with their counters, and named sets, as documents.
 */
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "control/events.h"
#include "feature/acl/acl.h"
#include "feature/set/set.h"

static void put_use(void *ctx, const char *iface, bool out)
{
	struct jw *j = ctx;

	jw_open(j, NULL, '{');
	jw_text(j, "interface", iface);
	jw_text(j, "direction", out ? "out" : "in");
	jw_close(j, '}');
}

static void put_head(struct jw *j, const struct weir *w, uint32_t list)
{
	struct acl_list_info l;

	acl_list_info(w, list, &l);
	jw_open(j, NULL, '{');
	jw_text(j, "name", l.name);
	jw_text(j, "matcher", l.tuned ? "rte_acl" : l.tuning ? "compiling" : "bits");
	jw_u64(j, "memory_bytes", l.memory);
	jw_open(j, "interfaces", '[');
	acl_uses(w, list, put_use, j);
	jw_close(j, ']');
	jw_open(j, "rules", '[');
}

/* `age`: since a packet met the rule last. */
static void put_rule(struct jw *j, const struct weir *w, uint32_t list, uint32_t rule)
{
	struct acl_rule_info r;

	acl_rule_info(w, list, rule, false, &r);
	jw_open(j, NULL, '{');
	jw_u64(j, "id", r.id);
	jw_text(j, "name", r.name[0] != '\0' ? r.name : NULL);
	jw_text(j, "comment", r.comment[0] != '\0' ? r.comment : NULL);
	jw_text(j, "action", acl_action_names[r.action]);
	jw_text(j, "goto", r.to);
	jw_u64(j, "packets", r.packets);
	jw_u64(j, "bytes", r.bytes);
	if (r.last != 0 && r.last <= w->now)
		jw_u64(j, "age_ns", w->now - r.last);
	else if (r.last != 0)
		jw_u64(j, "age_ns", 0);
	else
		jw_text(j, "age_ns", NULL);
	jw_close(j, '}');
}

/* --- in pieces: a list may have thousands of rules --- */

struct acls {
	char only[ACL_NAME];    /* "": all */
	char current[ACL_NAME]; /* the list that is being written */
	uint32_t list, rule;
	bool begun, in_list;
};

/* Writes rules of the current list; false when it is done, or has gone meanwhile. */
static bool more_rules(struct request *r, struct acls *s)
{
	struct acl_list_info l;

	if (s->list < acl_lists(r->w)) {
		acl_list_info(r->w, s->list, &l);
		if (strcmp(l.name, s->current) == 0)
			while (s->rule <= l.rules) {
				if (r->out.len >= API_PIECE)
					return true;
				put_rule(&r->out, r->w, s->list, s->rule++);
			}
	}
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
	s->list++;
	s->in_list = false;
	return false;
}

static void begin_list(struct request *r, struct acls *s)
{
	struct acl_list_info l;

	acl_list_info(r->w, s->list, &l);
	if (s->only[0] != '\0' && strcmp(l.name, s->only) != 0) {
		s->list++;
		return;
	}
	memcpy(s->current, l.name, sizeof s->current);
	s->rule = 0;
	s->in_list = true;
	put_head(&r->out, r->w, s->list);
}

static bool more_acls(struct request *r)
{
	struct acls *s = r->state;

	if (!s->begun) {
		jw_open(&r->out, NULL, '{');
		jw_open(&r->out, "acls", '[');
		s->begun = true;
	}
	while (s->in_list || s->list < acl_lists(r->w)) {
		if (r->out.len >= API_PIECE)
			return true;
		if (!s->in_list)
			begin_list(r, s);
		if (s->in_list && more_rules(r, s))
			return true;
	}
	jw_close(&r->out, ']');
	jw_u64(&r->out, "log_suppressed", acl_log_suppressed(r->w));
	jw_close(&r->out, '}');
	return false;
}

static void show_acls(struct request *r)
{
	const char *name = r->query(r, "name");
	struct acls *s;

	if (name != NULL && acl_find(r->w, name) < 0) {
		reply_error(r, 404, "there is no list '%.64s'", name);
		return;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL) {
		reply_error(r, 507, "not enough memory for the lists of rules");
		return;
	}
	if (name != NULL)
		memcpy(s->only, name, strlen(name) + 1);
	r->state = s;
	r->state_free = free;
	r->more = more_acls;
}

static void clear_acls(struct request *r)
{
	const char *name = json_string_value(json_object_get(r->body, "name"));
	const int list = name != NULL ? acl_find(r->w, name) : 0;

	if (list < 0) {
		reply_error(r, 404, "there is no list '%.64s'", name);
		return;
	}
	for (uint32_t i = 0; i < acl_lists(r->w); i++)
		if (name == NULL || i == (uint32_t)list)
			acl_clear(r->w, i);
	reply_ok(r);
}

static void put_set(void *ctx, const struct set *s)
{
	struct jw *j = ctx;

	jw_open(j, NULL, '{');
	jw_text(j, "name", s->name);
	jw_text(j, "kind", s->is_ports ? "ports" : "addresses");
	jw_u64(j, "entries", s->entries);
	jw_u64(j, "ipv4_ranges", s->addresses.v4.count);
	jw_u64(j, "ipv6_ranges", s->addresses.v6.count);
	jw_u64(j, "port_ranges", s->ports.count);
	jw_close(j, '}');
}

static void show_sets(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "sets", '[');
	sets_walk(r->w, put_set, &r->out);
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

/* --- the endpoints --- */

static const char *const directions[] = {"in", "out", NULL};
static const char *const matchers[] = {"bits", "compiling", "rte_acl", NULL};
static const char *const kinds[] = {"addresses", "ports", NULL};
static const struct doc use_docs[] = {
	{"interface", DOC_TEXT, "Name of the interface."},
	{"direction", DOC_TEXT, "in: what comes in. out: what is forwarded out.", .words = directions},
	{0},
};
static const struct doc rule_docs[] = {
	{"id", DOC_U64, "Number of the rule; 0: the list's default."},
	{"name", DOC_TEXT, "Its name.", .flags = DOC_NULL},
	{"comment", DOC_TEXT, "For people.", .flags = DOC_NULL},
	{"action", DOC_TEXT, "What it does.", .words = acl_action_names},
	{"goto", DOC_TEXT, "The list it leads to.", .flags = DOC_NULL},
	{"packets", DOC_U64, "Packets that it matched."},
	{"bytes", DOC_U64, "Their IP lengths."},
	{"age_ns", DOC_U64, "Since the last one; null: there was none.", .flags = DOC_NULL},
	{0},
};
static const struct doc list_docs[] = {
	{"name", DOC_TEXT, "Name of the list."},
	{"matcher", DOC_TEXT, "bits: bit vectors. compiling: rte_acl is being prepared. rte_acl: it is used.",
		.words = matchers},
	{"memory_bytes", DOC_U64, "Memory of the compiled list."},
	{"interfaces", DOC_LIST, "Where it is used.", use_docs},
	{"rules", DOC_LIST, "In their order; the last one is the default.", rule_docs},
	{0},
};
static const struct doc acls_docs[] = {
	{"acls", DOC_LIST, "By their place in the configuration.", list_docs},
	{"log_suppressed", DOC_U64, "Packets that were not logged because of the rate."},
	{0},
};
static const struct doc set_docs[] = {
	{"name", DOC_TEXT, "Name of the set."},
	{"kind", DOC_TEXT, "What is in it.", .words = kinds},
	{"entries", DOC_U64, "As written."},
	{"ipv4_ranges", DOC_U64, "IPv4 ranges when what touches is joined."},
	{"ipv6_ranges", DOC_U64, "IPv6 ranges."},
	{"port_ranges", DOC_U64, "Ranges of ports."},
	{0},
};
static const struct doc sets_docs[] = {{"sets", DOC_LIST, "By name.", set_docs}, {0}};
static const struct param acl_params[] = {{"name", "Only this list."}, {0}};
static const struct schema clear_fields[] = {
	{.key = "name", .type = SCHEMA_NAME, .help = "Only this list."},
	{0},
};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/acls", "Lists of rules with their counters.", show_acls, acl_params, .reply = acls_docs},
	{"POST", "/v1/acls/clear", "Sets the counters of rules to zero.", clear_acls, .body = clear_fields,
		.reply = doc_ok, .flags = ENDPOINT_BARE},
	{"GET", "/v1/sets", "Named sets.", show_sets, .reply = sets_docs},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
