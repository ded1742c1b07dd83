/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Stages: the pipeline is one ordered table. The enum is the order and the names are the contract; a
 * feature registers the function behind a name from its own folder, with the neighbours it relies on,
 * and stages_init() refuses to start when a constraint does not hold.
 *
 * Thread-safety: the table is written by constructors and stages_init() only, read-only afterwards.
 */
#ifndef WEIR_PIPELINE_STAGE_H
#define WEIR_PIPELINE_STAGE_H

#include <stdint.h>

struct burst;
struct err;
struct generation;
struct worker;

enum stage_id {
	STAGE_PARSE, /* frames of one port; plain routed IPv4 goes straight to ROUTE's predecessors */
	STAGE_CAPTURE_IN,
	STAGE_ETHER,    /* VLAN sub-interfaces, MAC filter, ethertype: everything PARSE did not settle */
	STAGE_ARP,      /* ARP in: to the neighbour tables */
	STAGE_IP_INPUT, /* RFC 1812 5.2.2 and RFC 8200 checks, one packet at a time */
	STAGE_REASSEMBLE,
	STAGE_SHARD,
	STAGE_POLICER_IN,
	STAGE_ACL_IN,
	STAGE_SESSION,
	STAGE_DNAT,
	STAGE_ROUTE, /* FIB lookup; entry point of packets weir originates */
	STAGE_LOCAL, /* packets to us: ICMP, ND, kernel */
	STAGE_ACL_OUT,
	STAGE_SNAT,
	STAGE_FORWARD, /* TTL, MTU; the plain case is rewritten here as well */
	STAGE_FRAGMENT,
	STAGE_ICMP_ERROR, /* answers for packets that died above */
	STAGE_RESOLVE,    /* next hop not known yet: to the neighbour tables */
	STAGE_QOS,
	STAGE_ENCAP,
	STAGE_REWRITE, /* link-layer header */
	STAGE_CAPTURE_OUT,
	STAGE_TX,
	STAGE_DROP,
	STAGE_COUNT
};

#define STAGE_BIT(id) (UINT64_C(1) << (id))

/* `slots` is never 0 and only holds slots that are alive (STAGE_DROP: slots that are dead). */
typedef void (*stage_fn)(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots);

struct stage {
	const char *name; /* lower-case-with-dashes, as in `weir show stages` */
	const char *help; /* one line for people */
	stage_fn run;
	uint64_t after;  /* STAGE_BIT()s that must come earlier in the table */
	uint64_t before; /* STAGE_BIT()s that must come later */
	uint64_t next;   /* STAGE_BIT()s this stage may set; drawn by `weir show pipeline` */
	uint8_t id;      /* enum stage_id */
};

void stage_register(const struct stage *s);

#define STAGE_REGISTER(s)                                                                                    \
	__attribute__((constructor)) static void stage_register_##s(void)                                    \
	{                                                                                                    \
		stage_register(&s);                                                                          \
	}

/* Checks every constraint; -EINVAL with a sentence naming the two stages otherwise. */
int stages_init(struct err *e);

/* The function of each registered stage, filled by stages_init(); what the runner calls. */
extern stage_fn stage_run[STAGE_COUNT];

/* The registered stage or NULL. */
const struct stage *stage_get(enum stage_id id);

#endif
