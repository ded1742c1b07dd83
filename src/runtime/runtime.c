/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Life of the daemon: config, EAL, ports, buffers, instance, workers, control loop, and everything back
 * again.
 */
#include "runtime/runtime.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/config.h"
#include "control/tree.h"
#include "runtime/priv.h"

/* Everything before EAL: cheap to refuse. */
static int prepare(struct runtime *r, const struct run_options *o, struct layout *first, struct err *e)
{
	r->verbose = o->verbose;
	if (runtime_load_config(r, o, e) != 0)
		return -e->code;
	runtime_log_level(r, r->config);
	return layout_read(first, NULL, r->config, NULL, e);
}

/* Ports, buffers and workers come with the first configuration, see change.c. */
static int build(struct runtime *r, unsigned workers, struct err *e)
{
	runtime_clock_init();
	r->weir = weir_new(workers, NULL, e);
	if (r->weir == NULL)
		return -1;
	r->weir->runtime = r;
	weir_control(r->weir, runtime_clock());
	return weir_apply(r->weir, r->config, e) != 0 ? -1 : runtime_config_start(r, e);
}

/* Packets that are still inside end here, then nobody may hold a buffer any more. */
static void tear_down(struct runtime *r)
{
	runtime_stop(r);
	if (r->weir != NULL)
		config_service_free(r->weir->config);
	weir_free(r->weir);
	pollers_free(r);
}

static int serve(struct runtime *r, const struct run_options *o, struct err *e)
{
	struct layout first;
	bool started;
	int rc = prepare(r, o, &first, e);

	if (rc != 0)
		return rc;
	rc = eal_start(r, &first, r->config, o, e);
	layout_free(&first, NULL);
	if (rc != 0)
		return rc;
	rc = build(r, first.set.workers, e);
	started = rc == 0;
	if (started)
		rc = control_run(r, o, e);
	tear_down(r);
	if (started && !memory_all_back(r) && rc == 0)
		rc = err_set(e, EIO, "packet buffers are missing after the shutdown");
	memory_free_pools(r);
	eal_stop(r);
	return rc;
}

int runtime_main(const struct run_options *o)
{
	struct runtime *r = calloc(1, sizeof *r);
	struct err e = {0};
	int rc;

	if (r == NULL)
		return 1;
	r->link_news = r->link_ioctl = -1;
	rc = serve(r, o, &e);
	if (rc != 0)
		log_error("%s", e.code != 0 ? e.text : "weir could not start");
	node_free(r->config);
	store_close(r->store);
	free(r->config_path);
	free(r);
	return rc != 0 ? 1 : 0;
}
