/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Sessions: what is remembered of each flow, for the firewall and address translation. See README.md in this
 * folder.
 *
 * Thread-safety: a session belongs to the worker whose table holds it, which alone changes it. The control
 * thread reads copies (session_read) and asks owners to end sessions (session_clear).
 */
#ifndef WEIR_FEATURE_SESSION_H
#define WEIR_FEATURE_SESSION_H

#include <rte_mempool.h>

#include "pipeline/weir.h"
#include "table/flow.h"

enum session_state {
	SESSION_SYN,     /* TCP: the first packet */
	SESSION_SYN2,    /* TCP: both sides sent one (simultaneous open, RFC 9293 3.5) */
	SESSION_SYNACK,  /* TCP: answered, not yet confirmed */
	SESSION_ESTAB,   /* TCP */
	SESSION_FIN_O,   /* TCP: the side that opened it has closed its direction */
	SESSION_FIN_R,   /* TCP: the other one has */
	SESSION_CLOSING, /* TCP: both have; the last acknowledgement is missing */
	SESSION_TIME,    /* TCP: closed, late segments may come */
	SESSION_RESET,   /* TCP: reset */
	SESSION_UDP_NEW, /* UDP, UDP-Lite: no answer so far */
	SESSION_UDP,
	SESSION_ICMP_NEW, /* query without answer so far */
	SESSION_ICMP,
	SESSION_OTHER_NEW, /* any other protocol: no answer so far */
	SESSION_OTHER,
	SESSION_STATE_COUNT,
};
static_assert(SESSION_STATE_COUNT <= SESSION_STATES, "states share a byte with flags");
extern const char *const session_state_names[SESSION_STATE_COUNT + 1];

/* Flags beside the state. */
enum {
	SESSION_LIBERAL = 1 << 4,    /* TCP, taken up in the middle: windows are not known */
	SESSION_TRANSLATED = 1 << 5, /* the keys of the two directions differ in more than order */
};
#define SESSION_STATE_MASK 15

/* Lists of sessions that may make room for others, in this order. */
enum { SESSION_LIST_CLOSED = 1, SESSION_LIST_NEW = 2 };

/* One direction of a TCP connection; all zero: nothing was seen yet. Sequence numbers in host order. */
struct session_tcp {
	uint32_t end;   /* behind the last byte it sent */
	uint32_t limit; /* behind the last byte the other side lets it send */
	uint32_t win;   /* largest window it offered, in bytes */
};

/* A flow (table/flow.h) as a session. What packets need is in the first cache line. */
struct session {
	struct flow_key4 key[2]; /* 0: as the first packet, 1: as its answers */
	uint32_t deadline;       /* ms: ends when no packet comes until then */
	struct session_tcp tcp[2];
	uint8_t scale;   /* TCP window scales: low half of direction 0, high half of 1 */
	uint8_t state;   /* enum session_state and flags */
	uint16_t policy; /* number of the policy that let it in */
	/* The second line. */
	uint32_t serial, keys, prev, next;
	uint8_t list, zero[3];
	uint32_t created;  /* ms */
	uint16_t iif, oif; /* of the first packet */
	uint32_t rule;     /* the judge's: what let it in */
	uint32_t source;   /* entry in the table of sources, 0: not counted */
	uint32_t spare;
	uint64_t bytes[2]; /* with accounting */
	uint32_t packets[2];
} __attribute__((aligned(64)));
static_assert(sizeof(struct session) == sizeof(struct flow), "the same record");
static_assert(offsetof(struct session, serial) == offsetof(struct flow, serial), "the same record");
static_assert(offsetof(struct session, tcp) == offsetof(struct flow, hot), "the same record");
static_assert(offsetof(struct session, created) == offsetof(struct flow, cold), "the same record");

static inline enum session_state session_state_of(const struct session *s)
{
	return (enum session_state)(s->state & SESSION_STATE_MASK);
}

/* --- decisions about new sessions --- */

enum session_verdict { SESSION_ACCEPT, SESSION_DROP, SESSION_REJECT };

enum session_kind {
	SESSION_BEGINS,    /* the packet may open a session */
	SESSION_GOES_ON,   /* of a session that another policy let in */
	SESSION_UNTRACKED, /* cannot open one: no query, no first packet, an error about nothing we know */
};

/* What the judge gets and answers. Addresses point into the packet or the session, in network order. */
struct session_question {
	enum session_kind kind;
	unsigned worker; /* who asks */
	uint8_t family, proto;
	bool to_self;      /* the packet is for the router itself; no session is made of it */
	bool icmp;         /* sport and dport are type and code */
	uint8_t tcp_flags; /* of this packet */
	uint16_t iif, oif; /* of the first packet of the session; IFACE_NONE: the router */
	const uint8_t *src, *dst;
	uint16_t sport, dport; /* host order */
	/* The answer. */
	enum session_verdict verdict;
	bool track;                  /* accepted: make a session */
	uint32_t rule;               /* kept in the session */
	const struct reason *reason; /* dropped or rejected: why */
};

/* --- control thread --- */

/* The interface's packets belong to sessions; what a feature that needs them calls in prepare(), before order
 * SESSION_ORDER. */
#define SESSION_ORDER 60
void session_keep(struct generation *next, struct iface *ifc);
/* Sessions that were let in before are judged again, when their next packet comes; in prepare(). */
void session_policy_changed(struct generation *next);

struct session_info {
	struct session s; /* a copy */
	uint32_t number;
	unsigned worker;
	uint8_t family, proto;
	uint16_t vrf;
	struct ipaddr src[2], dst[2]; /* by direction */
	uint16_t sport[2], dport[2];  /* host order; ICMP: see session_icmp_id() */
	uint32_t age, left;           /* ms since it began, until it ends without packets */
};

/* Which sessions. Zero: all of them. Addresses and ports match either end of either direction. */
struct session_filter {
	struct prefix address, source, destination; /* family FAMILY_NONE: any; source and destination as the
						     * first packet had them */
	uint16_t port, sport, dport, iface;
	int proto, state, vrf; /* -1: any */
};
#define SESSION_FILTER_ALL ((struct session_filter){.proto = -1, .state = -1, .vrf = -1})

bool session_matches(const struct session_filter *f, const struct session_info *i);

/* Copies the session in record `number` of a worker; false when there is none. */
bool session_read(const struct weir *w, unsigned worker, uint32_t number, struct session_info *out);
/* Records of a worker are below this. */
uint32_t session_limit(const struct weir *w, unsigned worker);

/* Asks all owners to end the sessions that match, waits for them, and says how many they were. */
uint64_t session_clear(struct weir *w, const struct session_filter *f);

struct session_totals {
	uint64_t sessions, records, max, memory;
	uint64_t state[SESSION_STATE_COUNT];
	uint64_t created, expired, cleared, evicted, denied; /* evicted: made room; denied: by a new policy */
	uint64_t refused_full, refused_source;
	uint64_t fragments, sources;
};
void session_totals(const struct weir *w, struct session_totals *t);

#endif
