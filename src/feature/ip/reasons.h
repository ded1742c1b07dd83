/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/feature/ip: how packets end in the stages for routing and forwarding; see reasons.c.
 */
#ifndef WEIR_FEATURE_IP_REASONS_H
#define WEIR_FEATURE_IP_REASONS_H

#include "pipeline/reason.h"

extern struct reason reason_no_route, reason_blackhole, reason_unreachable, reason_prohibit,
	reason_link_broadcast, reason_host_only, reason_scope, reason_broadcast_out, reason_ttl,
	reason_too_big, reason_forward_headroom, reason_ip_options;

#endif
