/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/kernel: places, twins, and the thread that serves them.
 */
#ifndef WEIR_FEATURE_KERNEL_PRIV_H
#define WEIR_FEATURE_KERNEL_PRIV_H

#include <net/if.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>

#include "feature/kernel/kernel.h"
#include "feature/kernel/punt.h"
#include "pipeline/weir.h"

struct node;

#define KERNEL_FRAME 65600 /* bytes of the largest frame a TAP gives or takes */
#define KERNEL_SOLICIT_RING 512
#define KERNEL_TABLE_MAIN 254

/* --- places (place.c) --- */

/* A network namespace with twins. */
struct place {
	char path[KERNEL_PATH]; /* "" = weir's own */
	bool used;              /* place 0 always is */
	uint32_t mark;          /* configuration round in which a VRF names it */
	int nl;                 /* netlink socket there, -1 = none yet */
	bool asked;             /* for the files of the groups */
	FILE *igmp[2];          /* /proc/net/igmp and igmp6 there; NULL = not to be had */
};

/* What a VRF is in the kernel. */
struct kernel_vrf {
	uint16_t place;
	int master; /* link of its VRF device, 0 = none */
	uint32_t table;
};

/* The calling thread is in the namespace until place_leave(); *back is where it came from. 0 or a negative
 * errno with a sentence. Nothing happens for "". */
int place_enter(const char *path, int *back, struct err *e);
void place_leave(int back);
/* Runs netlink in a place: its socket, made when there is none. Negative errno with a sentence. */
int place_netlink(struct place *p, struct err *e);
/* A file below /proc/sys/net of a place gets a value; false when it could not be written. */
bool place_sysctl(const struct place *p, const char *file, const char *value);

/* --- netlink (netlink.c): each asks and waits for the kernel's answer. 0 or a negative errno. --- */
struct link_change {
	int up;             /* 1, 0, or -1: as it is */
	int arp;            /* the same: neighbours are asked for there */
	uint32_t mtu;       /* 0: as it is */
	const uint8_t *mac; /* NULL: as it is */
	int master;         /* -1: as it is, 0: none */
};
int nl_link_change(int nl, int ifindex, const struct link_change *c);
/* What a link is now. */
#define LINK_ALIAS 64
struct link_now {
	unsigned flags; /* IFF_... */
	char alias[LINK_ALIAS];
};
int nl_link_look(int nl, int ifindex, struct link_now *now);
/* The text beside a link's name; "" takes it away. */
int nl_link_alias(int nl, int ifindex, const char *alias);
/* Has the kernel act on a change of carrier now. By itself it does so up to a second later, when it acted on
 * another link's a moment before. (Linux 6.8 and later; before, this does nothing.) */
void nl_link_settle(int nl, int ifindex);
/* No link-local address of its own, source addresses checked loosely, no forwarding unless asked. */
int nl_link_settings(int nl, int ifindex, bool forwarding);
/* -EEXIST: somebody has put it there. */
int nl_address_add(int nl, int ifindex, const struct prefix *p);
int nl_address_del(int nl, int ifindex, const struct prefix *p);
/* Link of a VRF device with this name and table, made and set up when there is none; negative errno. */
int nl_vrf_device(int nl, const char *name, uint32_t table);

/* --- the twins' thread (io.c) --- */

/* What that thread counts. */
struct io_counters {
	uint64_t delivered, refused, injected, answered, inject_drops;
};

/* A TAP as its thread sees it. Filled before io_add(), then only read, but for the counters, which the thread
 * writes while it holds the lock. */
struct io_twin {
	int fd;
	uint16_t iface;
	uint8_t ntags;
	uint8_t tag[8]; /* as on the wire */
	bool loopback;  /* what the kernel sends there has nowhere to go */
	bool lost;      /* atomic: the link was deleted */
	struct io_counters count;
};

struct io;
/* The thread, asleep, for this instance. NULL with a sentence. */
struct io *io_start(struct weir *w, struct kernel_lane *lanes, struct err *e);
/* Ends it; what is on the way ends with a reason. */
void io_stop(struct io *io);
/* The descriptor of a twin that will be added is watched; may fail, so before a commit. */
int io_watch(struct io *io, const struct io_twin *t);
/* From now on / no longer served. The thread does not touch it after io_remove(). */
void io_add(struct io *io, struct io_twin *t);
void io_remove(struct io *io, struct io_twin *t);
/* The VLAN tags of a twin change, or it begins or ceases to be that of a loopback: as in `now`. */
void io_change(struct io *io, struct io_twin *t, const struct io_twin *now);
/* After a commit: buffers may come from another pool, and the control thread be on another CPU, where this
 * thread belongs, too. */
void io_refresh(struct io *io);
/* Where the thread stands in the CPU's queue (rank.c): at its begin, after a round with work, before it
 * waits. */
struct rank {
	bool may, first;
	uint64_t since; /* ns; of work without pause, 0 = none */
};
void rank_begin(struct rank *r);
void rank_busy(struct rank *r);
void rank_idle(struct rank *r);

/* Control packets of one port, read from a socket of their own (arrive.c). */
struct arrive {
	int fd; /* -1 = none */
	uint16_t port;
	struct bucket bucket;
};
/* Hands what waits, a round of it, to worker 0 as received by the port. Returns how many frames. */
unsigned arrive(struct weir *w, struct arrive *a, struct rte_mempool *pool, struct counters *c);
/* A socket with control packets of a port is read from now on / no longer. 0 or a negative errno. */
int io_steer(struct io *io, uint16_t port, int fd);
void io_steer_end(struct io *io, uint16_t port);
/* True once after the kernel reported groups on a twin. */
bool io_groups_changed(struct io *io);
/* Reads the counters of a twin. */
struct io_counters io_read(struct io *io, const struct io_twin *t);
/* The next frame in which the kernel asks for a neighbour; NULL: none. note.oif is the interface. */
struct rte_mbuf *io_solicitation(struct io *io);

