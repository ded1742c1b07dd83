/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Starting and ending DPDK's EAL: arguments from the config and the command line, hugepages or not, and its
 * log joined to ours.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cpuflags.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_pdump.h>

#include "base/log.h"
#include "control/tree.h"
#include "runtime/priv.h"

#define LCORES_LEAST 8u

struct arguments {
	char *v[EAL_ARGS];
	int n;
	bool too_many;
};

static void add(struct arguments *a, const char *text)
{
	if (a->n >= EAL_ARGS - 1)
		a->too_many = true;
	else
		a->v[a->n++] = strdup(text);
}

static void add2(struct arguments *a, const char *name, const char *value)
{
	add(a, name);
	add(a, value);
}

static bool given(const struct arguments *a, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < a->n; i++)
		if (strncmp(a->v[i], name, n) == 0 && (a->v[i][n] == '\0' || a->v[i][n] == '='))
			return true;
	return false;
}

/* Of "--name VALUE" or "--name=VALUE"; the last one counts, as with EAL. */
static const char *value_of(const struct arguments *a, const char *name)
{
	size_t n = strlen(name);

	for (int i = a->n - 1; i >= 0; i--)
		if (strncmp(a->v[i], name, n) == 0 && a->v[i][n] == '=')
			return a->v[i] + n + 1;
		else if (strcmp(a->v[i], name) == 0 && i + 1 < a->n)
			return a->v[i + 1];
	return NULL;
}

/* --- hugepages --- */

static uint64_t read_number(const char *path)
{
	unsigned long long v = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu", &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

static uint64_t free_hugepage_bytes(void)
{
	return read_number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") * (2u << 20) +
	       read_number("/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages") * (1u << 30);
}

struct huge_mounts {
	char first[256]; /* EAL takes this one; empty: none is mounted */
	char ours[256];  /* the first one that we may write to, or empty */
};

static void find_huge_mounts(struct huge_mounts *h)
{
	char line[1024], where[256], type[64];
	FILE *f = fopen("/proc/mounts", "re");

	*h = (struct huge_mounts){0};
	while (f != NULL && h->ours[0] == '\0' && fgets(line, sizeof line, f) != NULL) {
		if (sscanf(line, "%*s %255s %63s", where, type) != 2 || strcmp(type, "hugetlbfs") != 0)
			continue;
		if (h->first[0] == '\0')
			snprintf(h->first, sizeof h->first, "%s", where);
		if (access(where, W_OK) == 0)
			snprintf(h->ours, sizeof h->ours, "%s", where);
	}
	if (f != NULL)
		fclose(f);
}

/* Where EAL is to make its hugepage files: as asked, or where it may. Empty: nowhere. */
static void choose_huge_dir(struct runtime *r, struct arguments *a, bool *mounted)
{
	const char *wanted = value_of(a, "--huge-dir");
	struct huge_mounts h;

	find_huge_mounts(&h);
	*mounted = h.first[0] != '\0';
	if (wanted == NULL && h.ours[0] != '\0' && strcmp(h.ours, h.first) != 0)
		add2(a, "--huge-dir", h.ours);
	if (wanted == NULL)
		snprintf(r->huge_dir, sizeof r->huge_dir, "%s", h.ours);
	else if (access(wanted, W_OK) == 0)
		snprintf(r->huge_dir, sizeof r->huge_dir, "%s", wanted);
}

/* Hugepages when there are enough and they can be used; otherwise says what to do and goes without. */
static void choose_memory(struct runtime *r, const struct layout *l, struct arguments *a)
{
	uint64_t need = memory_bytes(l), have = free_hugepage_bytes();
	bool mounted;
	char text[32];

	choose_huge_dir(r, a, &mounted);
	if (given(a, "--no-huge") || given(a, "--in-memory"))
		r->hugepages = !given(a, "--no-huge");
	else
		r->hugepages = have >= need && r->huge_dir[0] != '\0';
	if (r->hugepages)
		return;
	if (!given(a, "--no-huge")) {
		log_notice("running without hugepages (slower): %llu MB are needed, %llu MB are free%s; "
			   "'echo %llu > /proc/sys/vm/nr_hugepages' as root reserves them",
			(unsigned long long)need >> 20, (unsigned long long)have >> 20,
			!mounted                 ? " and no hugetlbfs is mounted"
			: r->huge_dir[0] == '\0' ? " but in no hugetlbfs that this user may write to"
						 : "",
			(unsigned long long)(need >> 21) + 64);
		add(a, "--no-huge");
	}
	if (!given(a, "-m")) {
		/* All there will ever be, so also for what is added later; pages are only taken when used. */
		snprintf(text, sizeof text, "%llu", (unsigned long long)(need >> 19) + 256);
		add2(a, "-m", text);
	}
}

/* --- arguments --- */

/* lcore 0 is the control thread, lcore i + 1 is worker i; each pinned to its CPU. Lcores for workers that may
 * come later are started, too: they wait in a system call and cost nothing (decision 0007). */
static void add_lcores(struct runtime *r, const struct settings *s, struct arguments *a)
{
	char text[(WORKER_MAX + 1) * 16], *p = text;

	r->lcores = RTE_MAX(s->cpus, LCORES_LEAST);
	r->lcores = RTE_MAX(r->lcores, s->workers);
	r->lcores = RTE_MIN(r->lcores, (unsigned)WORKER_MAX);
	p += sprintf(p, "0@%d", s->main_cpu);
	for (unsigned i = 0; i < r->lcores; i++)
		p += sprintf(p, ",%u@%d", i + 1, i < s->workers ? s->worker_cpu[i] : s->main_cpu);
	add2(a, "--lcores", text);
	add2(a, "--main-lcore", "0");
}

static void add_devices(struct arguments *a, const struct layout *l)
{
	bool pci = false;

	PORT_EACH(p, l)
	if (p->pci) {
		pci = true;
		add2(a, "-a", p->devargs);
	}
	if (!pci && !given(a, "--no-pci"))
		add(a, "--no-pci"); /* nothing on the PCI bus is ours: leave it alone */
}

static bool has_avx512(void)
{
	return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) > 0 &&
	       rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0;
}

