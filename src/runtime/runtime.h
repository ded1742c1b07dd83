/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The daemon: EAL, ports, memory, worker threads, and the control loop around one `struct weir`.
 *
 * Thread-safety: every function here is called by the control thread (the main lcore).
 */
#ifndef WEIR_RUNTIME_RUNTIME_H
#define WEIR_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "control/diag.h"
#include "pipeline/weir.h"

struct event_base;

struct run_options {
	const char *config; /* file or directory; NULL: the last confirmed config, else /etc/weir/weir.yaml */
	const char *state;  /* directory of the history; NULL: $WEIR_STATE, else /var/lib/weir */
	const char *socket; /* API socket; NULL: the config's api.socket, else /run/weir/weir.sock */
	int eal_argc;       /* what followed "--" */
	char **eal_argv;
	bool verbose;
};

/* `weir run`: starts, serves until SIGINT or SIGTERM, stops. Returns the process's exit code. */
int runtime_main(const struct run_options *o);

/* Applies a config file to the running daemon, all or nothing: on failure nothing changed and `d` (positions)
 * or `e` (one sentence) says why. 0 or a negative errno. */
int runtime_apply_file(struct weir *w, const char *path, struct diag *d, char **text, struct err *e);

/* --- what the API shows --- */
struct runtime_port {
	const char *name, *device, *driver;
	uint16_t id;
	uint8_t mac[6];
	uint16_t mtu;
	bool link_up, full_duplex;
	uint32_t speed_mbit; /* 0 = unknown */
	uint16_t rx_queues, tx_queues;
	int socket;
	bool rss, promiscuous;
	bool interrupts;    /* can wake a sleeping worker */
	uint16_t rss_table; /* entries of the RSS table that was written, 0 = none */
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_nombuf, tx_packets, tx_bytes, tx_errors;
};
/* Calls fn for every port in id order. */
void runtime_ports(const struct weir *w, void (*fn)(void *ctx, const struct runtime_port *p), void *ctx);
/* Driver statistics by name (rte_eth_xstats), unchanged. */
void runtime_port_xstats(uint16_t port, void (*fn)(void *ctx, const char *name, uint64_t value), void *ctx);

struct runtime_worker {
	unsigned id, lcore;
	int cpu, socket;
	uint64_t polls, idle_polls, bursts, packets; /* received */
	uint64_t busy_cycles, idle_cycles;           /* TSC cycles in polls that did / did not find work */
	uint64_t sleeps, sleep_cycles;
	const char *polling; /* as it works: busy, adaptive, interrupt */
	const char *rest;    /* how it waits when idle: spin, sleep, rx-interrupt, wait (has no queues) */
	double load;         /* busy part (0..1) of the last one to two seconds */
	unsigned queue_count;
	struct {
		const char *port; /* name */
		uint16_t queue;
	} queue[64];
};
void runtime_workers(const struct weir *w, void (*fn)(void *ctx, const struct runtime_worker *k), void *ctx);

/* One line of the memory bill. */
struct runtime_memory {
	const char *what;
	uint64_t bytes, count, used; /* count 0: not countable */
};
void runtime_memory(const struct weir *w, void (*fn)(void *ctx, const struct runtime_memory *m), void *ctx);

struct runtime_info {
	uint64_t uptime_ns;
	const char *config_path, *file_prefix, *dpdk_version, *eal_arguments;
	bool hugepages;
	uint64_t tsc_hz;
};
void runtime_info(const struct weir *w, struct runtime_info *out);

#endif
