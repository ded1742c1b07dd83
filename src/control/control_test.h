/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small schema for tests of trees, differences and transactions, and how they read a text.
 */
#ifndef WEIR_CONTROL_CONTROL_TEST_H
#define WEIR_CONTROL_CONTROL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "control/read_test.h"
#include "control/schema.h"

static const struct schema t_address = {.type = SCHEMA_IFADDR, .help = "Address."};
static const struct schema t_interface[] = {
	{.key = "mtu", .type = SCHEMA_INT, .min = 68, .max = 9600, .fallback = "1500", .help = "MTU."},
	{.key = "enabled", .type = SCHEMA_BOOL, .fallback = "true", .help = "Up."},
	{.key = "addresses", .type = SCHEMA_LIST, .item = &t_address, .ordered = true, .help = "Addresses."},
	{.key = "description", .type = SCHEMA_STRING, .help = "For people."},
	{0},
};
static const struct schema t_via_fields[] = {
	{.key = "address", .type = SCHEMA_ADDRESS, .help = "Gateway."},
	{.key = "weight", .type = SCHEMA_INT, .fallback = "1", .help = "Weight."},
	{0},
};
static const struct schema t_via = {.type = SCHEMA_MAP, .fields = t_via_fields, .help = "Hop."};
static const struct schema t_route_fields[] = {
	{.key = "prefix", .type = SCHEMA_PREFIX, .required = true, .help = "Prefix."},
	{.key = "vrf", .type = SCHEMA_NAME, .fallback = "default", .help = "VRF."},
	{.key = "via", .type = SCHEMA_LIST, .item = &t_via, .help = "Hops."},
	{0},
};
static const struct schema t_route = {.type = SCHEMA_MAP, .fields = t_route_fields, .help = "Route."};
static const char *const t_identity[] = {"vrf", "prefix", NULL};
static const struct schema t_timers[] = {
	{.key = "stale", .type = SCHEMA_DURATION, .fallback = "60s", .help = "Time."},
	{.key = "memory", .type = SCHEMA_SIZE, .effect = EFFECT_RESTART, .help = "Size."},
	{0},
};
static const struct schema t_fields[] = {
	{.key = "interfaces", .type = SCHEMA_NAMED, .fields = t_interface, .help = "Interfaces."},
	{.key = "routes", .type = SCHEMA_LIST, .item = &t_route, .identity = t_identity, .help = "Routes."},
	{.key = "hops", .type = SCHEMA_LIST, .item = &t_via, .help = "Items without identity."},
	{.key = "timers", .type = SCHEMA_MAP, .fields = t_timers, .help = "Times."},
	{0},
};
static struct schema_part t_part = {.fields = t_fields};
SCHEMA_REGISTER(t_part)

#endif
