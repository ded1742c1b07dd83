/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Documents about the engine as tables: version, stages, drops, workers, memory, pipeline.
 */
#include <stdio.h>
#include <string.h>

#include "cli/grid.h"
#include "cli/verbs.h"

#define HEADS(...) ((const char *const[]){__VA_ARGS__})
#define ROW(...) ((const char *const[]){__VA_ARGS__})

static const char *number(const json_t *o, const char *key, char buf[static TEXT_NUMBER])
{
	return text_number(json_num(o, key), buf);
}

/* A mean over `of`; NULL ("-" in a table) when there was nothing to take the mean of. */
static const char *mean(const json_t *o, const char *key, const char *of, char buf[static TEXT_NUMBER])
{
	if (json_num(o, of) == 0)
		return NULL;
	snprintf(buf, TEXT_NUMBER, "%.1f", json_number_value(json_object_get(o, key)));
	return buf;
}

void render_version(const json_t *doc, const struct show_options *o)
{
	char uptime[TEXT_NUMBER];

	printf("weir %s, %s\n", json_str(doc, "version"), json_str(doc, "dpdk"));
	printf("up %s, configuration %s, generation %llu\n",
		text_duration(json_num(doc, "uptime_ns"), uptime), json_str(doc, "config"),
		(unsigned long long)json_num(doc, "generation"));
	printf("file prefix %s, %s, TSC %.3f GHz\n", json_str(doc, "file_prefix"),
		json_yes(doc, "hugepages") ? "huge pages" : "no huge pages",
		(double)json_num(doc, "tsc_hz") / 1e9);
	printf("EAL arguments: %s\n", json_str(doc, "eal_arguments"));
}

void render_stages(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "stages");
	char n[4][TEXT_NUMBER];
	struct grid g;

	grid_init(&g,
		HEADS("Stage", ">Bursts", ">Packets", ">Packets/burst", ">Cycles/packet", "What it does"), 6);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);

		grid_row(&g,
			ROW(json_str(s, "name"), number(s, "bursts", n[0]), number(s, "packets", n[1]),
				mean(s, "packets_per_burst", "bursts", n[2]),
				mean(s, "cycles_per_packet", "sampled_packets", n[3]), json_str(s, "help")));
	}
	grid_flush(&g, stdout);
	grid_free(&g);
}

void render_drops(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "drops"), *t = json_object_get(doc, "totals");
	char n[5][TEXT_NUMBER];
	struct grid g;

	grid_init(&g, HEADS("Reason", "Kind", ">Packets", "What it means"), 4);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);

		grid_row(&g, ROW(json_str(d, "reason"), json_str(d, "kind"), number(d, "packets", n[0]),
				     json_str(d, "help")));
	}
	grid_flush(&g, stdout);
	grid_free(&g);
	printf("\n%s received + %s originated = %s transmitted + %s ended here + %s held\n",
		number(t, "received", n[0]), number(t, "originated", n[1]), number(t, "transmitted", n[2]),
		number(t, "ended", n[3]), number(t, "held", n[4]));
}

static void queues_text(const json_t *list, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < json_array_size(list) && len < size; i++) {
		const json_t *q = json_array_get(list, i);

		len += (size_t)snprintf(buf + len, size - len, "%s%s:%llu", i != 0 ? " " : "",
			json_str(q, "port"), (unsigned long long)json_num(q, "queue"));
	}
}

void render_workers(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "workers");
	char id[24], cpu[24], queues[256], load[24], n[3][TEXT_NUMBER];
	struct grid g;

	grid_init(&g,
		HEADS(">Worker", ">CPU", ">Load", "Polling", "Idle", ">Packets", ">Bursts", ">Cycles/packet",
			"Port:queue"),
		9);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *w = json_array_get(list, i);

		snprintf(id, sizeof id, "%llu", (unsigned long long)json_num(w, "id"));
		snprintf(cpu, sizeof cpu, "%llu", (unsigned long long)json_num(w, "cpu"));
		snprintf(load, sizeof load, "%.1f%%", 100 * json_number_value(json_object_get(w, "load")));
		queues_text(json_object_get(w, "queues"), queues, sizeof queues);
		grid_row(&g, ROW(id, cpu, load, json_str(w, "polling"), json_str(w, "idle"),
				     number(w, "packets", n[0]), number(w, "bursts", n[1]),
				     mean(w, "cycles_per_packet", "packets", n[2]), queues));
	}
	grid_flush(&g, stdout);
	grid_free(&g);
}

void render_memory(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "memory");
	char n[3][TEXT_NUMBER];
	struct grid g;

	grid_init(&g, HEADS("What", ">Size", ">Used", ">Of"), 4);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *m = json_array_get(list, i);
		bool counted = json_object_get(m, "count") != NULL;

		grid_row(
			&g, ROW(json_str(m, "what"),
				    json_num(m, "bytes") != 0 ? text_bytes(json_num(m, "bytes"), n[0]) : NULL,
				    counted ? number(m, "used", n[1]) : NULL,
				    counted ? number(m, "count", n[2]) : NULL));
	}
	grid_row(&g, ROW("total", text_bytes(json_num(doc, "total_bytes"), n[0]), NULL, NULL));
	grid_flush(&g, stdout);
	grid_free(&g);
}

static void print_dot(const json_t *list)
{
	printf("digraph pipeline {\n\trankdir=TB;\n\tnode [shape=box, fontname=\"sans-serif\"];\n");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i), *next = json_object_get(s, "next");

		printf("\t\"%s\" [tooltip=\"%s\"];\n", json_str(s, "name"), json_str(s, "help"));
		for (size_t k = 0; k < json_array_size(next); k++)
			printf("\t\"%s\" -> \"%s\";\n", json_str(s, "name"),
				json_string_value(json_array_get(next, k)));
	}
	printf("}\n");
}

void render_pipeline(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "stages");
	unsigned width = 0;

	if (o->dot) {
		print_dot(list);
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		unsigned len = (unsigned)strlen(json_str(json_array_get(list, i), "name"));

		width = len > width ? len : width;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i), *next = json_object_get(s, "next");

		printf("%2zu  %-*s", i + 1, json_array_size(next) != 0 ? (int)width : 0, json_str(s, "name"));
		for (size_t k = 0; k < json_array_size(next); k++)
			printf("%s%s", k != 0 ? ", " : "  -> ", json_string_value(json_array_get(next, k)));
		printf("\n    %-*s  %s\n", (int)width, "", json_str(s, "help"));
	}
}
