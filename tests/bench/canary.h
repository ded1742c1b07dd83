/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Noise canary: a loop whose speed only depends on the core. Four independent chains of dependent adds take
 * one core cycle per round on any current CPU; when a round takes longer in TSC cycles than it did at its
 * best, something outside slowed the core down and the measurement beside it is not worth keeping.
 */
#ifndef WEIR_BENCH_CANARY_H
#define WEIR_BENCH_CANARY_H

#include <stdint.h>

#include <rte_cycles.h>

#define CANARY_ROUNDS 200000

/* TSC cycles per add. */
static inline double canary(void)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, start = rte_rdtsc();

	for (unsigned i = 0; i < CANARY_ROUNDS; i++)
		__asm__ volatile("add $1, %0\n\tadd $1, %1\n\tadd $1, %2\n\tadd $1, %3"
				 : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
	return (double)(rte_rdtsc() - start) / (4.0 * CANARY_ROUNDS);
}

#endif
