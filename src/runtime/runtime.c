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
static int prepare(struct runtime *r, const struct run_options *o, struct err *e)
{
	r->verbose = o->verbose;
	if (runtime_load_config(r, o, e) != 0)
		return -e->code;
	runtime_log_level(r, r->config);
	if (settings_read(r->config, &r->set, e) != 0)
		return -e->code;
	return ports_read(r, r->config, e);
}

static int build(struct runtime *r, struct err *e)
{
	runtime_clock_init();
	if (ports_probe(r, e) != 0 || memory_create_pools(r, e) != 0)
		return -1;
	r->weir = weir_new(r->set.workers, r->pool[0], e);
	if (r->weir == NULL)
		return -1;
	r->weir->runtime = r;
	for (int s = 0; s < RTE_MAX_NUMA_NODES; s++)
		if (r->pool[s] != NULL)
			r->weir->pool[s] = r->pool[s];
	weir_control(r->weir, runtime_clock());
	if (ports_start(r, e) != 0 || pollers_create(r, e) != 0)
		return -1;
	if (weir_apply(r->weir, r->config, e) != 0 || runtime_config_start(r, e) != 0)
		return -1;
	ports_poll_link(r);
	return pollers_start(r, e);
}

/* Packets that are still inside end here, then nobody may hold a buffer any more. */
static void tear_down(struct runtime *r)
{
	pollers_stop(r);
	ports_stop(r);
	if (r->weir != NULL)
		config_service_free(r->weir->config);
	weir_free(r->weir);
	pollers_free(r);
}

static int serve(struct runtime *r, const struct run_options *o, struct err *e)
{
	int rc = eal_start(r, r->config, o, e);
	bool started;

	if (rc != 0)
		return rc;
	rc = build(r, e);
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
	rc = prepare(r, o, &e);
	if (rc == 0)
		rc = serve(r, o, &e);
	if (rc != 0)
		log_error("%s", e.code != 0 ? e.text : "weir could not start");
	node_free(r->config);
	store_close(r->store);
	free(r->config_path);
	free(r);
	return rc != 0 ? 1 : 0;
}
