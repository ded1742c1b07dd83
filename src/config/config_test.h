/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of the configuration service share: a router with a configuration in this process.
 */
#ifndef WEIR_CONFIG_CONFIG_TEST_H
#define WEIR_CONFIG_CONFIG_TEST_H

#include "config/config.h"
#include "control/read_test.h"
#include "harness.h"

#define PORTS "ports: {p0: {device: x}, p1: {device: x}, p2: {device: x}, p3: {device: x}}\n"

/* Two networks, a neighbour, two routes. */
extern const char base[];

struct txn_request by(const char *user);
/* A service on a router that has its ports and nothing else; `path` of its startup file or NULL. */
void begin(const char *path);
void finish(void);
int apply(const char *text, struct err *e);
void must_apply(const char *text);

#endif
