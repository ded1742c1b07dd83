/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The forwarding tables alone: 1M IPv4 and 250k IPv6 routes loaded, looked up in bursts of 64 at random, and
 * deleted again; DPDK's rte_fib6 and rte_lpm6 take the same IPv6 routes beside ours. One JSON line per table.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_fib6.h>
#include <rte_lpm6.h>
#include <rte_memory.h>
#include <rte_prefetch.h>

#include "routes.h"
#include "table/fib4.h"
#include "table/fib6.h"

#define ROUTES4 1000000u
#define ROUTES6 250000u
#define LOOKUPS (1u << 22)
#define BURST 64

struct route6 {
	uint8_t ip[16], len;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void die(const char *what)
{
	fprintf(stderr, "fib_bench: %s\n", what);
	exit(1);
}

static void line(const char *table, uint32_t routes, uint32_t refused, double load, double lookup,
	double unload, uint64_t bytes)
{
	printf("{\"table\":\"%s\",\"routes\":%u,\"refused\":%u,\"load_s\":%.2f,\"lookup_cycles\":%.1f,"
	       "\"delete_s\":%.2f,"
	       "\"mbytes\":%lu}\n",
		table, routes, refused, load, lookup, unload, bytes >> 20);
}

/* --- IPv4 --- */

static double lookup4(const struct fib4 *f, const uint32_t *dst)
{
	uint64_t start = rte_rdtsc(), sum = 0;

	for (uint32_t i = 0; i < LOOKUPS; i += BURST) {
		for (unsigned k = 0; k < BURST; k++)
			rte_prefetch0(&f->dir[dst[i + k] >> 8]);
		for (unsigned k = 0; k < BURST; k++)
			sum += fib4_lookup(f, dst[i + k]);
	}
	__asm__ volatile("" ::"r"(sum));
	return (double)(rte_rdtsc() - start) / LOOKUPS;
}

static void bench4(void)
{
	struct bench_route *r = bench_routes(ROUTES4, 77);
	struct fib4 *f = fib4_new(FIB_NH_MAX, NULL, NULL);
	uint32_t *dst = malloc(LOOKUPS * sizeof *dst), refused = 0;
	uint64_t seed = 5;
	double load = seconds(), lookup, unload;

	if (f == NULL || dst == NULL)
		die("no memory");
	for (uint32_t i = 0; i < ROUTES4; i++)
		refused += fib4_add(f, r[i].ip, r[i].len, (uint16_t)(1 + i % 1000)) != 0;
	load = seconds() - load;
	for (uint32_t i = 0; i < LOOKUPS; i++)
		dst[i] = bench_destination(r, ROUTES4, &seed);
	lookup4(f, dst);
	lookup = lookup4(f, dst);
	unload = seconds();
	for (uint32_t i = 0; i < ROUTES4; i++)
		fib4_del(f, r[i].ip, r[i].len);
	line("weir fib4", ROUTES4, refused, load, lookup, seconds() - unload, fib4_memory(f));
	fib4_free(f);
	free(dst);
	free(r);
}

/* --- IPv6: the length mix of a BGP table below 2000::/3 --- */

static uint8_t length6(uint64_t r)
{
	static const struct {
		uint16_t below;
		uint8_t len;
	} table[] = {{470, 48}, {580, 32}, {690, 44}, {780, 40}, {840, 36}, {880, 46}, {910, 42}, {940, 29},
		{960, 64}, {980, 38}};

	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		if (r % 1000 < table[i].below)
			return table[i].len;
	return (uint8_t)(30 + (r >> 40) % 19);
}

static struct route6 *routes6(uint32_t count)
{
	struct route6 *r = calloc(count, sizeof *r);
	struct fib6 *seen = fib6_new(NULL, NULL);
	uint64_t seed = 991;
	uint32_t n = 0;

