/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/schema.h"

const char base[] =
	PORTS "vrfs: {blue: {}}\n"
	      "interfaces:\n"
	      "  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8:a::1/64\"]}\n"
	      "  b: {port: p1, addresses: [10.0.1.1/24, \"2001:db8:b::1/64\"]}\n"
	      "neighbors:\n"
	      "  - {interface: b, address: 10.0.1.3, mac: \"02:aa:00:00:00:03\"}\n"
	      "routes:\n"
	      "  - {prefix: 192.0.2.0/24, via: [{address: 10.0.1.3}]}\n"
	      "  - {prefix: 198.51.100.0/24, via: [{address: 10.0.0.7}, {address: 10.0.1.7, weight: 3}]}\n";

/* What the runtime, which is not here, has in its part of the schema. */
static const struct schema dataplane_fields[] = {
	{.key = "table-memory", .type = SCHEMA_SIZE, .help = "Limit."}, {0}};
static const struct schema dataplane[] = {
	{.key = "dataplane", .type = SCHEMA_MAP, .fields = dataplane_fields, .help = "Memory."}, {0}};
static struct schema_part runtime_part = {.fields = dataplane};
SCHEMA_REGISTER(runtime_part)

struct txn_request by(const char *user)
{
	return (struct txn_request){.user = user};
}

/* A service on a router that has its ports and nothing else. */
void begin(const char *path)
{
	struct txn_request q = by("root");
	struct err e = {0};

	lab_config("");
	if (config_service_new(lab.w, NULL, store_open(NULL, &e), read_tree(PORTS), path, &q, &e) == NULL)
		fail_msg("%s", e.text);
}

void finish(void)
{
	config_service_free(lab.w->config);
	lab_step();
}

int apply(const char *text, struct err *e)
{
	struct txn_request q = by("alice");
	struct node *n = read_tree(text);
	int rc = config_service_apply(lab.w->config, n, &q, NULL, e);

	if (rc != 0)
		node_free(n);
	return rc;
}

void must_apply(const char *text)
{
	struct err e = {0};

	if (apply(text, &e) != 0)
		fail_msg("%s", e.text);
}
