/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to feature/neigh: the multicast groups our interfaces listen to, as RFC 3810 tells the link about
 * them.
 */
#ifndef WEIR_FEATURE_NEIGH_MLD_H
#define WEIR_FEATURE_NEIGH_MLD_H

#include "pipeline/weir.h"

struct mld_iface;

/* The addresses of an interface, or what it is, may have changed: joins and leaves groups. Before duplicate
 * address detection asks (RFC 4862 5.4.2). */
void mld_refresh(struct weir *w, uint16_t iface);
/* Everything is reported anew: its link came up, or it can say now who it is (RFC 3590). */
void mld_restart(struct weir *w, uint16_t iface);
void mld_link(struct weir *w, uint16_t port, bool up);
void mld_commit(struct weir *w, const struct generation *old, const struct generation *next);
/* A query to us; how it ended. `m` is one segment. */
const struct reason *mld_query(
	struct weir *w, const struct iface *ifc, const struct rte_mbuf *m, const struct note *n);
/* Memory for the interfaces of a config. 0 or -ENOMEM. */
int mld_reserve(struct weir *w, const struct generation *next);
void mld_bill(const struct node *cfg, struct bill *b);
void mld_free(struct weir *w);

#endif
