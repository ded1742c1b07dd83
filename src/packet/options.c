/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/options.h"

#include <string.h>

#include "packet/checksum.h"

/* Bytes of an option: type, length, pointer; a timestamp has overflow and flag behind them. The pointer
 * counts from 1. */
enum { AT_LENGTH = 1, AT_POINTER = 2, AT_FLAGS = 3 };
#define IP4_HEADER_MAX 60

enum { RECORD_HEAD = 3, STAMP_HEAD = 4 };
enum { STAMP_ONLY = 0, STAMP_ADDRESS = 1, STAMP_PRESPECIFIED = 3 };

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Each returns 0, or which byte of the option is wrong. */
static unsigned record_route(uint8_t *o, const struct ip4_stamp *s)
{
	unsigned len = o[AT_LENGTH], at = o[AT_POINTER];

	if (len < RECORD_HEAD)
		return AT_LENGTH;
	if (at <= RECORD_HEAD)
		return AT_POINTER;
	if (at > len) /* full: the packet goes on */
		return 0;
	if (at + 3 > len)
		return AT_POINTER;
	put32(o + at - 1, s->address);
	o[AT_POINTER] = (uint8_t)(at + 4);
	return 0;
}

/* No room: that many routers more could not write; more than 15 is an error. */
static unsigned overflow(uint8_t *o)
{
	if (o[AT_FLAGS] >> 4 == 15)
		return AT_FLAGS;
	o[AT_FLAGS] = (uint8_t)(o[AT_FLAGS] + 0x10);
	return 0;
}

static unsigned timestamp(uint8_t *o, const struct ip4_stamp *s)
{
	unsigned len = o[AT_LENGTH], at, flag, entry;
	uint8_t *to;

	if (len < STAMP_HEAD)
		return AT_LENGTH;
	at = o[AT_POINTER];
	if (at <= STAMP_HEAD)
		return AT_POINTER;
	if (at > len)
		return overflow(o);
	flag = o[AT_FLAGS] & 15;
	if (flag != STAMP_ONLY && flag != STAMP_ADDRESS && flag != STAMP_PRESPECIFIED)
		return AT_FLAGS;
	entry = flag == STAMP_ONLY ? 4 : 8;
	if (at + entry - 1 > len)
		return AT_POINTER;
	to = o + at - 1;
	if (flag == STAMP_PRESPECIFIED && !s->ours(s->ctx, get32(to)))
		return 0;
	if (flag == STAMP_ADDRESS)
		put32(to, s->address);
	put32(to + entry - 4, s->time);
	o[AT_POINTER] = (uint8_t)(at + entry);
	return 0;
}

/* Offset of the next option behind the one at `at`, or the end of them. */
static size_t next_option(const uint8_t *ip, size_t at, size_t end)
{
	if (ip[at] == OPT4_END)
		return end;
	return ip[at] == OPT4_NOP ? at + 1 : at + ip[at + 1];
}

/* On a copy: what is refused stays as it came. */
static enum parse_result stamp_all(
	uint8_t *ip, size_t header_len, const struct ip4_stamp *s, uint8_t *pointer)
{
	bool seen[2] = {false, false}; /* each may be there once */

	for (size_t at = 20; at < header_len; at = next_option(ip, at, header_len)) {
		bool stamp = ip[at] == OPT4_TIMESTAMP;
		unsigned wrong;

		if (!stamp && ip[at] != OPT4_RECORD_ROUTE)
			continue;
		*pointer = (uint8_t)at;
		if (seen[stamp])
			return PARSE_MALFORMED;
		seen[stamp] = true;
		wrong = (stamp ? timestamp : record_route)(ip + at, s);
		*pointer = (uint8_t)(at + wrong);
		if (wrong != 0)
			return PARSE_MALFORMED;
	}
	return PARSE_OK;
}

enum parse_result ip4_options_stamp(
	uint8_t *ip, size_t header_len, const struct ip4_stamp *s, uint8_t *pointer)
{
	uint8_t copy[IP4_HEADER_MAX];
	uint16_t sum;

	memcpy(copy, ip, header_len);
	if (stamp_all(copy, header_len, s, pointer) != PARSE_OK)
		return PARSE_MALFORMED;
	memcpy(ip, copy, header_len);
	memset(ip + 10, 0, 2);
	sum = checksum_ip4_header(ip, header_len);
	memcpy(ip + 10, &sum, sizeof sum);
	return PARSE_OK;
}

bool ip4_options_keep_records(uint8_t *ip, size_t header_len)
{
	bool found = false;

	for (size_t at = 20, next; at < header_len; at = next) {
		next = next_option(ip, at, header_len);
		if (ip[at] == OPT4_RECORD_ROUTE || ip[at] == OPT4_TIMESTAMP)
			found = true;
		else
			memset(ip + at, ip[at] == OPT4_END ? OPT4_END : OPT4_NOP, next - at);
	}
	return found;
}
