/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Multicast listener discovery (RFC 3810, and RFC 2710 for old queriers): pure parsing and building.
 */
#ifndef WEIR_FEATURE_NEIGH_MLD_MSG_H
#define WEIR_FEATURE_NEIGH_MLD_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MLD_QUERY = 130, MLD_REPORT1 = 131, MLD_DONE1 = 132, MLD_REPORT2 = 143 };

/* Types of a record in a version 2 report, RFC 3810 5.2.12. */
enum { MLD_IS_EXCLUDE = 2, MLD_TO_INCLUDE = 3, MLD_TO_EXCLUDE = 4 };

#define MLD_IP 48       /* IPv6 header and the hop-by-hop header with the router alert option */
#define MLD_RECORD 20   /* bytes of a record without sources */
#define MLD_RECORDS 60u /* of one report: fits the smallest MTU */
#define MLD_REPORT_MAX (MLD_IP + 8 + MLD_RECORDS * MLD_RECORD)

struct mld_query {
	bool v1;
	bool general; /* about all groups */
	uint8_t group[16];
	uint32_t delay; /* ms: the answer is to come within this time */
};

struct mld_record {
	uint8_t type;
	uint8_t group[16];
};

/* `p`: ICMPv6 message of `len` bytes, checksum already verified. False: malformed. */
bool mld_parse_query(const uint8_t *p, size_t len, struct mld_query *out);

/* Both write IPv6 header, hop-by-hop header and message to p and return the bytes written; `src` is
 * link-local or unspecified. Version 2: n (1..MLD_RECORDS) records without sources, to ff02::16. */
size_t mld_build2(uint8_t *p, const uint8_t src[16], const struct mld_record *record, unsigned n);
/* Version 1: MLD_REPORT1 or MLD_DONE1 about one group, to `dst`. */
size_t mld_build1(
	uint8_t *p, const uint8_t src[16], const uint8_t dst[16], uint8_t type, const uint8_t group[16]);

#endif
