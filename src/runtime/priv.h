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
struct bill;
struct node;
struct store;

#define DEVICE_MAX 512
#define EAL_ARGS 96
#define LINK_POLL_MS 250
#define SHARED_TX_RING 1024

#define RX_QUEUES_MAX 512 /* one worker polls */

enum polling { POLLING_BUSY, POLLING_ADAPTIVE, POLLING_INTERRUPT };

/* What the config says before EAL runs. */
struct settings {
	unsigned workers;
	int worker_cpu[WORKER_MAX]; /* CPU each worker is pinned to */
	int main_cpu;
	unsigned cpus;               /* this process may use */
	bool shared_cpu[WORKER_MAX]; /* the worker's CPU runs another of our threads, too */
	enum polling polling[WORKER_MAX];
	uint32_t spare;  /* buffers besides what is computed */
	uint64_t memory; /* bytes packet buffers may take, 0 = what they need */
	char file_prefix[64];
	char socket[108];
};

/* Transmit queue that several workers may share: the others hand packets to its owner, which is the worker of
 * the same number. */
struct shared_tx {
	struct rte_ring *ring;
	uint16_t id, queue; /* DPDK's port and queue */
};

struct port {
	bool used, started;
	char name[IFACE_NAME];
	char device[DEVICE_MAX];  /* as in the config */
	char devargs[DEVICE_MAX]; /* as DPDK takes it */
	char ethdev[RTE_ETH_NAME_MAX_LEN];
	char netdev[32]; /* kernel interface behind it, empty if none */
	char driver[32];
	uint16_t slot;     /* index in runtime.port and generation.port; stays when the device changes */
	uint16_t id;       /* DPDK's port id */
	uint16_t min_room; /* bytes of packet the driver wants in a buffer, 0 = any */
	uint16_t mtu, rx_queues, tx_queues, rx_desc, tx_desc;
	uint32_t wanted_rx_queues; /* 0 = as many as workers */
	int socket;
	bool pci, rss, promiscuous, has_mac, scatter;
	bool interrupts;     /* a sleeping worker can be woken by its receive queues */
	uint16_t table_size; /* entries of the RSS redirection table that was written, 0 = none */
	uint8_t mac[6];
	struct shared_tx shared[WORKER_MAX]; /* by tx queue */
};

struct rx_queue {
	uint16_t id, queue; /* DPDK's port and queue */
	uint16_t port;      /* slot */
};

/* How a worker sends by one port. */
struct way {
	const struct port *port;  /* NULL: not at all */
	struct shared_tx *shared; /* NULL: a queue of its own */
	uint16_t queue;
};

/* What a worker polls and how it sends. Immutable; the worker takes it over between two rounds, and the next
 * quiescent state it reports acknowledges that. */
struct plan {
	uint64_t serial; /* unique in the process */
	enum polling polling;
	bool interrupts; /* each of its queues can wake it */
	unsigned rx_count, tx_count;
	struct rx_queue rx[RX_QUEUES_MAX];
	struct shared_tx *tx[PORT_MAX]; /* rings it empties */
	struct way way[PORT_MAX];       /* by slot */
};

enum woken { WOKEN_BY_OTHERS, WOKEN_BY_QUEUE, WOKEN_BY_TIME };

/* A worker as a sender into a shared queue. */
struct sharer {
	struct worker *worker;
	struct shared_tx *to;
};

/* A worker's thread. What other threads may touch: plan (written by the control thread, NULL ends the
 * thread), asleep and wake_fd (poller_wake()), statistics (read only). */
struct poller {
	struct weir *weir;
	struct worker *worker;
	const struct plan *plan; /* atomic */
	const struct plan *last; /* control thread: to be freed */
	struct plan now;         /* the worker's copy of the one it took over */
	struct sharer sharer[PORT_MAX];
	unsigned idle;    /* polls without work in a row */
	bool armed;       /* receive interrupts are on */
	enum woken woken; /* from the last sleep; WOKEN_BY_OTHERS afterwards */
	unsigned missed;  /* sleeps in a row that ended by time although packets had come */
	bool deaf;        /* atomic: interrupts are reported but do not come; sleeps shortly instead */
	bool asleep;      /* atomic */
	int wake_fd, epoll_fd, cpu;
	bool running, told_deaf;
	uint64_t polls, idle_polls, busy_cycles, idle_cycles, sleep_cycles, sleeps;
	struct load_sample {
		uint64_t busy, all, tsc;
	} sample[2]; /* control thread: recent load */
} __rte_cache_aligned;

