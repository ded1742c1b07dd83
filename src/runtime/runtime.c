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
#include "control/tree.h"
#include "control/yaml.h"
#include "runtime/priv.h"

static int load_config(struct runtime *r, const struct run_options *o)
{
	static struct diag d;
	char *text = NULL;

	r->config_path = o->config;
	r->config = config_load(o->config, &d, &text);
	if (r->config == NULL)
		diag_print(&d, stderr);
	free(text);
	return r->config != NULL ? 0 : -EINVAL;
}

static void set_log_level(const struct node *cfg, bool verbose)
{
	uint64_t level = node_u64(node_get(cfg, "log"), "level", LOG_NOTICE);

	if (verbose && level < LOG_INFO)
		level = LOG_INFO;
	log_set_level((enum log_level)level);
}

/* Everything before EAL: cheap to refuse. */
static int prepare(struct runtime *r, const struct run_options *o, struct err *e)
{
	if (load_config(r, o) != 0)
		return err_set(e, EINVAL, "%s was refused", o->config);
	set_log_level(r->config, o->verbose);
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
	if (weir_apply(r->weir, r->config, e) != 0)
		return -1;
	ports_poll_link(r);
	return pollers_start(r, e);
}

/* Packets that are still inside end here, then nobody may hold a buffer any more. */
static void tear_down(struct runtime *r)
{
	pollers_stop(r);
	ports_stop(r);
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
	free(r);
	return rc != 0 ? 1 : 0;
}
