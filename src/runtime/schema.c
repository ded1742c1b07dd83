/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Schema of what belongs to the process: `dataplane:`, `dpdk:`, `log:`.
 */
#include "control/schema.h"
#include "pipeline/worker.h"

static const char *const polling_words[] = {"busy", "adaptive", "interrupt", NULL}; /* enum polling */
static const char *const level_words[] = {"error", "warning", "notice", "info", "debug", NULL};

static const struct schema worker_types[] = {
	{.type = SCHEMA_INT, .min = 1, .max = WORKER_MAX, .help = "How many workers; CPUs are chosen."},
	{.type = SCHEMA_STRING, .min = 1, .max = 255, .help = "CPU list such as 2-5,8: one worker on each."},
	{0},
};

static const struct schema polling_word = {
	.type = SCHEMA_ENUM, .words = polling_words, .help = "Of one worker, as in polling."};
static const struct schema dataplane_fields[] = {
	{.key = "workers",
		.type = SCHEMA_ANY_OF,
		.alternatives = worker_types,
		.fallback = "1",
		.help = "Number of workers, or the CPUs they run on."},
	{.key = "main-cpu",
		.type = SCHEMA_INT,
		.max = 4095,
		.help = "CPU of the control thread; by default one without a worker, if there is one."},
	{.key = "polling",
		.type = SCHEMA_ENUM,
		.words = polling_words,
		.fallback = "adaptive",
		.help = "busy: never sleep. adaptive: when there is nothing to do for a while, sleep until a "
			"receive "
			"interrupt, or briefly on devices without. interrupt: the same, at once."},
	{.key = "worker-polling",
		.type = SCHEMA_LIST,
		.item = &polling_word,
		.max = WORKER_MAX,
		.help = "Polling of the first workers, one word each; the others do as polling says."},
	{.key = "spare-buffers",
		.type = SCHEMA_INT,
		.max = 4000000,
		.fallback = "0",
		.help = "Packet buffers besides those that queues and workers need; some drivers keep more."},
	{.key = "memory",
		.type = SCHEMA_SIZE,
		.min = 16u << 20,
		.help = "Most memory packet buffers may take; by default what queues and workers need."},
	{.key = "table-memory",
		.type = SCHEMA_SIZE,
		.min = 16u << 20,
		.help = "Most memory tables and packet buffers may take together, as 'config plan' shows it; "
			"by default what the machine has."},
	{0},
};

static const struct schema argument = {
	.type = SCHEMA_STRING, .min = 1, .max = 511, .help = "An EAL argument."};
static const struct schema dpdk_fields[] = {
	{.key = "file-prefix",
		.type = SCHEMA_NAME,
		.max = 63,
		.fallback = "weir",
		.help = "Name under which DPDK tools find this process (--file-prefix)."},
	{.key = "extra-args",
		.type = SCHEMA_LIST,
		.item = &argument,
		.max = 32,
		.help = "More EAL arguments, passed through."},
	{0},
};

static const struct schema log_fields[] = {
	{.key = "level",
		.type = SCHEMA_ENUM,
		.words = level_words,
		.fallback = "notice",
		.help = "Least important lines that are written."},
	{0},
};

static const struct schema fields[] = {
	{.key = "dataplane", .type = SCHEMA_MAP, .fields = dataplane_fields, .help = "Workers and memory."},
	{.key = "dpdk",
		.type = SCHEMA_MAP,
		.fields = dpdk_fields,
		.effect = EFFECT_RESTART,
		.help = "How DPDK's EAL is started."},
	{.key = "log", .type = SCHEMA_MAP, .fields = log_fields, .help = "The log on stderr."},
	{0},
};

static struct schema_part part = {.fields = fields};
SCHEMA_REGISTER(part)
