/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Neighbour solicitations and advertisements (RFC 4861 4.3, 4.4): pure parsing and building.
 */
#ifndef WEIR_FEATURE_NEIGH_ND_MSG_H
#define WEIR_FEATURE_NEIGH_ND_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ND_SOLICIT = 135, ND_ADVERT = 136, ND_REDIRECT = 137 };
enum { ND_ROUTER = 0x80, ND_SOLICITED = 0x40, ND_OVERRIDE = 0x20 };

#define ND_MSG_LEN 24   /* ICMPv6 header and target */
#define ND_OPTION_LEN 8 /* link-layer address of Ethernet */

struct nd_msg {
	uint8_t type, flags;
	uint8_t target[16];
	bool has_lladdr; /* source (NS) or target (NA) link-layer address option */
	uint8_t lladdr[6];
};

/* `p`: ICMPv6 message of `len` bytes, checksum already verified; src/dst: addresses of the IPv6 header.
 * False when RFC 4861 7.1 says to discard it silently. */
bool nd_parse(const uint8_t *p, size_t len, const uint8_t src[16], const uint8_t dst[16], struct nd_msg *out);

/* Writes IPv6 header, message and (if has_lladdr) the option to p; returns the bytes written. `p` has room
 * for 40 + ND_MSG_LEN + ND_OPTION_LEN. Hop limit 255, checksum filled. */
size_t nd_build(uint8_t *p, const uint8_t src[16], const uint8_t dst[16], const struct nd_msg *msg);

#endif
