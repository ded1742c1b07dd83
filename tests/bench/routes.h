/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Synthetic routing tables with the length distribution of a BGP full table (about 60 % /24), distinct
 * prefixes, reproducible from a seed; and random destinations inside them.
 */
#ifndef WEIR_BENCH_ROUTES_H
#define WEIR_BENCH_ROUTES_H

#include <stdint.h>
#include <stdlib.h>

struct bench_route {
	uint32_t ip; /* host order */
	uint8_t len;
};

static inline uint64_t bench_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* Per mille of routes per prefix length, cumulative. */
static inline uint8_t bench_length(uint64_t r, uint32_t count)
{
	static const struct {
		uint16_t below;
		uint8_t len;
	} table[] = {{590, 24}, {690, 23}, {810, 22}, {860, 21}, {910, 20}, {940, 19}, {957, 18}, {967, 17},
		{990, 16}};

	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		if (r % 1000 < table[i].below)
			return table[i].len;
	return count < 5000 ? 16 : (uint8_t)(11 + (r >> 40) % 5);
}

static inline struct bench_route *bench_routes(uint32_t count, uint64_t seed)
{
	struct bench_route *r = calloc(count, sizeof *r);
	uint8_t *seen[25] = {0};
	uint32_t n = 0;

	for (unsigned len = 0; len <= 24; len++)
		seen[len] = calloc((UINT64_C(1) << len) / 8 + 1, 1);
	while (n < count) {
		uint8_t len = bench_length(bench_random(&seed), count);
		uint32_t key = (uint32_t)(bench_random(&seed) >> 20) >> (32 - len),
			 top = key << (32 - len) >> 24;

		if (top == 0 || top == 127 || top == 10 || top >= 224 ||
			(seen[len][key / 8] >> (key % 8) & 1) != 0)
			continue;
		seen[len][key / 8] |= (uint8_t)(1 << (key % 8));
		r[n++] = (struct bench_route){.ip = key << (32 - len), .len = len};
	}
	for (unsigned len = 0; len <= 24; len++)
		free(seen[len]);
	return r;
}

/* A random address inside a random route. */
static inline uint32_t bench_destination(const struct bench_route *r, uint32_t count, uint64_t *seed)
{
	const struct bench_route *x = &r[(bench_random(seed) >> 13) % count];

	return x->ip | ((uint32_t)(bench_random(seed) >> 17) & (uint32_t)(0xffffffffu >> x->len));
}

#endif
