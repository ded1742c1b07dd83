/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/neigh/nd_msg.h"

#include <string.h>

#include "packet/checksum.h"

#define IP6 40

static bool is_zero(const uint8_t a[16])
{
	static const uint8_t zero[16];

	return memcmp(a, zero, 16) == 0;
}

/* Options up to the end: the wanted link-layer address; false when one has length 0 or runs out. */
static bool parse_options(const uint8_t *p, size_t len, uint8_t wanted, struct nd_msg *out)
{
	static const uint8_t no_mac[6];

	while (len > 0) {
		size_t size = len >= 2 ? p[1] * 8u : 0;

		if (size == 0 || size > len)
			return false;
		if (p[0] == wanted && size == ND_OPTION_LEN && (p[2] & 1) == 0 &&
			memcmp(p + 2, no_mac, 6) != 0) {
			memcpy(out->lladdr, p + 2, 6);
			out->has_lladdr = true;
		}
		p += size;
		len -= size;
	}
	return true;
}

static bool solicited_node(const uint8_t dst[16], const uint8_t target[16])
{
	static const uint8_t group[13] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};

	return memcmp(dst, group, 13) == 0 && memcmp(dst + 13, target + 13, 3) == 0;
}

bool nd_parse(const uint8_t *p, size_t len, const uint8_t src[16], const uint8_t dst[16], struct nd_msg *out)
{
	memset(out, 0, sizeof *out);
	if (len < ND_MSG_LEN || p[1] != 0 || (p[0] != ND_SOLICIT && p[0] != ND_ADVERT))
		return false;
	out->type = p[0];
	out->flags = out->type == ND_ADVERT ? p[4] : 0;
	memcpy(out->target, p + 8, 16);
	if (out->target[0] == 0xff)
		return false;
	if (!parse_options(p + ND_MSG_LEN, len - ND_MSG_LEN, out->type == ND_SOLICIT ? 1 : 2, out))
		return false;
	if (out->type == ND_ADVERT) /* RFC 4861 7.1.2 */
		return !is_zero(src) && !(dst[0] == 0xff && (out->flags & ND_SOLICITED) != 0);
	if (is_zero(src)) /* duplicate address detection, RFC 4861 7.1.1 */
		return solicited_node(dst, out->target) && !out->has_lladdr;
	return true;
}

size_t nd_build(uint8_t *p, const uint8_t src[16], const uint8_t dst[16], const struct nd_msg *msg)
{
	size_t len = ND_MSG_LEN + (msg->has_lladdr ? ND_OPTION_LEN : 0);
	uint8_t *icmp = p + IP6;
	uint16_t sum;

	memset(p, 0, IP6 + len);
	p[0] = 0x60;
	p[5] = (uint8_t)len;
	p[6] = 58;
	p[7] = 255;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	icmp[0] = msg->type;
	icmp[4] = msg->flags;
	memcpy(icmp + 8, msg->target, 16);
	if (msg->has_lladdr) {
		icmp[ND_MSG_LEN] = msg->type == ND_SOLICIT ? 1 : 2;
		icmp[ND_MSG_LEN + 1] = 1;
		memcpy(icmp + ND_MSG_LEN + 2, msg->lladdr, 6);
	}
	sum = checksum_ip6(src, dst, 58, icmp, len);
	memcpy(icmp + 2, &sum, sizeof sum);
	return IP6 + len;
}
