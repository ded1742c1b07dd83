/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One schema table in C per feature folder is the only source for validation, defaults and the reference.
 * A feature registers the top-level keys it owns; schema_check() walks the tree against all of them.
 *
 * Thread-safety: registration by constructors, read-only afterwards.
 */
#ifndef WEIR_CONTROL_SCHEMA_H
#define WEIR_CONTROL_SCHEMA_H

#include <stdint.h>

#include "control/tree.h"

struct diag; /* control/diag.h: up to 20 positioned errors with the offending line and a caret */

enum schema_type {
	SCHEMA_STRING,   /* min..max = length in bytes */
	SCHEMA_NAME,     /* [a-zA-Z0-9][a-zA-Z0-9._-]*, at most max characters (31 if 0) */
	SCHEMA_INT,      /* min..max */
	SCHEMA_BOOL,     /* true | false */
	SCHEMA_SIZE,     /* bytes with unit: 2G, 512M, 9000 */
	SCHEMA_RATE,     /* bit/s with unit: 20Mbit */
	SCHEMA_DURATION, /* ns; text with unit: 1s, 200ms, 5m */
	SCHEMA_ENUM,     /* one of `words` (NULL-terminated); value.u64 = index */
	SCHEMA_ADDRESS,  /* IPv4 or IPv6 address */
	SCHEMA_PREFIX,   /* network: host bits must be zero */
	SCHEMA_IFADDR,   /* interface address: ADDR/LEN, host bits meant */
	SCHEMA_MAC,
	SCHEMA_MAP,    /* fixed keys: `fields` */
	SCHEMA_NAMED,  /* map by name (a SCHEMA_NAME of at most max): every value is a map with `fields` */
	SCHEMA_LIST,   /* list of `item`; min..max = how many */
	SCHEMA_ANY_OF, /* scalar accepted by any type in `alternatives` (first match wins) */
};

/* What a change of a key takes besides a commit. */
enum schema_effect {
	EFFECT_LIVE,    /* nothing */
	EFFECT_PORT,    /* its port is stopped and started */
	EFFECT_RESTART, /* weir has to be started anew */
};

struct schema {
	const char *key; /* NULL for list items */
	enum schema_type type;
	bool required;
	uint64_t min, max;                 /* both 0 = unbounded */
	const char *fallback;              /* default as text, for the reference; NULL = none */
	const char *help;                  /* one sentence for the reference page and `?` */
	const char *const *words;          /* SCHEMA_ENUM */
	const char *refers;                /* top-level NAMED key this name must exist in, e.g. "ports" */
	const struct schema *fields;       /* MAP, NAMED: array ended by {0} */
	const struct schema *item;         /* LIST */
	const struct schema *alternatives; /* ANY_OF: array ended by {0} (by .help == NULL) */
	const char *const *identity; /* LIST of maps: keys that name an item (NULL-terminated); else by place.
				      * Scalars in a list name themselves. */
	bool ordered;                /* LIST: the order of its items has a meaning */
	enum schema_effect effect;   /* at least that of what is above */
};

/* Extra checks that a table cannot say (overlapping subnets, gateways): called after the types are right. */
typedef void (*schema_check_fn)(const struct node *root, struct diag *d);

struct schema_part {
	const struct schema *fields; /* top-level keys, array ended by {0} */
	schema_check_fn check;       /* may be NULL */
	struct schema_part *next;
};
void schema_register(struct schema_part *p);
#define SCHEMA_REGISTER(p)                                                                                   \
	__attribute__((constructor)) static void schema_register_##p(void)                                   \
	{                                                                                                    \
		schema_register(&p);                                                                         \
	}

/* All parts in the order they were registered, NULL if none: the reference pages are made from them. */
const struct schema_part *schema_parts(void);

/* The top-level field of that key, NULL if there is none. */
const struct schema *schema_top(const char *key);
/* The field of that key below a MAP, or of an entry of a NAMED map or item of a LIST of maps; NULL if none.
 */
const struct schema *schema_field(const struct schema *s, const char *key);

/* Checks types, unknown/missing keys, references; fills node->value. Returns the number of errors in d. */
unsigned schema_check(struct node *root, struct diag *d);

#endif
