/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What classifiers look at, taken from the packets of a burst: once per burst, for all lists that are asked.
 *
 * Ports, TCP flags and ICMP types are unknown where they cannot be trusted: in later fragments, and where the
 * transport header is not there as a whole, in the first segment and within the IP packet's length.
 */
#ifndef WEIR_PIPELINE_CLASS_KEYS_H
#define WEIR_PIPELINE_CLASS_KEYS_H

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

#include "packet/parse.h"
#include "pipeline/burst.h"
#include "pipeline/generation.h"
#include "pipeline/simd.h"
#include "table/classifier_lookup.h"

#define TCP_FLAGS_AT 13
#define CLASS_IP4 20
#define CLASS_IP6 40

/* Bytes of a transport header that must be there for its fields to be known; others have no ports. */
static const uint8_t class_l4_bytes[256] = {
	[IPPROTO_ICMP] = 4,
	[IPPROTO_TCP] = 20,
	[IPPROTO_UDP] = 8,
	[IPPROTO_DCCP] = 12,
	[IPPROTO_ICMPV6] = 4,
	[IPPROTO_SCTP] = 12,
	[IPPROTO_UDPLITE] = 8,
};

static inline uint32_t class_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return rte_be_to_cpu_32(v);
}

/* Fields of the transport header at `l4`, of which `have` bytes are there. */
static inline void class_key_l4(struct class_keys *k, unsigned i, const uint8_t *l4, uint8_t proto,
	uint32_t have, uint16_t kind, bool flags)
{
	const bool unknown = have < class_l4_bytes[proto] || (kind & CLASS_KIND_LATER) != 0;
	const uint32_t ports = class_load32(l4);

	k->kind[i] = (uint16_t)(kind | proto | (unknown ? CLASS_KIND_UNKNOWN : 0));
	k->sport[i] = unknown ? CLASS_UNKNOWN_PORT : ports >> 16;
	k->dport[i] = unknown ? CLASS_UNKNOWN_PORT : ports & 0xffff;
	if (flags)
		k->flags[i] = unknown ? CLASS_UNKNOWN_FLAGS : have > TCP_FLAGS_AT ? l4[TCP_FLAGS_AT] : 0;
}

/* A plain IPv4 packet: buffers are larger than what is read here, whatever the packet's length. */
static inline void class_key_plain4(const struct burst *b, struct class_keys *k, unsigned i, bool flags)
{
	const uint8_t *ip = b->data[i] + 14;
	const uint16_t len = be16_at(ip + 2);

	k->src4[i] = class_load32(ip + 12);
	k->dst4[i] = b->dst4[i];
	k->length[i] = len;
	k->dscp[i] = ip[1] >> 2;
	class_key_l4(k, i, ip + CLASS_IP4, b->proto[i], len - CLASS_IP4, 0, flags);
}

static inline void class_key_plain6(const struct burst *b, struct class_keys *k, unsigned i, bool flags)
{
	const uint8_t *ip = b->data[i] + 14;
	const uint16_t len = be16_at(ip + 4);

	k->ip6[i] = ip + 8;
	k->length[i] = (uint16_t)(CLASS_IP6 + len);
	k->dscp[i] = be16_at(ip) >> 6 & 63;
	class_key_l4(k, i, ip + CLASS_IP6, b->proto[i], len, CLASS_KIND_V6, flags);
}

/* Any packet that passed STAGE_IP_INPUT, or was made here. */
static inline void class_key_any(const struct burst *b, struct class_keys *k, unsigned i, bool flags)
{
	static const uint8_t nothing[4];
	const bool v4 = b->family[i] == FAMILY_V4;
	const uint8_t *ip = burst_l3(b, i);
	const uint32_t total = v4 ? be16_at(ip + 2) : CLASS_IP6 + (uint32_t)be16_at(ip + 4);
	const uint32_t end = RTE_MIN((uint32_t)b->pkt[i]->data_len, b->l3[i] + total);
	const uint32_t have = b->l4[i] < end ? end - b->l4[i] : 0;
	const uint8_t flag = b->flags[i];
	const bool first = (flag & (SLOT_FRAGMENT | SLOT_LATER_FRAGMENT)) == SLOT_FRAGMENT;
	const uint32_t header = v4 ? CLASS_IP4 : CLASS_IP6 + ((flag & SLOT_FRAGMENT) != 0 ? 8u : 0u);
	const bool options = b->l4[i] - b->l3[i] > (int)header;

	if (v4) {
		k->src4[i] = class_load32(ip + 12);
		k->dst4[i] = class_load32(ip + 16);
	} else {
		k->ip6[i] = ip + 8;
	}
	k->length[i] = (uint16_t)RTE_MIN(total, (uint32_t)UINT16_MAX);
	k->dscp[i] = v4 ? ip[1] >> 2 : be16_at(ip) >> 6 & 63;
	class_key_l4(k, i, have >= sizeof nothing ? burst_l4(b, i) : nothing, b->proto[i], have,
		(uint16_t)((v4 ? 0 : CLASS_KIND_V6) | (options ? CLASS_KIND_OPTIONS : 0) |
			   (first ? CLASS_KIND_FIRST : 0) |
			   ((flag & SLOT_LATER_FRAGMENT) != 0 ? CLASS_KIND_LATER : 0)),
		flags);
}

/* The outer VLAN of the interface each packet came in by. */
static inline void class_key_vlans(
	const struct generation *g, const struct burst *b, struct class_keys *k, uint64_t slots)
{
	BURST_EACH (i, slots) {
		const struct iface *ifc = b->iif[i] < IFACE_MAX ? g->iface[b->iif[i]] : NULL;

		k->vlan[i] = ifc != NULL && ifc->ntags != 0 ? ifc->vlan[0] : 0;
	}
}

/* Fills the keys of slots that hold IP packets; `fields`: of all classifiers that will look at them. */
static inline void class_keys_fill(const struct generation *g, const struct burst *b, uint64_t slots,
	uint32_t fields, struct class_keys *k)
{
	const bool flags = (fields & 1u << CLASS_FLAGS) != 0;
	const uint64_t plain = slots & b->plain, plain4 = plain & ~b->plain6;
	uint8_t room[BURST_SIZE];
	struct class_slots list;

	k->v4 = mask_eq8(b->family, FAMILY_V4) & slots;
	k->v6 = slots & ~k->v4;
	list = class_slots_of(plain4, room);
	CLASS_SLOTS (i, list)
		class_key_plain4(b, k, i, flags);
	list = class_slots_of(plain & b->plain6, room);
	CLASS_SLOTS (j, list)
		class_key_plain6(b, k, j, flags);
	BURST_EACH (n, slots & ~plain)
		class_key_any(b, k, (unsigned)n, flags);
	if ((fields & 1u << CLASS_VLAN) != 0)
		class_key_vlans(g, b, k, slots);
}

#endif
