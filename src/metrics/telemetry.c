/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics/telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>
#include <rte_telemetry.h>

#include "control/value.h"
#include "feature/iface/iface.h"
#include "pipeline/reason.h"
#include "pipeline/stage.h"
#include "pipeline/weir.h"
#include "runtime/runtime.h"

#define WAIT_SECONDS 2
#define NAMES_MAX 400 /* in one reply: DPDK sends at most 16 KiB, a name has at most 31 characters */
#define ROWS_MAX 250  /* keys in one reply: DPDK takes 256 */

/* What a command does, on the control thread. 0 or negative. */
typedef int (*command_fn)(struct weir *w, const char *params, struct rte_tel_data *d);

static struct {
	pthread_mutex_t one;  /* a command at a time */
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t done;
	struct weir *w; /* NULL: nobody answers */
	struct event *wake;
	int fd;
	command_fn fn; /* NULL: nothing to do */
	const char *params;
	struct rte_tel_data *data;
	int rc;
} tel = {.one = PTHREAD_MUTEX_INITIALIZER,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.done = PTHREAD_COND_INITIALIZER,
	.fd = -1};

/* --- commands --- */

static const struct iface *iface_at(const struct generation *g, unsigned i)
{
	return i < g->iface_limit ? g->iface[i] : NULL;
}

/* The parameter is the number of interfaces to skip. */
static int list_interfaces(struct weir *w, const char *params, struct rte_tel_data *d)
{
	const struct generation *g = weir_generation(w);
	uint64_t skip = 0, seen = 0;

	if (params != NULL && value_u64(params, &skip) != 0)
		return -EINVAL;
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned i = 1; i < g->iface_limit; i++) {
		if (iface_at(g, i) == NULL || seen++ < skip)
			continue;
		if (seen > skip + NAMES_MAX)
			break;
		rte_tel_data_add_array_string(d, g->iface[i]->name);
	}
	return 0;
}

static int one_interface(struct weir *w, const char *params, struct rte_tel_data *d)
{
	const struct iface *i = params != NULL ? generation_iface(weir_generation(w), params) : NULL;
	struct counters c = {.iface = calloc(IFACE_MAX, sizeof *c.iface)};

	if (i == NULL || c.iface == NULL) {
		free(c.iface);
		return i == NULL ? -ENOENT : -ENOMEM;
	}
	weir_counters(w, &c);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", i->name);
	rte_tel_data_add_dict_int(d, "id", i->id);
	rte_tel_data_add_dict_string(d, "vrf", w->vrf[i->vrf].name);
	rte_tel_data_add_dict_int(d, "mtu", i->mtu);
	rte_tel_data_add_dict_int(d, "up", iface_is_up(w, i));
	rte_tel_data_add_dict_u64(d, "rx_packets", c.iface[i->id].rx_packets);
	rte_tel_data_add_dict_u64(d, "rx_bytes", c.iface[i->id].rx_bytes);
	rte_tel_data_add_dict_u64(d, "tx_packets", c.iface[i->id].tx_packets);
	rte_tel_data_add_dict_u64(d, "tx_bytes", c.iface[i->id].tx_bytes);
	rte_tel_data_add_dict_u64(d, "drops", c.iface[i->id].drops);
	free(c.iface);
	return 0;
}

/* Keys as DPDK takes them: '_' where a reason has '-'. */
static int list_drops(struct weir *w, const char *params, struct rte_tel_data *d)
{
	struct counters c = {0};
	unsigned rows = 0;

	weir_counters(w, &c);
	rte_tel_data_start_dict(d);
	for (unsigned i = 1; i <= reasons_count() && rows < ROWS_MAX; i++) {
		const struct reason *r = reason_get((uint16_t)i);
		char key[64];

		if (r == NULL || c.reason[i] == 0)
			continue;
		snprintf(key, sizeof key, "%s", r->name);
		for (char *k = key; *k != '\0'; k++)
			if (*k == '-')
				*k = '_';
		rows += rte_tel_data_add_dict_u64(d, key, c.reason[i]) == 0;
	}
	return 0;
}

static int list_stages(struct weir *w, const char *params, struct rte_tel_data *d)
{
	rte_tel_data_start_array(d, RTE_TEL_STRING_VAL);
	for (unsigned i = 0; i < STAGE_COUNT && i < NAMES_MAX; i++)
		if (stage_get(i) != NULL)
			rte_tel_data_add_array_string(d, stage_get(i)->name);
	return 0;
}

static int one_stage(struct weir *w, const char *params, struct rte_tel_data *d)
{
	struct counters c = {0};
	unsigned i = 0;

	while (i < STAGE_COUNT &&
		(stage_get(i) == NULL || params == NULL || strcmp(stage_get(i)->name, params) != 0))
		i++;
	if (i == STAGE_COUNT)
		return -ENOENT;
	weir_counters(w, &c);
	rte_tel_data_start_dict(d);
	rte_tel_data_add_dict_string(d, "name", stage_get(i)->name);
	rte_tel_data_add_dict_u64(d, "bursts", c.stage[i].bursts);
	rte_tel_data_add_dict_u64(d, "packets", c.stage[i].packets);
	rte_tel_data_add_dict_u64(d, "sampled_packets", c.stage[i].sampled_packets);
	return 0;
}

static void put_worker_id(void *ctx, const struct runtime_worker *k)
{
	rte_tel_data_add_array_int(ctx, (int)k->id);
}

