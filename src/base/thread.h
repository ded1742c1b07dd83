/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads beside the control thread, which takes all signals of the process.
 */
#ifndef WEIR_BASE_THREAD_H
#define WEIR_BASE_THREAD_H

#include <pthread.h>

/* Starts a thread named `name` (at most 15 characters) with all signals blocked. 0 or a positive errno. */
int thread_start(pthread_t *t, const char *name, void *(*fn)(void *), void *arg);

#endif
