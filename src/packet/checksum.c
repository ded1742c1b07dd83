/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/checksum.h"

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_mbuf.h>

static uint32_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16);
}

uint32_t checksum_add(uint32_t start, const void *p, size_t len)
{
	return fold(fold(start) + rte_raw_cksum(p, len));
}

uint16_t checksum_finish(uint32_t sum)
{
	return (uint16_t)~fold(sum);
}

uint16_t checksum_ip4_header(const void *ip, size_t len)
{
	return checksum_finish(checksum_add(0, ip, len));
}

uint32_t checksum_pseudo6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, uint32_t len)
{
	const uint32_t tail[2] = {rte_cpu_to_be_32(len), rte_cpu_to_be_32(proto)};
	uint32_t sum = checksum_add(0, src, 16);

	sum = checksum_add(sum, dst, 16);
	return checksum_add(sum, tail, sizeof tail);
}

uint16_t checksum_ip6(const uint8_t src[16], const uint8_t dst[16], uint8_t proto, const void *p, size_t len)
{
	return checksum_finish(checksum_add(checksum_pseudo6(src, dst, proto, (uint32_t)len), p, len));
}

/* A segment that starts at an odd offset has its bytes in the other half of each word: swapped, as the sum of
 * swapped words is the swapped sum (RFC 1071 2B). */
uint32_t checksum_mbuf(uint32_t start, const struct rte_mbuf *m, uint32_t offset, uint32_t len)
{
	uint32_t done = 0;

	while (m != NULL && offset >= m->data_len) {
		offset -= m->data_len;
		m = m->next;
	}
	for (; m != NULL && done < len; m = m->next, offset = 0) {
		uint32_t n = RTE_MIN(len - done, m->data_len - offset);
		uint32_t sum = checksum_add(0, rte_pktmbuf_mtod_offset(m, const uint8_t *, offset), n);

		if (done % 2 != 0)
			sum = rte_bswap16((uint16_t)fold(sum));
		start = fold(start + sum);
		done += n;
	}
	return start;
}
