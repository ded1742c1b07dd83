/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small per-packet helpers on IP headers; pure, no mbufs.
 */
#ifndef WEIR_FEATURE_IP_IP_HDR_H
#define WEIR_FEATURE_IP_IP_HDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>

#define IP4_HEADER 20
#define IP6_HEADER 40

static inline uint32_t ip_get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* TTL minus one and the checksum with it (RFC 1141 as corrected by RFC 1624): bytes 8..11 of the header
 * are TTL, protocol, checksum. The new checksum is the old plus one in the high octet, end-around carry. */
static inline void ip4_decrement_ttl(uint8_t *ip)
{
	uint32_t v = ip_get32(ip + 8);
	uint32_t sum = (v >> 16) + RTE_BE16(0x0100);

	sum += sum >= 0xffff;
	v = ((v & 0xffff) - 1) | sum << 16;
	memcpy(ip + 8, &v, sizeof v);
}

static inline bool ip4_df(const uint8_t *ip)
{
	return (ip[6] & 0x40) != 0;
}

static inline bool ip6_is_link_local(const uint8_t *a)
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

#endif
