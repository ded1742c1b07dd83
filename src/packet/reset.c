/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/reset.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>

#include "packet/addr.h"
#include "packet/checksum.h"

#define IP4 20
#define IP6 40
#define TCP 20
enum { RST = 4, ACK = 16 };
#define TTL 64

static void put32(uint8_t *p, uint32_t host)
{
	uint32_t v = rte_cpu_to_be_32(host);

	memcpy(p, &v, sizeof v);
}

/* Ports and numbers: as the one who was asked would refuse. */
static void segment(uint8_t *p, const uint8_t *tcp, bool acked, uint32_t ack, uint32_t end)
{
	memcpy(p, tcp + 2, 2);
	memcpy(p + 2, tcp, 2);
	put32(p + 4, acked ? ack : 0);
	put32(p + 8, acked ? 0 : end);
	p[12] = TCP / 4 << 4;
	p[13] = acked ? RST : RST | ACK;
}

static void head4(uint8_t *p, const uint8_t *ip)
{
	uint16_t sum;

	p[0] = 0x45;
	p[3] = IP4 + TCP;
	p[6] = 0x40;
	p[8] = TTL;
	p[9] = IPPROTO_TCP;
	memcpy(p + 12, ip + 16, 4);
	memcpy(p + 16, ip + 12, 4);
	sum = checksum_ip4_header(p, IP4);
	memcpy(p + 10, &sum, sizeof sum);
}

static void head6(uint8_t *p, const uint8_t *ip)
{
	p[0] = 0x60;
	p[5] = TCP;
	p[6] = IPPROTO_TCP;
	p[7] = TTL;
	memcpy(p + 8, ip + 24, 16);
	memcpy(p + 24, ip + 8, 16);
}

uint32_t reset_build(uint8_t *p, const uint8_t *ip, uint8_t family, const uint8_t *tcp, bool acked,
	uint32_t ack, uint32_t end)
{
	bool v4 = family == FAMILY_V4;
	uint32_t head = v4 ? IP4 : IP6;
	uint16_t sum;

	memset(p, 0, head + TCP);
	if (v4)
		head4(p, ip);
	else
		head6(p, ip);
	segment(p + head, tcp, acked, ack, end);
	if (v4) {
		uint8_t pseudo[12] = {0};

		memcpy(pseudo, p + 12, 8);
		pseudo[9] = IPPROTO_TCP;
		pseudo[11] = TCP;
		sum = checksum_finish(checksum_add(checksum_add(0, pseudo, 12), p + head, TCP));
	} else {
		sum = checksum_ip6(p + 8, p + 24, IPPROTO_TCP, p + head, TCP);
	}
	memcpy(p + head + 16, &sum, sizeof sum);
	return head + TCP;
}
