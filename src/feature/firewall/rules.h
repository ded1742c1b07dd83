/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Rules as workers see them: one immutable set per configuration, a list per pair of zones. A linear list is
 * enough for what is asked once per session; where it is not, this interface (rules_judge) is what a
 * classifier would stand behind.
 *
 * Thread-safety: immutable once published, but for the counters, which are each worker's own.
 */
#ifndef WEIR_FEATURE_FIREWALL_RULES_H
#define WEIR_FEATURE_FIREWALL_RULES_H

#include "feature/firewall/firewall.h"
#include "feature/session/session.h"

#define ZONES_MAX 256
#define RULES_MAX 1024 /* of one policy */
#define RANGES_MAX 15  /* of ports, in one rule */
#define PROTOCOLS_MAX 8

enum { ZONE_NONE = 0, ZONE_SELF = 1, ZONE_FIRST = 2 };

struct port_range {
	uint16_t from, to;
};

struct rule {
	struct prefix source, destination; /* family FAMILY_NONE: any */
	uint8_t protocol[PROTOCOLS_MAX];
	uint8_t protocols; /* 0: any */
	uint8_t sports, dports;
	struct port_range sport[RANGES_MAX], dport[RANGES_MAX];
	int16_t icmp_type; /* -1: any */
	uint8_t family;    /* FAMILY_NONE: any */
	uint8_t action;
	bool track;
	uint32_t slot; /* of its counter */
	char name[FIREWALL_NAME];
	char match[200];
};

struct policy {
	char from[FIREWALL_NAME], to[FIREWALL_NAME];
	uint16_t from_id, to_id;
	struct rule *rule; /* [rules + 1]: the last one is the default */
	unsigned rules;
};

struct ruleset {
	char zone[ZONES_MAX][FIREWALL_NAME];
	unsigned zones; /* ids below this */
	struct policy *policy;
	unsigned policies;
	struct policy **between; /* [zones * zones] by from * zones + to; NULL: no policy */
	uint32_t slots;
	uint64_t *base;             /* [slots] hits of the rule before this set */
	uint64_t *hits[WORKER_MAX]; /* [slots] */
};

struct err;
struct node;

/* Reads `match:` of a rule. 0 or -EINVAL with a sentence and the place in *at. */
int rule_read_match(const struct node *match, struct rule *r, const struct node **at, struct err *e);

/* The set of a config whose interfaces name the zones; NULL with a sentence. */
struct ruleset *ruleset_new(const struct node *cfg, unsigned workers, struct err *e);
void ruleset_free(struct ruleset *s);
/* Id of a zone, ZONE_NONE when there is none. */
uint16_t ruleset_zone(const struct ruleset *s, const char *name);
/* Rules that are in both sets keep their counts. */
void ruleset_carry(struct ruleset *to, const struct ruleset *from);
uint64_t ruleset_hits(const struct ruleset *s, uint32_t slot);

/* session_view.judge. */
void rules_judge(
	const struct generation *g, const struct burst *b, unsigned slot, struct session_question *q);
/* Does a rule's match say yes? Pure. */
bool rule_matches(const struct rule *r, const struct session_question *q);

#endif
