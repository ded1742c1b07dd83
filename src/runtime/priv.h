/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/runtime: the state behind struct weir's `runtime`.
 */
#ifndef WEIR_RUNTIME_PRIV_H
#define WEIR_RUNTIME_PRIV_H

#include <rte_ethdev.h>

#include "runtime/runtime.h"

struct api;
struct change;
struct event;
struct bill;
struct node;
struct store;

#define DEVICE_MAX 512
#define EAL_ARGS 96
#define WATCH_MS 250   /* between looks at things that change slowly */
#define LINK_LOOK_MS 5 /* between looks whether a port's link is due */
#define SHARED_TX_RING 1024

#define RX_QUEUES_MAX 512 /* one worker polls */
#define POOLS_MAX 64

enum polling { POLLING_BUSY, POLLING_ADAPTIVE, POLLING_INTERRUPT };

/* What the config says before EAL runs. */
struct settings {
	unsigned workers;
	int worker_cpu[WORKER_MAX]; /* CPU each worker is pinned to */
	int main_cpu;
	unsigned cpus;               /* this process may use */
	bool shared_cpu[WORKER_MAX]; /* the worker's CPU runs another of our threads, too */
	enum polling polling[WORKER_MAX];
	uint32_t spare;       /* buffers besides what is computed */
	bool twins;           /* the kernel has twins of the interfaces: packets wait on the way there, too */
	uint64_t memory;      /* bytes packet buffers may take, 0 = what they need */
	char file_prefix[64]; /* as configured; EAL arguments may say otherwise */
	char socket[108];
};

/* Transmit queue that several workers may share: the others hand packets to its owner, which is the worker of
 * the same number. */
struct shared_tx {
	struct rte_ring *ring;
	uint16_t id, queue; /* DPDK's port and queue */
};

/* Packet buffers. The first of a NUMA node is made at the start; more are added when ports or workers are. */
struct pool {
	struct rte_mempool *mp;
	uint32_t size;
	uint16_t room; /* bytes of packet a buffer holds */
	int socket;
	bool general; /* not for one port: weir takes what it sends itself from the last of them */
	bool retired; /* no port uses it any more: freed once every buffer is back */
};

/* A port as the config describes it. */
struct port_wish {
	char name[IFACE_NAME];
	char device[DEVICE_MAX];
	uint16_t mtu, rx_desc, tx_desc;
	uint32_t rx_queues; /* 0 = as many as workers */
	bool promiscuous, has_mac;
	uint8_t mac[6];
};

/* A port with its device. Ports are values: a changed port is a new one in the same slot, the old one goes
 * when nobody looks at it any more. */
struct port {
	struct port_wish wish;
	char unique[IFACE_NAME + 12]; /* its name, with a number when it had another device before */
	char devargs[DEVICE_MAX];     /* as DPDK takes it */
	char ethdev[RTE_ETH_NAME_MAX_LEN];
	char netdev[32]; /* kernel interface behind it, empty if none */
	char driver[32];
	uint16_t slot;     /* index in layout.port and generation.port; stays when the device changes */
	uint16_t id;       /* DPDK's port id, UINT16_MAX before it is probed */
	uint16_t min_room; /* bytes of packet the driver wants in a buffer, 0 = any */
	uint16_t rx_queues, tx_queues, rx_desc, tx_desc;
	int socket;
	struct pool *pool; /* its receive queues take buffers from */
	bool pci, started, rss, promiscuous, scatter;
	bool interrupts;           /* a sleeping worker can be woken by its receive queues */
	uint16_t table_size;       /* entries of the RSS redirection table that was written, 0 = none */
	uint64_t look_at, look_ns; /* next look at its link, what one takes: see link.c */
	uint8_t mac[6], device_mac[6];
	struct shared_tx shared[WORKER_MAX]; /* by tx queue */
};

/* Ports and workers as a config wants them, or as they are. */
struct layout {
	struct settings set;
	struct port *port[PORT_MAX]; /* by slot, NULL = none */
};

