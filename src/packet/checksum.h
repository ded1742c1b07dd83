/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Internet checksums (RFC 1071) over contiguous bytes and over mbuf chains. Results are as stored in a header
 * (network order, complemented).
 */
#ifndef WEIR_PACKET_CHECKSUM_H
#define WEIR_PACKET_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

struct rte_mbuf;

/* One's complement sum, not folded below 16 bits; `start` continues an earlier sum (of an even number of
 * bytes). */
uint32_t checksum_add(uint32_t start, const void *p, size_t len);
/* Folded and complemented. */
uint16_t checksum_finish(uint32_t sum);

uint16_t checksum_ip4_header(const void *ip, size_t len);
/* Upper-layer checksum with the IPv6 pseudo-header (RFC 8200 8.1); the field itself must be zero in p, or the
 * result is 0 when the stored checksum is right. */
uint16_t checksum_ip6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, const void *p, size_t len);

/* Sum over `len` bytes of a chain from `offset`; the same conventions. */
uint32_t checksum_mbuf(uint32_t start, const struct rte_mbuf *m, uint32_t offset, uint32_t len);
/* Sum of the IPv6 pseudo-header. */
uint32_t checksum_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, uint32_t len);

#endif
