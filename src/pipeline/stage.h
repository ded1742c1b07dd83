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
	STAGE_ROUTE,  /* FIB lookup; entry point of packets weir originates */
	STAGE_ADMIT,  /* packets that belong to no session yet: policy, which knows where they go */
	STAGE_LOCAL,  /* packets to us: ICMP, ND */
	STAGE_KERNEL, /* packets to us that the kernel answers */
	STAGE_ACL_OUT,
	STAGE_SNAT,
	STAGE_IP_OPTIONS, /* IPv4 record route and timestamp of packets that go on */
	STAGE_FORWARD,    /* TTL, MTU; the plain case is rewritten here as well */
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

/* Output features whose place is before STAGE_FORWARD: STAGE_ROUTE sets their need. Those behind it get
 * theirs from STAGE_FORWARD and STAGE_FRAGMENT. */
#define STAGES_BEFORE_FORWARD (STAGE_BIT(STAGE_FORWARD) - 1)

/* `slots` is never 0 and only holds slots that are alive (STAGE_DROP: slots that are dead). */
typedef void (*stage_fn)(struct worker *w, const struct generation *g, struct burst *b, uint64_t slots);

/* The level of x86-64 this file is compiled for: packages hold vector stages for several of them, and the
 * highest one the CPU has is registered. The environment variable WEIR_CPU_LEVEL (2..4) lowers it, for tests.
 */
#if defined(__AVX512BW__) && defined(__AVX512VL__)
#define STAGE_CPU_LEVEL 4
#elif defined(__AVX2__)
#define STAGE_CPU_LEVEL 3
#else
#define STAGE_CPU_LEVEL 2
#endif

struct stage {
	const char *name; /* lower-case-with-dashes, as in `weir show stages` */
	const char *help; /* one line for people */
	stage_fn run;
	uint64_t after;  /* STAGE_BIT()s that must come earlier in the table */
	uint64_t before; /* STAGE_BIT()s that must come later */
	uint64_t next;   /* STAGE_BIT()s this stage may set; drawn by `weir show pipeline` */
	uint8_t id;      /* enum stage_id */
};

/* Takes `s` unless the CPU is below `level` or the place is taken by a higher level. Constructors only. */
void stage_register(const struct stage *s, unsigned level);

#define STAGE_REGISTER(s)                                                                                    \
	__attribute__((constructor)) static void stage_register_##s(void)                                    \
	{                                                                                                    \
		stage_register(&s, STAGE_CPU_LEVEL);                                                         \
	}

/* Checks every constraint; -EINVAL with a sentence naming the two stages otherwise. */
int stages_init(struct err *e);

/* The function of each registered stage, filled by stages_init(); what the runner calls. */
extern stage_fn stage_run[STAGE_COUNT];

/* Level of x86-64 of this CPU, 2..4. */
unsigned stage_cpu_level(void);

/* The registered stage or NULL. */
const struct stage *stage_get(enum stage_id id);

#endif
