/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An ordered list of rules, compiled: for many packets at a time, the first rule that matches.
 *
 * Each field of a packet is first mapped to a class: the values of a field that the same rules accept. A
 * class has a bit for each rule; the packet's rules are the conjunction of its classes' bits. Sets of any
 * size only add ranges to the map from addresses to classes, never rules. Above CLASSIFIER_SPARSE_WORDS words
 * a summary of one word per class says which words can be anything but zero. Long lists may be tuned
 * afterwards (classifier_tune()), which takes seconds: rte_acl then answers for most packets, and the bits
 * for the rest.
 *
 * What is not known of a packet (ports of a later fragment, flags of a header that was cut short) is decided
 * by the rule: see class_rule.unknown_matches.
 *
 * Thread-safety: built by one thread. Read by any number of workers, without locks; classifier_tune() may run
 * beside them on any one thread.
 */
#ifndef WEIR_TABLE_CLASSIFIER_H
#define WEIR_TABLE_CLASSIFIER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "table/addrmap.h"
#include "table/ranges.h"

#define CLASSIFIER_RULES_MAX 16384
#define CLASSIFIER_NONE UINT32_MAX
#define CLASSIFIER_BURST 64
/* Rules from which tuning pays: see docs/decisions/0014. */
#define CLASSIFIER_TUNE_FROM 4096

enum class_family { CLASS_V4 = 1, CLASS_V6 = 2 };
enum class_fragment { CLASS_WHOLE = 1, CLASS_FIRST = 2, CLASS_LATER = 4, CLASS_ANY_FRAGMENT = 7 };
enum class_options { CLASS_WITHOUT = 1, CLASS_WITH = 2 };

/* A packet must meet all of it. Pointers are only read while the classifier is built or tuned. */
struct class_rule {
	const struct addr_set *src, *dst;   /* NULL: any; a family without a range in it never matches */
	const struct ranges *sport, *dport; /* NULL: any. For ICMP, sport is type << 8 | code */
	uint64_t proto[4];                  /* a bit per protocol */
	uint64_t flags[4];                  /* a bit per value of the TCP flags' byte; see any_flags */
	uint64_t dscp;                      /* a bit per value */
	uint16_t vlan_first, vlan_last;     /* 0: untagged */
	uint16_t length_first, length_last; /* of the IP packet in bytes */
	uint8_t families;                   /* enum class_family */
	uint8_t fragments;                  /* enum class_fragment */
	uint8_t options;                    /* enum class_options: IPv4 options, IPv6 extension headers */
	bool any_flags;
	/* The rule has a condition on sport, dport or flags, and those of the packet are not known. False: it
	 * does not match, as a rule that lets through must not guess. True: it matches if the rest does, as a
	 * rule that stops packets must not be evaded. */
	bool unknown_matches;
};

/* Matches everything. */
extern const struct class_rule class_rule_any;

/* --- packets --- */

#define CLASS_UNKNOWN_PORT 65536u /* sport, dport */
#define CLASS_UNKNOWN_FLAGS 256u

/* Bits of class_keys.kind, above the protocol. */
enum {
	CLASS_KIND_FIRST = 1 << 8, /* first fragment */
	CLASS_KIND_LATER = 2 << 8,
	CLASS_KIND_UNKNOWN = 1 << 10, /* sport, dport and flags are not known */
	CLASS_KIND_OPTIONS = 1 << 11,
	CLASS_KIND_V6 = 1 << 12,
	CLASS_KINDS = 1 << 13,
};

/* Fields in which rules may differ. */
enum class_dim_id {
	CLASS_SRC,
	CLASS_DST,
	CLASS_SPORT,
	CLASS_DPORT,
	CLASS_KIND,
	CLASS_FLAGS,
	CLASS_DSCP,
	CLASS_VLAN,
	CLASS_LENGTH,
	CLASS_DIMS
};

/* Packets of a burst, structure of arrays, by slot. Only fields of which some classifier's `fields` has the
 * bit are looked at; kind always is. */
struct class_keys {
	uint64_t v4, v6;                                         /* slots of each family */
	uint32_t src4[CLASSIFIER_BURST], dst4[CLASSIFIER_BURST]; /* host order */
	const uint8_t *ip6[CLASSIFIER_BURST]; /* source and behind it destination, as in the header */
	uint32_t sport[CLASSIFIER_BURST], dport[CLASSIFIER_BURST]; /* host order */
	uint16_t kind[CLASSIFIER_BURST], flags[CLASSIFIER_BURST], dscp[CLASSIFIER_BURST];
	uint16_t vlan[CLASSIFIER_BURST], length[CLASSIFIER_BURST];
};

/* --- compiled --- */

/* One field's way to its classes' bits. */
struct class_dim {
	uint64_t *bits; /* [classes][words], 64-byte aligned */
	uint64_t *sum;  /* [classes]: bit k: some of the words k * sum_words ... are not zero */
	union {
		uint16_t *table;     /* class by value */
		struct addrmap *map; /* class by address */
	};
	uint32_t classes;
	uint8_t id; /* enum class_dim_id */
};

struct classifier_big;

struct classifier {
	uint32_t rules, words;               /* words: a multiple of 4, or of 8 from 8 on */
	uint32_t sum_words;                  /* words behind a bit of a summary */
	uint32_t fields;                     /* 1 << enum class_dim_id of the dimensions that say something */
	unsigned dims[2];                    /* IPv4, IPv6 */
	struct class_dim dim[2][CLASS_DIMS]; /* those that say something; tables are shared by both */
	struct classifier_big *big;          /* atomic: NULL until it is tuned */
};

/* Compiles `count` rules (at most CLASSIFIER_RULES_MAX). NULL with a sentence when memory is short. */
struct classifier *classifier_build(const struct class_rule *rule, uint32_t count, struct err *e);
void classifier_free(struct classifier *c);
uint64_t classifier_memory(const struct classifier *c);

/* Builds what answers faster for a long list, and puts it to use. `rule` is what the classifier was built of.
 * 0, or a negative errno with a sentence when it cannot be (then nothing changes): -E2BIG: rules differ in
 * too many ways for it; -ENOMEM. Takes seconds and DPDK memory. Any thread. */
int classifier_tune(struct classifier *c, const struct class_rule *rule, struct err *e);
bool classifier_tuned(const struct classifier *c);

/* An upper bound of the bytes that a list takes: rules, ranges of both families in its address sets. */
uint64_t classifier_bound(uint32_t rules, uint64_t ranges);

#endif