static int list_workers(struct weir *w, const char *params, struct rte_tel_data *d)
{
	rte_tel_data_start_array(d, RTE_TEL_INT_VAL);
	runtime_workers(w, put_worker_id, d);
	return 0;
}

struct wanted {
	struct rte_tel_data *data;
	uint64_t id;
	bool found;
};

static void put_worker(void *ctx, const struct runtime_worker *k)
{
	struct wanted *t = ctx;

	if (k->id != t->id)
		return;
	t->found = true;
	rte_tel_data_start_dict(t->data);
	rte_tel_data_add_dict_int(t->data, "id", (int)k->id);
	rte_tel_data_add_dict_int(t->data, "lcore", (int)k->lcore);
	rte_tel_data_add_dict_int(t->data, "cpu", k->cpu);
	rte_tel_data_add_dict_u64(t->data, "polls", k->polls);
	rte_tel_data_add_dict_u64(t->data, "idle_polls", k->idle_polls);
	rte_tel_data_add_dict_u64(t->data, "bursts", k->bursts);
	rte_tel_data_add_dict_u64(t->data, "packets", k->packets);
	rte_tel_data_add_dict_u64(t->data, "busy_cycles", k->busy_cycles);
	rte_tel_data_add_dict_u64(t->data, "idle_cycles", k->idle_cycles);
	rte_tel_data_add_dict_u64(t->data, "sleep_cycles", k->sleep_cycles);
}

static int one_worker(struct weir *w, const char *params, struct rte_tel_data *d)
{
	struct wanted t = {.data = d};

	if (params == NULL || value_u64(params, &t.id) != 0)
		return -EINVAL;
	runtime_workers(w, put_worker, &t);
	return t.found ? 0 : -ENOENT;
}

/* --- from DPDK's thread to the control thread --- */

static void answer(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;

	if (read(fd, &n, sizeof n) != sizeof n)
		return;
	pthread_mutex_lock(&tel.lock);
	if (tel.fn != NULL)
		tel.rc = tel.fn(tel.w, tel.params, tel.data);
	tel.fn = NULL;
	pthread_cond_signal(&tel.done);
	pthread_mutex_unlock(&tel.lock);
}

/* Waits for answer(); withdraws the command when the control thread does not come. */
static int wait_for_answer(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_SECONDS;
	while (tel.fn != NULL && tel.w != NULL)
		if (pthread_cond_timedwait(&tel.done, &tel.lock, &end) != 0)
			break;
	if (tel.fn == NULL)
		return tel.rc;
	tel.fn = NULL;
	return -ETIMEDOUT;
}

static int hand_over(command_fn fn, const char *params, struct rte_tel_data *d)
{
	const uint64_t one = 1;
	int rc = -ESHUTDOWN;

	pthread_mutex_lock(&tel.one);
	pthread_mutex_lock(&tel.lock);
	if (tel.w != NULL) {
		tel.fn = fn;
		tel.params = params;
		tel.data = d;
		rc = write(tel.fd, &one, sizeof one) == sizeof one ? wait_for_answer() : -EIO;
		tel.fn = NULL;
	}
	pthread_mutex_unlock(&tel.lock);
	pthread_mutex_unlock(&tel.one);
	return rc;
}

static int cmd_interfaces(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(list_interfaces, params, d);
}

static int cmd_interface(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(one_interface, params, d);
}

static int cmd_drops(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(list_drops, params, d);
}

static int cmd_stages(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(list_stages, params, d);
}

static int cmd_workers(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(list_workers, params, d);
}

static int cmd_stage(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(one_stage, params, d);
}

static int cmd_worker(const char *cmd, const char *params, struct rte_tel_data *d)
{
	return hand_over(one_worker, params, d);
}

static void register_commands(void)
{
	static bool once;

	if (once)
		return;
	once = true;
	rte_telemetry_register_cmd("/weir/interfaces", cmd_interfaces,
		"Names of the interfaces, at most 400. Parameter: how many to skip");
	rte_telemetry_register_cmd(
		"/weir/interface", cmd_interface, "State and counters of an interface. Parameter: its name");
	rte_telemetry_register_cmd("/weir/drops", cmd_drops, "How packets ended, by reason. No parameters");
	rte_telemetry_register_cmd("/weir/stages", cmd_stages, "Names of the stages. No parameters");
	rte_telemetry_register_cmd("/weir/stage", cmd_stage, "Counters of a stage. Parameter: its name");
	rte_telemetry_register_cmd("/weir/workers", cmd_workers, "Numbers of the workers. No parameters");
	rte_telemetry_register_cmd("/weir/worker", cmd_worker, "Load of a worker. Parameter: its number");
}

int telemetry_start(struct weir *w, struct event_base *base, struct err *e)
{
	tel.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	tel.wake = tel.fd >= 0 ? event_new(base, tel.fd, EV_READ | EV_PERSIST, answer, NULL) : NULL;
	if (tel.wake == NULL || event_add(tel.wake, NULL) != 0) {
		telemetry_stop();
		return err_set(e, ENOMEM, "not enough memory for DPDK's telemetry");
	}
	pthread_mutex_lock(&tel.lock);
	tel.w = w;
	pthread_mutex_unlock(&tel.lock);
	register_commands();
	return 0;
}

void telemetry_stop(void)
{
	pthread_mutex_lock(&tel.lock);
	tel.w = NULL;
	pthread_cond_signal(&tel.done);
	if (tel.wake != NULL)
		event_free(tel.wake);
	if (tel.fd >= 0)
		close(tel.fd);
	tel.wake = NULL;
	tel.fd = -1;
	pthread_mutex_unlock(&tel.lock);
}
