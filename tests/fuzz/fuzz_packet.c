/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pure header parsers on exact-size copies, so that a read beyond the end is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "feature/neigh/arp_hdr.h"
#include "feature/neigh/mld_msg.h"
#include "feature/neigh/nd_msg.h"
#include "packet/options.h"
#include "feature/neigh/neigh.h"
#include "packet/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool any(const void *ctx, uint32_t address)
{
	return address % 2 != 0;
}

static void try_ip4(const uint8_t *p, size_t size)
{
	const struct ip4_stamp s = {.address = 0x0a000001, .time = 1, .ours = any};
	struct ip4_options o;
	uint8_t *copy, pointer = 0;

	if (size < 20 || size > 60 || size % 4 != 0)
		return;
	if (parse_ip4_options(p, size, &o) == PARSE_MALFORMED) {
		if (o.pointer >= size)
			abort();
		return;
	}
	copy = malloc(size);
	if (copy == NULL)
		return;
	memcpy(copy, p, size);
	if (ip4_options_stamp(copy, size, &s, &pointer) == PARSE_MALFORMED && pointer >= size)
		abort();
	ip4_options_keep_records(copy, size);
	free(copy);
}

static void try_ip6(const uint8_t *p, size_t size, bool for_us)
{
	struct ip6_headers h;

	if (size < 40)
		return;
	switch (parse_ip6(p, size, for_us, &h)) {
	case PARSE_OK:
		if (h.l4 < 40 || h.l4 > size || h.next_at >= size)
			abort();
		break;
	case PARSE_MALFORMED:
	case PARSE_UNKNOWN:
		if (h.pointer >= size)
			abort();
		break;
	default:
		break;
	}
}

static void try_neighbour(const uint8_t *p, size_t size)
{
	static const uint8_t zero[16], all_nodes[16] = {0xff, 2, [15] = 1};
	struct arp_packet a;
	struct nd_msg m;
	struct mld_query q;

	if (size >= ARP_LEN)
		arp_parse(p, &a);
	neigh_is_solicitation(p, size);
	nd_parse(p, size, zero, all_nodes, &m);
	mld_parse_query(p, size, &q);
	if (size > 32)
		nd_parse(p + 32, size - 32, p, p + 16, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size != 0 ? size : 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	try_ip4(copy, size);
	try_ip6(copy, size, false);
	try_ip6(copy, size, true);
	try_neighbour(copy, size);
	free(copy);
	return 0;
}
