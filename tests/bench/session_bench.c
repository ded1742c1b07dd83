/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The flow table alone, then whole packets through the pipeline with sessions and without, in one run. Prints
 * one JSON line per measurement: TSC cycles per lookup, insert or packet, the best of many windows, with the
 * canary of canary.h beside it. `session_bench [-q]`: -q stops at 100,000 sessions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

#include "canary.h"
#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "feature/session/session.h"
#include "pipeline/weir.h"
#include "table/flow.h"

#define MBUFS 2048
#define WINDOW 64 /* bursts */

static double clean = 1e9;

static void die(const char *what)
{
	fprintf(stderr, "session_bench: %s\n", what);
	exit(1);
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static double lower(double a, double b)
{
	return a < b ? a : b;
}

static void print(const char *what, uint32_t n, double cycles)
{
	clean = lower(clean, canary());
	printf("{\"what\":\"%s\",\"sessions\":%u,\"cycles\":%.1f,\"per_second\":%.0f,\"canary\":%.3f}\n",
		what, n, cycles, (double)rte_get_tsc_hz() / cycles, clean);
	fflush(stdout);
}

/* Of many parts of something that happens once: half of them took less. */
#define PARTS 64
static double part[PARTS];

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(void)
{
	qsort(part, PARTS, sizeof *part, compare);
	return part[PARTS / 2];
}

/* --- the table alone --- */

static struct flow_key4 nth_key(uint32_t i)
{
	uint32_t x = i * 2654435761u;

	return (struct flow_key4){
		.src = x, .dst = 0x01010101, .sport = (uint16_t)(i >> 3), .dport = 80, .proto = 17};
}

static double insert_all(struct flow_table *t, uint32_t n)
{
	uint8_t hot[FLOW_HOT] = {0}, cold[FLOW_COLD] = {0};
	uint32_t ref, i = 0;

	for (unsigned p = 0; p < PARTS; p++) {
		uint64_t start = rte_rdtsc();

		for (uint32_t end = (uint32_t)((uint64_t)n * (p + 1) / PARTS); i < end; i++) {
			struct flow_key4 k[2] = {nth_key(i)};

			k[1] = flow_reverse4(&k[0]);
			if (flow_insert4(t, k, 1, hot, cold, &ref) != FLOW_OK)
				die("the table is full");
		}
		part[p] = (double)(rte_rdtsc() - start) / (n / PARTS);
	}
	return median();
}

static double look_up(const struct flow_table *t, const struct flow_key4 *key, uint32_t keys)
{
	double best = 1e9;

	for (unsigned round = 0; round < 40; round++) {
		uint64_t start = rte_rdtsc();

		for (uint32_t i = 0; i < keys; i += FLOW_BURST) {
			uint32_t ref[FLOW_BURST];

			flow_lookup4(t, &key[i], FLOW_BURST, ref);
			for (unsigned k = 0; k < FLOW_BURST; k++)
				FLOW_SET(flow_get(t, ref[k])->deadline, i);
		}
		best = lower(best, (double)(rte_rdtsc() - start) / keys);
	}
	return best;
}

static void bench_table(uint32_t n)
{
	const uint32_t keys = 1 << 18;
	struct flow_table *t = flow_new(n + 2);
	struct flow_key4 *key = malloc(keys * sizeof *key);
	uint64_t seed = 77;

	if (t == NULL || key == NULL)
		die("no memory");
	print("table: insert", n, insert_all(t, n));
	for (uint32_t i = 0; i < keys; i++) {
		key[i] = nth_key((uint32_t)(next_random(&seed) >> 13) % n);
		if (i & 1)
			key[i] = flow_reverse4(&key[i]);
	}
	print("table: lookup and store", n, look_up(t, key, keys));
	free(key);
	flow_free(t);
}

/* --- packets --- */

static struct weir *weir;
static struct rte_mbuf *pkt[MBUFS];
static uint64_t rearm, bench_now = 1000000000;
static uint32_t at;

static uint16_t swallow(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return n;
}

static void configure(const char *sessions, uint32_t max)
{
	static const char *const text =
		"ports: {p0: {device: \"null\"}, p1: {device: \"null\"}}\n"
		"sessions: {max: %u}\n"
		"interfaces:\n"
		"  a: {port: p0, %saddresses: [10.0.0.1/24]}\n"
		"  b: {port: p1, %saddresses: [10.0.1.1/24]}\n"
		"neighbors: [{interface: b, address: 10.0.1.2, mac: \"02:00:00:00:00:99\"}]\n"
		"routes: [{prefix: 0.0.0.0/0, via: [{address: 10.0.1.2}]}]\n";
	static struct diag d;
	struct err e = {0};
	char buf[1024];
	struct node *root;

	snprintf(buf, sizeof buf, text, max, sessions, sessions);
	root = yaml_read(buf, strlen(buf), &d);
	if (root == NULL || schema_check(root, &d) != 0)
		die("the bench's config is wrong");
	if (weir_apply(weir, root, &e) != 0)
		die(e.text);
	node_free(root);
	for (uint16_t p = 0; p < 2; p++)
		weir_link_set(weir, p, true);
	for (unsigned i = 0; i < 100; i++)
		weir_control(weir, bench_now += 100000000);
}

static void make_packets(struct rte_mempool *pool)
{
	static const uint8_t head[34] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x77, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17};

	for (unsigned i = 0; i < MBUFS; i++) {
		pkt[i] = rte_pktmbuf_alloc(pool);
		if (pkt[i] == NULL)
			die("no packet buffers");
		memset(rte_pktmbuf_mtod(pkt[i], char *), 0, 64);
		memcpy(rte_pktmbuf_mtod(pkt[i], char *), head, sizeof head);
	}
	memcpy(&rearm, (char *)pkt[0] + offsetof(struct rte_mbuf, rearm_data), sizeof rearm);
}

