/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/call.h"
#include "cli/http.h"
#include "cli/text.h"

#define FETCH_MS 3000

const struct top_panel top_panels[TOP_PANELS] = {
	[TOP_PORTS] = {"/v1/ports", "ports", "name",
		{{"Port", TOP_TEXT, "name", 14}, {"Link", TOP_STATE, "link", 8},
			{"RX/s", TOP_RATE, "rx_packets", 12}, {"RX Mbit/s", TOP_MBIT, "rx_bytes", 11},
			{"TX/s", TOP_RATE, "tx_packets", 12}, {"TX Mbit/s", TOP_MBIT, "tx_bytes", 11},
			{"Missed/s", TOP_RATE, "rx_missed", 10}, {"TX errors/s", TOP_RATE, "tx_errors", 12}}},
	[TOP_INTERFACES] = {"/v1/interfaces", "interfaces", "name",
		{{"Interface", TOP_TEXT, "name", 14}, {"State", TOP_STATE, "up", 8},
			{"RX/s", TOP_RATE, "rx_packets", 12}, {"RX Mbit/s", TOP_MBIT, "rx_bytes", 11},
			{"TX/s", TOP_RATE, "tx_packets", 12}, {"TX Mbit/s", TOP_MBIT, "tx_bytes", 11},
			{"Drops/s", TOP_RATE, "drops", 10}}},
	[TOP_WORKERS] = {"/v1/workers", "workers", "id",
		{{"Worker", TOP_TEXT, "id", 14}, {"CPU", TOP_TEXT, "cpu", 8},
			{"Packets/s", TOP_RATE, "packets", 12}, {"Busy", TOP_BUSY, "busy_cycles", 11},
			{"Cycles/packet", TOP_COST, "packets", 14}, {"Idle", TOP_TEXT, "idle", 12}}},
	[TOP_DROPS] = {"/v1/drops", "drops", "reason",
		{{"Reason", TOP_TEXT, "reason", 23}, {"Packets/s", TOP_RATE, "packets", 11},
			{"Packets", TOP_COUNT, "packets", 14}, {"Kind", TOP_TEXT, "kind", 7},
			{"Meaning", TOP_TEXT, "help", 0}}},
	[TOP_STAGES] = {"/v1/stages", "stages", "name",
		{{"Stage", TOP_TEXT, "name", 23}, {"Packets/s", TOP_RATE, "packets", 11},
			{"Cycles/packet", TOP_CYCLES, "packets", 14}, {"Does", TOP_TEXT, "help", 0}}},
};

static double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fetch(struct top *t, const char *path, json_t **doc)
{
	struct http_reply reply;
	struct err e = {0};

	*doc = NULL;
	if (http_call_within(FETCH_MS, cli_socket(t->c), "GET", path, NULL, &reply, &e) != 0) {
		snprintf(t->status, sizeof t->status, "%.250s", e.text);
		return e.code == ECONNREFUSED ? CLI_UNREACHABLE
		       : e.code == ETIMEDOUT  ? CLI_TIMEOUT
					      : CLI_FAILED;
	}
	*doc = reply.status == 200 ? json_loadb(reply.body, reply.len, 0, NULL) : NULL;
	free(reply.raw);
	if (*doc == NULL)
		snprintf(t->status, sizeof t->status,
			"the daemon's answer to %s is not the document it should be", path);
	return *doc != NULL ? CLI_OK : CLI_FAILED;
}

/* --- cells --- */

static void set(struct top_cell *c, double number, const char *fmt)
{
	c->number = number;
	if (number < 0)
		snprintf(c->text, sizeof c->text, "-");
	else if (fmt != NULL)
		snprintf(c->text, sizeof c->text, fmt, number);
	else if (number != 0 && number < 9.95)
		snprintf(c->text, sizeof c->text, "%.1f", number);
	else
		text_number((uint64_t)(number + 0.5), c->text);
}

static double number_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

static void set_text(struct top_cell *c, const json_t *v)
{
	if (json_is_string(v))
		snprintf(c->text, sizeof c->text, "%.60s", json_string_value(v));
	else if (json_is_boolean(v))
		snprintf(c->text, sizeof c->text, "%s", json_is_true(v) ? "up" : "down");
	else
		snprintf(c->text, sizeof c->text, "%lld", (long long)json_integer_value(v));
	text_safe(c->text);
	c->number = json_number_value(v);
}

/* Growth per second, or -1 when it is not known. */
static double rate(const struct top *t, const json_t *before, const json_t *now, const char *key)
{
	double growth, seconds = t->at - t->before_at;

	return seconds > 0 && rates_growth(before, now, key, &growth) ? growth / seconds : -1;
}

static double cost(const json_t *before, const json_t *now)
{
	double packets, cycles;

	if (!rates_growth(before, now, "packets", &packets) ||
		!rates_growth(before, now, "busy_cycles", &cycles)) {
		packets = number_of(now, "packets");
		cycles = number_of(now, "busy_cycles");
	}
	return packets > 0 ? cycles / packets : -1;
}

