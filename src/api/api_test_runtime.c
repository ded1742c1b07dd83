/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The instance under the API's tests: EAL without devices, two ports that exist by name only, and a runtime
 * that answers with constants. The control loop runs in a thread of its own, as in the daemon.
 */
#include "api/api_test.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

#include "api/api.h"
#include "control/schema.h"
#include "config/config.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "pipeline/weir.h"
#include "runtime/runtime.h"

static char directory[] = "/tmp/weir-api-test-XXXXXX";
static char path[128];
static struct weir *instance;
static struct event_base *base;
static struct api *api;
static pthread_t thread;
static bool stopping;

/* --- the runtime --- */

static const struct schema port_fields[] = {
	{.key = "device", .type = SCHEMA_STRING, .help = "What EAL calls it."},
	{0},
};
static const struct schema root_fields[] = {
	{.key = "ports", .type = SCHEMA_NAMED, .fields = port_fields, .help = "Ports by name."},
	{0},
};
static struct schema_part part = {.fields = root_fields};
SCHEMA_REGISTER(part)

void runtime_info(const struct weir *w, struct runtime_info *out)
{
	*out = (struct runtime_info){.uptime_ns = 5000000000,
		.config_path = "/etc/weir/\xff.yaml", /* not UTF-8: the document must be */
		.file_prefix = "test",
		.dpdk_version = "DPDK",
		.eal_arguments = "--no-huge",
		.tsc_hz = 1000000000};
}

void runtime_ports(const struct weir *w, void (*fn)(void *ctx, const struct runtime_port *p), void *ctx)
{
	for (uint16_t i = 0; i < 2; i++) {
		struct runtime_port p = {.name = i == 0 ? "a" : "b",
			.device = "none",
			.driver = "net_none",
			.id = i,
			.mtu = 1500,
			.link_up = i == 0,
			.rx_queues = 1,
			.tx_queues = 2,
			.socket = i == 0 ? 0 : -1,
			.rx_packets = UINT64_MAX};

		fn(ctx, &p);
	}
}

void runtime_port_xstats(uint16_t port, void (*fn)(void *ctx, const char *name, uint64_t value), void *ctx)
{
	fn(ctx, "rx_good_packets", 7);
	fn(ctx, "odd\"name\n", 8);
}

void runtime_workers(const struct weir *w, void (*fn)(void *ctx, const struct runtime_worker *k), void *ctx)
{
	struct runtime_worker k = {.lcore = 1,
		.busy_cycles = 1,
		.idle_cycles = 3,
		.queue_count = 1,
		.polling = "busy",
		.rest = "spin",
		.queue[0].port = "a"};

	fn(ctx, &k);
}

void runtime_memory(const struct weir *w, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx)
{
	struct runtime_memory m = {.what = "packet buffers", .bytes = 4096, .count = 10, .used = 3};

	fn(ctx, &m);
}

/* Its first configuration has the ports and nothing else. */
static void start_config(void)
{
	static const char text[] = "ports: {a: {device: none}, b: {device: none}}\n";
	struct txn_request q = {.user = "test"};
	struct diag d = {.file = "test"};
	struct err e = {0};
	struct node *tree = yaml_read(text, sizeof text - 1, &d);

	assert_non_null(tree);
	assert_int_equal(schema_check(tree, &d), 0);
	assert_non_null(config_service_new(instance, NULL, store_open(NULL, &e), tree, NULL, &q, &e));
}

/* --- the control loop --- */

static void turn(evutil_socket_t fd, short what, void *arg)
{
	weir_control(instance, instance->now + 1000000);
	worker_drain(instance->worker[0], weir_generation(instance), instance->now);
	if (__atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		event_base_loopbreak(base);
}

static void *loop(void *arg)
{
	struct timeval every = {.tv_usec = 1000};
	struct event *tick = event_new(base, -1, EV_PERSIST, turn, NULL);

	event_add(tick, &every);
	event_base_dispatch(base);
	event_free(tick);
	return NULL;
}

static void start_instance(void)
{
	static char *argv[] = {"api_test", "--file-prefix=weir-api-test", "--no-huge", "--no-pci",
		"--no-shconf", "-m", "128", "--no-telemetry", "--log-level", "error", "-l", "0"};
	struct rte_mempool *pool;
	struct err e = {0};

	assert_true(rte_eal_init((int)(sizeof argv / sizeof argv[0]), argv) >= 0);
	pool = rte_pktmbuf_pool_create("api_test", 1023, 0, WEIR_MBUF_PRIV, 2176, 0);
	assert_non_null(pool);
	instance = weir_new(1, pool, &e);
	assert_string_equal(e.text, "");
	assert_non_null(instance);
	for (uint16_t i = 0; i < 2; i++) {
		uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(i + 1)};

		assert_int_equal(iface_port_register(instance, i == 0 ? "a" : "b", i, mac, 1500, &e), 0);
		weir_link_set(instance, i, true);
	}
	start_config();
}

void server_start(void)
{
	struct err e = {0};
	struct stat st;

	start_instance();
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/sub/weir.sock", directory);
	base = event_base_new();
	api = api_start(instance, base, path, &e);
	assert_string_equal(e.text, "");
	assert_non_null(api);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(pthread_create(&thread, NULL, loop, NULL), 0);
}

void server_stop(void)
{
	struct err e = {0};

	/* A second server on the same socket is refused while this one lives. */
	assert_null(api_start(instance, base, path, &e));
	assert_int_equal(e.code, EADDRINUSE);
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	api_stop(api);
	assert_int_equal(access(path, F_OK), -1);
	event_base_free(base);
	config_service_free(instance->config);
	weir_free(instance);
	snprintf(path, sizeof path, "%s/sub", directory);
	rmdir(path);
	rmdir(directory);
	rte_eal_cleanup();
}

const char *server_socket(void)
{
	return path;
}

struct weir *server_weir(void)
{
	return instance;
}
