/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Put before every file of a build with -fsanitize=thread. A producer of a ring waits for those before it
 * with relaxed loads (DPDK 22.11, __rte_ring_update_tail()), which is no order in C11's terms although it is
 * on x86-64, where every load acquires: here it is written down, so that the race detector knows.
 */
#ifndef WEIR_TESTS_TSAN_H
#define WEIR_TESTS_TSAN_H

#if __has_include(<rte_pause.h>)
#include <rte_config.h>
#include <rte_pause.h>

#define rte_wait_until_equal_32(address, expected, order)                                                    \
	do {                                                                                                 \
		while (__atomic_load_n(address, __ATOMIC_ACQUIRE) != (expected))                             \
			rte_pause();                                                                         \
	} while (0)
#endif

#endif
