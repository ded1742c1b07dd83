/* SPDX-License-Identifier: BSD-3-Clause
 *
 * ACLs: what readers (API, metrics) see. See README.md in this folder.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_FEATURE_ACL_H
#define WEIR_FEATURE_ACL_H

#include <stdbool.h>
#include <stdint.h>

struct weir;

#define ACL_NAME 32
#define ACL_COMMENT 256
#define ACL_LISTS_MAX 1024

enum acl_action { ACL_ACCEPT, ACL_DROP, ACL_REJECT, ACL_GOTO, ACL_CONTINUE };
extern const char *const acl_action_names[]; /* NULL-terminated */

struct acl_rule_info {
	uint32_t id;         /* 0: the list's default */
	const char *name;    /* "" if it has none */
	const char *comment; /* "" if it has none */
	enum acl_action action;
	const char *to; /* ACL_GOTO: the list, else NULL */
	uint64_t packets, bytes;
	uint64_t last; /* ns on the dataplane clock; 0: never */
};

struct acl_list_info {
	const char *name;
	uint32_t rules;
	uint64_t memory; /* bytes of the compiled list */
	bool tuned;      /* rte_acl is in use */
	bool tuning;
};

uint32_t acl_lists(const struct weir *w);
void acl_list_info(const struct weir *w, uint32_t list, struct acl_list_info *out);
/* Rule by place, 0..rules-1, and the default at `rules`. `total`: also what was cleared. */
void acl_rule_info(const struct weir *w, uint32_t list, uint32_t rule, bool total, struct acl_rule_info *out);
/* List by name, or -ENOENT. */
int acl_find(const struct weir *w, const char *name);
/* Interfaces that use a list: calls fn with the name and the direction. */
void acl_uses(
	const struct weir *w, uint32_t list, void (*fn)(void *ctx, const char *iface, bool out), void *ctx);
/* Sets the counters of a list to zero. */
void acl_clear(struct weir *w, uint32_t list);
/* Packets that should have been logged and were not, because of the rate. */
uint64_t acl_log_suppressed(const struct weir *w);

/* Waits for lists that are being tuned (tests, benchmarks). */
void acl_wait(struct weir *w);

#endif
