/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The only place that knows which DPDK release is built against (22.11, 24.11 and 25.11 are supported).
 */
#ifndef WEIR_BASE_COMPAT_DPDK_H
#define WEIR_BASE_COMPAT_DPDK_H

#include <rte_version.h>

#if RTE_VERSION < RTE_VERSION_NUM(22, 11, 0, 0)
#error "weir needs DPDK 22.11 or newer"
#endif

#endif
