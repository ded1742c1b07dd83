/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The packet inside an ICMP error: anyone may have written it, so nothing in it is believed.
 */
#include "feature/session/key.h"

#define INNER_L4 8 /* RFC 792: that much of it at least is quoted */

static bool read4(const uint8_t *p, uint32_t len, uint32_t *l4, struct key_inner *out)
{
	uint32_t header;

	if (len < IP4_HEADER || p[0] >> 4 != 4)
		return false;
	header = (p[0] & 15) * 4u;
	*l4 = header;
	out->proto = p[9];
	return header >= IP4_HEADER && (be16_at(p + 6) & 0x1fff) == 0;
}

static bool read6(const uint8_t *p, uint32_t len, uint32_t *l4, struct key_inner *out)
{
	struct ip6_headers h;

	if (len < IP6_HEADER || p[0] >> 4 != 6 || parse_ip6(p, len, false, &h) != PARSE_OK)
		return false;
	*l4 = h.l4;
	out->proto = h.proto;
	return h.frag_units == 0;
}

bool key_read_inner(const uint8_t *p, uint32_t len, uint8_t family, struct key_inner *out)
{
	enum key_kind k;
	uint32_t l4;

	if (!(family == FAMILY_V4 ? read4(p, len, &l4, out) : read6(p, len, &l4, out)) || l4 + INNER_L4 > len)
		return false;
	out->ip = p;
	out->l4 = p + l4;
	k = key_ports_of(family, out->proto, out->l4, &out->ports);
	return k == KEY_FLOW || k == KEY_QUERY || k == KEY_REPLY;
}
