/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The firewall: zones, and policies between them. Says yes or no to sessions that begin. See README.md in
 * this folder.
 *
 * Thread-safety: control thread only.
 */
#ifndef WEIR_FEATURE_FIREWALL_H
#define WEIR_FEATURE_FIREWALL_H

#include "pipeline/weir.h"

#define FIREWALL_NAME 32
#define FIREWALL_SELF "self" /* the zone of the router itself */

enum firewall_action { FIREWALL_ACCEPT, FIREWALL_DROP, FIREWALL_REJECT };
extern const char *const firewall_action_names[];

struct firewall_rule_info {
	const char *name; /* "" for one without; NULL: the policy's default */
	unsigned number;  /* 1.. within the policy; 0: the default */
	enum firewall_action action;
	bool track;
	uint64_t hits;
	char match[200]; /* as in the config, "" for any packet */
};

struct firewall_policy_info {
	const char *from, *to;
	unsigned rules; /* without the default */
};

/* Calls begin() for each policy in the order of the config and rule() for each of its rules and the default.
 */
void firewall_walk(const struct weir *w, void (*begin)(void *ctx, const struct firewall_policy_info *p),
	void (*rule)(void *ctx, const struct firewall_rule_info *r), void (*end)(void *ctx), void *ctx);

/* Name of an interface's zone, NULL for none. */
const char *firewall_zone_name(const struct weir *w, const struct iface *ifc);
/* Policy and rule that let a session in, as text ("inside to outside, rule web"); "" when it is not known. */
const char *firewall_rule_text(const struct weir *w, uint32_t rule, char *buf, size_t size);

#endif