/* A packet of flow `n`, as a driver would give it. */
static void fresh(struct rte_mbuf *m, uint32_t n)
{
	struct rte_ipv4_hdr *ip;
	uint16_t *udp;

	memcpy((char *)m + offsetof(struct rte_mbuf, rearm_data), &rearm, sizeof rearm);
	m->pkt_len = m->data_len = 60;
	ip = rte_pktmbuf_mtod_offset(m, struct rte_ipv4_hdr *, 14);
	memcpy(rte_pktmbuf_mtod(m, char *), "\2\0\0\0\0\1\2\0\0\0\0\167", 12);
	ip->time_to_live = 64;
	ip->src_addr = rte_cpu_to_be_32(0x0b000000 | (n >> 4));
	ip->dst_addr = rte_cpu_to_be_32(0x14000000 | (n * 7919 & 0xffffff));
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	udp = (uint16_t *)(void *)(ip + 1);
	udp[0] = rte_cpu_to_be_16((uint16_t)(1024 + (n & 15)));
	udp[1] = rte_cpu_to_be_16(53);
}

/* Cycles of one burst in the pipeline; making the packets does not count. */
static uint64_t run_burst(uint32_t first, uint32_t step, uint32_t flows)
{
	struct worker *w = weir->worker[0];
	uint64_t start;

	if (at + BURST_SIZE > MBUFS)
		at = 0;
	for (unsigned i = 0; i < BURST_SIZE; i++) {
		w->burst.pkt[i] = pkt[at + i];
		fresh(pkt[at + i], (uint32_t)(((uint64_t)(first + i) * step) % flows));
	}
	at += BURST_SIZE;
	start = rte_rdtsc();
	worker_receive(w, weir_generation(weir), 0, w->burst.pkt, BURST_SIZE, bench_now += 1000);
	worker_drain(w, weir_generation(weir), bench_now);
	return rte_rdtsc() - start;
}

static double packets(uint32_t flows, unsigned windows)
{
	double best = 1e9;
	uint32_t n = 0;

	for (unsigned k = 0; k < windows; k++) {
		uint64_t cycles = 0;

		for (unsigned i = 0; i < WINDOW; i++, n += BURST_SIZE)
			cycles += run_burst(n, 7919, flows);
		best = lower(best, (double)cycles / (WINDOW * BURST_SIZE));
	}
	return best;
}

static void bench_packets(uint32_t flows)
{
	uint32_t i = 0;
	const struct counters *c = &weir->worker[0]->counters;

	configure("", flows);
	print("pipeline: without sessions", flows, packets(flows, 400));
	configure("sessions: true, ", flows);
	for (unsigned p = 0; p < PARTS; p++) {
		uint64_t cycles = 0;
		uint32_t first = i;

		for (uint32_t end = (uint32_t)((uint64_t)flows * (p + 1) / PARTS); i < end; i += BURST_SIZE)
			cycles += run_burst(i, 1, flows);
		part[p] = i != first ? (double)cycles / (i - first) : 1e9;
	}
	print("pipeline: new sessions, forwarding included", flows, median());
	print("pipeline: known sessions, forwarding included", flows, packets(flows, 400));
	for (uint16_t r = 1; r <= reasons_count(); r++)
		if (c->reason[r] != 0 && reason_get(r)->kind != REASON_DONE)
			die(reason_get(r)->help);
}

int main(int argc, char **argv)
{
	char *eal[] = {"bench", "--no-pci", "--no-huge", "--no-shconf", "-m", "256", "--no-telemetry", "-l",
		"1", "--log-level", "error", "--force-max-simd-bitwidth=512"};
	static const uint32_t sizes[] = {4096, 100000, 1000000};
	unsigned count = argc > 1 && strcmp(argv[1], "-q") == 0 ? 2 : 3;
	struct rte_mempool *pool;
	struct err e = {0};

	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		die("EAL did not start");
	pool = rte_pktmbuf_pool_create("bench", 4095, 0, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	weir = pool != NULL ? weir_new(1, pool, &e) : NULL;
	if (weir == NULL)
		die(e.code != 0 ? e.text : "no memory for packets");
	for (uint16_t p = 0; p < 2; p++) {
		const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)(p + 1)};

		if (iface_port_register(weir, p == 0 ? "p0" : "p1", p, mac, 1500, &e) != 0)
			die(e.text);
		weir->worker[0]->tx[p].send = swallow;
	}
	make_packets(pool);
	for (unsigned i = 0; i < count; i++) {
		bench_table(sizes[i]);
		bench_packets(sizes[i]);
	}
	return 0;
}
