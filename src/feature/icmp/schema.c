/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of `icmp:`.
 */
#include "control/schema.h"

static const struct schema icmp_fields[] = {
	{.key = "error-rate",
		.type = SCHEMA_INT,
		.max = 1000000,
		.fallback = "1000",
		.help = "ICMP errors per second and worker."},
	{.key = "error-burst",
		.type = SCHEMA_INT,
		.min = 1,
		.max = 1000000,
		.fallback = "100",
		.help = "ICMP errors that may be sent at once."},
	{.key = "echo",
		.type = SCHEMA_BOOL,
		.fallback = "true",
		.help = "Answer echo requests to our addresses."},
	{0},
};

static const struct schema fields[] = {
	{.key = "icmp", .type = SCHEMA_MAP, .fields = icmp_fields, .help = "ICMP and ICMPv6 that we send."},
	{0},
};

static struct schema_part part = {.fields = fields};
SCHEMA_REGISTER(part)
