/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reasons of STAGE_TX, which may be built several times (pipeline/stage.h, STAGE_CPU_LEVEL).
 */
#include "feature/ethernet/ethernet.h"

REASON_DEFINE(reason_tx_full, REASON_ERROR, "tx-full", "The port's transmit queue was full.")
REASON_DEFINE(
	reason_tx_no_port, REASON_DROP, "tx-no-port", "The egress interface or its port is gone or disabled.")
