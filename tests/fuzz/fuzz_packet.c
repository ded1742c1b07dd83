/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The pure header parsers on exact-size copies, so that a read beyond the end is seen.
 */
#include <stdlib.h>
#include <string.h>

#include "feature/neigh/arp_hdr.h"
#include "feature/neigh/nd_msg.h"
#include "packet/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_ip4(const uint8_t *p, size_t size)
{
	struct ip4_options o;

	if (size >= 20 && size <= 60 && parse_ip4_options(p, size, &o) == PARSE_MALFORMED &&
		o.pointer >= size)
		abort();
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

	if (size >= ARP_LEN)
		arp_parse(p, &a);
	nd_parse(p, size, zero, all_nodes, &m);
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
