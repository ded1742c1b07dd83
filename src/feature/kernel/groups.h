/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multicast groups that local programs joined on twins, beyond those every link has (224.0.0.0/24,
 * ff02::/16).
 *
 * Thread-safety: a published list is read-only; the control thread replaces it and frees the old one after a
 * grace period. The text parsers are pure.
 */
#ifndef WEIR_FEATURE_KERNEL_GROUPS_H
#define WEIR_FEATURE_KERNEL_GROUPS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "packet/addr.h"
#include "pipeline/generation.h"

#define KERNEL_GROUPS 64 /* of each family, on one interface */

struct kernel_groups {
	uint16_t n4, n6;
	uint32_t refused;           /* there was no room for */
	uint32_t g4[KERNEL_GROUPS]; /* host order */
	uint8_t g6[KERNEL_GROUPS][16];
};

static inline const struct kernel_groups *kernel_groups_of(const struct generation *g, uint16_t iface)
{
	return g->kernel.groups != NULL ? __atomic_load_n(&g->kernel.groups[iface], __ATOMIC_ACQUIRE) : NULL;
}

/* A program listens to this group on the twin of the interface. */
static inline bool kernel_joined4(const struct generation *g, uint16_t iface, uint32_t group)
{
	const struct kernel_groups *k = kernel_groups_of(g, iface);

	for (unsigned i = 0; k != NULL && i < k->n4; i++)
		if (k->g4[i] == group)
			return true;
	return false;
}

static inline bool kernel_joined6(const struct generation *g, uint16_t iface, const uint8_t *group)
{
	const struct kernel_groups *k = kernel_groups_of(g, iface);

	for (unsigned i = 0; k != NULL && i < k->n6; i++)
		if (memcmp(k->g6[i], group, 16) == 0)
			return true;
	return false;
}

/* A line of /proc/net/igmp. It names a link, which *ifindex then is, or a group of the link named last: true,
 * and *group. Anything else is passed over. */
bool groups_line4(const char *line, int *ifindex, struct ipaddr *group);
/* A line of /proc/net/igmp6: link and group. */
bool groups_line6(const char *line, int *ifindex, struct ipaddr *group);

/* A frame of the kernel in which it tells the link which groups it joined or left (IGMP, MLD). Pure. */
bool groups_reported(const uint8_t *frame, size_t len);

#endif
