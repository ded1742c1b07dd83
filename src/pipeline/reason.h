/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every packet that weir does not transmit ends with a reason. A feature defines its reasons next to the
 * code that uses them; ids are dense and stable within one process. The invariant that tests check:
 *   received + originated = transmitted + sum(reasons) + held
 *
 * Thread-safety: registration by constructors and reasons_init(), read-only afterwards.
 */
#ifndef WEIR_PIPELINE_REASON_H
#define WEIR_PIPELINE_REASON_H

#include <stdint.h>

#define REASON_MAX 256

enum reason_kind {
	REASON_DONE,  /* reached its destination here (answered, learnt from, delivered): not a loss */
	REASON_DROP,  /* discarded as the protocol or the operator's policy demands */
	REASON_ERROR, /* discarded for want of room, memory or time: worth an alarm */
};

struct reason {
	const char *name; /* lower-case-with-dashes, unique */
	const char *help; /* one sentence */
	enum reason_kind kind;
	uint16_t id; /* set by reasons_init(), 1.. */
	struct reason *next;
};

void reason_register(struct reason *r);

/* REASON_DEFINE(ip_bad_checksum, REASON_DROP, "ip-bad-checksum", "The IPv4 header checksum is wrong.") */
#define REASON_DEFINE(var, k, n, h)                                                                          \
	struct reason var = {.name = (n), .help = (h), .kind = (k)};                                         \
	__attribute__((constructor)) static void reason_register_##var(void)                                 \
	{                                                                                                    \
		reason_register(&var);                                                                       \
	}

/* Numbers the reasons in name order, so ids do not depend on link order. Call once, before any packet. */
void reasons_init(void);
unsigned reasons_count(void); /* ids are 1..count */
const struct reason *reason_get(uint16_t id);

#endif
