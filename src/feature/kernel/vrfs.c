/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the VRFs of a configuration are in the kernel: a namespace, or a VRF device with its table.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/tree.h"
#include "feature/kernel/kernel_priv.h"

/* The place of a path, a new one if there was none; -1: as many as there may be. */
static int find_place(struct kernel_state *s, const char *path)
{
	int free_one = -1;

	for (int k = 1; k < KERNEL_PLACES; k++) {
		if (s->place[k].used && strcmp(s->place[k].path, path) == 0)
			return k;
		if (!s->place[k].used && free_one < 0)
			free_one = k;
	}
	if (free_one < 0)
		return -1;
	s->place[free_one] = (struct place){.used = true, .nl = -1};
	snprintf(s->place[free_one].path, KERNEL_PATH, "%s", path);
	return free_one;
}

static int read_namespace(
	struct weir *w, const char *name, const char *path, struct kernel_vrf *v, struct err *e)
{
	int place = find_place(w->kernel, path);

	if (place < 0)
		return err_set(e, ENOSPC, "VRF '%s' needs one more network namespace than is possible", name);
	v->place = (uint16_t)place;
	return place_netlink(&w->kernel->place[place], e) < 0 ? -e->code : 0;
}

static int read_device(struct weir *w, const char *name, uint32_t table, struct kernel_vrf *v, struct err *e)
{
	int nl = place_netlink(&w->kernel->place[0], e), rc;

	v->table = table;
	if (nl < 0 || w->trial)
		return nl < 0 ? -e->code : 0;
	rc = nl_vrf_device(nl, name, table);
	if (rc == -EOPNOTSUPP)
		return err_set(e, EOPNOTSUPP,
			"VRF '%s' has a table, but this kernel has no VRF devices; give it a 'namespace' "
			"instead",
			name);
	if (rc == -EEXIST)
		return err_set(e, EEXIST,
			"VRF '%s': the kernel has a link of that name that is not a VRF device with table %u",
			name, table);
	if (rc < 0)
		return err_set(e, -rc, "VRF '%s': its VRF device cannot be made: %s", name, strerror(-rc));
	v->master = rc;
	return 0;
}

static int read_vrf(
	struct weir *w, const struct node *cfg, const char *name, struct kernel_vrf *v, struct err *e)
{
	const struct node *n = node_get(node_get(cfg, "vrfs"), name);
	const char *path = node_text(n, "namespace", NULL);
	uint32_t table = (uint32_t)node_u64(n, "table", 0);

	if (path != NULL)
		return read_namespace(w, name, path, v, e);
	if (table != 0)
		return read_device(w, name, table, v, e);
	return err_set(e, EINVAL,
		"VRF '%s' is nothing to the kernel yet, so its interfaces cannot have twins: give it a "
		"'namespace' or a "
		"'table', or its interfaces 'kernel: false'",
		name);
}

int kernel_read_vrfs(struct weir *w, const struct node *cfg, const struct generation *next, struct err *e)
{
	struct kernel_state *s = w->kernel;
	bool seen[VRF_MAX] = {[0] = true};

	for (unsigned i = 0; i < VRF_MAX; i++)
		s->next_vrf[i] = (struct kernel_vrf){.table = KERNEL_TABLE_MAIN};
	if (place_netlink(&s->place[0], e) < 0)
		return -e->code;
	for (unsigned i = 1; i < next->iface_limit; i++) {
		const struct iface *ifc = next->iface[i];

		if (ifc == NULL || !ifc->twin || seen[ifc->vrf])
			continue;
		seen[ifc->vrf] = true;
		if (read_vrf(w, cfg, w->vrf[ifc->vrf].name, &s->next_vrf[ifc->vrf], e) != 0)
			return -e->code;
	}
	return 0;
}

static bool wanted(const struct kernel_state *s, unsigned place)
{
	for (unsigned i = 0; i < VRF_MAX; i++)
		if (s->vrf[i].place == place)
			return true;
	return false;
}

void kernel_drop_places(struct weir *w)
{
	struct kernel_state *s = w->kernel;

	for (unsigned k = 1; k < KERNEL_PLACES; k++) {
		if (!s->place[k].used || wanted(s, k))
			continue;
		if (s->place[k].nl >= 0)
			close(s->place[k].nl);
		groups_close(&s->place[k]);
		s->place[k] = (struct place){.nl = -1};
	}
}
