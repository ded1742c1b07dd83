/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ipaddr ipaddr_v4(uint32_t host_order)
{
	struct ipaddr a = {.family = FAMILY_V4};
	uint32_t be = htonl(host_order);

	memcpy(a.bytes, &be, sizeof be);
	return a;
}

struct ipaddr ipaddr_v6(const void *bytes16)
{
	struct ipaddr a = {.family = FAMILY_V6};

	memcpy(a.bytes, bytes16, 16);
	return a;
}

uint32_t ipaddr_to_v4(const struct ipaddr *a)
{
	uint32_t be;

	memcpy(&be, a->bytes, sizeof be);
	return ntohl(be);
}

bool ipaddr_equal(const struct ipaddr *a, const struct ipaddr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, 16) == 0;
}

unsigned family_bits(uint8_t family)
{
	return family == FAMILY_V4 ? 32 : 128;
}

bool ipaddr_is_unspecified(const struct ipaddr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->bytes, zero, 16) == 0;
}

bool ipaddr_is_multicast(const struct ipaddr *a)
{
	return a->family == FAMILY_V4 ? a->bytes[0] >> 4 == 0xe : a->bytes[0] == 0xff;
}

bool ipaddr_is_link_local(const struct ipaddr *a)
{
	if (a->family == FAMILY_V4)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool ipaddr_is_host(const struct ipaddr *a)
{
	static const uint8_t v6_low[15], v4_mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (a->family == FAMILY_V4)
		return a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
	if (a->bytes[0] == 0xff || memcmp(a->bytes, v4_mapped, sizeof v4_mapped) == 0)
		return false;
	return memcmp(a->bytes, v6_low, sizeof v6_low) != 0 || a->bytes[15] > 1;
}

struct prefix prefix_masked(const struct prefix *p)
{
	struct prefix m = *p;
	unsigned bytes = family_bits(p->addr.family) / 8, whole = p->len / 8u;

	if (whole < bytes) {
		m.addr.bytes[whole] &= (uint8_t)(0xff00 >> (p->len % 8));
		memset(m.addr.bytes + whole + 1, 0, sizeof m.addr.bytes - whole - 1);
	}
	return m;
}

bool prefix_contains(const struct prefix *p, const struct ipaddr *a)
{
	unsigned whole = p->len / 8u, rest = p->len % 8u;

	if (p->addr.family != a->family || memcmp(p->addr.bytes, a->bytes, whole) != 0)
		return false;
	return rest == 0 || ((p->addr.bytes[whole] ^ a->bytes[whole]) & (0xff00 >> rest) & 0xff) == 0;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && prefix_contains(a, &b->addr);
}

int ipaddr_parse(const char *text, struct ipaddr *out)
{
	uint8_t raw[16] = {0};

	if (inet_pton(AF_INET, text, raw) == 1)
		*out = (struct ipaddr){.family = FAMILY_V4};
	else if (inet_pton(AF_INET6, text, raw) == 1)
		*out = (struct ipaddr){.family = FAMILY_V6};
	else
		return -EINVAL;
	memcpy(out->bytes, raw, sizeof raw);
	return 0;
}

/* Decimal 0..limit without sign, space or leading zero. */
static int parse_length(const char *text, unsigned limit, uint8_t *out)
{
	unsigned v = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 3 || (text[0] == '0' && n > 1))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		v = v * 10 + (unsigned)(text[i] - '0');
	}
	if (v > limit)
		return -EINVAL;
	*out = (uint8_t)v;
	return 0;
}

int prefix_parse(const char *text, struct prefix *out)
{
	char addr[ADDR_STRLEN];
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);

	if (n >= sizeof addr)
		return -EINVAL;
	memcpy(addr, text, n);
	addr[n] = '\0';
	memset(out, 0, sizeof *out);
	if (ipaddr_parse(addr, &out->addr) != 0)
		return -EINVAL;
	out->len = (uint8_t)family_bits(out->addr.family);
	return slash == NULL ? 0 : parse_length(slash + 1, out->len, &out->len);
}

/* Decimal digits of a number below 1000, without a NUL; where they end. */
static char *put_number(char *to, unsigned v)
{
	if (v >= 100)
		*to++ = (char)('0' + v / 100);
	if (v >= 10)
		*to++ = (char)('0' + v / 10 % 10);
	*to++ = (char)('0' + v % 10);
	return to;
}

/* printf() would be the larger part of comparing two configurations with many routes. */
static void format_v4(const uint8_t bytes[static 4], char *to)
{
	for (unsigned i = 0; i < 4; i++) {
		to = put_number(to, bytes[i]);
		*to++ = i < 3 ? '.' : '\0';
	}
}

const char *ipaddr_format(const struct ipaddr *a, char buf[static ADDR_STRLEN])
{
	if (a->family == FAMILY_V4)
		format_v4(a->bytes, buf);
	else if (a->family == FAMILY_NONE)
		snprintf(buf, ADDR_STRLEN, "-");
	else
		inet_ntop(AF_INET6, a->bytes, buf, ADDR_STRLEN);
	return buf;
}

const char *prefix_format(const struct prefix *p, char buf[static PREFIX_STRLEN])
{
	char *end = strchr(ipaddr_format(&p->addr, buf), '\0');

	*end++ = '/';
	*put_number(end, p->len) = '\0';
	return buf;
}
