/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WEIR_FEATURE_SESSION_RESET_H
#define WEIR_FEATURE_SESSION_RESET_H

#include "feature/session/tcp.h"

/* Answers slot i, a TCP segment that is refused, with a reset (RFC 9293 3.10.7.1) from whom it was for;
 * within the rate of ICMP errors. Never answers a reset, nor what came as link broadcast. */
void session_send_reset(struct worker *w, const struct generation *g, const struct burst *b, unsigned i,
	const struct tcp_segment *about);

/* The whole IP packet for it at `p` (60 bytes); its length. `ip` is the refused packet's header. */
uint32_t session_build_reset(
	uint8_t *p, const uint8_t *ip, uint8_t family, const uint8_t *tcp, const struct tcp_segment *about);

#endif
