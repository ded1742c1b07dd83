/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `sessions:`.
 */
#include "control/schema.h"
#include "feature/session/session_priv.h"

#define SECOND UINT64_C(1000000000)
#define TIMEOUT(k, f, h)                                                                                     \
	{                                                                                                    \
		.key = (k), .type = SCHEMA_DURATION, .min = SECOND, .max = 7 * 86400 * SECOND,               \
		.fallback = (f), .help = (h)                                                                 \
	}

static const struct schema timeout_fields[] = {
	TIMEOUT("tcp-opening", "4m", "TCP connections that are not established yet (RFC 5382 5)."),
	TIMEOUT("tcp-established", "124m", "Established TCP connections (RFC 5382 5)."),
	TIMEOUT("tcp-closing", "4m", "TCP connections of which one side or both have closed (RFC 5382 5)."),
	TIMEOUT("tcp-reset", "4m", "TCP connections that were reset (RFC 7857 2.2)."),
	TIMEOUT("udp-new", "2m", "UDP that nobody has answered (RFC 4787 4.3)."),
	TIMEOUT("udp", "5m", "UDP in both directions (RFC 4787 4.3)."),
	TIMEOUT("icmp", "1m", "ICMP queries (RFC 5508 3.2)."),
	TIMEOUT("other", "5m", "Any other protocol."),
	{0},
};

static const struct schema session_fields[] = {
	{.key = "max",
		.type = SCHEMA_INT,
		.min = SESSION_MIN,
		.max = FLOW_MAX - 64,
		.fallback = "262144",
		.help = "Sessions of all workers together; each has an equal share. IPv6 sessions count "
			"twice."},
	{.key = "per-source",
		.type = SCHEMA_INT,
		.max = FLOW_MAX,
		.fallback = "0",
		.help = "Sessions that one source (IPv4 address, IPv6 /64) may have, 0: any number. Each "
			"worker "
			"counts its share."},
	{.key = "tcp-pickup",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Take up TCP connections whose beginning was not seen, for instance after a restart; "
			"their windows are not checked."},
	{.key = "accounting",
		.type = SCHEMA_BOOL,
		.fallback = "false",
		.help = "Count packets and bytes of each session."},
	{.key = "timeouts",
		.type = SCHEMA_MAP,
		.fields = timeout_fields,
		.help = "How long a session lives without packets."},
	{0},
};

static const struct schema fields[] = {
	{.key = "sessions",
		.type = SCHEMA_MAP,
		.fields = session_fields,
		.help = "Sessions of interfaces with a zone, or with sessions: true."},
	{0},
};

static struct schema_part part = {.fields = fields};
SCHEMA_REGISTER(part)
