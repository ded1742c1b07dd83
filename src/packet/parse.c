/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/parse.h"

#include "packet/options.h"

#include <netinet/in.h>
#include <string.h>

enum { OPT6_PAD1 = 0, OPT6_PADN = 1, OPT6_ALERT = 5, OPT6_JUMBO = 0xc2 };

enum parse_result parse_ip4_options(const uint8_t *ip, size_t header_len, struct ip4_options *out)
{
	size_t at = 20;

	memset(out, 0, sizeof *out);
	while (at < header_len && ip[at] != OPT4_END) {
		size_t len;

		if (ip[at] == OPT4_NOP) {
			at++;
			continue;
		}
		if (at + 2 > header_len || ip[at + 1] < 2 || at + ip[at + 1] > header_len) {
			out->pointer = (uint16_t)at;
			return PARSE_MALFORMED;
		}
		len = ip[at + 1];
		out->source_route |= ip[at] == OPT4_LSRR || ip[at] == OPT4_SSRR;
		out->router_alert |= ip[at] == OPT4_ALERT;
		out->record |= ip[at] == OPT4_RECORD_ROUTE || ip[at] == OPT4_TIMESTAMP;
		at += len;
	}
	return PARSE_OK;
}

struct walk6 {
	const uint8_t *ip;
	size_t len, at;
	bool for_us;
	struct ip6_headers *out;
};

static enum parse_result complain(struct walk6 *w, enum parse_result r, size_t pointer)
{
	w->out->pointer = (uint16_t)pointer;
	return r;
}

/* RFC 8200 4.2: the two highest bits of an unknown option say what to do with the packet. */
static enum parse_result unknown_option(struct walk6 *w, size_t at)
{
	switch (w->ip[at] >> 6) {
	case 0:
		return PARSE_OK;
	case 1:
		return PARSE_DISCARD;
	case 2:
		w->out->multicast_too = true;
		return complain(w, PARSE_UNKNOWN, at);
	default:
		return complain(w, PARSE_UNKNOWN, at);
	}
}

/* Options of a hop-by-hop or destination options header that ends at `end`. */
static enum parse_result walk_options(struct walk6 *w, size_t at, size_t end)
{
	while (at < end) {
		enum parse_result r = PARSE_OK;

		if (w->ip[at] == OPT6_PAD1) {
			at++;
			continue;
		}
		if (at + 2 > end || at + 2 + w->ip[at + 1] > end)
			return complain(w, PARSE_MALFORMED, at);
		if (w->ip[at] == OPT6_ALERT)
			w->out->router_alert = true;
		else if (w->ip[at] != OPT6_PADN)
			r = unknown_option(w, at);
		if (r != PARSE_OK)
			return r;
		at += 2u + w->ip[at + 1];
	}
	return PARSE_OK;
}

static bool is_extension(uint8_t proto)
{
	return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
	       proto == IPPROTO_DSTOPTS || proto == IPPROTO_AH;
}

static size_t extension_length(const uint8_t *h, uint8_t proto)
{
	if (proto == IPPROTO_FRAGMENT)
		return 8;
	return proto == IPPROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
}

static void note_fragment(struct walk6 *w, const uint8_t *h)
{
	struct ip6_headers *o = w->out;

	o->fragment = true;
	o->frag_at = (uint16_t)w->at;
	o->frag_prev = o->next_at;
	o->frag_units = (uint16_t)((h[2] << 8 | h[3]) >> 3);
	o->more = (h[3] & 1) != 0;
	memcpy(&o->frag_id, h + 4, 4);
}

static enum parse_result walk_one(struct walk6 *w, uint8_t proto, size_t size)
{
	const uint8_t *h = w->ip + w->at;

	switch (proto) {
	case IPPROTO_HOPOPTS:
		/* RFC 8200 4.1: only directly behind the IPv6 header. */
		if (w->at != 40)
			return complain(w, PARSE_UNKNOWN, w->out->next_at);
		return walk_options(w, w->at + 2, w->at + size);
	case IPPROTO_DSTOPTS:
		return w->for_us ? walk_options(w, w->at + 2, w->at + size) : PARSE_OK;
	case IPPROTO_ROUTING:
		w->out->source_route |= h[3] != 0;
		/* RFC 8200 4.4: an unrecognised type with segments left, and type 0 (RFC 5095), are answered.
		 */
		return w->for_us && h[3] != 0 ? complain(w, PARSE_UNKNOWN, w->at + 2) : PARSE_OK;
	case IPPROTO_FRAGMENT:
		note_fragment(w, h);
		return PARSE_OK;
	default:
		return PARSE_OK;
	}
}

enum parse_result parse_ip6(const uint8_t *ip, size_t len, bool for_us, struct ip6_headers *out)
{
	struct walk6 w = {.ip = ip, .len = len, .at = 40, .for_us = for_us, .out = out};
	uint8_t proto = ip[6];
	unsigned count = 0;

	memset(out, 0, sizeof *out);
	out->next_at = 6;
	/* Behind a later fragment's header there is no header any more. */
	while (is_extension(proto) && !(out->fragment && out->frag_units != 0)) {
		enum parse_result r;
		size_t size;

		if (++count > IP6_EXTENSIONS_MAX)
			return PARSE_TOO_MANY;
		if (w.at + 8 > len || w.at + (size = extension_length(ip + w.at, proto)) > len)
			return PARSE_TRUNCATED;
		r = walk_one(&w, proto, size);
		if (r != PARSE_OK)
			return r;
		proto = ip[w.at];
		out->next_at = (uint16_t)w.at;
		w.at += size;
	}
	out->proto = proto;
	out->l4 = (uint16_t)w.at;
	return PARSE_OK;
}