static void collect(struct runtime *r, const struct layout *l, const struct node *cfg,
	const struct run_options *o, struct arguments *a)
{
	snprintf(r->file_prefix, sizeof r->file_prefix, "%s", l->set.file_prefix);
	add(a, "weir");
	NODE_EACH (n, node_get(node_get(cfg, "dpdk"), "extra-args"))
		add(a, n->text);
	for (int i = 0; i < o->eal_argc; i++)
		add(a, o->eal_argv[i]);
	if (!given(a, "-l") && !given(a, "-c") && !given(a, "--lcores"))
		add_lcores(r, &l->set, a);
	if (value_of(a, "--file-prefix") != NULL)
		snprintf(r->file_prefix, sizeof r->file_prefix, "%s", value_of(a, "--file-prefix"));
	else
		add2(a, "--file-prefix", r->file_prefix);
	add_devices(a, l);
	if (has_avx512() && !given(a, "--force-max-simd-bitwidth"))
		add(a, "--force-max-simd-bitwidth=512");
}

static void remember(struct runtime *r, const struct arguments *a)
{
	size_t n = 0;

	for (int i = 0; i < a->n && n < sizeof r->eal_text - 1; i++)
		n += (size_t)snprintf(
			r->eal_text + n, sizeof r->eal_text - n, "%s%s", i != 0 ? " " : "", a->v[i]);
}

/* --- log --- */

