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
	static const char *const parts[] = {"busy_cycles", "idle_cycles", "sleep_cycles"};
	double all = 0, grown = 0, part[3], growth[3];
	bool known = true;

	for (unsigned i = 0; i < 3; i++) {
		part[i] = value(now, parts[i]);
		all += part[i];
		known = rates_growth(before, now, parts[i], &growth[i]) && known;
		grown += growth[i];
	}
	if (known && grown > 0)
		return growth[0] / grown;
	return all > 0 ? part[0] / all : 0;
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
