/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A generation: the configuration as workers see it. Immutable once published; built aside, published
 * with one release store, loaded once per burst, freed after every worker has passed a quiescent state.
 * Dynamic tables (FIBs, next hops, neighbours) are only pointed at and survive commits.
 *
 * Thread-safety: written by the control thread before publication, read-only afterwards.
 */
#ifndef WEIR_PIPELINE_GENERATION_H
#define WEIR_PIPELINE_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>

#include "packet/addr.h"
#include "pipeline/nexthop.h"
#include "pipeline/shard.h"
#include "pipeline/stage.h"

#define IFACE_NONE 0
#define IFACE_MAX 4096 /* ids 1..IFACE_MAX-1 */
#define IFACE_NAME 32
#define IFACE_ADDRESSES 32 /* per interface */
#define VRF_MAX 256        /* 0 is the default VRF, named "default" */
#define VRF_NAME 32
#define IP6_MTU_MIN 1280 /* RFC 8200 5: a link with less does not carry IPv6 */
#define PORT_MAX RTE_MAX_ETHPORTS
#define NO_PORT UINT16_MAX /* of a loopback interface */

struct fib4;
struct fib6;
struct acl_view; /* feature/acl */

/* What workers need for the way to the kernel (feature/kernel); its parts survive generations. */
#define KERNEL_CLASS_MAX 8
struct kernel_lane;
struct kernel_groups;
struct kernel_view {
	uint32_t rate[KERNEL_CLASS_MAX]; /* packets per second, by class, for each interface and worker */
	struct kernel_lane *lane;        /* [WORKER_MAX] */
	/* [IFACE_MAX], each atomic: multicast groups programs joined on its twin, NULL = none */
	struct kernel_groups **groups;
};

/* What workers need to know of sessions (feature/session); its parts survive generations. */
#define SESSION_STATES 16
struct session_lane;
struct session_question;
struct burst;
struct session_view {
	struct session_lane *lane;        /* [WORKER_MAX]; NULL: no interface keeps sessions */
	uint32_t timeout[SESSION_STATES]; /* ms without packets, by enum session_state */
	uint32_t per_source;              /* sessions one source may have on one worker; 0: any */
	uint16_t policy;                  /* number of the policy; sessions of another one are judged again */
	bool pickup;                      /* TCP connections that began elsewhere are taken up */
	bool accounting;                  /* sessions count packets and bytes */
	/* Who decides about new sessions; NULL: all are welcome. */
	void (*judge)(
		const struct generation *g, const struct burst *b, unsigned slot, struct session_question *q);
	const void *rules; /* the judge's */
};

/* A share of a worker's round for something that no packet starts; bounded work. */
typedef void (*worker_turn_fn)(struct worker *w, const struct generation *g, uint64_t now);
#define GENERATION_TURNS 4

struct iface {
	char name[IFACE_NAME];
	uint16_t id;
	uint16_t port; /* port id (index in generation.ports), NO_PORT: a loopback */
	uint16_t vrf;
	uint16_t zone;             /* of the firewall; 0: none */
	uint16_t mtu;              /* bytes of IP packet */
	uint8_t mac[6];            /* zeroes of a loopback */
	uint8_t ntags;             /* 0, 1 (802.1Q) or 2 (QinQ) */
	bool enabled;              /* administratively up */
	uint16_t tpid[2], vlan[2]; /* outer first, host order */
	uint64_t in;               /* STAGE_BIT()s every packet received here passes besides routing */
	uint64_t out;              /* STAGE_BIT()s every packet sent here passes */
	bool twin;                 /* the kernel has a twin of it and gets what we do not answer */
	bool forwarding;           /* false: host behaviour, nothing is forwarded from here */
	bool redirects;            /* senders on it are told of better first hops on it */
	bool ip6_off;              /* somebody else has its MAC address: RFC 4862 5.4.5 */
	uint8_t address_count;
	/* Bit i: address[i] is not ours yet, or never, because duplicate address detection says so (RFC 4862
	 * 5.4). The one word that changes after publication: written by the control thread, atomic. */
	uint32_t unready;
	struct prefix address[IFACE_ADDRESSES]; /* in config order; the first of a family is preferred */
};

