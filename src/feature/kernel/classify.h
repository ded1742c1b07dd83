/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which share of the way to the kernel a packet uses. Pure: header fields in, class out.
 */
#ifndef WEIR_FEATURE_KERNEL_CLASSIFY_H
#define WEIR_FEATURE_KERNEL_CLASSIFY_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Each class has its own rate (kernel.police), so that a flood of one starves no other. */
enum kernel_class {
	KERNEL_LIVENESS, /* BFD and VRRP of this link: gone after a few lost packets */
	KERNEL_ROUTING,  /* OSPF, BGP, RIP, PIM, LDP, IS-IS, IGMP, MLD, multihop BFD ... */
	KERNEL_ARP_ND,   /* copies of ARP and neighbour discovery; router discovery */
	KERNEL_ICMP,     /* ICMP besides echo requests: replies and errors to us */
	KERNEL_DHCP,     /* DHCP and DHCPv6 */
	KERNEL_L2,       /* LLDP, LACP, STP, 802.1X, and ethertypes weir does not know */
	KERNEL_OTHER,    /* everything else to us */
	KERNEL_CLASSES
};

/* lower-case-with-dashes, as in kernel.police, the API and metrics. */
extern const char *const kernel_class_names[KERNEL_CLASSES + 1]; /* NULL at the end */

/* Two ways beside each other, up and down: what many packets of the second kind fill leaves the first one
 * free.
 */
enum kernel_way { KERNEL_URGENT, KERNEL_BULK, KERNEL_WAYS };

static inline enum kernel_way kernel_way_of(enum kernel_class c)
{
	return c == KERNEL_ICMP || c == KERNEL_OTHER ? KERNEL_BULK : KERNEL_URGENT;
}

struct kernel_key {
	uint8_t proto; /* behind extension headers */
	uint8_t icmp_type;
	uint8_t ttl; /* or hop limit */
	bool v6;
	bool ports; /* sport and dport are valid: TCP or UDP, not a later fragment */
	uint16_t sport, dport;
};

static inline bool kernel_is_port(const struct kernel_key *k, uint16_t port)
{
	return k->sport == port || k->dport == port;
}

#define KERNEL_TTL_LINK 255 /* nobody behind a router can send it here (RFC 5082) */

/* BFD 3784, echo 3785 (RFC 5881), LAG 7784 (RFC 7130). From elsewhere it is no packet of theirs, and must not
 * take their share. */
static inline bool kernel_is_link_bfd(const struct kernel_key *k)
{
	return k->ttl == KERNEL_TTL_LINK && (k->dport == 3784 || k->dport == 3785 || k->dport == 7784);
}

/* RIP 520, RIPng 521, BFD multihop 4784, LDP 646, Babel 6696. */
static inline bool kernel_is_routing_udp(const struct kernel_key *k)
{
	static const uint16_t ports[] = {520, 521, 646, 4784, 6696};

	for (unsigned i = 0; i < sizeof ports / sizeof ports[0]; i++)
		if (k->dport == ports[i])
			return true;
	return false;
}

static inline enum kernel_class kernel_classify_udp(const struct kernel_key *k)
{
	bool dhcp = k->v6 ? k->dport == 546 || k->dport == 547 : k->dport == 67 || k->dport == 68;

	if (!k->ports)
		return KERNEL_OTHER;
	if (kernel_is_link_bfd(k))
		return KERNEL_LIVENESS;
	return dhcp ? KERNEL_DHCP : kernel_is_routing_udp(k) ? KERNEL_ROUTING : KERNEL_OTHER;
}

static inline enum kernel_class kernel_classify_icmp6(const struct kernel_key *k)
{
	bool mld = (k->icmp_type >= 130 && k->icmp_type <= 132) || k->icmp_type == 143;

	if (mld)
		return KERNEL_ROUTING;
	return k->icmp_type >= 133 && k->icmp_type <= 137 ? KERNEL_ARP_ND : KERNEL_ICMP;
}

/* IGMP 2, RSVP 46, EIGRP 88, OSPF 89, PIM 103, IS-IS over IPv4 124. */
static inline bool kernel_is_routing_proto(uint8_t proto)
{
	return proto == 2 || proto == 46 || proto == 88 || proto == 89 || proto == 103 || proto == 124;
}

static inline enum kernel_class kernel_classify(const struct kernel_key *k)
{
	switch (k->proto) {
	case IPPROTO_TCP: /* BGP 179, LDP 646 */
		return k->ports && (kernel_is_port(k, 179) || kernel_is_port(k, 646)) ? KERNEL_ROUTING
										      : KERNEL_OTHER;
	case IPPROTO_UDP:
		return kernel_classify_udp(k);
	case IPPROTO_ICMP:
		return k->v6 ? KERNEL_OTHER : KERNEL_ICMP;
	case IPPROTO_ICMPV6:
		return k->v6 ? kernel_classify_icmp6(k) : KERNEL_OTHER;
	case 112: /* VRRP, RFC 5798 5.1.1.3 */
		return k->ttl == KERNEL_TTL_LINK ? KERNEL_LIVENESS : KERNEL_OTHER;
	default:
		return kernel_is_routing_proto(k->proto) ? KERNEL_ROUTING : KERNEL_OTHER;
	}
}

/* Groups of the link layer that control protocols speak to: 802.1 (STP, LACP, 802.1X, LLDP, IS-IS), CDP and
 * its kin, IS-IS on point-to-point links. Pause frames (0x8808) are the MAC's own. */
static inline bool kernel_is_l2_group(const uint8_t dst[6], uint16_t type)
{
	if (type == 0x8808)
		return false;
	return (dst[0] == 0x01 && dst[1] == 0x80 && dst[2] == 0xc2) ||
	       (dst[0] == 0x01 && dst[1] == 0x00 && dst[2] == 0x0c) ||
	       (dst[0] == 0x09 && dst[1] == 0x00 && dst[2] == 0x2b);
}

/* IS-IS runs on LLC (FE FE 03): its hellos must not wait behind other control frames. `type` below 1536 is
 * a length; `p` points behind it, with at least 3 bytes. */
static inline enum kernel_class kernel_classify_l2(uint16_t type, const uint8_t *p)
{
	return type < 1536 && p[0] == 0xfe && p[1] == 0xfe && p[2] == 0x03 ? KERNEL_ROUTING : KERNEL_L2;
}

#endif
