/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Accesses that other threads may make at the same time on purpose. The race detector of the compilers
 * (-fsanitize=thread) only accepts atomic accesses on both sides; where the data path reads with plain loads
 * or vectors, because a single aligned word is whole on x86-64 anyway, the function on the other side is
 * marked, and says why it may. Everything else stays under the detector's eyes.
 */
#ifndef WEIR_BASE_RACE_H
#define WEIR_BASE_RACE_H

#define SHARED_ON_PURPOSE __attribute__((no_sanitize("thread")))

#endif
