/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Twins: each interface has a TAP of the kernel with its name, MAC address, MTU, addresses and carrier, so
 * that routing daemons, DHCP clients, ssh and `ip` work as if weir's interfaces were the kernel's. See
 * README.md in this folder.
 *
 * Thread-safety: control thread only. The twins' thread (io.c) has its own tables.
 */
#ifndef WEIR_FEATURE_KERNEL_H
#define WEIR_FEATURE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "feature/kernel/classify.h"

struct node;
struct weir;

/* --- where twins are --- */

/* A place is a network namespace with twins. Place 0 is the one weir runs in, and always there; each
 * namespace that a VRF names is another one, as long as the VRF is configured. Numbers of other places are
 * used again. */
#define KERNEL_PLACES 257
#define KERNEL_PATH 256 /* bytes of a namespace's path */

/* Places are below this number. */
unsigned kernel_places(const struct weir *w);
/* The namespace's path, "" for place 0; NULL when there is no such place. */
const char *kernel_place_path(const struct weir *w, unsigned place);
/* The place of a namespace's path ("": weir's own), or -1. */
int kernel_place_find(const struct weir *w, const char *path);
/* A netlink socket of the bus (NETLINK_ROUTE ...) in a namespace, "" for weir's own: a descriptor that the
 * caller closes, or a negative errno with a sentence. */
int kernel_namespace_socket(const char *path, int bus, struct err *e);

/* Where a VRF's twins are, and the kernel's routing table that goes with the VRF there: 254 (main), or the
 * table of its VRF device. */
unsigned kernel_vrf_place(const struct weir *w, uint16_t vrf);
uint32_t kernel_vrf_table(const struct weir *w, uint16_t vrf);

/* --- which twin is whose --- */

/* The interface whose twin is the kernel's link `ifindex` in `place`; IFACE_NONE when it is none. */
uint16_t kernel_twin_of(const struct weir *w, unsigned place, int ifindex);
/* The link of an interface's twin in the place of its VRF; 0 when it has none. */
int kernel_twin_ifindex(const struct weir *w, uint16_t iface);
/* The interface has a twin whose carrier is off only because it waits for routes (kernel.wait). */
bool kernel_carrier_held(const struct weir *w, uint16_t iface);
/* Twins are configured: `kernel` is in the configuration and `kernel.twins` is not false. */
bool kernel_enabled(const struct weir *w);
/* The same of a configuration. */
bool kernel_wanted(const struct node *cfg);

/* --- what the API shows --- */

struct kernel_twin_info {
	uint16_t iface;
	const char *name;  /* of the link */
	const char *place; /* path, "" for weir's own namespace */
	int ifindex;
	bool carrier;
	bool held;                        /* it waits for the kernel's routes */
	bool adopted;                     /* it was there when weir started (kernel.persist) */
	uint64_t waited;                  /* ns, how long it waited before it might have carrier */
	uint64_t punted[KERNEL_CLASSES];  /* handed to the twins' thread by workers */
	uint64_t policed[KERNEL_CLASSES]; /* over the class's rate */
	uint64_t delivered;               /* written to the TAP, copies among them */
	uint64_t refused;                 /* the kernel did not take them */
	uint64_t copies;                  /* of ARP and ND, among `delivered` */
	uint64_t injected;                /* read from the TAP and sent on */
	uint64_t answered;                /* the kernel's ARP requests and solicitations, answered here */
	uint64_t inject_drops;            /* read and not sent on: no buffer, worker's inbox full */
	uint32_t groups;                  /* multicast groups that go up because a program joined them */
	uint32_t groups_refused;          /* those there was no room for */
};
/* Twins that had carrier before the kernel's routes were there, as kernel.wait was over. */
uint64_t kernel_waits_expired(const struct weir *w);
/* Calls fn for every twin in the order of interface ids. */
void kernel_twins(const struct weir *w, void (*fn)(void *ctx, const struct kernel_twin_info *t), void *ctx);

#endif