/* What the service manager knows, see service.c. */
struct service {
	struct event *beat; /* feeds the watchdog; NULL without one */
	uint64_t watchdog_us;
	uint64_t polls[WORKER_MAX]; /* at the last beat */
	bool stuck[WORKER_MAX];     /* told */
	char status[96];
};

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
	char huge_dir[1024]; /* where EAL has its hugepage files */
	unsigned lcores;     /* EAL started for workers: as many are possible */
	bool pdump;
	char eal_text[1024];
	char *config_path; /* of the startup file or directory */
	uint64_t started_tsc;
	struct event_base *base;
	struct event *wake, *link, *sigterm, *sigint, *sighup;
	struct api *api;
	bool verbose;
	struct store *store; /* both belong to the configuration service once it runs */
	struct service service;
	struct node *config; /* tree of the running configuration */
};

static inline struct runtime *runtime_of(const struct weir *w)
{
	return w->runtime;
}

/* settings.c */
/* NUMA node of a CPU, 0 when unknown. */
int cpu_socket(int cpu);
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

/* start.c */
int ports_start(struct runtime *r, struct err *e);
void ports_stop(struct runtime *r);

/* rss.c */
/* Asks for a symmetric hash; `key` must live until the device is configured. */
#define RSS_KEY_MAX 64
void rss_want(struct port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf,
	uint8_t key[RSS_KEY_MAX]);
/* Writes the redirection table of a started port, so that packets come by the queue of their flow's owner. */
void rss_write_table(const struct runtime *r, struct port *p);

/* link.c */
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

/* plan.c */
/* Worker that polls a receive queue. */
unsigned plan_queue_worker(const struct runtime *r, const struct port *p, uint16_t queue);
/* What worker `id` does with the ports and workers of `r`; NULL when memory is short. */
struct plan *plan_build(const struct runtime *r, unsigned id);

/* poller.c */
int pollers_create(struct runtime *r, struct err *e);
int pollers_start(struct runtime *r, struct err *e);
void pollers_stop(struct runtime *r);
void pollers_free(struct runtime *r);
/* Called about every 250 ms: keeps samples of the load, tells of interrupts that do not come. */
void pollers_watch(struct runtime *r);
/* Busy part (0..1) of the last one to two seconds. */
double poller_load(const struct poller *p);
/* What an idle worker does, in a word for people. */
const char *poller_rest_word(const struct poller *p);

/* loop.c */
/* A worker's thread; `arg` is its poller. */
int poller_main(void *arg);
/* ns since the daemon started, from the TSC. */
uint64_t runtime_clock(void);
void runtime_clock_init(void);

/* sleep.c */
/* A round found nothing: spins, pauses or sleeps. True when time has passed. */
bool poller_idle(struct poller *p);
/* A round found `received` packets or other work. */
void poller_busy(struct poller *p, unsigned received);
/* Wakes a worker that sleeps; any thread, after giving it something. */
void poller_wake(struct poller *p);

/* tx.c */
int shared_tx_create(struct port *p, struct err *e);
/* Nobody sends any more: frees rings and what is in them. */
void shared_tx_free(struct port *p);
/* The worker's own thread: sends as its plan says from now on. */
void ways_adopt(struct poller *p);
/* Owner's side: sends what other workers handed over. */
unsigned shared_tx_drain(struct shared_tx *t, struct worker *w);

/* Adds the buffers to a bill. */
void memory_bill(const struct runtime *r, struct bill *b);

/* apply.c */
#define CONFIG_DEFAULT "/etc/weir/weir.yaml"
/* Finds the config to start with and the place of its history: fills config, config_path and store. */
int runtime_load_config(struct runtime *r, const struct run_options *o, struct err *e);
/* Once `config` was applied: its history begins. */
int runtime_config_start(struct runtime *r, struct err *e);
void runtime_log_level(const struct runtime *r, const struct node *cfg);

/* service.c: the service manager hears that we are ready, how we are, and that we live. */
int service_start(struct runtime *r, struct err *e);
void service_stop(struct runtime *r);
/* Tells what has changed; called about every 250 ms. */
void service_status(struct runtime *r);
/* A configuration is being applied / was applied or refused. */
void service_reloading(bool begins);

/* control.c */
int control_run(struct runtime *r, const struct run_options *o, struct err *e);

#endif
