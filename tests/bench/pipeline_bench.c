/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pipeline alone: an in-memory source of recycled packets on one port, real stages, four egress ports
 * that swallow what they are given. Prints one JSON line with TSC cycles per packet, in all and per stage.
 * The source is included in the total; it writes what a vector driver writes (rearm, lengths) plus one
 * 16-byte store that makes a fresh packet (TTL .. ports).
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "canary.h"
#include "control/diag.h"
#include "control/schema.h"
#include "control/yaml.h"
#include "feature/acl/acl.h"
#include "feature/iface/iface.h"
#include "feature/route/route.h"
#include "pipeline/weir.h"
#include "routes.h"
#include "table/fib4.h"
#include "table/fib6.h"

#define EGRESS 4
#define NEXT_HOPS 250
#define TUPLES (1u << 20)
#define WINDOW 512 /* bursts measured at a time */
#define WINDOWS 600

struct tuple { /* bytes 22..37 of the frame */
	uint8_t ttl, proto;
	uint16_t cksum;
	uint32_t src, dst;
	uint16_t sport, dport;
} __attribute__((packed));

struct source {
	uint8_t head[16]; /* of every frame: what forwarding overwrites, in one store */
	struct rte_mbuf **pkt;
	struct tuple *tuple;
	uint32_t count, at, tuples, tuple_at;
	uint64_t rearm;
	bool v6;
};

static struct {
	uint32_t routes, mbufs;
	bool v6, no_huge;
	uint32_t acl[8]; /* rules of lists that are measured beside plain forwarding */
	unsigned acls;
} opt = {.routes = 1000, .mbufs = 2048};

static const uint8_t port_mac[6] = {2, 0, 0, 0, 0, 1}, peer_mac[6] = {2, 0, 0, 0, 0, 0x77};

static uint16_t swallow(void *ctx, uint16_t queue, struct rte_mbuf **pkts, uint16_t n)
{
	return n;
}

static void die(const char *what)
{
	fprintf(stderr, "pipeline_bench: %s\n", what);
	exit(1);
}

static uint16_t add_next_hop(struct weir *w, unsigned i)
{
	uint16_t nh = nh_alloc(w);
	struct nexthop *n = &w->nht.nh[nh];
	struct nh_l2 l2 = {.dst = {2, 0, 0, 1, 0, (uint8_t)i},
		.src = {2, 0, 0, 0, 0, (uint8_t)(1 + i % EGRESS)},
		.ready = 1};

	n->iface = (uint16_t)(1 + i % EGRESS);
	n->port = (uint16_t)(i % EGRESS);
	n->mtu = 1500;
	n->kind = NH_ADJ;
	nh_l2_store(n, l2);
	nh_update(&w->nht, nh);
	return nh;
}

/* Applies four interfaces and what else a config says. */
static void apply(struct weir *w, const char *yaml, const char *first)
{
	struct diag d = {.file = "bench"};
	struct err e = {0};
	struct node *root;
	char *text = NULL;

	if (asprintf(&text,
		    "ports: {p0: {device: \"null\"}, p1: {device: \"null\"}, p2: {device: \"null\"}, p3: "
		    "{device: "
		    "null3}}\n"
		    "interfaces: {p0: {port: p0%s}, p1: {port: p1}, p2: {port: p2}, p3: {port: p3}}\n%s",
		    first, yaml) < 0)
		die("no memory for a config");
	root = yaml_read(text, strlen(text), &d);
	if (root == NULL || schema_check(root, &d) != 0) {
		diag_print(&d, stderr);
		die("the config is wrong");
	}
	if (weir_apply(w, root, &e) != 0)
		die(e.text);
	node_free(root);
	free(text);
}

static void build_interfaces(struct weir *w)
{
	for (unsigned p = 0; p < EGRESS; p++) {
		char name[8];

		snprintf(name, sizeof name, "p%u", p);
		if (iface_port_register(w, name, (uint16_t)p, port_mac, 1500, NULL) != 0)
			die("a port was refused");
		w->worker[0]->tx[p].send = swallow;
	}
	apply(w, "", "");
	for (uint16_t p = 0; p < EGRESS; p++)
		weir_link_set(w, p, true);
}

