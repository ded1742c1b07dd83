/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Three workers forward in threads of their own while the control thread changes everything it can: it
 * publishes configurations and generations, moves flows between workers, adds and removes routes, neighbours,
 * addresses and links. Every frame that leaves must be whole (source and destination belong to the port it
 * leaves by), no packet may be lost uncounted. Built with -fsanitize=thread (check.sh, step tsan) it also
 * shows that nothing is shared without order; WEIR_STRESS_SECONDS says how long it runs (2).
 */
#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_common.h>
#include <rte_mempool.h>
#include <rte_spinlock.h>

#include "feature/iface/iface.h"
#include "feature/neigh/neigh.h"
#include "feature/route/route.h"
#include "feature/session/session.h"

#define WORKERS 3
#define FRAMES 600
#define POOL 16383

/* --- buffers: a stack behind a mutex, so that handing a buffer on is an order that a race detector sees ---
 */

struct stack {
	pthread_mutex_t lock;
	unsigned count;
	void *object[POOL + 1];
};

static int stack_alloc(struct rte_mempool *mp)
{
	struct stack *s = calloc(1, sizeof *s);

	mp->pool_data = s;
	return s != NULL ? pthread_mutex_init(&s->lock, NULL) : -ENOMEM;
}

static void stack_free(struct rte_mempool *mp)
{
	free(mp->pool_data);
}

