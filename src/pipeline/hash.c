/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include <rte_hash_crc.h>
#include <rte_ip.h>

#include "pipeline/worker.h"

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == 132 /* SCTP */ ||
	       proto == 136 /* UDP-Lite */;
}

/* Sum and xor of a pair are the same both ways round, and together determine the pair. */
static uint32_t mix_pair(uint64_t a, uint64_t b, uint32_t h)
{
	return rte_hash_crc_8byte(a + b, rte_hash_crc_8byte(a ^ b, h));
}

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

static uint32_t load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

uint32_t burst_hash(struct burst *b, unsigned slot)
{
	const uint8_t *ip = burst_l3(b, slot);
	uint32_t h = b->proto[slot];
	uint16_t port[2];

	if ((b->hashed & slot_bit(slot)) != 0)
		return b->hash[slot];
	if (b->family[slot] == FAMILY_V4) {
		h = mix_pair(load32(ip + 12), load32(ip + 16), h);
	} else {
		h = mix_pair(load64(ip + 8), load64(ip + 24), h);
		h = mix_pair(load64(ip + 16), load64(ip + 32), h);
	}
	if (has_ports(b->proto[slot]) && !(b->flags[slot] & SLOT_FRAGMENT) &&
		b->l4[slot] + sizeof port <= b->pkt[slot]->data_len) {
		memcpy(port, burst_l4(b, slot), sizeof port);
		h = mix_pair(port[0], port[1], h);
	}
	b->hash[slot] = h | (h == 0);
	b->hashed |= slot_bit(slot);
	return b->hash[slot];
}
