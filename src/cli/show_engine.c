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

/* One decimal; NULL for what is not known (negative). */
static const char *decimal(double v, char buf[static TEXT_NUMBER])
{
	snprintf(buf, TEXT_NUMBER, "%.1f", v);
	return v >= 0 ? buf : NULL;
}

void render_stages(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "stages");
	char n[5][TEXT_NUMBER];
	struct grid g;

	if (o->watch > 0)
		grid_init(&g, HEADS("Stage", ">Packets", ">Packets/s", ">Cycles/packet", "What it does"), 5);
	else
		grid_init(&g,
			HEADS("Stage", "?>Bursts", ">Packets", "?>Packets/burst", ">Cycles/packet",
				"What it does"),
			6);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i), *b = rates_row(&o->rates, "stages", "name", s);

		if (o->watch > 0)
			grid_row(&g, ROW(json_str(s, "name"), number(s, "packets", n[1]),
					     rates_text(&o->rates, b, s, "packets", n[2]),
					     decimal(rates_cycles(b, s), n[3]), json_str(s, "help")));
		else
			grid_row(&g, ROW(json_str(s, "name"), number(s, "bursts", n[0]),
					     number(s, "packets", n[1]),
					     mean(s, "packets_per_burst", "bursts", n[2]),
					     mean(s, "cycles_per_packet", "sampled_packets", n[3]),
					     json_str(s, "help")));
	}
	grid_end(&g, stdout);
}

void render_drops(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "drops"), *t = json_object_get(doc, "totals");
	char n[5][TEXT_NUMBER];
	struct grid g;

	if (o->watch > 0)
		grid_init(&g, HEADS("Reason", "Kind", ">Packets", ">Packets/s", "What it means"), 5);
	else
		grid_init(&g, HEADS("Reason", "Kind", ">Packets", "What it means"), 4);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i), *b = rates_row(&o->rates, "drops", "reason", d);
		const char *kind = json_str(d, "kind"), *help = json_str(d, "help");

		if (b == NULL && o->rates.before != NULL)
			b = json_null(); /* a reason that had not occurred yet grew from 0 */
		if (o->watch > 0)
			grid_row(&g, ROW(json_str(d, "reason"), kind, number(d, "packets", n[0]),
					     rates_text(&o->rates, b, d, "packets", n[1]), help));
		else
			grid_row(&g, ROW(json_str(d, "reason"), kind, number(d, "packets", n[0]), help));
		if (strcmp(kind, "error") == 0)
			grid_color(&g, 1, COLOR_BAD);
	}
	grid_end(&g, stdout);
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

static void worker_row(struct grid *g, const json_t *w, const struct show_options *o)
{
	const json_t *b = rates_row(&o->rates, "workers", "id", w);
	char id[24], cpu[24], queues[256], load[24], n[4][TEXT_NUMBER];

	snprintf(id, sizeof id, "%llu", (unsigned long long)json_num(w, "id"));
	snprintf(cpu, sizeof cpu, "%llu", (unsigned long long)json_num(w, "cpu"));
	snprintf(load, sizeof load, "%.1f%%",
		100 * (b != NULL ? rates_busy(b, w) : json_number_value(json_object_get(w, "load"))));
	queues_text(json_object_get(w, "queues"), queues, sizeof queues);
	if (o->watch > 0)
		grid_row(g,
			ROW(id, cpu, load, number(w, "packets", n[0]),
				rates_text(&o->rates, b, w, "packets", n[1]), json_str(w, "idle"), queues));
	else
		grid_row(g, ROW(id, cpu, load, json_str(w, "polling"), json_str(w, "idle"),
				    number(w, "packets", n[0]), number(w, "bursts", n[1]),
				    mean(w, "cycles_per_packet", "packets", n[2]), queues));
}

void render_workers(const json_t *doc, const struct show_options *o)
{
	const json_t *list = json_object_get(doc, "workers"), *control = json_object_get(doc, "control");
	char longest[TEXT_NUMBER], cpu[TEXT_NUMBER];
	struct grid g;

	if (o->watch > 0)
		grid_init(&g,
			HEADS(">Worker", ">CPU", ">Load", ">Packets", ">Packets/s", "?Idle", "Port:queue"),
			7);
	else
		grid_init(&g,
			HEADS(">Worker", ">CPU", ">Load", "Polling", "?Idle", ">Packets", "?>Bursts",
				">Cycles/packet", "Port:queue"),
			9);
	for (size_t i = 0; i < json_array_size(list); i++)
		worker_row(&g, json_array_get(list, i), o);
	grid_end(&g, stdout);
	printf("\nControl thread: longest turn %s, of that %s CPU; %llu turns over 5 ms.\n",
		text_duration(json_num(control, "longest_turn_ns"), longest),
		text_duration(json_num(control, "longest_turn_cpu_ns"), cpu),
		(unsigned long long)json_num(control, "long_turns"));
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
	grid_end(&g, stdout);
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
