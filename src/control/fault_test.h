/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For tests of what is written to disk: the fault at the n-th call.
 */
#ifndef WEIR_CONTROL_FAULT_TEST_H
#define WEIR_CONTROL_FAULT_TEST_H

#include <stdbool.h>

extern int fault_countdown; /* calls of fsync, renameat, write and openat until the fault; -1: none */
extern bool fault_dies;     /* the fault is the end of the process, else an error */

#endif
