/* SPDX-License-Identifier: BSD-3-Clause
 *
 * GET /metrics, on the API and on the ports of `metrics.listen`.
 */
#include "api/api_priv.h"
#include "metrics/metrics.h"

static void show_metrics(struct request *r)
{
	r->type = "text/plain; version=0.0.4; charset=utf-8";
	metrics_write(&r->out, r->w);
}

static const struct endpoint endpoints[] = {
	{"GET", "/metrics", "Metrics in Prometheus' text format.", show_metrics,
		.flags = ENDPOINT_TEXT | ENDPOINT_OPEN},
	{0},
};
ENDPOINTS_REGISTER(endpoints)
