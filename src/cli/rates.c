/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/rates.h"

#include <stdio.h>

const json_t *rates_row(const struct rates *r, const char *list, const char *key, const json_t *row)
{
	const json_t *rows = json_object_get(r->before, list), *id = json_object_get(row, key);

	for (size_t i = 0; id != NULL && i < json_array_size(rows); i++) {
		const json_t *candidate = json_array_get(rows, i);

		if (json_equal(json_object_get(candidate, key), id))
			return candidate;
	}
	return NULL;
}

static double value(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

bool rates_growth(const json_t *before, const json_t *now, const char *counter, double *growth)
{
	*growth = value(now, counter) - value(before, counter);
	return before != NULL && *growth >= 0;
}

const char *rates_text(const struct rates *r, const json_t *before, const json_t *now, const char *counter,
	char buf[static TEXT_NUMBER])
{
	double growth;

	if (r->seconds <= 0 || !rates_growth(before, now, counter, &growth))
		return NULL;
	growth /= r->seconds;
	if (growth != 0 && growth < 9.95)
		snprintf(buf, TEXT_NUMBER, "%.1f", growth);
	else
		text_number((uint64_t)(growth + 0.5), buf);
	return buf;
}

double rates_busy(const json_t *before, const json_t *now)
{
	double busy = value(now, "busy_cycles"), idle = value(now, "idle_cycles"), b, i;

	if (rates_growth(before, now, "busy_cycles", &b) && rates_growth(before, now, "idle_cycles", &i) &&
		b + i > 0) {
		busy = b;
		idle = i;
	}
	return busy + idle > 0 ? busy / (busy + idle) : 0;
}

double rates_cycles(const json_t *before, const json_t *now)
{
	double packets = value(now, "sampled_packets"), cycles = value(now, "cycles_per_packet") * packets,
	       growth;

	if (rates_growth(before, now, "sampled_packets", &growth)) {
		if (growth == 0)
			return -1;
		cycles -= value(before, "cycles_per_packet") * value(before, "sampled_packets");
		packets = growth;
	}
	return packets > 0 && cycles >= 0 ? cycles / packets : -1;
}
