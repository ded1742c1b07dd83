/* SPDX-License-Identifier: BSD-3-Clause */
#include "packet/builder.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "packet/addr.h"

enum { NAMES_IP4 = 0x0800, NAMES_ARP = 0x0806, NAMES_IP6 = 0x86dd, NAMES_NOTHING = 59 };
enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_FRAGMENT = 44, PROTO_ICMP6 = 58 };

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint8_t *grow(struct build *b, size_t len)
{
	uint8_t *p = b->data + b->len;

	if (b->len + len > sizeof b->data)
		abort(); /* a mistake in the test */
	memset(p, 0, len);
	b->len += (uint32_t)len;
	return p;
}

static uint8_t *add(struct build *b, enum build_kind kind, uint16_t names, size_t len)
{
	if (b->layers == BUILD_LAYERS)
		abort();
	b->layer[b->layers++] = (struct build_layer){.kind = kind, .at = b->len, .names = names};
	return grow(b, len);
}

/* The innermost IP header, or NULL. */
static struct build_layer *ip_of(struct build *b, unsigned below)
{
	while (below-- > 0)
		if (b->layer[below].kind == BUILD_IP4 || b->layer[below].kind == BUILD_IP6)
			return &b->layer[below];
	return NULL;
}

void build_begin(struct build *b)
{
	b->len = b->layers = b->sets = 0;
}

void build_ether(struct build *b, const uint8_t dst[6], const uint8_t src[6])
{
	uint8_t *p = add(b, BUILD_ETHER, 0, 14);

	memcpy(p, dst, 6);
	memcpy(p + 6, src, 6);
}

void build_vlan(struct build *b, uint16_t tpid, uint16_t vlan)
{
	put16(add(b, BUILD_VLAN, tpid, 4), vlan);
}

void build_arp(
	struct build *b, uint16_t op, const uint8_t sha[6], uint32_t spa, const uint8_t tha[6], uint32_t tpa)
{
	uint8_t *p = add(b, BUILD_ARP, NAMES_ARP, 28);

	put16(p, 1);
	put16(p + 2, NAMES_IP4);
	p[4] = 6;
	p[5] = 4;
	put16(p + 6, op);
	memcpy(p + 8, sha, 6);
	put32(p + 14, spa);
	memcpy(p + 18, tha, 6);
	put32(p + 24, tpa);
}

void build_ip(struct build *b, const char *src, const char *dst)
{
	struct ipaddr s, d;
	uint8_t *p;

	if (ipaddr_parse(src, &s) != 0 || ipaddr_parse(dst, &d) != 0 || s.family != d.family)
		abort();
	if (s.family == FAMILY_V4) {
		p = add(b, BUILD_IP4, NAMES_IP4, 20);
		p[0] = 0x45;
		p[8] = 64;
		memcpy(p + 12, s.bytes, 4);
		memcpy(p + 16, d.bytes, 4);
	} else {
		p = add(b, BUILD_IP6, NAMES_IP6, 40);
		p[0] = 0x60;
		p[7] = 64;
		memcpy(p + 8, s.bytes, 16);
		memcpy(p + 24, d.bytes, 16);
	}
}

void build_options(struct build *b, const void *options, size_t len)
{
	uint8_t *ip = b->data + b->layer[b->layers - 1].at;

	memcpy(grow(b, len), options, len);
	ip[0] = (uint8_t)(ip[0] + len / 4);
}

void build_extension(struct build *b, uint8_t type, const void *body, size_t len)
{
	uint8_t *p = add(b, BUILD_EXT6, type, len + 2);

	p[1] = (uint8_t)((len + 2) / 8 - 1);
	memcpy(p + 2, body, len);
}

void build_fragment(struct build *b, uint32_t id, uint16_t units, bool more)
{
	struct build_layer *ip = ip_of(b, b->layers);
	uint8_t *p;

	if (ip->kind == BUILD_IP4) {
		put16(b->data + ip->at + 4, id);
		put16(b->data + ip->at + 6, units | (more ? 0x2000u : 0));
		return;
	}
	p = add(b, BUILD_EXT6, PROTO_FRAGMENT, 8);
	put16(p + 2, (uint32_t)units << 3 | more);
	put32(p + 4, id);
}

void build_udp(struct build *b, uint16_t sport, uint16_t dport)
{
	uint8_t *p = add(b, BUILD_UDP, PROTO_UDP, 8);

	put16(p, sport);
	put16(p + 2, dport);
}

void build_tcp(struct build *b, uint16_t sport, uint16_t dport)
{
	uint8_t *p = add(b, BUILD_TCP, PROTO_TCP, 20);

	put16(p, sport);
	put16(p + 2, dport);
	p[12] = 0x50;
	p[13] = 2;
}

void build_icmp(struct build *b, uint8_t type, uint8_t code, uint32_t info)
{
	const struct build_layer *ip = ip_of(b, b->layers);
	uint8_t *p = add(b, BUILD_ICMP, ip != NULL && ip->kind == BUILD_IP6 ? PROTO_ICMP6 : PROTO_ICMP, 8);

	p[0] = type;
	p[1] = code;
	put32(p + 4, info);
}

void build_nd(struct build *b, uint8_t type, uint8_t flags, const char *target, const uint8_t *lladdr)
{
	struct ipaddr t;
	uint8_t *p;

	if (ipaddr_parse(target, &t) != 0)
		abort();
	build_ttl(b, 255);
	build_icmp(b, type, 0, (uint32_t)flags << 24);
	memcpy(grow(b, 16), t.bytes, 16);
	if (lladdr == NULL)
		return;
	p = grow(b, 8);
	p[0] = type == 135 ? 1 : 2;
	p[1] = 1;
	memcpy(p + 2, lladdr, 6);
}