/* --- frames (frame.c) --- */

#define FRAME_PIECES 66 /* header, and segments of a packet of 64 KiB in the smallest buffers */
/* A packet as a frame without VLAN tags: both MAC addresses and the type in `head`, then what begins at
 * note.l3. Returns the pieces used, 0 when there are too many. */
int frame_gather(const struct rte_mbuf *m, uint8_t head[14], struct iovec iov[FRAME_PIECES]);
/* A frame as one mbuf, or as many as it takes, with a zeroed note; NULL: no buffers. */
struct rte_mbuf *frame_store(struct rte_mempool *pool, const uint8_t *frame, size_t len);
/* The class of a frame the kernel sent, without VLAN tags. Pure. */
enum kernel_class frame_classify(const uint8_t *frame, size_t len);
/* Puts the VLAN tags of the twin into a frame; false: no headroom. */
bool frame_tag(struct rte_mbuf *m, const struct io_twin *t);

/* --- twins (twin.c) --- */

struct twin {
	struct io_twin io;
	uint16_t place;
	char name[IFNAMSIZ];
	int ifindex, master;
	uint8_t mac[6];
	uint16_t mtu;
	bool up, carrier;
	bool persist;        /* the link stays when its descriptor is closed */
	bool adopted;        /* it was there before weir started */
	bool held;           /* no carrier before the kernel's routes are here */
	uint64_t held_since; /* ns, 0: since before the first turn */
	uint64_t waited;     /* ns */
	uint32_t keep;       /* configuration round that wants it */
	uint8_t own_count;   /* addresses that are there because we put them there */
	struct prefix own[IFACE_ADDRESSES];
	uint64_t copies;
};

/* Makes the TAP, down and without carrier. NULL with a sentence. */
struct twin *twin_new(struct weir *w, const struct iface *ifc, const struct kernel_vrf *vrf, struct err *e);
/* The kernel removes the link. */
void twin_free(struct twin *t);
/* The link stays if it is to. */
void twin_leave(struct twin *t);
/* The link stays when weir ends, or does not. */
void twin_persist(struct weir *w, struct twin *t, bool on);
/* MTU, MAC address, state and carrier as the interface has them; each change that the kernel refuses is told.
 */
void twin_follow(struct weir *w, struct twin *t, const struct iface *ifc);
void twin_carrier(struct weir *w, struct twin *t, const struct iface *ifc);
void twin_address(struct weir *w, struct twin *t, const struct prefix *p, bool added);
void twin_addresses(struct weir *w, struct twin *t, const struct iface *ifc);
/* Frame of a control message to the kernel. */
bool twin_write(struct twin *t, const uint8_t *frame, size_t len);
/* The name the link of an interface has. */
void twin_name(const char *prefix, const char *iface, char name[IFNAMSIZ]);
/* Twins are possible at all, and this name is free; sentence otherwise. */
int twin_check(struct weir *w, const struct iface *ifc, const struct kernel_vrf *vrf, struct err *e);

/* --- guard.c --- */

struct guard {
	int nl; /* the table lives as long as this socket, -1 = none */
	char names[PORT_MAX][IFNAMSIZ];
	unsigned count;
};
/* Frames of the ports' kernel interfaces are kept from the kernel's own stack, when `on`. */
void guard_update(struct weir *w, struct guard *g, bool on);

/* steer.c: control packets of ports on kernel interfaces have a socket of their own, when `on`. */
struct steer {
	int fd; /* -1 = none */
	int ifindex;
	char netdev[IFNAMSIZ];
};
void steer_update(struct weir *w, bool on);

/* --- kernel.c --- */

struct kernel_settings {
	bool on, forwarding, accept_ra, persist;
	uint64_t wait; /* ns */
	char prefix[IFNAMSIZ];
	uint32_t rate[KERNEL_CLASSES];
};

struct kernel_state {
	struct kernel_settings now, next;
	uint32_t round; /* of prepare() */
	struct place place[KERNEL_PLACES];
	struct kernel_vrf vrf[VRF_MAX], next_vrf[VRF_MAX];
	struct twin *twin[IFACE_MAX];
	struct twin *fresh[IFACE_MAX]; /* made by prepare(), not served yet */
	struct kernel_lane lane[WORKER_MAX + 1];
	struct io *io;
	unsigned held;    /* twins that wait */
	uint64_t expired; /* twins that had waited long enough */
	struct guard guard;
	struct steer steer[PORT_MAX];
	struct kernel_groups *groups[IFACE_MAX]; /* what workers see of groups.c */
	uint64_t groups_at, groups_soonest;      /* next read; not before */
};

/* vrfs.c: places and VRF devices of a configuration, in next_vrf. */
int kernel_read_vrfs(struct weir *w, const struct node *cfg, const struct generation *next, struct err *e);
/* Places no VRF names any more are closed. */
void kernel_drop_places(struct weir *w);

/* groups.c: reads the groups when it is time; closes a place's files; frees everything. */
unsigned groups_turn(struct weir *w);
void groups_close(struct place *p);
void groups_free(struct kernel_state *s);

/* solicit.c */
unsigned kernel_answer_solicitations(struct weir *w);

#endif
