/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reasons of STAGE_ROUTE and STAGE_FORWARD, which may be built several times (pipeline/stage.h,
 * STAGE_CPU_LEVEL).
 */
#include "feature/ip/reasons.h"

REASON_DEFINE(reason_no_route, REASON_DROP, "route-none", "No route leads to the destination.")
REASON_DEFINE(
	reason_blackhole, REASON_DROP, "route-blackhole", "The route to the destination is a blackhole.")
REASON_DEFINE(reason_unreachable, REASON_DROP, "route-unreachable",
	"The destination is unreachable: its route says so, or its neighbour does not answer.")
REASON_DEFINE(reason_prohibit, REASON_DROP, "route-prohibit", "The route to the destination prohibits it.")
REASON_DEFINE(reason_link_broadcast, REASON_DROP, "route-link-broadcast",
	"A unicast packet came as link-layer broadcast or multicast; routers must not forward those.")
REASON_DEFINE(reason_host_only, REASON_DROP, "route-forwarding-off",
	"The packet is not for us and its interface does not forward.")
REASON_DEFINE(reason_scope, REASON_DROP, "route-scope",
	"The source or destination address is only valid on the link the packet came from.")
REASON_DEFINE(reason_broadcast_out, REASON_DROP, "route-broadcast",
	"Directed broadcasts are not sent into their subnet.")

REASON_DEFINE(reason_ttl, REASON_DROP, "ip-ttl-exceeded", "The TTL or hop limit ran out.")
REASON_DEFINE(reason_too_big, REASON_DROP, "ip-too-big",
	"The packet is larger than the next hop's MTU and may not be fragmented.")
REASON_DEFINE(reason_forward_headroom, REASON_ERROR, "forward-no-headroom",
	"The packet buffer has no room for the link-layer header.")
