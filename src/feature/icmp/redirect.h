/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/icmp: redirects. Control thread only; redirect6_build() is pure.
 */
#ifndef WEIR_FEATURE_ICMP_REDIRECT_H
#define WEIR_FEATURE_ICMP_REDIRECT_H

#include "feature/icmp/icmp.h"

int redirect_init(struct weir *w, struct err *e);
void redirect_fini(struct weir *w);

/* What an ICMPv6 redirect says (RFC 4861 4.5); addresses of 16 bytes. */
struct redirect6 {
	const uint8_t *source, *to; /* of the IPv6 header */
	const uint8_t *target, *destination;
	const uint8_t *mac;    /* of the target; NULL: not known */
	const uint8_t *packet; /* from its IPv6 header on */
	size_t len;
};
/* Writes the IPv6 packet to p, which has room for 1280 bytes. Returns its bytes. */
size_t redirect6_build(uint8_t *p, const struct redirect6 *r);

#endif
