/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which CPUs workers and the control thread run on, and the other settings needed before EAL starts.
 */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/tree.h"
#include "feature/kernel/kernel.h"
#include "runtime/priv.h"

struct cpus {
	int list[CPU_SETSIZE];
	unsigned count;
};

/* Those the process began with: EAL pins the control thread to one of them. */
static int allowed_cpus(struct cpus *c, struct err *e)
{
	static struct cpus first;
	cpu_set_t set;

	if (first.count == 0) {
		if (sched_getaffinity(0, sizeof set, &set) != 0)
			return err_set(e, errno, "the CPUs this process may use cannot be found out: %s",
				strerror(errno));
		for (int i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &set))
				first.list[first.count++] = i;
	}
	*c = first;
	return 0;
}

static bool contains(const struct cpus *c, int cpu)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->list[i] == cpu)
			return true;
	return false;
}

/* "2-5,8": each CPU once. */
static int parse_list(const char *text, struct cpus *out, struct err *e)
{
	const char *p = text;

	out->count = 0;
	while (*p != '\0') {
		char *end;
		long first = isdigit((unsigned char)*p) ? strtol(p, &end, 10) : -1, last = first;

		if (first >= 0 && *end == '-' && isdigit((unsigned char)end[1]))
			last = strtol(end + 1, &end, 10);
		if (first < 0 || last < first || last >= CPU_SETSIZE || (*end != ',' && *end != '\0'))
			return err_set(e, EINVAL,
				"dataplane.workers: '%s' is no CPU list; write a number, or CPUs such as "
				"2-5,8",
				text);
		for (long c = first; c <= last; c++)
			if (!contains(out, (int)c))
				out->list[out->count++] = (int)c;
		p = *end == ',' ? end + 1 : end;
	}
	return 0;
}

static int pick_listed(struct settings *s, const char *text, const struct cpus *allowed, struct err *e)
{
	struct cpus list;

	if (parse_list(text, &list, e) != 0)
		return -EINVAL;
	if (list.count == 0 || list.count > WORKER_MAX)
		return err_set(e, EINVAL, "dataplane.workers: %u CPUs are listed; 1 to %d are possible",
			list.count, WORKER_MAX);
	for (unsigned i = 0; i < list.count; i++) {
		if (!contains(allowed, list.list[i]))
			return err_set(e, EINVAL,
				"dataplane.workers: CPU %d does not exist or this process may not use it",
				list.list[i]);
		s->worker_cpu[i] = list.list[i];
	}
	s->workers = list.count;
	return 0;
}

/* The first CPU is left to the control thread and everything else on the machine, if others are there. */
static void pick_counted(struct settings *s, unsigned n, const struct cpus *allowed)
{
	unsigned usable = allowed->count > 1 ? allowed->count - 1 : 1, skip = allowed->count > 1;

	s->workers = n;
	for (unsigned i = 0; i < n; i++)
		s->worker_cpu[i] =
			n <= usable ? allowed->list[skip + i] : allowed->list[(skip + i) % allowed->count];
}

static bool has_worker(const struct settings *s, int cpu)
{
	for (unsigned i = 0; i < s->workers; i++)
		if (s->worker_cpu[i] == cpu)
			return true;
	return false;
}

static int pick_main(struct settings *s, const struct node *dp, const struct cpus *allowed, struct err *e)
{
	s->main_cpu = allowed->list[0];
	for (unsigned i = 0; i < allowed->count; i++)
		if (!has_worker(s, allowed->list[i])) {
			s->main_cpu = allowed->list[i];
			break;
		}
	s->main_cpu = (int)node_u64(dp, "main-cpu", (uint64_t)s->main_cpu);
	if (!contains(allowed, s->main_cpu))
		return err_set(e, EINVAL,
			"dataplane.main-cpu: CPU %d does not exist or this process may not use it",
			s->main_cpu);
	return 0;
}

static void find_shared_cpus(struct settings *s)
{
	for (unsigned i = 0; i < s->workers; i++) {
		s->shared_cpu[i] = s->worker_cpu[i] == s->main_cpu;
		for (unsigned k = 0; k < s->workers; k++)
			s->shared_cpu[i] |= k != i && s->worker_cpu[i] == s->worker_cpu[k];
	}
}

/* One word for all, and a list for the first ones. */
static void read_polling(struct settings *s, const struct node *dp)
{
	unsigned i = 0;

	for (unsigned k = 0; k < WORKER_MAX; k++)
		s->polling[k] = (enum polling)node_u64(dp, "polling", POLLING_ADAPTIVE);
	NODE_EACH (word, node_get(dp, "worker-polling"))
		if (i < WORKER_MAX)
			s->polling[i++] = (enum polling)word->value.u64;
}

int cpu_socket(int cpu)
{
	char path[64];

	for (int node = 0; node < RTE_MAX_NUMA_NODES; node++) {
		snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/node%d", cpu, node);
		if (access(path, F_OK) == 0)
			return node;
	}
	return 0;
}

static bool is_number(const char *text)
{
	return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

int settings_read(const struct node *cfg, struct settings *s, struct err *e)
{
	const struct node *dp = node_get(cfg, "dataplane"), *workers = node_get(dp, "workers");
	struct cpus allowed = {.count = 0};
	int rc = 0;

	memset(s, 0, sizeof *s); /* settings are compared as bytes */
	if (allowed_cpus(&allowed, e) != 0)
		return -e->code;
	if (workers != NULL && (workers->quoted || !is_number(workers->text)))
		rc = pick_listed(s, workers->text, &allowed, e);
	else
		pick_counted(s, workers != NULL ? (unsigned)workers->value.u64 : 1, &allowed);
	if (rc != 0 || pick_main(s, dp, &allowed, e) != 0)
		return -EINVAL;
	s->cpus = allowed.count;
	find_shared_cpus(s);
	read_polling(s, dp);
	s->spare = (uint32_t)node_u64(dp, "spare-buffers", 0);
	s->twins = kernel_wanted(cfg);
	s->memory = node_u64(dp, "memory", 0);
	snprintf(s->file_prefix, sizeof s->file_prefix, "%s",
		node_text(node_get(cfg, "dpdk"), "file-prefix", "weir"));
	snprintf(s->socket, sizeof s->socket, "%s",
		node_text(node_get(cfg, "api"), "socket", "/run/weir/weir.sock"));
	return 0;
}
