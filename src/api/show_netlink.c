/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where routes come from besides the configuration: the kernel's tables, FPM; and whether ours are the
 * kernel's.
 */
#include "api/api_priv.h"
#include "feature/netlink/netlink.h"

static const struct doc protocol_docs[] = {
	{"protocol", DOC_TEXT, "Who installed them."},
	{"routes", DOC_U64, "How many there are."},
	{0},
};
static const struct doc source_docs[] = {
	{"name", DOC_TEXT, "kernel or fpm."},
	{"namespace", DOC_TEXT, "Path of the network namespace it reads; null: weir's own.",
		.flags = DOC_NULL},
	{"state", DOC_TEXT, "kernel: waiting, syncing or synced; fpm: listening, connected or stale."},
	{"synced_ago_ns", DOC_U64, "Since the last sync; null: there was none.", .flags = DOC_NULL},
	{"ipv4_routes", DOC_U64, "IPv4 routes, active or not."},
	{"ipv6_routes", DOC_U64, "IPv6 routes, active or not."},
	{"protocols", DOC_LIST, "The same by protocol.", protocol_docs},
	{"links", DOC_U64, "Links in its namespace."},
	{"addresses", DOC_U64, "Addresses of twins that are weir's."},
	{"objects", DOC_U64, "Next-hop objects."},
	{"messages", DOC_U64, "Messages looked at."},
	{"syncs", DOC_U64, "Times everything was read."},
	{"overruns", DOC_U64, "Times the kernel lost notifications; each led to a sync."},
	{"repeats", DOC_U64, "Dumps that were repeated because the kernel's tables changed."},
	{"stalls", DOC_U64, "Times messages had to wait for the control thread."},
	{"swept", DOC_U64, "Routes removed because a sync did not show them."},
	{"connections", DOC_U64, "fpm: clients that connected."},
	{"answers", DOC_U64, "fpm: routes answered."},
	{"ignored", DOC_MAP, "Routes that are none of weir's, by reason; messages."},
	{"refused", DOC_MAP, "Routes that weir could not take, by reason; messages."},
	{0},
};
static const struct doc sources_docs[] = {
	{"sources", DOC_LIST, "What is configured.", source_docs},
	{0},
};

static void put_protocols(struct jw *j, const struct netlink_info *i)
{
	char buf[8];

	jw_open(j, "protocols", '[');
	for (unsigned p = 0; p < 256; p++) {
		if (i->by_protocol[p] == 0)
			continue;
		jw_open(j, NULL, '{');
		jw_text(j, "protocol", netlink_protocol_name((uint8_t)p, buf));
		jw_u64(j, "routes", i->by_protocol[p]);
		jw_close(j, '}');
	}
	jw_close(j, ']');
}

static void put_reasons(struct jw *j, const struct netlink_info *i)
{
	jw_open(j, "ignored", '{');
	for (unsigned k = 0; k < WHY_REASONS; k++) {
		if (k == WHY_REFUSED) {
			jw_close(j, '}');
			jw_open(j, "refused", '{');
		}
		jw_u64(j, netlink_reason_names[k], i->reason[k]);
	}
	jw_close(j, '}');
}

static void put_source(void *ctx, const struct netlink_info *i)
{
	struct request *r = ctx;
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_text(j, "name", i->name);
	jw_text(j, "namespace", i->place[0] != '\0' ? i->place : NULL);
	jw_text(j, "state", i->state);
	if (i->synced_at != 0)
		jw_u64(j, "synced_ago_ns", r->w->now - i->synced_at);
	else
		jw_text(j, "synced_ago_ns", NULL);
	jw_u64(j, "ipv4_routes", i->routes[0]);
	jw_u64(j, "ipv6_routes", i->routes[1]);
	put_protocols(j, i);
	jw_u64(j, "links", i->links);
	jw_u64(j, "addresses", i->addresses);
	jw_u64(j, "objects", i->objects);
	jw_u64(j, "messages", i->messages);
	jw_u64(j, "syncs", i->syncs);
	jw_u64(j, "overruns", i->overruns);
	jw_u64(j, "repeats", i->repeats);
	jw_u64(j, "stalls", i->stalls);
	jw_u64(j, "swept", i->swept);
	jw_u64(j, "connections", i->connections);
	jw_u64(j, "answers", i->answers);
	put_reasons(j, i);
	jw_close(j, '}');
}

static void show_sources(struct request *r)
{
	jw_open(&r->out, NULL, '{');
	jw_open(&r->out, "sources", '[');
	netlink_feeds(r->w, put_source, r);
	jw_close(&r->out, ']');
	jw_close(&r->out, '}');
}

/* --- the comparison --- */

static const struct doc diff_docs[] = {
	{"number", DOC_U64, "Of the comparison that is shown; the next one has the next number."},
	{"running", DOC_BOOL, "Another one is being made."},
	{"error", DOC_TEXT, "Why it could not be made; null.", .flags = DOC_NULL},
	{"compared", DOC_U64, "Routes of the kernel that should be here."},
	{"missing", DOC_U64, "Of these, not here."},
	{"different", DOC_U64, "Of these, here in another form."},
	{"extra", DOC_U64, "Routes of the kernel's source here that the kernel does not have."},
	{"astray", DOC_U64, "Routes that are right, while the forwarding table is not."},
	{"lines", DOC_TEXTS, "The first of them, one line each."},
	{0},
};

static void show_diff(struct request *r)
{
	const struct netlink_diff *d = netlink_diff(r->w);
	struct jw *j = &r->out;

	jw_open(j, NULL, '{');
	jw_u64(j, "number", d->number);
	jw_bool(j, "running", d->running);
	jw_text(j, "error", d->error);
	jw_u64(j, "compared", d->compared);
	jw_u64(j, "missing", d->missing);
	jw_u64(j, "different", d->different);
	jw_u64(j, "extra", d->extra);
	jw_u64(j, "astray", d->astray);
	jw_open(j, "lines", '[');
	for (unsigned i = 0; i < d->lines; i++)
		jw_text(j, NULL, d->line[i]);
	jw_close(j, ']');
	jw_close(j, '}');
}

static void start_diff(struct request *r)
{
	if (netlink_diff_start(r->w) != 0)
		reply_error(r, 409,
			"the kernel's routes are not followed: the configuration has no 'netlink' or it says "
			"routes: false");
	else
		show_diff(r);
}

static const struct schema no_fields[] = {{0}};

static const struct endpoint endpoints[] = {
	{"GET", "/v1/sources", "Where routes come from besides the configuration.", show_sources,
		.reply = sources_docs},
	{"GET", "/v1/kernel/diff", "The last comparison of our routes with the kernel's tables.", show_diff,
		.reply = diff_docs},
	{"POST", "/v1/kernel/diff", "Begins a comparison: done when number has changed.", start_diff,
		.body = no_fields, .reply = diff_docs, .flags = ENDPOINT_READS},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
