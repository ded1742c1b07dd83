/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to src/feature/acl: lists as workers see them, and as the control thread keeps them.
 *
 * Thread-safety: `struct acl_view` belongs to a generation and is immutable; lanes are written by their
 * worker, and read by the control thread; everything else is the control thread's.
 */
#ifndef WEIR_FEATURE_ACL_PRIV_H
#define WEIR_FEATURE_ACL_PRIV_H

#include "base/err.h"
#include "feature/acl/acl.h"
#include "feature/set/set.h"
#include "pipeline/reason.h"
#include "pipeline/weir.h"
#include "table/classifier.h"

#define ACL_SLOTS 65536
#define ACL_GOTO_DEPTH 8
#define ACL_RING 256 /* log records, a power of two */
#define ACL_LOG_RATE 100
#define ACL_LOG_BURST 100

extern struct reason reason_acl_deny, reason_acl_reject, reason_acl_tiny_fragment;

/* --- what workers write --- */

struct acl_count {
	uint64_t packets, bytes;
	uint64_t last; /* ns */
	uint64_t pad;
};

/* A packet that a rule wants logged. */
struct acl_record {
	uint64_t when;
	uint32_t slot;
	uint16_t iif, oif; /* oif: IFACE_NONE on input */
	uint16_t sport, dport, length;
	uint8_t family, proto, action, known; /* known: ports are */
	uint8_t src[16], dst[16];
};

/* What a worker has for ACLs. */
struct acl_lane {
	struct acl_count count[ACL_SLOTS];
	uint32_t sampled[ACL_SLOTS]; /* packets that might have been logged */
	struct acl_record ring[ACL_RING];
	uint32_t head; /* atomic: written by the worker */
	uint32_t tail; /* atomic: written by the control thread */
	struct bucket bucket;
	uint64_t suppressed;
};

/* --- what workers read --- */

/* What follows from a rule. */
struct acl_act {
	uint32_t slot;
	uint32_t mark;
	uint32_t sample; /* log one packet in so many; 0: none */
	uint32_t id;     /* as shown; 0: the default */
	uint16_t to;     /* ACL_GOTO: number of the list */
	uint8_t action;  /* enum acl_action */
	bool has_mark;
};

struct acl_list {
	struct classifier *decide, *go_on; /* rules that decide; that continue (NULL: none) */
	struct acl_act *act;               /* by number in `decide`; the last one is the default */
	struct acl_act *go_act;            /* by number in `go_on` */
	uint32_t *go_end;                  /* [deciding rules + 1]: rules of `go_on` that come before it */
	char name[ACL_NAME];
	/* --- control thread --- */
	struct acl_rule *rule;
	uint32_t rules;
	uint8_t fallback; /* enum acl_action */
	uint32_t fallback_slot;
	struct class_rule *packed; /* of `decide`, for tuning */
	uint32_t refs;
	bool tuning, failed;
};

struct acl_view {
	uint32_t fields; /* of all classifiers: what keys need */
	uint32_t lists;
	struct acl_list **list;
	struct acl_lane *lane;     /* [WORKER_MAX] */
	uint16_t of[2][IFACE_MAX]; /* list + 1 by interface, input and output; 0: none */
};

/* --- a rule as configured --- */

struct acl_rule {
	struct class_rule match; /* points to the below */
	struct addr_set own_src, own_dst;
	struct ranges own_sport, own_dport;
	const struct set *src, *dst, *sport, *dport; /* references, NULL: none */
	uint32_t id, mark, sample, slot;
	uint8_t action; /* enum acl_action */
	bool has_mark;
	uint16_t to; /* ACL_GOTO: number of the list in the view */
	char to_name[ACL_NAME];
	char name[ACL_NAME];
	char *comment; /* NULL: none */
};

struct node;
struct diag;

/* match.c: conditions of a rule (NULL: none) from the tree. Sets are looked for in `w`, or with NULL only in
 * the tree `root`, to see whether it can be. 0, or a negative errno with the sentence and *at the node it is
 * about. */
int acl_match_read(const struct node *match, const struct node *root, const struct weir *w,
	struct acl_rule *r, const struct node **at, struct err *e);
void acl_rule_clear(struct acl_rule *r);
bool acl_rule_equal(const struct acl_rule *a, const struct acl_rule *b);

/* list.c: a list from the tree, compiled later. NULL with a sentence. */
struct acl_list *acl_list_read(const struct weir *w, const struct node *n, struct err *e);
/* Same rules, same sets: it need not be compiled again. */
bool acl_list_equal(const struct acl_list *a, const struct acl_list *b);
/* Slots and targets are known. 0 or a negative errno with a sentence. */
int acl_list_compile(struct acl_list *l, struct err *e);
void acl_list_unref(struct acl_list *l);
/* Its id as the rule's place says when none is written. */
uint32_t acl_next_id(uint32_t before);

/* slots.c */
struct acl_slots;
struct acl_slots *acl_slots_new(void);
void acl_slots_free(struct acl_slots *s);
/* Slot of a rule's counters, by its list and its name, or else its id. 0, 1 when it is a new one, or -ENOSPC.
 * It stays as long as each change takes it. */
int acl_slot_take(struct acl_slots *s, const char *list, const char *name, uint32_t id, uint32_t *slot);
/* A change begins / ends; it was committed (`keep`), or aborted. */
void acl_slots_begin(struct acl_slots *s);
void acl_slots_end(struct acl_slots *s, bool keep);
/* The grace period of the oldest commit for which this was not called yet is over. */
void acl_slots_reclaim(struct acl_slots *s);
struct acl_count *acl_slot_baseline(struct acl_slots *s, uint32_t slot);

/* --- the feature's state --- */
struct acl_state {
	struct acl_view *now, *next; /* of the config that runs, and that is being prepared */
	struct acl_lane
		*lane; /* [WORKER_MAX], of which only pages that are used take memory; NULL: no ACLs so far */
	struct acl_slots *slots;
	bool changing; /* acl_slots_begin() was called */
	struct acl_tuner *tuner;
	struct timer timer; /* looks after the tuner */
};

/* tune.c: one thread at a time. */
struct acl_tuner;
struct acl_tuner *acl_tuner_new(void);
void acl_tuner_free(struct acl_tuner *t);
/* Takes up a list if nothing else is being tuned; it holds a reference. True: it did. */
bool acl_tuner_start(struct acl_tuner *t, struct acl_list *l);
/* True while one is being tuned; collects what is done. `wait`: until it is. */
bool acl_tuner_busy(struct acl_tuner *t, bool wait);

/* log.c: writes what workers recorded; how many. */
unsigned acl_log_drain(struct weir *w);

/* reject.c: a TCP reset for the packet, if it may be had; false: an ICMP error should be sent. Worker. */
bool acl_reset(struct worker *w, const struct generation *g, struct burst *b, unsigned i);

#endif
