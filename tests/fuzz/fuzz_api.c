/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of the API without a network: the first byte chooses an endpoint, the text up to a line feed is
 * the query, the rest the body. Whatever it is, the reply is one JSON document, and a refusal says why. Every
 * endpoint is reached, also /metrics and the streams, which are asked a few times.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <sanitizer/lsan_interface.h>

#include "api/api_priv.h"
#include "config/config.h"
#include "control/diag.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "feature/route/route.h"
#include "runtime/runtime.h"

#define QUERY_MAX 512
#define ROUTES_MAX 5000 /* then they are deleted, or the inputs would be about memory */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir *weir;
static char query_text[QUERY_MAX];

static void need(bool ok)
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

static void start_config(void)
{
	static const char text[] = "ports: {a: {device: none}, b: {device: none}}\n"
				   "interfaces: {lan: {port: a, addresses: [10.0.1.1/24]}}\n";
	struct txn_request q = {.user = "fuzz"};
	static struct diag d = {.file = "fuzz"};
	struct err e = {0};
	struct node *tree = yaml_read(text, sizeof text - 1, &d);

	need(tree != NULL && schema_check(tree, &d) == 0 && weir_apply(weir, tree, &e) == 0);
	need(config_service_new(weir, NULL, store_open(NULL, &e), tree, NULL, &q, &e) != NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char *eal[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-fuzz-api", "-m",
		"128", "--no-telemetry", "-l", "0", "--log-level", "error"};
	struct rte_mempool *pool;
	struct err e = {0};

	__lsan_disable(); /* the leak checker does not look into DPDK's memory, where the instance is */
	need(rte_eal_init(RTE_DIM(eal), eal) >= 0);
	pool = rte_pktmbuf_pool_create("fuzz", 1023, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	weir = pool != NULL ? weir_new(1, pool, &e) : NULL;
	need(weir != NULL);
	weir->offline = true; /* no sockets, whatever a configuration says */
	for (uint16_t i = 0; i < 2; i++) {
		const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(i + 1)};

		need(iface_port_register(weir, i == 0 ? "a" : "b", i, mac, 1500, &e) == 0);
		weir_link_set(weir, i, true);
	}
	start_config();
	__lsan_enable();
	return 0;
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
static void tidy(void)
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

/* --- requests --- */

/* a=1&b=2, as it is. */
static const char *query(const struct request *r, const char *name)
{
	static char value[QUERY_MAX];
	const size_t len = strlen(name);

	for (const char *at = query_text; at != NULL; at = strchr(at, '&')) {
		at += *at == '&';
		if (strncmp(at, name, len) != 0 || (at[len] != '=' && at[len] != '&' && at[len] != '\0'))
			continue;
		snprintf(value, sizeof value, "%s", at + len + (at[len] == '='));
		value[strcspn(value, "&")] = '\0';
		return value;
	}
	return NULL;
}

static const char *header(const struct request *r, const char *name)
{
	return strcmp(name, "If-Match") == 0 ? "*" : NULL;
}

static void finish_document(struct request *r)
{
	uint64_t due = 0;

	for (unsigned i = 0; r->feed != NULL && i < 3; i++)
		r->feed(r, 1000000000ull * (i + 1), &due);
	while (r->more != NULL && r->more(r))
		;
}

static void check_reply(const struct request *r)
{
	json_t *doc;

	need(r->status == 0 || (r->status >= 200 && r->status < 600));
	if (r->type != NULL || r->status == 304 || r->out.failed)
		return;
	doc = json_loadb(r->out.buf, r->out.len, JSON_REJECT_DUPLICATES, NULL);
	need(doc != NULL);
	need(r->status < 400 || json_is_string(json_object_get(doc, "error")));
	json_decref(doc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request r = {.query = query, .header = header, .client = "fuzz", .role = ROLE_WRITE};
	unsigned count;
	const struct endpoint *const *all = endpoints_all(&count);
	const char *text = (const char *)data + 1, *eol = size > 1 ? memchr(text, '\n', size - 1) : NULL;
	const size_t n = eol != NULL ? (size_t)(eol - text) : 0;

	if (size < 2 || n >= sizeof query_text)
		return 0;
	r.w = weir;
	r.endpoint = all[data[0] % count];
	r.name = strchr(r.endpoint->path, '{') != NULL ? "lan" : NULL;
	if (strcmp(r.endpoint->path, "/v1/config/save") == 0)
		return 0; /* it writes files */
	memcpy(query_text, text, n);
	query_text[n] = '\0';
	text += eol != NULL ? n + 1 : 0;
	request_run(&r, text, size - 1 - (eol != NULL ? n + 1 : 0));
	finish_document(&r);
	check_reply(&r);
	request_free(&r);
	weir_control(weir, weir->now + 1000000);
	worker_drain(weir->worker[0], weir_generation(weir), weir->now);
	tidy();
	return 0;
}