static int stack_put(struct rte_mempool *mp, void *const *objects, unsigned n)
{
	struct stack *s = mp->pool_data;

	pthread_mutex_lock(&s->lock);
	memcpy(&s->object[s->count], objects, n * sizeof *objects);
	s->count += n;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static int stack_get(struct rte_mempool *mp, void **objects, unsigned n)
{
	struct stack *s = mp->pool_data;
	int rc = -ENOBUFS;

	pthread_mutex_lock(&s->lock);
	if (s->count >= n) {
		s->count -= n;
		memcpy(objects, &s->object[s->count], n * sizeof *objects);
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static unsigned stack_count(const struct rte_mempool *mp)
{
	const struct stack *s = mp->pool_data;

	return s->count;
}

static const struct rte_mempool_ops stack_ops = {.name = "locked_stack",
	.alloc = stack_alloc,
	.free = stack_free,
	.enqueue = stack_put,
	.dequeue = stack_get,
	.get_count = stack_count};

static int group_setup(void **state)
{
	if (lab_group_setup(state) != 0 || rte_mempool_register_ops(&stack_ops) < 0)
		return -1;
	rte_mempool_free(lab.pool);
	lab.pool = rte_pktmbuf_pool_create_by_ops(
		"stress", POOL, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0, stack_ops.name);
	return lab.pool != NULL ? 0 : -1;
}

/* Its memory is DPDK's and not seen by LeakSanitizer, but the stack behind it is ours. */
static int group_teardown(void **state)
{
	rte_mempool_free(lab.pool);
	return 0;
}

/* --- workers --- */

struct thread {
	pthread_t id;
	unsigned number;
	uint64_t random, received;
} thread[WORKERS];

static struct frame {
	uint16_t len, port;
	uint8_t data[256];
} frame[FRAMES];
static unsigned frames;
static bool stop;
static uint64_t clock_now, torn, left[LAB_PORTS];

/* Source: the port's. Destination: a host of that port, or a group. */
static bool is_whole(const uint8_t *p, unsigned port)
{
	return memcmp(p + 6, lab_mac(port), 6) == 0 &&
	       ((p[0] & 1) != 0 || (p[0] == 2 && p[1] == 0xaa && p[4] == port));
}

static uint16_t look_and_free(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	unsigned port = (unsigned)(uintptr_t)ctx;

	for (uint16_t i = 0; i < n; i++)
		if (!is_whole(rte_pktmbuf_mtod(pkts[i], const uint8_t *), port))
			__atomic_fetch_add(&torn, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(&left[port], n, __ATOMIC_RELAXED);
	rte_pktmbuf_free_bulk(pkts, n);
	return n;
}

static uint32_t random_of(struct thread *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (uint32_t)(t->random >> 16);
}

/* Up to 64 frames of one port. */
static void receive(struct thread *t, struct worker *w, const struct generation *g, uint64_t now)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	unsigned want = 1 + random_of(t) % BURST_SIZE, n = 0, at = random_of(t) % frames;
	uint16_t port = frame[at].port;

	if (rte_pktmbuf_alloc_bulk(lab.pool, pkts, want) != 0)
		return;
	while (n < want && at < frames && frame[at].port == port) {
		memcpy(rte_pktmbuf_append(pkts[n], frame[at].len), frame[at].data, frame[at].len);
		n++;
		at++;
	}
	rte_pktmbuf_free_bulk(pkts + n, want - n);
	t->received += n;
	worker_receive(w, g, port, pkts, (uint16_t)n, now);
}

static void *work(void *arg)
{
	struct thread *t = arg;
	struct worker *w = lab.w->worker[t->number];
	struct rte_rcu_qsbr *qsbr = lab.w->qsbr;

	rte_rcu_qsbr_thread_register(qsbr, w->id);
	rte_rcu_qsbr_thread_online(qsbr, w->id);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		const struct generation *g = weir_generation(lab.w);
		uint64_t now = __atomic_load_n(&clock_now, __ATOMIC_RELAXED);

		receive(t, w, g, now);
		worker_drain(w, g, now);
		rte_rcu_qsbr_quiescent(qsbr, w->id);
		if (random_of(t) % 256 == 0) { /* a nap, as the daemon's workers take it */
			rte_rcu_qsbr_thread_offline(qsbr, w->id);
			nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
			rte_rcu_qsbr_thread_online(qsbr, w->id);
		}
	}
	rte_rcu_qsbr_thread_offline(qsbr, w->id);
	rte_rcu_qsbr_thread_unregister(qsbr, w->id);
	return NULL;
}

/* --- frames --- */

static void keep(unsigned port)
{
	struct frame *f = &frame[frames];

	build_end(&lab.b);
	assert_true(frames < FRAMES && lab.b.len <= sizeof f->data);
	f->port = (uint16_t)port;
	f->len = (uint16_t)lab.b.len;
	memcpy(f->data, lab.b.data, lab.b.len);
	frames++;
}

static const uint8_t *host_of(unsigned port, unsigned host)
{
	return host_mac(port << 8 | host);
}

static void start(unsigned port, const char *src, const char *dst)
{
	build_begin(&lab.b);
	build_ether(&lab.b, lab_mac(port), host_of(port, 2));
	build_ip(&lab.b, src, dst);
}

/* To known hosts, unknown ones, ourselves, routes that come and go, and nowhere; whole and in fragments. */
static void make_frames(void)
{
	static const char *const to[] = {"10.0.1.2", "10.0.2.2", "10.0.1.77", "10.0.2.78", "203.0.113.5",
		"198.51.100.9", "192.0.2.1", "10.0.0.1", "10.0.1.1", "2001:db8:1::2", "2001:db8:2::2",
		"2001:db8:2::77", "2001:db8:ffff::1", "2001:db8:1::1"};

	for (unsigned i = 0; i < 40 * RTE_DIM(to); i++) {
		const char *dst = to[i % RTE_DIM(to)];

		start(0, strchr(dst, ':') != NULL ? "2001:db8::2" : "10.0.0.2", dst);
		if (i % 11 == 3)
			build_fragment(&lab.b, i, (uint16_t)(i % 3), true);
		else if (i % 13 == 5)
			build_ttl(&lab.b, 1);
		if (i % 7 == 1)
			build_icmp(&lab.b, strchr(dst, ':') != NULL ? 128 : 8, 0, i);
		else
			build_udp(&lab.b, (uint16_t)(1000 + i), 53);
		build_payload(&lab.b, 16);
		keep(0);
	}
	for (unsigned i = 0; i < 20; i++) { /* neighbours that speak */
		build_begin(&lab.b);
		build_ether(&lab.b, lab_mac(1), host_of(1, 70 + i));
		build_arp(&lab.b, 1 + i % 2, host_of(1, 70 + i), 0x0a000146 + i, lab_mac(1), 0x0a000101);
		keep(1);
	}
}

/* --- the control thread --- */

#define SIDES(more, b)                                                                                       \
	"interfaces:\n"                                                                                      \
	"  a: {port: p0, addresses: [10.0.0.1/24, \"2001:db8::1/64\"]" more "}\n"                            \
	"  b: {port: p1, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]" b "}\n"                             \
	"  c: {port: p2, addresses: [10.0.2.1/24, \"2001:db8:2::1/64\"]}\n"                                  \
	"neighbors:\n"                                                                                       \
	"  - {interface: a, address: 10.0.0.2, mac: \"02:aa:00:00:00:02\"}\n"                                \
	"  - {interface: a, address: \"2001:db8::2\", mac: \"02:aa:00:00:00:02\"}\n"                         \
	"  - {interface: b, address: 10.0.1.2, mac: \"02:aa:00:00:01:02\"}\n"                                \
	"  - {interface: b, address: \"2001:db8:1::2\", mac: \"02:aa:00:00:01:02\"}\n"                       \
	"  - {interface: c, address: 10.0.2.2, mac: \"02:aa:00:00:02:02\"}\n"                                \
	"  - {interface: c, address: \"2001:db8:2::2\", mac: \"02:aa:00:00:02:02\"}\n"

static const char *const configs[] = {
	SIDES(", flow-affinity: true", "") "routes: [{prefix: 203.0.113.0/24, via: [{address: 10.0.1.2}]}]\n",
	SIDES("", ", mtu: 1300") "routes: [{prefix: 203.0.113.0/24, via: [{address: 10.0.2.2}]}]\n",
	SIDES(", flow-affinity: true", "") "routes:\n  - {prefix: 203.0.113.0/24, via: [{address: 10.0.1.2}, "
					   "{address: 10.0.2.2, weight: 2}]}\n"
					   "icmp: {echo: false}\n",
	SIDES(", zone: x", ", zone: y") "firewall: [{from: x, to: y, default: accept}]\n"
					"sessions: {max: 900, per-source: 400, accounting: true}\n",
	SIDES(", zone: x",
		", zone: z") "firewall: [{from: x, to: z, default: reject}]\nsessions: {max: 300}\n",
};

static void change_config(void)
{
	struct err e = {0};

	if (lab_apply(configs[lab_random() % RTE_DIM(configs)], &e) != 0)
		fail_msg("%s", e.text);
}

static void move_flows(void)
{
	shard_map_fill(&lab.w->shard, lab.w->worker, 1 + (unsigned)lab_random() % WORKERS);
	weir_publish(lab.w, generation_clone(lab.w->gen));
}

static void change_route(void)
{
	static const struct {
		const char *net;
		uint8_t len;
	} nets[] = {{"198.51.100.0", 24}, {"198.51.100.8", 30}, {"192.0.2.0", 24}, {"2001:db8:ffff::", 48}};
	unsigned i = (unsigned)lab_random() % RTE_DIM(nets);
	struct route_spec s = {.source = ROUTE_STATIC, .via_count = 1};
	struct err e = {0};

	ipaddr_parse(nets[i].net, &s.prefix.addr);
	s.prefix.len = nets[i].len;
	ipaddr_parse(i == 3 ? (lab_random() % 2 ? "2001:db8:1::2" : "2001:db8:2::2")
			    : (lab_random() % 2 ? "10.0.1.2" : "10.0.2.2"),
		&s.via[0].address);
	if (lab_random() % 3 == 0)
		route_del(lab.w, 0, ROUTE_STATIC, &s.prefix, &e);
	else if (route_add(lab.w, &s, true, &e) != 0)
		fail_msg("%s", e.text);
}

static void change_neighbour(void)
{
	uint16_t c = generation_iface(lab.w->gen, "c")->id;
	unsigned host = 78 + (unsigned)lab_random() % 4;
	struct err e = {0};
	struct ipaddr a;
	char text[32];

	snprintf(text, sizeof text, "10.0.2.%u", host);
	ipaddr_parse(text, &a);
	if (lab_random() % 2 == 0)
		neigh_del(lab.w, c, &a, &e);
	else
		neigh_add(
			lab.w, c, &a, host_of(2, host + (unsigned)lab_random() % 2), false, true, false, &e);
}

static void change_address(void)
{
	struct prefix p = {.len = 24};
	struct err e = {0};

	ipaddr_parse("10.0.9.1", &p.addr);
	if (iface_address_add(lab.w, "c", &p, &e) != 0)
		iface_address_del(lab.w, "c", &p, &e);
}

static void change_link(void)
{
	weir_link_set(lab.w, (uint16_t)(1 + lab_random() % 2), lab_random() % 4 != 0);
}

static void read_counters(void)
{
	static struct counters c;
	static struct iface_counters each[IFACE_MAX];

	c.iface = each;
	weir_counters(lab.w, &c);
}

/* Lists them, and ends some. */
static void look_at_sessions(void)
{
	struct session_filter f = SESSION_FILTER_ALL;
	struct session_totals t;
	struct session_info i;

	for (unsigned k = 0; k < WORKERS; k++)
		for (uint32_t n = 1; n < session_limit(lab.w, k); n++)
			if (session_read(lab.w, k, n, &i) && i.proto != 17 && i.proto != 1 && i.proto != 58)
				fail_msg("a session of protocol %u", i.proto);
	session_totals(lab.w, &t);
	f.port = (uint16_t)(1000 + lab_random() % 500);
	if (lab_random() % 2 == 0)
		session_clear(lab.w, &f);
}

static void (*const changes[])(void) = {change_config, move_flows, change_route, change_route,
	change_neighbour, change_address, change_link, read_counters, look_at_sessions};

static void control_for(double seconds)
{
	struct timespec a, b;
	unsigned done = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	do {
		lab.now += MILLIS(1) + lab_random() % MILLIS(20);
		__atomic_store_n(&clock_now, lab.now, __ATOMIC_RELAXED);
		weir_control(lab.w, lab.now);
		changes[lab_random() % RTE_DIM(changes)]();
		done++;
		clock_gettime(CLOCK_MONOTONIC, &b);
	} while ((double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) < seconds);
	print_message("%u changes\n", done);
}

/* --- the test --- */

static int open_all(void **state)
{
	int rc;

	lab.workers = WORKERS;
	rc = lab_open(state);
	lab.workers = 1;
	for (unsigned w = 0; rc == 0 && w < WORKERS; w++) {
		lab.w->worker[w]->on_drop = NULL;
		for (uintptr_t p = 0; p < LAB_PORTS; p++) {
			lab.w->worker[w]->tx[p].send = look_and_free;
			lab.w->worker[w]->tx[p].ctx = (void *)p;
		}
	}
	return rc;
}

static void everything_changes_while_packets_pass(void **state)
{
	const char *seconds = getenv("WEIR_STRESS_SECONDS");

	lab_config(configs[0]);
	make_frames();
	clock_now = lab.now;
	for (unsigned i = 0; i < WORKERS; i++) {
		thread[i] = (struct thread){.number = i, .random = i + 1};
		assert_int_equal(pthread_create(&thread[i].id, NULL, work, &thread[i]), 0);
	}
	control_for(seconds != NULL ? atof(seconds) : 2);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < WORKERS; i++) {
		pthread_join(thread[i].id, NULL);
		lab.received += thread[i].received;
	}
	print_message(
		"%lu packets received, %lu, %lu and %lu sent\n", lab.received, left[0], left[1], left[2]);
	assert_int_equal(torn, 0);
	assert_true(lab.received > 1000 && left[1] > 100 && left[2] > 100);
	lab_step();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(everything_changes_while_packets_pass, open_all, lab_close),
	};

	return cmocka_run_group_tests_name("stress", tests, group_setup, group_teardown);
}