/* Rules about sources and destinations of the traffic that its port never matches, then one that accepts. */
static char *acl_rules(uint32_t rules, const struct bench_route *r)
{
	size_t size = 4096 + (size_t)rules * 160, len;
	char *yaml = malloc(size);
	uint64_t seed = 77;

	if (yaml == NULL)
		die("no memory for the rules");
	len = (size_t)snprintf(yaml, size, "acls:\n  bench:\n    rules:\n");
	for (uint32_t i = 0; i < rules; i++) {
		uint64_t x = bench_random(&seed), y = bench_random(&seed);
		uint32_t slen = 16 + (uint32_t)(x % 9), dlen = 12 + (uint32_t)(y % 17);
		uint32_t src = (0x0a000000 | (uint32_t)(x >> 8 & 0xffffff)) & (UINT32_MAX << (32 - slen));
		uint32_t dst = r[(y >> 8) % opt.routes].ip & (UINT32_MAX << (32 - dlen));
		uint32_t port = 1 + (uint32_t)(x >> 40) % 60000;

		len += (size_t)snprintf(yaml + len, size - len,
			"      - {match: {source: %u.%u.%u.%u/%u, destination: %u.%u.%u.%u/%u, protocol: "
			"udp, "
			"destination-port: %u}, action: drop}\n",
			src >> 24, src >> 16 & 255, src >> 8 & 255, src & 255, slen, dst >> 24,
			dst >> 16 & 255, dst >> 8 & 255, dst & 255, dlen, port == 80 ? 81 : port);
	}
	snprintf(yaml + len, size - len, "      - {action: accept}\n");
	return yaml;
}

static void load_routes(struct weir *w, const struct bench_route *r, uint32_t count)
{
	uint16_t nh[NEXT_HOPS];
	uint64_t seed = 99;

	for (unsigned i = 0; i < NEXT_HOPS; i++)
		nh[i] = add_next_hop(w, i);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t ip6[16] = {0x20, 0x01};
		uint16_t to = nh[bench_random(&seed) % NEXT_HOPS];
		uint32_t be = rte_cpu_to_be_32(r[i].ip);

		memcpy(ip6 + 2, &be, 4);
		if (opt.v6 ? fib6_add(w->vrf[0].fib6, ip6, (uint8_t)(16 + r[i].len), to)
			   : fib4_add(w->vrf[0].fib4, r[i].ip, r[i].len, to))
			die("a route was refused");
	}
}

static void frame4(uint8_t *p)
{
	struct rte_ipv4_hdr *ip = (void *)(p + 14);

	memset(p, 0, 60);
	memcpy(p, port_mac, 6);
	memcpy(p + 6, peer_mac, 6);
	p[12] = 8;
	ip->version_ihl = 0x45;
	ip->total_length = rte_cpu_to_be_16(46);
}

static void frame6(uint8_t *p)
{
	memset(p, 0, 64);
	memcpy(p, port_mac, 6);
	memcpy(p + 6, peer_mac, 6);
	p[12] = 0x86, p[13] = 0xdd;
	p[14] = 0x60, p[19] = 10, p[20] = 17, p[21] = 64; /* 10 bytes of UDP */
	p[22] = 0x20, p[23] = 1, p[37] = 9;               /* source 2001::9 */
	p[38] = 0x20, p[39] = 1;
}

static void make_tuples(struct source *s, const struct bench_route *r, uint32_t count)
{
	uint64_t seed = 4242;
	uint8_t frame[64];
	struct rte_ipv4_hdr *ip = (void *)(frame + 14);

	frame4(frame);
	s->tuples = TUPLES;
	s->tuple = rte_malloc(NULL, sizeof *s->tuple * TUPLES, 64);
	if (s->tuple == NULL)
		die("no memory for the flows");
	for (uint32_t i = 0; i < TUPLES; i++) {
		uint64_t x = bench_random(&seed);
		struct tuple *t = &s->tuple[i];

		ip->time_to_live = t->ttl = 64;
		ip->next_proto_id = t->proto = 17;
		ip->src_addr = t->src = rte_cpu_to_be_32(0x0a000000 | (uint32_t)(x & 0xffffff));
		ip->dst_addr = t->dst = rte_cpu_to_be_32(bench_destination(r, count, &seed));
		ip->hdr_checksum = 0;
		t->cksum = ip->hdr_checksum = rte_ipv4_cksum(ip);
		t->sport = (uint16_t)(x >> 24);
		t->dport = rte_cpu_to_be_16(80);
	}
}

