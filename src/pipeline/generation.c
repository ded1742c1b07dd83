/* SPDX-License-Identifier: BSD-3-Clause */
#include "pipeline/generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>

#define VLAN_IDS 4096

struct generation *generation_new(void)
{
	struct generation *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->icmp_error_rate = 1000;
	g->icmp_error_burst = 100;
	g->icmp_echo = true;
	g->iface_limit = 1;
	return g;
}

static void drop_index(struct generation *g)
{
	for (unsigned p = 0; p < PORT_MAX; p++) {
		free(g->port[p].vlan);
		free(g->port[p].qinq);
		g->port[p].vlan = NULL;
		g->port[p].qinq = NULL;
		g->port[p].qinq_count = 0;
		g->port[p].untagged = g->port[p].fast_iface = IFACE_NONE;
	}
}

void generation_free(struct generation *g)
{
	if (g == NULL)
		return;
	drop_index(g);
	for (unsigned i = 0; i < IFACE_MAX; i++)
		free(g->iface[i]);
	free(g);
}

struct generation *generation_clone(const struct generation *g)
{
	struct generation *n = malloc(sizeof *n);

	if (n == NULL)
		return NULL;
	*n = *g;
	n->id = g->id + 1;
	memset(n->iface, 0, sizeof n->iface);
	for (unsigned p = 0; p < PORT_MAX; p++) {
		n->port[p].vlan = NULL;
		n->port[p].qinq = NULL;
	}
	for (unsigned i = 0; i < g->iface_limit; i++) {
		if (g->iface[i] == NULL)
			continue;
		n->iface[i] = malloc(sizeof **n->iface);
		if (n->iface[i] == NULL) {
			generation_free(n);
			return NULL;
		}
		*n->iface[i] = *g->iface[i];
	}
	if (generation_index(n) != 0) {
		generation_free(n);
		return NULL;
	}
	return n;
}

void generation_turn(struct generation *g, worker_turn_fn fn, bool on)
{
	unsigned i = 0;

	while (i < g->turns && g->turn[i] != fn)
		i++;
	if (on && i == g->turns && i < GENERATION_TURNS)
		g->turn[g->turns++] = fn;
	else if (!on && i < g->turns)
		g->turn[i] = g->turn[--g->turns];
}

static int index_tagged(struct port_view *p, const struct iface *ifc)
{
	struct qinq *q;

	if (ifc->ntags == 1 && ifc->tpid[0] == 0x8100) {
		if (p->vlan == NULL)
			p->vlan = calloc(VLAN_IDS, sizeof *p->vlan);
		if (p->vlan == NULL)
			return -ENOMEM;
		p->vlan[ifc->vlan[0] % VLAN_IDS] = ifc->id;
		return 0;
	}
	q = realloc(p->qinq, (p->qinq_count + 1) * sizeof *q);
	if (q == NULL)
		return -ENOMEM;
	p->qinq = q;
	q[p->qinq_count++] = (struct qinq){.tpid = ifc->tpid[0],
		.outer = ifc->vlan[0],
		.inner = ifc->ntags == 2 ? ifc->vlan[1] : 0,
		.iface = ifc->id};
	return 0;
}

static int compare_qinq(const void *a, const void *b)
{
	const struct qinq *x = a, *y = b;

	if (x->tpid != y->tpid)
		return x->tpid < y->tpid ? -1 : 1;
	if (x->outer != y->outer)
		return x->outer < y->outer ? -1 : 1;
	return (x->inner > y->inner) - (x->inner < y->inner);
}

int generation_index(struct generation *g)
{
	drop_index(g);
	g->mtu_min = UINT16_MAX;
	for (unsigned i = 0; i < g->iface_limit; i++) {
		const struct iface *ifc = g->iface[i];
		struct port_view *p;

		if (ifc == NULL || ifc->port >= PORT_MAX)
			continue;
		g->mtu_min = RTE_MIN(g->mtu_min, ifc->mtu);
		p = &g->port[ifc->port];
		if (ifc->ntags != 0) {
			if (index_tagged(p, ifc) != 0)
				return -ENOMEM;
			continue;
		}
		p->untagged = ifc->id;
		/* A twin without IPv4 address may ask for one by DHCP: the answer is to an address nobody
		 * has. */
		if (ifc->enabled && ifc->forwarding && iface_carries_ip6(ifc) &&
			(!ifc->twin || iface_has_family(ifc, FAMILY_V4)))
			p->fast_iface = ifc->id;
	}
	for (unsigned p = 0; p < PORT_MAX; p++)
		if (g->port[p].qinq_count != 0)
			qsort(g->port[p].qinq, g->port[p].qinq_count, sizeof(struct qinq), compare_qinq);
	return 0;
}

const struct iface *generation_iface(const struct generation *g, const char *name)
{
	for (unsigned i = 1; i < g->iface_limit; i++)
		if (g->iface[i] != NULL && strcmp(g->iface[i]->name, name) == 0)
			return g->iface[i];
	return NULL;
}

uint16_t generation_demux(
	const struct port_view *p, unsigned ntags, const uint16_t tpid[2], const uint16_t vlan[2])
{
	struct qinq key;
	const struct qinq *hit;

	/* VLAN 0 is a priority tag: the frame belongs to the untagged interface (802.1Q 9.6). */
	if (ntags == 0 || (ntags == 1 && vlan[0] == 0))
		return p->untagged;
	if (ntags == 1 && tpid[0] == 0x8100)
		return p->vlan != NULL ? p->vlan[vlan[0] % VLAN_IDS] : IFACE_NONE;
	if (p->qinq_count == 0)
		return IFACE_NONE;
	key = (struct qinq){.tpid = tpid[0], .outer = vlan[0], .inner = ntags == 2 ? vlan[1] : 0};
	hit = bsearch(&key, p->qinq, p->qinq_count, sizeof key, compare_qinq);
	return hit != NULL ? hit->iface : IFACE_NONE;
}

bool iface_source(const struct iface *ifc, uint8_t family, bool link_local, struct ipaddr *out)
{
	for (unsigned i = 0; i < ifc->address_count; i++) {
		const struct ipaddr *a = &ifc->address[i].addr;

		if (a->family != family || (family == FAMILY_V6 && ipaddr_is_link_local(a) != link_local))
			continue;
		*out = *a;
		return true;
	}
	return false;
}

bool iface_has_family(const struct iface *ifc, uint8_t family)
{
	for (unsigned i = 0; i < ifc->address_count; i++)
		if (ifc->address[i].addr.family == family)
			return true;
	return false;
}

static unsigned find_address(const struct iface *ifc, const struct ipaddr *a)
{
	unsigned i = 0;

	while (i < ifc->address_count && !ipaddr_equal(&ifc->address[i].addr, a))
		i++;
	return i;
}

bool iface_has_address(const struct iface *ifc, const struct ipaddr *a)
{
	return find_address(ifc, a) < ifc->address_count;
}

bool iface_has_ready_address(const struct iface *ifc, const struct ipaddr *a)
{
	unsigned i = find_address(ifc, a);

	return i < ifc->address_count && iface_address_ready(ifc, i);
}
