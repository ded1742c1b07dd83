/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TCP resets in the name of whom a segment was for (RFC 9293 3.10.7.1).
 *
 * Thread-safety: pure.
 */
#ifndef WEIR_PACKET_RESET_H
#define WEIR_PACKET_RESET_H

#include <stdbool.h>
#include <stdint.h>

#define RESET_MAX 60 /* bytes */

/* The whole IP packet at `p`; its length. `ip` and `tcp` are the refused segment's headers; `acked`: it has
 * ACK, with `ack`; else `end` is the number behind it (SYN and FIN count). Host order. */
uint32_t reset_build(uint8_t *p, const uint8_t *ip, uint8_t family, const uint8_t *tcp, bool acked,
	uint32_t ack, uint32_t end);

#endif