	while (n < count) {
		uint64_t a = bench_random(&seed), hi;
		uint8_t len = length6(bench_random(&seed));

		/* Operators' blocks: prefixes share one of about 12000 /32s. */
		hi = (UINT64_C(0x2001) << 48 | (a % 12000 * 7919 & 0xffff) << 32 | (a >> 20 & 0xffffffff));
		hi = hi >> (64 - len) << (64 - len);
		for (unsigned i = 0; i < 8; i++)
			r[n].ip[i] = (uint8_t)(hi >> (56 - 8 * i));
		r[n].len = len;
		if (fib6_del(seen, r[n].ip, len) == 0) { /* there already */
			fib6_add(seen, r[n].ip, len, 1);
			memset(&r[n], 0, sizeof r[n]);
			continue;
		}
		fib6_add(seen, r[n].ip, len, 1);
		n++;
	}
	fib6_free(seen);
	return r;
}

static uint8_t (*destinations6(const struct route6 *r))[16]
{
	uint8_t(*dst)[16] = malloc(LOOKUPS * sizeof *dst);
	uint64_t seed = 17;

	for (uint32_t i = 0; dst != NULL && i < LOOKUPS; i++) {
		const struct route6 *x = &r[(bench_random(&seed) >> 13) % ROUTES6];

		memcpy(dst[i], x->ip, 16);
		dst[i][15] = (uint8_t)i;
	}
	return dst;
}

static double lookup6(const struct fib6 *f, uint8_t (*dst)[16])
{
	uint64_t start = rte_rdtsc();
	uint16_t nh[BURST];

	for (uint32_t i = 0; i < LOOKUPS; i += BURST) {
		const uint8_t *ip[BURST];

		for (unsigned k = 0; k < BURST; k++)
			ip[k] = dst[i + k];
		fib6_lookup_bulk(f, ip, nh, BURST);
		__asm__ volatile("" ::"r"(nh) : "memory");
	}
	return (double)(rte_rdtsc() - start) / LOOKUPS;
}

static void bench6(const struct route6 *r, uint8_t (*dst)[16])
{
	struct fib6 *f = fib6_new(NULL, NULL);
	double load = seconds(), lookup, unload;
	uint32_t refused = 0;
	uint64_t bytes;

	for (uint32_t i = 0; i < ROUTES6; i++)
		refused += fib6_add(f, r[i].ip, r[i].len, (uint16_t)(1 + i % 1000)) != 0;
	load = seconds() - load;
	bytes = fib6_memory(f);
	lookup6(f, dst);
	lookup = lookup6(f, dst);
	unload = seconds();
	for (uint32_t i = 0; i < ROUTES6; i++)
		fib6_del(f, r[i].ip, r[i].len);
	line("weir fib6", ROUTES6, refused, load, lookup, seconds() - unload, bytes);
	fib6_free(f);
}

static void bench_rte_fib6(const struct route6 *r, uint8_t (*dst)[16])
{
	struct rte_fib6_conf c = {.type = RTE_FIB6_TRIE,
		.max_routes = ROUTES6 + 16,
		.trie = {.nh_sz = RTE_FIB6_TRIE_4B, .num_tbl8 = ROUTES6 * 3 / 2}};
	struct rte_fib6 *f = rte_fib6_create("bench", SOCKET_ID_ANY, &c);
	double load = seconds();
	uint64_t start, nh[BURST];
	uint32_t refused = 0;

	if (f == NULL) {
		printf("{\"table\":\"rte_fib6\",\"error\":\"could not be created\"}\n");
		return;
	}
	for (uint32_t i = 0; i < ROUTES6; i++)
		refused += rte_fib6_add(f, r[i].ip, r[i].len, 1 + i % 1000) != 0;
	load = seconds() - load;
	start = rte_rdtsc();
	for (uint32_t i = 0; i < LOOKUPS; i += BURST)
		rte_fib6_lookup_bulk(f, &dst[i], nh, BURST);
	line("rte_fib6", ROUTES6, refused, load, (double)(rte_rdtsc() - start) / LOOKUPS, 0,
		(uint64_t)c.trie.num_tbl8 * 1024 + (64 << 20));
	rte_fib6_free(f);
}

static void bench_rte_lpm6(const struct route6 *r, uint8_t (*dst)[16])
{
	struct rte_lpm6_config c = {.max_rules = ROUTES6 + 16, .number_tbl8s = ROUTES6 * 2};
	struct rte_lpm6 *l = rte_lpm6_create("bench", SOCKET_ID_ANY, &c);
	double load = seconds();
	int32_t nh[BURST];
	uint32_t refused = 0;
	uint64_t start;

	if (l == NULL) {
		printf("{\"table\":\"rte_lpm6\",\"error\":\"could not be created\"}\n");
		return;
	}
	for (uint32_t i = 0; i < ROUTES6; i++)
		refused += rte_lpm6_add(l, r[i].ip, r[i].len, 1 + i % 1000) != 0;
	load = seconds() - load;
	start = rte_rdtsc();
	for (uint32_t i = 0; i < LOOKUPS; i += BURST)
		rte_lpm6_lookup_bulk_func(l, &dst[i], nh, BURST);
	line("rte_lpm6", ROUTES6, refused, load, (double)(rte_rdtsc() - start) / LOOKUPS, 0,
		(uint64_t)c.number_tbl8s * 1024 + (64 << 20));
	rte_lpm6_free(l);
}

int main(void)
{
	char *eal[] = {"bench", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-fib-bench",
		"-m", "3000", "--no-telemetry", "-l", "1", "--log-level", "critical",
		"--force-max-simd-bitwidth=512"};
	struct route6 *r;
	uint8_t(*dst)[16];

	bench4();
	r = routes6(ROUTES6);
	dst = destinations6(r);
	if (r == NULL || dst == NULL)
		die("no memory");
	bench6(r, dst);
	if (rte_eal_init(RTE_DIM(eal), eal) < 0)
		die("EAL did not start");
	bench_rte_fib6(r, dst);
	bench_rte_lpm6(r, dst);
	return 0;
}