uint8_t build_pattern(size_t at)
{
	return (uint8_t)(at * 7 + at / 256 + 1);
}

void build_payload_from(struct build *b, size_t start, size_t len)
{
	uint8_t *p = grow(b, len);

	for (size_t i = 0; i < len; i++)
		p[i] = build_pattern(start + i);
}

void build_payload(struct build *b, size_t len)
{
	build_payload_from(b, 0, len);
}

void build_bytes(struct build *b, const void *p, size_t len)
{
	memcpy(grow(b, len), p, len);
}

void build_set(struct build *b, uint32_t at, uint8_t size, uint32_t value)
{
	if (b->sets == BUILD_SETS)
		abort();
	b->set[b->sets++] = (struct build_set){b->layer[b->layers - 1].at + at, size, value};
}

void build_ttl(struct build *b, uint8_t ttl)
{
	const struct build_layer *ip = ip_of(b, b->layers);

	b->data[ip->at + (ip->kind == BUILD_IP4 ? 8 : 7)] = ttl;
}

/* --- what build_end() fills --- */

uint16_t build_sum(const void *p, size_t len, uint32_t start)
{
	const uint8_t *c = p;
	uint64_t sum = start;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)c[i] << 8 : c[i];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void apply_sets(struct build *b)
{
	for (unsigned i = 0; i < b->sets; i++) {
		uint8_t *p = b->data + b->set[i].at;

		for (unsigned k = b->set[i].size; k-- > 0;)
			*p++ = (uint8_t)(b->set[i].value >> (8 * k));
	}
}

/* Names the layer above with what is in it, and its length. */
static void fill_header(struct build *b, unsigned i)
{
	const struct build_layer *l = &b->layer[i];
	bool last = i + 1 == b->layers;
	uint16_t inner = last ? NAMES_NOTHING : b->layer[i + 1].names;
	uint8_t *p = b->data + l->at;
	uint32_t len = b->len - l->at;

	switch (l->kind) {
	case BUILD_ETHER:
		put16(p + 12, inner);
		break;
	case BUILD_VLAN:
		put16(p + 2, inner);
		break;
	case BUILD_IP4:
		put16(p + 2, len);
		p[9] = (uint8_t)(last ? PROTO_UDP : inner);
		break;
	case BUILD_IP6:
		put16(p + 4, len - 40);
		p[6] = (uint8_t)inner;
		break;
	case BUILD_EXT6:
		p[0] = (uint8_t)inner;
		break;
	case BUILD_UDP:
		put16(p + 4, len);
		break;
	default:
		break;
	}
}

static uint32_t pseudo_sum(const struct build *b, const struct build_layer *ip, uint16_t proto, uint32_t len)
{
	const uint8_t *p = b->data + ip->at;

	if (ip->kind == BUILD_IP4)
		return build_sum(p + 12, 8, proto + len);
	return build_sum(p + 8, 32, proto + len);
}

static void fill_checksum(struct build *b, unsigned i)
{
	const struct build_layer *l = &b->layer[i], *ip = ip_of(b, i);
	uint8_t *p = b->data + l->at, at;
	uint32_t len = b->len - l->at, start = 0;
	uint16_t sum;

	if (l->kind == BUILD_IP4) {
		at = 10;
		len = RTE_MIN(len, (p[0] & 15) * 4u);
	} else if (l->kind == BUILD_UDP || l->kind == BUILD_TCP || l->kind == BUILD_ICMP) {
		at = l->kind == BUILD_UDP ? 6 : l->kind == BUILD_TCP ? 16 : 2;
		if (ip != NULL && l->names != PROTO_ICMP)
			start = pseudo_sum(b, ip, l->names, len);
	} else {
		return;
	}
	put16(p + at, 0);
	sum = (uint16_t)~build_sum(p, len, start);
	put16(p + at, l->kind == BUILD_UDP && sum == 0 ? 0xffff : sum);
}

void build_end(struct build *b)
{
	for (unsigned i = 0; i < b->layers; i++)
		fill_header(b, i);
	apply_sets(b);
	for (unsigned i = b->layers; i-- > 0;)
		fill_checksum(b, i);
	apply_sets(b);
}

/* --- mbufs --- */

static struct rte_mbuf *segment(struct rte_mempool *pool, const uint8_t *p, uint32_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	if (m != NULL)
		memcpy(rte_pktmbuf_append(m, (uint16_t)len), p, len);
	return m;
}

struct rte_mbuf *build_mbuf(const struct build *b, struct rte_mempool *pool, uint16_t first, uint16_t rest)
{
	uint32_t room = rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM;
	uint32_t size = first != 0 && first < room ? first : room, done = RTE_MIN(size, b->len);
	struct rte_mbuf *m = segment(pool, b->data, done), *more;

	size = rest != 0 && rest < room ? rest : room;
	for (; m != NULL && done < b->len; done += RTE_MIN(size, b->len - done)) {
		more = segment(pool, b->data + done, RTE_MIN(size, b->len - done));
		if (more == NULL || rte_pktmbuf_chain(m, more) != 0) {
			rte_pktmbuf_free(more);
			rte_pktmbuf_free(m);
			return NULL;
		}
	}
	return m;
}
