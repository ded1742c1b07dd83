/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Protocols that install routes (rtm_protocol; /etc/iproute2/rt_protos), and how far they are trusted.
 */
#include <stdio.h>
#include <string.h>

#include "feature/netlink/priv.h"

static const struct protocol {
	uint8_t number, distance;
	const char *name;
} protocols[] = {
	{0, 10, "unspec"},
	{1, 10, "redirect"},
	{2, 10, "kernel"},
	{3, 1, "boot"}, /* `ip route add` without more */
	{4, 1, "static"},
	{8, 10, "gated"},
	{9, 220, "ra"},
	{11, 100, "zebra"},
	{12, 100, "bird"},
	{16, 210, "dhcp"},
	{18, 5, "keepalived"},
	{42, 100, "babel"},
	{99, 115, "openr"},
	{186, 20, "bgp"},
	{187, 115, "isis"},
	{188, 110, "ospf"},
	{189, 120, "rip"},
	{190, 120, "ripng"},
	{191, 10, "nhrp"},
	{192, 90, "eigrp"},
	{193, 100, "ldp"},
	{194, 150, "sharp"},
	{195, 5, "pbr"},
	{196, 1, "zebra-static"},
	{197, 115, "openfabric"},
	{198, 5, "srte"},
};
#define PROTOCOLS (sizeof protocols / sizeof protocols[0])
#define DISTANCE_OTHER 150

const char *netlink_protocol_name(uint8_t protocol, char buf[static 8])
{
	for (unsigned i = 0; i < PROTOCOLS; i++)
		if (protocols[i].number == protocol)
			return protocols[i].name;
	snprintf(buf, 8, "%u", protocol);
	return buf;
}

void netlink_distances_default(uint8_t distance[256])
{
	memset(distance, DISTANCE_OTHER, 256);
	for (unsigned i = 0; i < PROTOCOLS; i++)
		distance[protocols[i].number] = protocols[i].distance;
}

/* "other": all that have no name. */
void netlink_distance_set(uint8_t distance[256], const char *name, uint8_t value)
{
	char buf[8];

	for (unsigned p = 0; p < 256; p++) {
		const char *is = netlink_protocol_name((uint8_t)p, buf);

		if (strcmp(is, name) == 0 || (is == buf && strcmp(name, "other") == 0))
			distance[p] = value;
	}
}