/* How frames of a port find their interface. */
struct port_view {
	uint16_t untagged; /* interface id or IFACE_NONE */
	bool present;
	uint16_t *vlan;    /* [4096] interface id by 802.1Q VLAN (priority-tagged 0 = untagged) or NULL */
	struct qinq *qinq; /* sorted by (outer, inner) */
	uint32_t qinq_count;
	uint8_t mac[6];      /* of the port; sub-interfaces share it */
	uint16_t fast_iface; /* untagged interface when STAGE_PARSE may take its plain IPv4 path, else NONE */
};

struct qinq {
	uint16_t tpid, outer, inner, iface;
};

struct vrf_view {
	char name[VRF_NAME]; /* empty: unused id */
	struct fib4 *fib4;
	struct fib6 *fib6;
};

struct generation {
	uint64_t id;
	struct nh_table nht;
	struct shard_map shard;
	struct vrf_view vrf[VRF_MAX];
	struct port_view port[PORT_MAX];
	uint16_t iface_limit;           /* ids in use are below this */
	uint16_t mtu_min;               /* smallest MTU of all interfaces */
	struct iface *iface[IFACE_MAX]; /* NULL where no interface has that id; owned by the generation */
	uint32_t icmp_error_rate;       /* ICMP errors per second and worker */
	uint32_t icmp_error_burst;
	bool icmp_echo; /* echo requests to us are answered */
	struct kernel_view kernel;
	struct session_view session;
	worker_turn_fn turn[GENERATION_TURNS]; /* called once a round */
	unsigned turns;
	const struct acl_view *acl; /* NULL: no lists of rules */
};

/* It has addresses and no link: nothing comes in by it, nothing is sent out of it, nobody is behind it. */
static inline bool iface_is_loopback(const struct iface *ifc)
{
	return ifc->port == NO_PORT;
}

/* Its MTU is large enough for IPv6, and duplicate address detection did not switch it off. Otherwise nothing
 * of IPv6 is taken from it or sent out of it. */
static inline bool iface_carries_ip6(const struct iface *ifc)
{
	return ifc->mtu >= IP6_MTU_MIN && !ifc->ip6_off;
}

/* The interface's packets must meet the state of their flow: both directions of it pass one worker. A
 * stateful feature calls it in prepare() for every interface its packets may come in by. */
static inline void iface_keep_flows(struct iface *ifc)
{
	ifc->in |= STAGE_BIT(STAGE_SHARD);
}

/* Whether workers call `fn` once a round. */
void generation_turn(struct generation *g, worker_turn_fn fn, bool on);

/* Deep copy for a change; NULL when memory is short. Free with generation_free(). */
struct generation *generation_clone(const struct generation *g);
void generation_free(struct generation *g);
struct generation *generation_new(void);
/* Recomputes port[].untagged, vlan, qinq and fast_iface from iface[]. 0 or -ENOMEM. */
int generation_index(struct generation *g);

/* Interface by name or NULL. */
const struct iface *generation_iface(const struct generation *g, const char *name);
/* Interface that owns frames with these tags on this port; IFACE_NONE if there is none. Pure. */
uint16_t generation_demux(
	const struct port_view *p, unsigned ntags, const uint16_t tpid[2], const uint16_t vlan[2]);

/* Source address for packets of `family` weir sends out of / answers for `ifc`: the first address of
 * the family that fits (IPv6: link-local when `link_local`); false if there is none. */
bool iface_source(const struct iface *ifc, uint8_t family, bool link_local, struct ipaddr *out);
/* It has an address of the family. */
bool iface_has_family(const struct iface *ifc, uint8_t family);
/* True when `a` is one of the interface's own addresses, in use or not. */
bool iface_has_address(const struct iface *ifc, const struct ipaddr *a);
/* True when it is one and duplicate address detection lets us use it. */
bool iface_has_ready_address(const struct iface *ifc, const struct ipaddr *a);

static inline bool iface_address_ready(const struct iface *ifc, unsigned i)
{
	return (__atomic_load_n(&ifc->unready, __ATOMIC_RELAXED) >> i & 1) == 0;
}

#endif
