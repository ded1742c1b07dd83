/* SPDX-License-Identifier: BSD-3-Clause */
#include "feature/neigh/mld_msg.h"

#include <string.h>

#include "packet/checksum.h"

#define V1_LEN 24
#define V2_LEN 28

static const uint8_t all_v2_routers[16] = {0xff, 2, [15] = 0x16};

/* RFC 3810 5.1.3: from 32768 on a floating-point number. */
static uint32_t max_delay(uint16_t code)
{
	if (code < 0x8000)
		return code;
	return ((code & 0xfffu) | 0x1000) << ((code >> 12 & 7) + 3);
}

bool mld_parse_query(const uint8_t *p, size_t len, struct mld_query *out)
{
	static const uint8_t zero[16];
	uint16_t code;

	memset(out, 0, sizeof *out);
	/* RFC 3810 8.1: lengths between those of the versions are nobody's. */
	if (len < V1_LEN || p[0] != MLD_QUERY || (len > V1_LEN && len < V2_LEN))
		return false;
	out->v1 = len == V1_LEN;
	if (!out->v1 && V2_LEN + 16u * (size_t)(p[26] << 8 | p[27]) > len)
		return false;
	code = (uint16_t)(p[4] << 8 | p[5]);
	out->delay = out->v1 ? code : max_delay(code);
	memcpy(out->group, p + 8, 16);
	out->general = memcmp(out->group, zero, 16) == 0;
	return out->general || out->group[0] == 0xff;
}

/* RFC 3810 5: hop limit 1, router alert option for MLD (RFC 2711). */
static void put_headers(uint8_t *p, const uint8_t src[16], const uint8_t dst[16], size_t message)
{
	static const uint8_t alert[8] = {58, 0, 5, 2, 0, 0, 1, 0};
	uint16_t payload = (uint16_t)(sizeof alert + message);

	memset(p, 0, 40);
	p[0] = 0x60;
	p[4] = (uint8_t)(payload >> 8);
	p[5] = (uint8_t)payload;
	p[7] = 1;
	memcpy(p + 8, src, 16);
	memcpy(p + 24, dst, 16);
	memcpy(p + 40, alert, sizeof alert);
}

static size_t finish(uint8_t *p, size_t message)
{
	uint8_t *icmp = p + MLD_IP;
	uint16_t sum = checksum_ip6(p + 8, p + 24, 58, icmp, message);

	memcpy(icmp + 2, &sum, sizeof sum);
	return MLD_IP + message;
}

size_t mld_build2(uint8_t *p, const uint8_t src[16], const struct mld_record *record, unsigned n)
{
	uint8_t *icmp = p + MLD_IP;
	size_t message = 8 + (size_t)n * MLD_RECORD;

	put_headers(p, src, all_v2_routers, message);
	memset(icmp, 0, message);
	icmp[0] = MLD_REPORT2;
	icmp[6] = (uint8_t)(n >> 8);
	icmp[7] = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *r = icmp + 8 + i * MLD_RECORD;

		r[0] = record[i].type;
		memcpy(r + 4, record[i].group, 16);
	}
	return finish(p, message);
}

size_t mld_build1(
	uint8_t *p, const uint8_t src[16], const uint8_t dst[16], uint8_t type, const uint8_t group[16])
{
	uint8_t *icmp = p + MLD_IP;

	put_headers(p, src, dst, V1_LEN);
	memset(icmp, 0, V1_LEN);
	icmp[0] = type;
	memcpy(icmp + 8, group, 16);
	return finish(p, V1_LEN);
}
