/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/runtime: the state behind struct weir's `runtime`.
 */
#ifndef WEIR_RUNTIME_PRIV_H
#define WEIR_RUNTIME_PRIV_H

#include <rte_ethdev.h>

#include "runtime/runtime.h"

struct api;
struct event;
struct node;

#define DEVICE_MAX 512
#define EAL_ARGS 96
#define LINK_POLL_MS 250
#define SHARED_TX_RING 1024

enum polling { POLLING_BUSY, POLLING_ADAPTIVE };

/* What the config says before EAL runs. */
struct settings {
	unsigned workers;
	int worker_cpu[WORKER_MAX]; /* CPU each worker is pinned to */
	int main_cpu;
	bool oversubscribed; /* some CPU has more than one of our threads */
	enum polling polling;
	uint32_t spare;  /* buffers besides what is computed */
	uint64_t memory; /* bytes packet buffers may take, 0 = what they need */
	char file_prefix[64];
	char socket[108];
};

/* Transmit queue that several workers share: the others hand packets to its owner. */
struct shared_tx {
	struct rte_ring *ring;
	uint16_t port, queue;
};

struct port {
	bool used, started;
	char name[IFACE_NAME];
	char device[DEVICE_MAX];  /* as in the config */
	char devargs[DEVICE_MAX]; /* as DPDK takes it */
	char ethdev[RTE_ETH_NAME_MAX_LEN];
	char netdev[32]; /* kernel interface behind it, empty if none */
	char driver[32];
	uint16_t id;       /* DPDK port id = index in generation.port */
	uint16_t min_room; /* bytes of packet the driver wants in a buffer, 0 = any */
	uint16_t mtu, rx_queues, tx_queues, rx_desc, tx_desc;
	uint32_t wanted_rx_queues; /* 0 = as many as workers */
	int socket;
	bool pci, rss, promiscuous, has_mac, scatter;
	uint8_t mac[6];
	struct shared_tx shared[WORKER_MAX]; /* by tx queue, ring NULL when not shared */
};

struct rx_queue {
	uint16_t port, queue;
};

/* What one worker thread polls; written before it starts, statistics by it alone. */
struct poller {
	struct weir *weir;
	struct worker *worker;
	enum polling polling;
	unsigned rx_count, tx_count;
	struct rx_queue rx[PORT_MAX * 4];
	struct shared_tx *tx[PORT_MAX];
	uint64_t polls, idle_polls, busy_cycles, idle_cycles;
} __rte_cache_aligned;

struct runtime {
	struct weir *weir;
	struct settings set;
	struct port port[PORT_MAX];
	struct poller *poller[WORKER_MAX];
	struct rte_mempool *pool[RTE_MAX_NUMA_NODES];
	uint32_t pool_size; /* buffers per pool */
	uint16_t data_room;
	uint64_t planned[8]; /* lines of the buffer bill, see memory.c */
	bool hugepages;
	bool stop; /* atomic: workers end */
	bool pdump;
	char eal_text[1024];
	const char *config_path;
	uint64_t started_tsc;
	struct event_base *base;
	struct event *wake, *link, *sigterm, *sigint, *sighup;
	struct api *api;
	struct node *config; /* tree of the running configuration */
};

static inline struct runtime *runtime_of(const struct weir *w)
{
	return w->runtime;
}

/* settings.c */
int settings_read(const struct node *cfg, struct settings *s, struct err *e);

/* eal.c */
int eal_start(struct runtime *r, const struct node *cfg, const struct run_options *o, struct err *e);
/* Ends EAL and removes the hugepage files of our prefix. */
void eal_stop(struct runtime *r);

/* device.c: config device text to DPDK's words */
int device_translate(struct port *p, unsigned queues, struct err *e);

/* port.c */
int ports_read(struct runtime *r, const struct node *cfg, struct err *e);
int ports_probe(struct runtime *r, struct err *e);
int ports_start(struct runtime *r, struct err *e);
void ports_stop(struct runtime *r);
void ports_poll_link(struct runtime *r);

/* memory.c */
/* Buffers each line of the bill needs, from queues, rings and workers; fills r->planned. Returns the sum. */
uint32_t memory_plan(struct runtime *r);
int memory_create_pools(struct runtime *r, struct err *e);
/* Bytes EAL needs for `buffers` packet buffers and everything else of ours. */
uint64_t memory_bytes(const struct runtime *r, uint32_t buffers);
/* Every buffer is back in its pool; logs what is missing. */
bool memory_all_back(const struct runtime *r);
void memory_free_pools(struct runtime *r);

/* loop.c */
int pollers_create(struct runtime *r, struct err *e);
int pollers_start(struct runtime *r, struct err *e);
void pollers_stop(struct runtime *r);
void pollers_free(struct runtime *r);
/* ns since the daemon started, from the TSC. */
uint64_t runtime_clock(void);
void runtime_clock_init(void);

/* tx.c */
/* Gives each worker its way to each port. */
int tx_paths_create(struct runtime *r, struct err *e);
void tx_paths_free(struct runtime *r);
/* Owner's side: sends what other workers handed over. */
unsigned shared_tx_drain(struct shared_tx *t, struct worker *w);

/* control.c */
int control_run(struct runtime *r, const struct run_options *o, struct err *e);

#endif
