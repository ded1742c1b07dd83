/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the kernel says about its multicast groups: two files of /proc, and reports on the wire. Pure.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include <rte_byteorder.h>
#include <rte_ether.h>

#include "feature/kernel/groups.h"
#include "packet/parse.h"

static bool number(const char **at, int base, unsigned long max, unsigned long *out)
{
	char *end;

	if (!(**at >= '0' && **at <= '9') && !(base == 16 && ((**at | 32) >= 'a' && (**at | 32) <= 'f')))
		return false;
	*out = strtoul(*at, &end, base);
	*at = end;
	return *out <= max;
}

static bool link_number(const char *at, int *ifindex)
{
	unsigned long n;

	if (!number(&at, 10, INT32_MAX, &n) || (*at != '\t' && *at != ' '))
		return false;
	*ifindex = (int)n;
	return true;
}

/* "1\tlo        :     1      V3" for a link, then "\t\t\t\t010000E0     1 0:00000000\t\t0" for each of its
 * groups, the address as the machine's word. */
bool groups_line4(const char *line, int *ifindex, struct ipaddr *group)
{
	const char *at = line + strspn(line, "\t "), *digits;
	unsigned long word;

	if (at == line) {
		if (!link_number(line, ifindex))
			*ifindex = line[0] >= '0' && line[0] <= '9' ? 0 : *ifindex;
		return false;
	}
	digits = at;
	if (!number(&at, 16, UINT32_MAX, &word) || at - digits != 8 || *at != ' ' || *ifindex <= 0)
		return false;
	*group = ipaddr_v4(rte_be_to_cpu_32((uint32_t)word));
	return true;
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* "2    eth0            ff0200000000000000000000000000fb     1 0000000C 0" */
bool groups_line6(const char *line, int *ifindex, struct ipaddr *group)
{
	const char *at = line;
	uint8_t a[16];

	if (!link_number(line, ifindex) || *ifindex <= 0)
		return false;
	at += strcspn(at, " \t");
	at += strspn(at, " \t");
	at += strcspn(at, " \t"); /* the link's name */
	at += strspn(at, " \t");
	for (unsigned i = 0; i < 16; i++, at += 2) {
		if (digit(at[0]) < 0 || digit(at[1]) < 0)
			return false;
		a[i] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
	}
	*group = ipaddr_v6(a);
	return *at == ' ';
}

bool groups_reported(const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
	struct ip6_headers h;
	uint8_t type;

	if (len < RTE_ETHER_HDR_LEN + 40u) /* the kernel's own reports have a router alert option, too */
		return len >= RTE_ETHER_HDR_LEN + 20u && be16_at(frame + 12) == RTE_ETHER_TYPE_IPV4 &&
		       ip[9] == IPPROTO_IGMP;
	if (be16_at(frame + 12) == RTE_ETHER_TYPE_IPV4)
		return ip[9] == IPPROTO_IGMP;
	len -= RTE_ETHER_HDR_LEN;
	if (be16_at(frame + 12) != RTE_ETHER_TYPE_IPV6 || ip[6] != IPPROTO_HOPOPTS ||
		parse_ip6(ip, len, false, &h) != PARSE_OK || h.proto != IPPROTO_ICMPV6 || h.l4 >= len)
		return false;
	type = ip[h.l4];
	return type == 131 || type == 132 || type == 143; /* RFC 2710, RFC 3810 */
}
