/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz_instance.h"

#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <sanitizer/lsan_interface.h>

#include "config/config.h"
#include "control/diag.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "feature/route/route.h"
#include "runtime/runtime.h"

#define ROUTES_MAX 5000 /* then they are deleted, or the inputs would be about memory */

void need(bool ok)
{
	if (!ok)
		abort();
}

/* --- a runtime without ports --- */

static const struct schema port_fields[] = {{.key = "device", .type = SCHEMA_STRING, .help = "Device."}, {0}};
static const struct schema root_fields[] = {
	{.key = "ports", .type = SCHEMA_NAMED, .fields = port_fields, .help = "Ports by name."}, {0}};
static struct schema_part part = {.fields = root_fields};
SCHEMA_REGISTER(part)

void runtime_info(const struct weir *w, struct runtime_info *out)
{
	*out = (struct runtime_info){.config_path = "/x",
		.file_prefix = "f",
		.dpdk_version = "DPDK",
		.eal_arguments = "",
		.tsc_hz = 1};
}

void runtime_ports(const struct weir *w, void (*fn)(void *ctx, const struct runtime_port *p), void *ctx)
{
	const struct runtime_port p = {.name = "a", .device = "d", .driver = "n"};

	fn(ctx, &p);
}

void runtime_port_xstats(uint16_t port, void (*fn)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	fn(ctx, "rx_good_packets", port);
}

void runtime_workers(const struct weir *w, void (*fn)(void *ctx, const struct runtime_worker *k), void *ctx)
{
	const struct runtime_worker k = {.polling = "busy", .rest = "spin"};

	fn(ctx, &k);
}

void runtime_memory(const struct weir *w, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx)
{
	const struct runtime_memory m = {.what = "buffers", .bytes = 1};

	fn(ctx, &m);
}

/* --- an instance --- */

static void start_config(struct weir *w, const char *text)
{
	struct txn_request q = {.user = "fuzz"};
	static struct diag d = {.file = "fuzz"};
	struct err e = {0};
	struct node *tree = yaml_read(text, strlen(text), &d);

	need(tree != NULL && schema_check(tree, &d) == 0 && weir_apply(w, tree, &e) == 0);
	need(config_service_new(w, NULL, store_open(NULL, &e), tree, NULL, &q, &e) != NULL);
}

struct weir *instance_new(const char *prefix, const char *config, bool offline)
{
	char *eal[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix",
		(char *)(uintptr_t)prefix, "-m", "128", "--no-telemetry", "-l", "0", "--log-level", "error"};
	struct rte_mempool *pool;
	struct err e = {0};
	struct weir *w;

	__lsan_disable(); /* the leak checker does not look into DPDK's memory, where the instance is */
	need(rte_eal_init(RTE_DIM(eal), eal) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", 1023, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	w = pool != NULL ? weir_new(1, pool, &e) : NULL;
	need(w != NULL);
	w->offline = offline;
	for (uint16_t i = 0; i < 2; i++) {
		const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(i + 1)};

		need(iface_port_register(w, i == 0 ? "a" : "b", i, mac, 1500, &e) == 0);
		weir_link_set(w, i, true);
	}
	start_config(w, config);
	__lsan_enable();
	return w;
}

static bool drop_route(void *ctx, const struct route_info *info)
{
	struct prefix *list = ctx;
	static unsigned n;

	n = list[0].addr.family == FAMILY_NONE ? 0 : n;
	if (info->spec.source == ROUTE_STATIC && n < ROUTES_MAX)
		list[n++] = info->spec.prefix;
	return n < ROUTES_MAX;
}

/* Static routes of the default VRF go when there are many. */
static void drop_routes(struct weir *weir)
{
	static struct prefix list[ROUTES_MAX];
	struct route_totals t;

	route_totals(weir, &t);
	if (t.routes[0] + t.routes[1] < ROUTES_MAX)
		return;
	for (uint8_t family = 4; family <= 6; family += 2) {
		memset(list, 0, sizeof list);
		route_walk(weir, 0, family, NULL, drop_route, list);
		for (unsigned i = 0; i < ROUTES_MAX && list[i].addr.family != FAMILY_NONE; i++)
			route_del(weir, 0, ROUTE_STATIC, &list[i], NULL);
	}
}

void instance_rest(struct weir *w)
{
	weir_control(w, w->now + 1000000);
	worker_drain(w->worker[0], weir_generation(w), w->now);
	drop_routes(w);
}