static void fill(const struct top *t, struct top_cell *c, const struct top_column *col, const json_t *before,
	const json_t *now)
{
	double v;

	switch (col->kind) {
	case TOP_TEXT:
	case TOP_STATE:
		set_text(c, json_object_get(now, col->key));
		break;
	case TOP_COUNT:
		set(c, number_of(now, col->key), NULL);
		break;
	case TOP_RATE:
		set(c, rate(t, before, now, col->key), NULL);
		break;
	case TOP_MBIT:
		v = rate(t, before, now, col->key);
		set(c, v < 0 ? v : v * 8 / 1e6, "%.1f");
		break;
	case TOP_BUSY:
		set(c, 100 * rates_busy(before, now), "%.1f %%");
		break;
	case TOP_CYCLES:
		set(c, rates_cycles(before, now), "%.1f");
		break;
	case TOP_COST:
		set(c, cost(before, now), "%.1f");
		break;
	}
}

static enum top_mood mood_of(const struct top_row *r, const struct top_panel *p)
{
	for (unsigned i = 0; p->column[i].head != NULL; i++)
		if (p->column[i].kind == TOP_STATE)
			return strcmp(r->cell[i].text, "up") == 0 ? TOP_GOOD : TOP_BAD;
	return TOP_PLAIN;
}

/* --- rows --- */

static const struct top_view *sorting;
static const struct top_panel *sorting_panel;

static int by_column(const void *a, const void *b)
{
	const struct top_cell *x = &((const struct top_row *)a)->cell[sorting->sort];
	const struct top_cell *y = &((const struct top_row *)b)->cell[sorting->sort];
	enum top_kind kind = sorting_panel->column[sorting->sort].kind;
	int order = x->number < y->number ? 1 : x->number > y->number ? -1 : 0; /* largest first */

	if (kind == TOP_TEXT || kind == TOP_STATE)
		order = x->number != y->number ? -order : strcmp(x->text, y->text);
	return sorting->ascending ? -order : order;
}

void top_sort(struct top *t, unsigned panel)
{
	sorting = &t->view[panel];
	sorting_panel = &top_panels[panel];
	if (sorting->sort >= 0 && sorting->rows > 1)
		qsort(t->view[panel].row, sorting->rows, sizeof sorting->row[0], by_column);
}

static void make_rows(struct top *t, unsigned panel)
{
	const struct top_panel *p = &top_panels[panel];
	struct top_view *v = &t->view[panel];
	const json_t *list = json_object_get(v->doc, p->list);
	struct rates r = {v->before, 1};

	free(v->row);
	v->rows = (unsigned)json_array_size(list);
	v->row = calloc(v->rows + 1, sizeof *v->row);
	if (v->row == NULL)
		v->rows = 0;
	for (unsigned i = 0; i < v->rows; i++) {
		const json_t *now = json_array_get(list, i), *before = rates_row(&r, p->list, p->id, now);

		if (before == NULL && v->before != NULL && panel == TOP_DROPS)
			before = json_null(); /* a reason that had not occurred grew from 0 */
		for (unsigned k = 0; p->column[k].head != NULL; k++)
			fill(t, &v->row[i].cell[k], &p->column[k], before, now);
		v->row[i].mood = mood_of(&v->row[i], p);
	}
	top_sort(t, panel);
}

int top_fetch(struct top *t)
{
	json_t *doc[TOP_PANELS] = {0}, *version = NULL;
	int rc = fetch(t, "/v1/version", &version);

	for (unsigned i = 0; i < TOP_PANELS && rc == CLI_OK; i++)
		rc = fetch(t, top_panels[i].path, &doc[i]);
	t->code = rc;
	if (rc != CLI_OK) {
		for (unsigned i = 0; i < TOP_PANELS; i++)
			json_decref(doc[i]);
		json_decref(version);
		return rc;
	}
	t->status[0] = '\0';
	json_decref(t->version);
	t->version = version;
	t->before_at = t->at;
	t->at = seconds_now();
	for (unsigned i = 0; i < TOP_PANELS; i++) {
		json_decref(t->view[i].before);
		t->view[i].before = t->view[i].doc;
		t->view[i].doc = doc[i];
		make_rows(t, i);
	}
	return CLI_OK;
}

double top_sum(const struct top *t, const char *counter)
{
	const struct top_view *v = &t->view[TOP_PORTS];
	const json_t *list = json_object_get(v->doc, "ports");
	struct rates r = {v->before, 1};
	double sum = 0;

	if (v->before == NULL)
		return -1;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *now = json_array_get(list, i);
		double one = rate(t, rates_row(&r, "ports", "name", now), now, counter);

		sum += one > 0 ? one : 0;
	}
	return sum;
}

void top_free(struct top *t)
{
	for (unsigned i = 0; i < TOP_PANELS; i++) {
		json_decref(t->view[i].doc);
		json_decref(t->view[i].before);
		free(t->view[i].row);
	}
	json_decref(t->version);
}

/* --- who gets how much room --- */

void top_layout(unsigned room, const unsigned need[TOP_PANELS], unsigned got[TOP_PANELS])
{
	unsigned sum = 0, panels = TOP_PANELS;

	for (unsigned i = 0; i < TOP_PANELS; i++)
		sum += got[i] = need[i];
	while (sum > room) {
		unsigned largest = 0;

		for (unsigned i = 1; i < panels; i++)
			largest = got[i] > got[largest] ? i : largest;
		if (got[largest] <= 2 && panels > 1) { /* a head and one row is the least: leave one out */
			sum -= got[--panels];
			got[panels] = 0;
		} else if (got[largest] == 0) {
			break;
		} else {
			got[largest]--;
			sum--;
		}
	}
	while (sum < room) { /* what leaving one out gave back */
		unsigned i = 0;

		while (i < panels && got[i] >= need[i])
			i++;
		if (i == panels)
			break;
		got[i]++;
		sum++;
	}
}