static void source_init(struct source *s, struct rte_mempool *pool)
{
	s->count = opt.mbufs;
	s->v6 = opt.v6;
	s->pkt = calloc(s->count, sizeof(void *));
	for (uint32_t i = 0; i < s->count; i++) {
		s->pkt[i] = rte_pktmbuf_alloc(pool);
		if (s->pkt[i] == NULL)
			die("no packet buffers");
		(s->v6 ? frame6 : frame4)(rte_pktmbuf_mtod(s->pkt[i], uint8_t *));
	}
	memcpy(s->head, rte_pktmbuf_mtod(s->pkt[0], uint8_t *), sizeof s->head);
	memcpy(&s->rearm, (char *)s->pkt[0] + offsetof(struct rte_mbuf, rearm_data), sizeof s->rearm);
}

/* A burst of fresh packets straight into the worker's array. */
static inline void source_burst(struct source *s, struct rte_mbuf **out)
{
	const uint32_t len = s->v6 ? 64 : 60;
	const __m128i desc = _mm_set_epi32(0, (int)len, (int)len, 0x211);

	if (s->at + BURST_SIZE > s->count)
		s->at = 0;
	if (s->tuple_at + BURST_SIZE > s->tuples)
		s->tuple_at = 0;
	for (unsigned i = 0; i < BURST_SIZE; i++) {
		struct rte_mbuf *m = s->pkt[s->at + i];
		const struct tuple *t = &s->tuple[s->tuple_at + i];
		uint8_t *p = (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM;

		if (i + 8 < BURST_SIZE) {
			rte_prefetch0(s->pkt[s->at + i + 8]);
			rte_prefetch0((uint8_t *)s->pkt[s->at + i + 8]->buf_addr + RTE_PKTMBUF_HEADROOM);
		}
		memcpy((char *)m + offsetof(struct rte_mbuf, rearm_data), &s->rearm, sizeof s->rearm);
		m->ol_flags = 0;
		_mm_storeu_si128((__m128i *)(void *)&m->packet_type, desc);
		memcpy(p, s->head, sizeof s->head);
		if (s->v6) {
			memcpy(p + 40, &t->dst, 4);
			p[21] = 64;
		} else {
			memcpy(p + 22, t, sizeof *t);
		}
		out[i] = m;
	}
	s->at += BURST_SIZE;
	s->tuple_at += BURST_SIZE;
}

static double source_alone(struct source *s)
{
	struct rte_mbuf *pkts[BURST_SIZE];
	double best = 1e9;

	for (unsigned window = 0; window < WINDOWS / 4; window++) {
		uint64_t start = rte_rdtsc();
		double cycles;

		for (unsigned i = 0; i < WINDOW; i++) {
			source_burst(s, pkts);
			__asm__ volatile("" ::"r"(pkts) : "memory");
		}
		cycles = (double)(rte_rdtsc() - start) / (WINDOW * BURST_SIZE);
		best = RTE_MIN(best, cycles);
	}
	return best;
}

/* The best of many short windows: noise from outside only ever slows one down. */
static double measure(struct weir *w, struct source *s, double *clean)
{
	struct worker *worker = w->worker[0];
	double best = 1e9;

	for (unsigned window = 0; window < WINDOWS; window++) {
		double before = window % 16 == 0 ? canary() : *clean, cycles;
		uint64_t start = rte_rdtsc();

		for (unsigned i = 0; i < WINDOW; i++) {
			source_burst(s, worker->burst.pkt);
			worker_receive(
				worker, weir_generation(w), 0, worker->burst.pkt, BURST_SIZE, start + i);
		}
		cycles = (double)(rte_rdtsc() - start) / (WINDOW * BURST_SIZE);
		*clean = RTE_MIN(*clean, before);
		best = RTE_MIN(best, cycles);
	}
	return best;
}

static void report(struct weir *w, double total, double source, double clean)
{
	const struct counters *c = &w->worker[0]->counters;

	printf("{\"routes\":%u,\"family\":%d,\"mbufs\":%u,\"cycles_per_packet\":%.2f,\"source_cycles\":%.2f,"
	       "\"canary\":%.4f,\"received\":%lu,\"transmitted\":%lu,\"stages\":{",
		opt.routes, opt.v6 ? 6 : 4, opt.mbufs, total, source, clean, c->received, c->transmitted);
	for (unsigned id = 0, n = 0; id < STAGE_COUNT; id++)
		if (c->stage[id].sampled_packets != 0)
			printf("%s\"%s\":%.2f", n++ ? "," : "", stage_get(id)->name,
				(double)c->stage[id].sampled_cycles / (double)c->stage[id].sampled_packets);
	printf("}}\n");
	for (uint16_t i = 1; i <= reasons_count(); i++)
		if (c->reason[i] != 0)
			fprintf(stderr, "%s: %lu\n", reason_get(i)->name, c->reason[i]);
	if (c->received != c->transmitted)
		die("packets were lost: the numbers mean nothing");
}

/* The same with lists of rules on input, bits first and then as they are tuned; plain forwarding again beside
 * each, since a machine is not equally fast all the time. */
static void measure_acls(struct weir *w, struct source *s, const struct bench_route *r)
{
	for (unsigned i = 0; i < opt.acls; i++) {
		char *rules = acl_rules(opt.acl[i], r);
		double clean = 1e9, plain, bits, tuned;
		struct acl_list_info l;
		uint64_t start;

		apply(w, "", "");
		plain = measure(w, s, &clean);
		start = rte_rdtsc();
		apply(w, rules, ", acl-in: bench");
		start = rte_rdtsc() - start;
		bits = measure(w, s, &clean);
		acl_wait(w);
		acl_list_info(w, 0, &l);
		tuned = l.tuned ? measure(w, s, &clean) : 0;
		printf("{\"acl_rules\":%u,\"plain_cycles\":%.2f,\"bits_added\":%.2f,\"rte_acl_added\":%.2f,"
		       "\"apply_ms\":%.1f,\"mbytes\":%.1f,\"canary\":%.4f}\n",
			opt.acl[i], plain, bits - plain, l.tuned ? tuned - plain : 0,
			(double)start * 1e3 / (double)rte_get_tsc_hz(), (double)l.memory / (1 << 20), clean);
		free(rules);
	}
}

static void options(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "r:m:6na:")) != -1) {
		if (o == 'r')
			opt.routes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 'm')
			opt.mbufs = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == 'a' && opt.acls < RTE_DIM(opt.acl))
			opt.acl[opt.acls++] = (uint32_t)strtoul(optarg, NULL, 10);
		else if (o == '6')
			opt.v6 = true;
		else if (o == 'n')
			opt.no_huge = true;
		else
			die("usage: pipeline_bench [-r ROUTES] [-m MBUFS] [-6] [-n: no hugepages] "
			    "[-a RULES: also with an ACL]...");
	}
}

static int run(void)
{
	char *eal[] = {"bench", "--no-pci", opt.no_huge ? "--no-huge" : "--in-memory", "--no-shconf", "-m",
		"512", "--no-telemetry", "-l", "1", "--log-level", "error", "--force-max-simd-bitwidth=512"};
	struct source s = {0};
	struct bench_route *r;
	struct rte_mempool *pool;
	struct err e = {0};
	struct weir *w;
	double clean = 1e9, alone, total;

	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		die("EAL did not start");
	pool = rte_pktmbuf_pool_create("bench", 65535, 256, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
	w = pool != NULL ? weir_new(1, pool, &e) : NULL;
	if (w == NULL)
		die(e.code != 0 ? e.text : "no memory for packets");
	build_interfaces(w);
	r = bench_routes(opt.routes, 0x12345 + opt.routes);
	load_routes(w, r, opt.routes);
	make_tuples(&s, r, opt.routes);
	source_init(&s, pool);
	alone = source_alone(&s);
	total = measure(w, &s, &clean);
	report(w, total, alone, clean);
	measure_acls(w, &s, r);
	return 0;
}

int main(int argc, char **argv)
{
	options(argc, argv);
	return run();
}
