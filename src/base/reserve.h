/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory set aside so that a step that must not fail does not fail for want of memory. While a change is
 * prepared, who will need memory to commit it sets aside as many blocks as that takes at most; during the
 * commit, allocations that find no memory take those. What is left is given back afterwards.
 *
 * Blocks are ordinary malloc blocks: free() frees them, wherever they came from.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_BASE_RESERVE_H
#define WEIR_BASE_RESERVE_H

#include <stddef.h>

/* Sets aside `count` blocks of `size` bytes. 0 or -ENOMEM (what was set aside before stays). */
int reserve_add(size_t size, size_t count);
/* Gives everything back that was not taken. */
void reserve_release(void);

/* malloc() and calloc() that fall back on what was set aside. */
void *reserve_malloc(size_t size);
void *reserve_calloc(size_t count, size_t size);

#endif