#define PORT_EACH(p, l)                                                                                      \
	for (unsigned each_##p = 0; each_##p < PORT_MAX; each_##p++)                                         \
		for (struct port *p = (l)->port[each_##p]; p != NULL; p = NULL)

struct rx_queue {
	uint16_t id, queue; /* DPDK's port and queue */
	uint16_t port;      /* slot */
	bool interrupt;     /* can wake a sleeping worker */
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
	int cpu;
	unsigned socket;
	struct rte_mempool *pool; /* for packets the worker makes */
	unsigned rx_count, tx_count;
	struct rx_queue rx[RX_QUEUES_MAX];
	struct shared_tx *tx[2 * PORT_MAX]; /* rings it empties: also of ports that are going */
	struct way way[PORT_MAX];           /* by slot */
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
	int told_polling; /* enum polling the operator was told about, -1 = none */
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
	struct layout now;
	struct change *change;             /* in work, see change.c */
	struct poller *poller[WORKER_MAX]; /* created when first needed, kept until the end */
	struct pool *pool[POOLS_MAX];
	unsigned pools;
	unsigned kept;       /* buffers that drivers did not give back when their ports were closed */
	uint64_t planned[8]; /* lines of the buffer bill, see memory.c */
	bool running;        /* a layout is in place */
	bool hugepages;
	char file_prefix[64];
	char huge_dir[1024]; /* where EAL has its hugepage files */
	unsigned lcores;     /* EAL started for workers: as many are possible */
	bool pdump;
	char eal_text[1024];
	char *config_path; /* of the startup file or directory */
	uint64_t started_tsc;
	struct event_base *base;
	struct event *wake, *watch, *link, *sigterm, *sigint, *sighup;
	struct event *link_event; /* the kernel's news about links, see link.c */
	int link_news, link_ioctl;
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
int eal_start(struct runtime *r, const struct layout *l, const struct node *cfg, const struct run_options *o,
	struct err *e);
/* Ends EAL and removes the hugepage files of our prefix. */
void eal_stop(struct runtime *r);

/* device.c: config device text to DPDK's words; fills devargs, netdev, pci, min_room. */
int device_translate(struct port *p, unsigned queues, struct err *e);

/* port.c */
/* What becomes of a port when a config is applied. */
enum port_change {
	PORT_EMPTY,   /* the slot is empty */
	PORT_KEEP,    /* nothing */
	PORT_TOUCH,   /* MAC address, reception or MTU change while it runs */
	PORT_RESTART, /* its device is stopped, changed and started */
	PORT_ADD,     /* a device is started; if the slot had one, that one goes */
};
/* Settings and ports of a config. Ports keep the slot they have in `now` (NULL: none are there), and are the
 * same objects when nothing about them changes; `kind` (NULL: not wanted) says what becomes of each. No
 * device is looked at. On failure nothing is left in *out. */
int layout_read(struct layout *out, const struct layout *now, const struct node *cfg, uint8_t kind[PORT_MAX],
	struct err *e);
/* Frees the ports of `l` that are not in `but` (may be NULL). */
void layout_free(struct layout *l, const struct layout *but);
/* Finds the device, or makes it, and learns what it can. */
int port_probe(struct port *p, struct err *e);
/* The MTU fits the device. */
int port_check_mtu(const struct port *p, struct err *e);
int port_describe(const struct layout *l, struct port *p, struct err *e);

/* start.c */
/* Configures and starts a probed device with buffers of p->pool. */
int port_start(const struct runtime *r, const struct layout *l, struct port *p, struct err *e);
void port_stop(struct port *p);
/* Stops the device and takes it away; nobody may use it any more. Its rings stay. */
void port_close(struct runtime *r, struct port *p);
/* MAC address and promiscuous mode as wished, on a running device. */
int port_touch(struct port *p, struct err *e);

/* rss.c */
/* Asks for a symmetric hash; `key` must live until the device is configured. */
#define RSS_KEY_MAX 64
void rss_want(struct port *p, const struct rte_eth_dev_info *info, struct rte_eth_conf *conf,
	uint8_t key[RSS_KEY_MAX]);
/* Writes the redirection table of a started port, so that packets come by the queue of their flow's owner. */
void rss_write_table(const struct layout *l, struct port *p);

/* link.c */
/* Looks at the link of every port / of those that are due. */
void ports_poll_link(struct runtime *r);
void ports_poll_due(struct runtime *r);
/* From now on / no longer hears of the kernel's links. */
void link_watch(struct runtime *r);
void link_unwatch(struct runtime *r);

/* memory.c */
/* Bytes EAL needs for a layout before anything is probed. */
uint64_t memory_bytes(const struct layout *l);
/* Makes the buffers a layout needs and does not have, and gives each new port (pool == NULL) a pool. `trial`:
 * only looks whether the config allows it. -ENOMEM with numbers. */
int memory_admit(struct runtime *r, struct layout *l, bool trial, struct err *e);
/* A change was given up: pools beyond the first `before` go. */
void memory_undo(struct runtime *r, unsigned before);
/* `l` runs: the bill is for it, and pools no port uses are given up. */
void memory_settle(struct runtime *r, const struct layout *l);
/* Pool of a NUMA node for packets that are made here. */
struct rte_mempool *memory_pool_for(const struct runtime *r, unsigned socket);
/* Frees retired pools that have all their buffers. */
void memory_watch(struct runtime *r);
/* Every buffer is back in its pool; logs what is missing. */
bool memory_all_back(const struct runtime *r);
void memory_free_pools(struct runtime *r);
/* Adds the buffers to a bill: those there are and what the config needs besides. */
void memory_bill(const struct runtime *r, const struct node *cfg, struct bill *b);
/* Entries the AF_XDP driver does not give back. */
unsigned memory_kept_by(const struct port *p);

/* plan.c */
/* Worker that polls a receive queue. */
unsigned plan_queue_worker(const struct layout *l, const struct port *p, uint16_t queue);
/* What worker `id` does in a layout. */
void plan_fill(struct plan *plan, const struct runtime *r, const struct layout *l, unsigned id);
/* On the way from `from` to `to`: receives only what is in both and not `none`, sends by ports of both,
 * empties the rings of both. */
void plan_between(struct plan *plan, const struct plan *from, const struct plan *to, bool none);
/* Takes a port's receive queues out. */
void plan_deafen(struct plan *plan, const struct port *p);
/* Takes a port out: neither received nor sent by; its rings are emptied all the same. */
void plan_without(struct plan *plan, const struct port *p);

/* poller.c */
/* The poller of a worker, which must exist, without a thread. */
int poller_create(struct runtime *r, unsigned id, struct err *e);
void pollers_free(struct runtime *r);
/* The worker's thread begins with a plan / takes over another one at its next round. */
int poller_launch(struct runtime *r, unsigned id, const struct plan *plan, struct err *e);
void poller_give(struct poller *p, const struct plan *plan);
/* It runs what it still has and ends. */
void poller_tell_end(struct poller *p);
void poller_wait_end(struct poller *p);
/* Interrupts of queues in `to` and not in `from` wake the worker from now on / those of `from` no more.
 * Nobody polls these queues meanwhile. `from` may be NULL. */
void poller_listen(struct poller *p, const struct plan *from, const struct plan *to);
void poller_unlisten(struct poller *p, const struct plan *from, const struct plan *to);
void poller_tell(struct runtime *r, unsigned id);
/* Called about every 250 ms: keeps samples of the load, tells of interrupts that do not come. */
void pollers_watch(struct runtime *r);
/* Busy part (0..1) of the last one to two seconds. */
double poller_load(const struct poller *p);
/* What an idle worker does, in a word for people. */
const char *poller_rest_word(const struct poller *p);

/* swap.c */
/* Everything ends: threads, then devices. */
void runtime_stop(struct runtime *r);

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
void shared_tx_free(struct port *p); /* of a port that is not started */
/* The worker's own thread: sends as its plan says from now on. */
void ways_adopt(struct poller *p);
/* Owner's side: sends what other workers handed over. */
unsigned shared_tx_drain(struct shared_tx *t, struct worker *w);

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
