/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Files of named sets: any bytes as lines. What was taken must hold its own ends after it was merged.
 */
#include <stdlib.h>

#include "feature/set/set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct ranges *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		if (r->at[i].last < r->at[i].first || (i != 0 && r->at[i].first <= r->at[i - 1].last) ||
			!ranges_have(r, r->at[i].first) || !ranges_have(r, r->at[i].last))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct addr_set s = {0};
	struct ranges ports = {0};
	struct set_fault f;
	const char *why = NULL;
	char word[16];

	set_parse_lines((const char *)data, size, &s, &f);
	addr_set_merge(&s);
	check(&s.v4);
	check(&s.v6);
	addr_set_free(&s);
	for (size_t i = 0; i < sizeof word; i++)
		word[i] = i < size && i + 1 < sizeof word ? (char)data[i] : '\0';
	set_parse_port(word, &ports, &why);
	ranges_merge(&ports);
	check(&ports);
	ranges_free(&ports);
	return 0;
}
