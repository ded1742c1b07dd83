/* SPDX-License-Identifier: BSD-3-Clause
 *
 * IPv4 options that every router on the way writes into: record route and internet timestamp (RFC 791 3.1).
 * Pure, for stages, tests and fuzzers alike.
 */
#ifndef WEIR_PACKET_OPTIONS_H
#define WEIR_PACKET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "packet/parse.h"

enum {
	OPT4_END = 0,
	OPT4_NOP = 1,
	OPT4_RECORD_ROUTE = 7,
	OPT4_TIMESTAMP = 68,
	OPT4_LSRR = 131,
	OPT4_SSRR = 137,
	OPT4_ALERT = 148,
};

/* What is written. */
struct ip4_stamp {
	uint32_t address; /* host order: of the interface the packet leaves by */
	uint32_t time;    /* ms since midnight UTC */
	bool (*ours)(
		const void *ctx, uint32_t address); /* is a prespecified address (host order) one of ours? */
	const void *ctx;
};

/* Writes into the options of the header at `ip` and brings its checksum up to date. `header_len` is 24..60,
 * and parse_ip4_options() was content with them. PARSE_MALFORMED: an option says what cannot be or has room
 * for part of an entry only, *pointer is the offset of the offending byte from the IP header, and the packet
 * is to be discarded (RFC 791 3.1). An option that is full stays as it is. */
enum parse_result ip4_options_stamp(
	uint8_t *ip, size_t header_len, const struct ip4_stamp *s, uint8_t *pointer);

/* Turns every option but record route and timestamp into padding; what is left of the header as it was, the
 * checksum is not. False when neither is there: then the options are not needed at all. */
bool ip4_options_keep_records(uint8_t *ip, size_t header_len);

#endif
