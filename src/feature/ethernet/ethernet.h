/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What other parts may know of the link layer.
 */
#ifndef WEIR_FEATURE_ETHERNET_H
#define WEIR_FEATURE_ETHERNET_H

#include "pipeline/reason.h"

/* The port's transmit queue was full. */
extern struct reason reason_tx_full;
/* The egress interface or its port is gone. */
extern struct reason reason_tx_no_port;

#endif