static ssize_t take_line(void *cookie, const char *buf, size_t len)
{
	static const enum log_level level[] = {[RTE_LOG_EMERG] = LOG_ERROR,
		[RTE_LOG_ALERT] = LOG_ERROR,
		[RTE_LOG_CRIT] = LOG_ERROR,
		[RTE_LOG_ERR] = LOG_ERROR,
		[RTE_LOG_WARNING] = LOG_WARNING,
		[RTE_LOG_NOTICE] = LOG_INFO,
		[RTE_LOG_INFO] = LOG_INFO,
		[RTE_LOG_DEBUG] = LOG_DEBUG};
	int l = rte_log_cur_msg_loglevel();

	/* Said at every start of every DPDK program that uses the current telemetry interface. */
	if (memmem(buf, len, "No legacy callbacks", 19) != NULL)
		l = RTE_LOG_DEBUG;
	log_write(l > 0 && l < (int)RTE_DIM(level) ? level[l] : LOG_INFO, "dpdk: %.*s", (int)len, buf);
	return (ssize_t)len;
}

static void join_log(void)
{
	const cookie_io_functions_t io = {.write = take_line};
	FILE *f = fopencookie(NULL, "w", io);

	if (f == NULL)
		return;
	setvbuf(f, NULL, _IOLBF, 512);
	rte_openlog_stream(f);
}

static void start_pdump(struct runtime *r)
{
	if (rte_pdump_init() == 0)
		r->pdump = true;
	else
		log_notice("packet capture by DPDK's tools is not available: %s", rte_strerror(rte_errno));
}

/* EAL holds a lock on this file as long as the process lives. */
static bool prefix_taken(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char path[PATH_MAX];
	bool taken;
	int fd;

	snprintf(path, sizeof path, "%s/config", rte_eal_get_runtime_dir());
	fd = open(path, O_RDWR | O_CLOEXEC);
	taken = fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return taken;
}

int eal_start(struct runtime *r, const struct layout *l, const struct node *cfg, const struct run_options *o,
	struct err *e)
{
	static struct arguments a;       /* EAL keeps pointers into it */
	static char *permuted[EAL_ARGS]; /* EAL writes into the list: the texts stay reachable through `a` */
	int rc;

	collect(r, l, cfg, o, &a);
	choose_memory(r, l, &a);
	if (a.too_many)
		return err_set(e, E2BIG, "more than %d EAL arguments", EAL_ARGS - 2);
	remember(r, &a);
	log_info("EAL arguments: %s", r->eal_text);
	join_log();
	memcpy(permuted, a.v, sizeof permuted);
	rc = rte_eal_init(a.n, permuted);
	if (rc < 0 && prefix_taken())
		return err_set(e, EBUSY,
			"another DPDK process already runs under the file prefix '%s'; stop it, or name "
			"another one in dpdk.file-prefix",
			r->file_prefix);
	if (rc < 0)
		return err_set(e, rte_errno != 0 ? rte_errno : EIO,
			"DPDK did not start (%s); its own lines above say why. Arguments: %s",
			rte_errno != 0 ? rte_strerror(rte_errno) : "no reason given", r->eal_text);
	if (r->lcores == 0) /* the operator chose the lcores */
		r->lcores = rte_lcore_count() - 1;
	start_pdump(r);
	return 0;
}

/* Hugepage files stay behind when EAL ends; only those of our prefix are removed. */
static void remove_hugepage_files(const struct runtime *r)
{
	char start[96], path[sizeof r->huge_dir + 256];
	struct dirent *d;
	DIR *dir;

	dir = r->huge_dir[0] != '\0' ? opendir(r->huge_dir) : NULL;
	snprintf(start, sizeof start, "%smap_", r->file_prefix);
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (strncmp(d->d_name, start, strlen(start)) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", r->huge_dir, d->d_name);
		unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
}

void eal_stop(struct runtime *r)
{
	if (r->pdump)
		rte_pdump_uninit();
	rte_eal_cleanup();
	if (r->hugepages)
		remove_hugepage_files(r);
}
