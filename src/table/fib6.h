/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IPv6 forwarding table. See fib6.c for the structure that was chosen and docs/decisions for the numbers.
 *
 * Thread-safety: one writer (control thread), any number of lock-free readers; nodes that are replaced are
 * freed through `defer` after a grace period.
 */
#ifndef WEIR_TABLE_FIB6_H
#define WEIR_TABLE_FIB6_H

#include <stdint.h>

struct fib6;

struct fib6 *fib6_new(void (*defer)(void *, void (*)(void *), void *), void *ctx);
void fib6_free(struct fib6 *f);
/* `wait(ctx)` waits for a grace period: used instead of `defer` when there is no memory to defer with. */
void fib6_set_wait(struct fib6 *f, void (*wait)(void *ctx));
/* As fib4_add() / fib4_del(); `ip` is 16 bytes in network order. */
int fib6_add(struct fib6 *f, const uint8_t ip[16], uint8_t len, uint16_t nh);
int fib6_del(struct fib6 *f, const uint8_t ip[16], uint8_t len);
uint32_t fib6_count(const struct fib6 *f);
uint64_t fib6_memory(const struct fib6 *f); /* bytes */

/* Looks up n (<= 64) addresses; nh[i] = next-hop index, 0 = no route. Prefetches between levels. */
void fib6_lookup_bulk(const struct fib6 *f, const uint8_t *const ip[], uint16_t nh[], unsigned n);
uint16_t fib6_lookup(const struct fib6 *f, const uint8_t ip[16]);

#endif
