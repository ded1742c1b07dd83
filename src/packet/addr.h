/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IP addresses and prefixes of both families as one value type.
 */
#ifndef WEIR_PACKET_ADDR_H
#define WEIR_PACKET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_STRLEN 46   /* INET6_ADDRSTRLEN */
#define PREFIX_STRLEN 50 /* address + "/128" + NUL */

enum family { FAMILY_NONE = 0, FAMILY_V4 = 4, FAMILY_V6 = 6 };

/* Bytes in network order; an IPv4 address uses bytes[0..3] and leaves the rest zero, so that two
 * addresses are equal exactly when their memory is. */
struct ipaddr {
	uint8_t bytes[16];
	uint8_t family; /* enum family */
	uint8_t pad[3];
};

struct prefix {
	struct ipaddr addr; /* host bits may be set (an interface address) */
	uint8_t len;        /* 0..32 or 0..128 */
	uint8_t pad[3];
};

struct ipaddr ipaddr_v4(uint32_t host_order);
struct ipaddr ipaddr_v6(const void *bytes16);
uint32_t ipaddr_to_v4(const struct ipaddr *a); /* host order */
bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b);
/* 32 or 128. */
unsigned family_bits(uint8_t family);
bool ipaddr_is_unspecified(const struct ipaddr *a);
bool ipaddr_is_multicast(const struct ipaddr *a);
bool ipaddr_is_link_local(const struct ipaddr *a); /* 169.254/16 or fe80::/10 */
/* 0.0.0.0/8, 127/8, 240/4 and multicast; ::, ::1, ff00::/8 and v4-mapped: never a host's own address. */
bool ipaddr_is_host(const struct ipaddr *a);

/* `a` with the bits beyond `len` cleared. */
struct prefix prefix_masked(const struct prefix *p);
bool prefix_contains(const struct prefix *p, const struct ipaddr *a);
/* Equal network and length (host bits are ignored). */
bool prefix_equal(const struct prefix *a, const struct prefix *b);

/* Text forms: strict (no leading zeros in IPv4 octets, no zone, no spaces). Return 0 or -EINVAL. */
int ipaddr_parse(const char *text, struct ipaddr *out);
/* "ADDR/LEN", or "ADDR" meaning a host prefix. */
int prefix_parse(const char *text, struct prefix *out);
/* Write the canonical text (RFC 5952 for IPv6) to buf and return buf. */
const char *ipaddr_format(const struct ipaddr *a, char buf[static ADDR_STRLEN]);
const char *prefix_format(const struct prefix *p, char buf[static PREFIX_STRLEN]);

#endif
