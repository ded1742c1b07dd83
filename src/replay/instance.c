/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The router that is replayed through: an EAL that needs nothing from the system, one worker, ports that are
 * names, and the config.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include "control/diag.h"
#include "control/tree.h"
#include "control/yaml.h"
#include "feature/iface/iface.h"
#include "replay/priv.h"

/* What may hold a packet: rings of the worker (7168), neighbour queues and reassembly (12288), a burst of the
 * largest frames (64 of 128 buffers, 8192), transmit queues; and the cache. */
#define POOL_SIZE 32767
#define POOL_CACHE 256
#define BUFFER_BYTES 2688 /* with all headers */
#define CPUS "/sys/devices/system/cpu"
#define BASE_BYTES (UINT64_C(96) << 20) /* EAL, rings, counters */

static unsigned first_cpu(const cpu_set_t *set)
{
	unsigned cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, set))
		cpu++;
	return cpu;
}

/* EAL wants a CPU and stays on it. Several replays at a time would all take the first one, so where this one
 * runs is left to the kernel again. */
static int start_eal(struct err *e)
{
	char lcore[16], megabytes[16];
	char *argv[] = {"weir-replay", "--no-huge", "--no-pci", "--no-shconf", "--file-prefix", "weir-replay",
		"--no-telemetry", "-m", megabytes, "--lcores", lcore, "--force-max-simd-bitwidth=512",
		"--log-level", "error"};
	cpu_set_t allowed;
	bool known = sched_getaffinity(0, sizeof allowed, &allowed) == 0;

	if (access(CPUS, F_OK) != 0)
		return err_set(
			e, ENOENT, "%s is missing, where DPDK looks for CPUs; mount sysfs on /sys", CPUS);
	snprintf(lcore, sizeof lcore, "0@%u", known ? first_cpu(&allowed) : 0);
	snprintf(megabytes, sizeof megabytes, "%u",
		(unsigned)((BASE_BYTES + (uint64_t)POOL_SIZE * BUFFER_BYTES) >> 20));
	if (rte_eal_init(RTE_DIM(argv), argv) < 0)
		return err_set(e, rte_errno != 0 ? rte_errno : EIO,
			"DPDK did not start with %s MB of memory: %s; its own lines above say why", megabytes,
			rte_strerror(rte_errno));
	if (known)
		(void)sched_setaffinity(0, sizeof allowed, &allowed);
	return 0;
}

static int load_config(struct replay *r, struct err *e)
{
	static struct diag d; /* large */

	r->config = config_load(r->opt.config, &d, &r->config_text);
	if (r->config != NULL)
		return 0;
	diag_print(&d, stderr);
	return err_set(e, EINVAL, "%s cannot be used; nothing was replayed", r->opt.config);
}

/* From the command line, else from the config, else made of the port's number. */
static void port_mac(const struct replay *r, const struct node *p, uint8_t mac[6])
{
	const struct node *own = node_get(p, "mac");

	memcpy(mac, (const uint8_t[6]){2, 0, 0, 0, 0, (uint8_t)r->ports}, 6);
	if (own != NULL)
		memcpy(mac, own->value.mac, 6);
	for (unsigned i = 0; i < r->opt.macs; i++)
		if (strcmp(r->opt.mac[i].port, p->key) == 0)
			memcpy(mac, r->opt.mac[i].mac, 6);
}

/* Every port of the config gets the next id. */
static int add_ports(struct replay *r, struct err *e)
{
	uint8_t mac[6];

	NODE_EACH (p, node_get(r->config, "ports")) {
		if (r->ports == PORT_MAX)
			return err_set(
				e, ENOSPC, "port '%s' is one too many; %d are possible", p->key, PORT_MAX);
		port_mac(r, p, mac);
		if (iface_port_register(r->w, p->key, r->ports, mac, (uint16_t)node_u64(p, "mtu", 1500), e) !=
			0)
			return -e->code;
		r->ports++;
	}
	if (r->ports == 0)
		return err_set(e, EINVAL, "%s has no ports; packets need one to come in by", r->opt.config);
	for (unsigned i = 0; i < r->opt.macs; i++)
		if (iface_port_find(r->w, r->opt.mac[i].port) < 0)
			return err_set(e, ENOENT, "--mac '%s': %s has no port of that name",
				r->opt.mac[i].port, r->opt.config);
	return 0;
}

int instance_start(struct replay *r, struct err *e)
{
	if (load_config(r, e) != 0 || start_eal(e) != 0)
		return -e->code;
	r->eal = true;
	r->pool = rte_pktmbuf_pool_create(
		"replay", POOL_SIZE, POOL_CACHE, WEIR_MBUF_PRIV, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (r->pool == NULL)
		return err_set(e, rte_errno, "%d packet buffers could not be made: %s", POOL_SIZE,
			rte_strerror(rte_errno));
	r->pool_free = rte_mempool_avail_count(r->pool);
	r->w = weir_new(1, r->pool, e);
	if (r->w == NULL)
		return -e->code;
	r->w->offline = true;
	return add_ports(r, e);
}

int instance_configure(struct replay *r, struct err *e)
{
	weir_control(r->w, r->now);
	if (weir_apply(r->w, r->config, e) != 0)
		return err_set(e, EINVAL, "the configuration could not be applied");
	for (uint16_t p = 0; p < r->ports; p++)
		weir_link_set(r->w, p, true);
	return 0;
}

int instance_stop(struct replay *r, struct err *e)
{
	unsigned missing = 0;

	if (r->w != NULL)
		r->w->worker[0]->on_drop = NULL; /* what is freed now was held */
	weir_free(r->w);
	r->w = NULL;
	rte_pktmbuf_free_bulk(r->burst, r->burst_count);
	rte_pktmbuf_free_bulk(r->stock, r->stock_count);
	r->burst_count = r->stock_count = 0;
	if (r->pool != NULL)
		missing = r->pool_free - rte_mempool_avail_count(r->pool);
	rte_mempool_free(r->pool);
	if (r->eal)
		rte_eal_cleanup();
	r->eal = false;
	r->pool = NULL;
	node_free(r->config);
	free(r->config_text);
	if (missing != 0)
		return err_set(e, EIO, "%u packet buffers did not come back; this is a bug in weir", missing);
	return 0;
}
