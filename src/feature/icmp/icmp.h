/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ICMP (RFC 792, 1812 4.3) and ICMPv6 (RFC 4443): echo, errors, and what is for us. See README.md in this
 * folder.
 *
 * Thread-safety: the pure functions have no state; icmp_send_error() belongs to the control thread.
 */
#ifndef WEIR_FEATURE_ICMP_H
#define WEIR_FEATURE_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/weir.h"

enum {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_UNREACH = 3,
	ICMP4_REDIRECT = 5,
	ICMP4_ECHO = 8,
	ICMP4_TIME = 11,
	ICMP4_PARAMETER = 12,
};

enum {
	ICMP6_UNREACH = 1,
	ICMP6_TOO_BIG = 2,
	ICMP6_TIME = 3,
	ICMP6_PARAMETER = 4,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
	ICMP6_LISTENER_QUERY = 130,
	ICMP6_REDIRECT = 137,
};

/* May an error be sent about the packet whose IP header is at offset l3 of m? The rules of RFC 1812 4.3.2.7
 * and RFC 4443 2.4 (e) that the packet itself shows; the caller knows how it came (link broadcast, rate). */
bool icmp_error_allowed(const struct rte_mbuf *m, uint16_t l3, uint8_t family, const struct icmp_error *err);

/* Fills `out` (fresh, empty) with the whole IP packet: the error from `source` about the packet at l3 of
 * `about`. False when `out` has no room. Writes the note's l3, l4, family, proto, flags and dst4. */
bool icmp_error_build(struct rte_mbuf *out, const struct rte_mbuf *about, uint16_t l3, uint8_t family,
	const struct icmp_error *err, const struct ipaddr *source);

/* The interface's first address of the family that is in use (IPv6: a link-local one when `link_local`);
 * false when there is none. */
bool icmp_source(const struct generation *g, const struct iface *ifc, uint8_t family, bool link_local,
	struct ipaddr *out);

/* An address that speaks for the interface, which may have none of the family: its own as above, else any of
 * its VRF that is not link-local; false when there is none. */
bool icmp_speaker(const struct generation *g, const struct iface *ifc, uint8_t family, struct ipaddr *out);

/* A unicast address of an interface in this VRF (link-local: of iif), in use. The subnet-router anycast
 * address (RFC 4291 2.6.1) has a local route as well but is no interface's. */
bool icmp_is_ours(const struct generation *g, uint16_t iif, uint16_t vrf, const struct ipaddr *a);

/* Our address that speaks for errors about the packet whose IP header is at `ip` and that came in by `iif`:
 * the one it was sent to (RFC 4443 2.2, RFC 1122 3.2.1.3), else one of `iif`, else any of the VRF. */
bool icmp_error_source(const struct generation *g, uint16_t iif, uint16_t vrf, uint8_t family,
	const uint8_t *ip, struct ipaddr *out);

/* The worker's side of redirects, from STAGE_TX: some of these slots, which leave by `ifc` in a burst of its
 * port, came in by it. Seldom does anything: not before worker.redirect_at. */
void icmp_pick_redirect(struct worker *w, struct burst *b, uint64_t slots, const struct iface *ifc);

/* The control thread's way to send one (reassembly), within its own share of the rate: `about` stays the
 * caller's. */
void icmp_send_error(
	struct weir *w, const struct rte_mbuf *about, const struct note *n, const struct icmp_error *err);

#endif
