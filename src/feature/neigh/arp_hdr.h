/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ARP packet for Ethernet and IPv4 (RFC 826): pure parsing and building.
 */
#ifndef WEIR_FEATURE_NEIGH_ARP_HDR_H
#define WEIR_FEATURE_NEIGH_ARP_HDR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define ARP_LEN 28

enum { ARP_REQUEST = 1, ARP_REPLY = 2 };

struct arp_packet {
	uint16_t op;
	uint8_t sha[6], tha[6];
	uint32_t spa, tpa; /* host order */
};

static inline uint32_t arp_get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void arp_put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

/* `p` holds ARP_LEN bytes. False: other hardware or protocol, unknown operation, impossible sender. */
static inline bool arp_parse(const uint8_t *p, struct arp_packet *a)
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4}, zero[6];

	if (memcmp(p, ethernet_ipv4, sizeof ethernet_ipv4) != 0)
		return false;
	a->op = (uint16_t)(p[6] << 8 | p[7]);
	memcpy(a->sha, p + 8, 6);
	a->spa = arp_get32(p + 14);
	memcpy(a->tha, p + 18, 6);
	a->tpa = arp_get32(p + 24);
	if (a->op != ARP_REQUEST && a->op != ARP_REPLY)
		return false;
	if ((a->sha[0] & 1) != 0 || memcmp(a->sha, zero, 6) == 0)
		return false;
	return a->spa >> 24 != 127 && a->spa < 0xe0000000;
}

static inline void arp_build(uint8_t *p, const struct arp_packet *a)
{
	static const uint8_t ethernet_ipv4[6] = {0, 1, 8, 0, 6, 4};

	memcpy(p, ethernet_ipv4, sizeof ethernet_ipv4);
	p[6] = (uint8_t)(a->op >> 8);
	p[7] = (uint8_t)a->op;
	memcpy(p + 8, a->sha, 6);
	arp_put32(p + 14, a->spa);
	memcpy(p + 18, a->tha, 6);
	arp_put32(p + 24, a->tpa);
}

#endif
